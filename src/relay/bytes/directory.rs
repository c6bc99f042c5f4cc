//! Bytes in a directory: `UNION/XX/MESSAGE-ID`, where XX are the last two digits of the id (the first ones are the
//! time, and would put everything of a day into one folder).

use std::fs::{self, DirEntry, File, OpenOptions};
use std::io::{self, Write};
use std::ops::Range;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream, StreamExt};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use super::appending::Appending;
use super::blocking::blocking;
use super::{Append, BytesError, Content, Key, ParcelStore};
use crate::domain::ids::InsurerNumber;

/// Bytes read at once. Larger gains nothing over loopback, smaller costs.
const CHUNK: u64 = 256 * 1024;

/// Names in one piece of a list.
const NAMES: usize = 500;

/// A directory of parcels.
#[derive(Debug)]
pub struct Directory {
    root: Arc<Path>,
}

impl Directory {
    /// Uses a folder, which is made when it is not there.
    pub fn open(root: &Path) -> io::Result<Self> {
        make_folder(root)?;
        Ok(Self { root: root.into() })
    }

    fn path(&self, key: &Key) -> PathBuf {
        let id = key.id.to_string();
        let shard = &id[id.len() - 2..];
        self.root.join(key.union.as_str()).join(shard).join(&id)
    }
}

impl ParcelStore for Directory {
    fn create<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<(), BytesError>> {
        let path = self.path(key);
        blocking(move || {
            let file = create(&path)?;
            // An older place of this name may have had bytes, and the name must outlive a crash: offsets rest on both.
            file.sync_all()?;
            Ok(sync_folder(&path)?)
        })
    }

    fn put<'a>(&'a self, key: &'a Key, bytes: Bytes) -> BoxFuture<'a, Result<(), BytesError>> {
        let path = self.path(key);
        blocking(move || {
            let mut file = create(&path)?;
            file.write_all(&bytes)?;
            file.sync_all()?;
            Ok(sync_folder(&path)?)
        })
    }

    fn append<'a>(&'a self, key: &'a Key, offset: u64) -> BoxFuture<'a, Result<Box<dyn Append>, BytesError>> {
        let path = self.path(key);
        blocking(move || {
            let file = OpenOptions::new().write(true).open(&path)?;
            if file.metadata()?.len() != offset {
                return Err(BytesError::Io(io::Error::other("the place ends at another offset")));
            }
            Ok(Box::new(Appending::new(file, offset)) as Box<dyn Append>)
        })
    }

    fn size<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<u64, BytesError>> {
        let path = self.path(key);
        blocking(move || Ok(fs::metadata(&path)?.len()))
    }

    fn durable_size<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<u64, BytesError>> {
        let path = self.path(key);
        blocking(move || {
            let file = File::open(&path)?;
            file.sync_data()?;
            Ok(file.metadata()?.len())
        })
    }

    fn finish<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<(), BytesError>> {
        let path = self.path(key);
        blocking(move || {
            File::open(&path)?.sync_all()?;
            Ok(sync_folder(&path)?)
        })
    }

    fn read<'a>(&'a self, key: &'a Key, range: Range<u64>) -> BoxFuture<'a, Result<Content, BytesError>> {
        let path = self.path(key);
        blocking(move || {
            let file = Arc::new(File::open(&path)?);
            if range.end.saturating_sub(range.start) <= CHUNK {
                return Ok(Content::Whole(read_at(&file, range.start, range.end)?));
            }
            Ok(Content::Stream(read_ahead(file, range).boxed()))
        })
    }

    fn delete<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<(), BytesError>> {
        let path = self.path(key);
        blocking(move || match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        })
    }

    fn list(&self) -> BoxStream<'static, Result<Vec<Key>, BytesError>> {
        let (root, (pieces, listed)) = (Arc::clone(&self.root), mpsc::channel(1));
        spawn_blocking(move || {
            if let Err(error) = list(&root, &pieces) {
                // Nobody listens any more when this fails too.
                let _ = pieces.blocking_send(Err(error.into()));
            }
        });
        stream::unfold(listed, |mut listed| async { listed.recv().await.map(|piece| (piece, listed)) }).boxed()
    }

    fn room(&self) -> BoxFuture<'_, Result<Option<u64>, BytesError>> {
        let root = Arc::clone(&self.root);
        blocking(move || {
            let state = rustix::fs::statvfs(&*root).map_err(io::Error::from)?;
            Ok(Some(state.f_bavail.saturating_mul(state.f_frsize)))
        })
    }
}

/// Reads the next piece while the last one is on its way.
fn read_ahead(file: Arc<File>, range: Range<u64>) -> impl stream::Stream<Item = io::Result<Bytes>> + Send {
    let piece = |file: &Arc<File>, start: u64, end: u64| {
        let (file, stop) = (Arc::clone(file), end.min(start + CHUNK));
        spawn_blocking(move || read_at(&file, start, stop))
    };
    let first = piece(&file, range.start, range.end);
    stream::try_unfold((file, range, Some(first)), move |(file, range, running)| async move {
        let Some(running) = running else { return Ok(None) };
        let bytes = running.await.map_err(io::Error::other)??;
        let start = range.start + bytes.len() as u64;
        let next = (start < range.end).then(|| piece(&file, start, range.end));
        Ok(Some((bytes, (file, start..range.end, next))))
    })
}

/// Sends every name there is, in pieces of one union each. What is not named as a parcel is not the relay's.
fn list(root: &Path, pieces: &mpsc::Sender<Result<Vec<Key>, BytesError>>) -> io::Result<()> {
    for union in fs::read_dir(root)? {
        let union = union?;
        let Some(insurer) = name::<InsurerNumber>(&union) else { continue };
        for shard in fs::read_dir(union.path())? {
            let mut keys = Vec::new();
            let shard = shard?;
            if !shard.file_type()?.is_dir() {
                continue;
            }
            for entry in fs::read_dir(shard.path())? {
                keys.extend(name(&entry?).map(|id| Key { union: insurer.clone(), id }));
            }
            for piece in keys.chunks(NAMES) {
                if pieces.blocking_send(Ok(piece.to_vec())).is_err() {
                    return Ok(());
                }
            }
        }
    }
    Ok(())
}

fn name<T: FromStr>(entry: &DirEntry) -> Option<T> {
    entry.file_name().to_str()?.parse().ok()
}

fn read_at(file: &File, start: u64, end: u64) -> io::Result<Bytes> {
    let length = usize::try_from(end - start).map_err(io::Error::other)?;
    let mut bytes = vec![0; length];
    file.read_exact_at(&mut bytes, start)?;
    Ok(bytes.into())
}

fn create(path: &Path) -> io::Result<File> {
    let open = || OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path);
    match open() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            make_folder(parent(path))?;
            open()
        }
        other => other,
    }
}

/// Makes a folder and those above it, each of them durable in the one above.
fn make_folder(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let above = parent(path);
    make_folder(above)?;
    match fs::DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => File::open(above)?.sync_all(),
    }
}

fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(parent(path))?.sync_all()
}

/// The folder of a path; a bare name lies in the current one.
fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> Key {
        let id = "0191e3c4-7a5b-7c3d-8e4f-a1b2c3d4e5f6".parse().unwrap();
        Key { union: "06123456".parse().unwrap(), id }
    }

    async fn all(content: Content) -> Vec<u8> {
        match content {
            Content::Whole(bytes) => bytes.to_vec(),
            Content::Stream(stream) => stream.map(|bytes| bytes.unwrap().to_vec()).concat().await,
        }
    }

    #[tokio::test]
    async fn bytes_come_back_in_any_part() {
        let folder = tempfile::tempdir().unwrap();
        let (store, key) = (Directory::open(&folder.path().join("parcels")).unwrap(), key());
        let bytes: Vec<u8> = (0..700_001_u32).map(|i| i.to_le_bytes()[0] ^ i.to_le_bytes()[1]).collect();
        store.create(&key).await.unwrap();
        let mut append = store.append(&key, 0).await.unwrap();
        for chunk in bytes.chunks(9_973) {
            append.write(Bytes::copy_from_slice(chunk)).await.unwrap();
        }
        append.sync().await.unwrap();
        store.finish(&key).await.unwrap();
        assert_eq!(store.durable_size(&key).await.unwrap(), 700_001);
        for range in [0..700_001, 262_143..262_145, 5..600_000, 700_000..700_001] {
            let part = all(store.read(&key, range.clone()).await.unwrap()).await;
            let place = usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap();
            assert!(part == bytes[place], "{range:?}");
        }
        store.delete(&key).await.unwrap();
        store.delete(&key).await.unwrap();
        assert!(matches!(store.read(&key, 0..1).await, Err(BytesError::Missing)));
    }

    #[tokio::test]
    async fn what_is_taken_back_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let (store, key) = (Directory::open(folder.path()).unwrap(), key());
        store.put(&key, Bytes::from_static(b"keep")).await.unwrap();
        let mut append = store.append(&key, 4).await.unwrap();
        append.write(Bytes::from(vec![1; 300_000])).await.unwrap();
        append.write(Bytes::from_static(b"more")).await.unwrap();
        append.truncate(4).await.unwrap();
        append.write(Bytes::from_static(b"!")).await.unwrap();
        append.sync().await.unwrap();
        assert_eq!(all(store.read(&key, 0..5).await.unwrap()).await, b"keep!");
        assert!(store.append(&key, 4).await.is_err());
    }

    #[tokio::test]
    async fn every_name_is_listed_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let (store, key) = (Directory::open(folder.path()).unwrap(), key());
        store.put(&key, Bytes::from_static(b"bytes")).await.unwrap();
        assert_eq!(store.size(&key).await.unwrap(), 5);
        fs::create_dir(folder.path().join("lost+found")).unwrap();
        fs::write(folder.path().join("06123456").join("f6").join("note"), "").unwrap();
        let listed: Vec<_> = store.list().map(Result::unwrap).concat().await;
        assert_eq!(listed, [key]);
    }
}
