//! Files made durable as a group: written, synced together, renamed, each folder synced once.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags};
use rustix::io::Errno;

use super::folders::sync;
use super::{Keeps, Placed, Placement, Sealed};
use crate::failpoint;
use crate::stream::spool::Spool;

/// From so many files on one sync of the file system is cheaper than one for each file.
const SYNC_ALL_FROM: usize = 6;
/// Bytes that are compared at a time.
const PIECE: usize = 64 * 1024;

/// The proof that a group of files is on the disk, under their final names.
#[derive(Debug)]
pub struct Durable(());

impl Durable {
    /// Puts every file in its place. When this returns, all of them survive a power cut; on an error none is promised
    /// to be there, and doing it again is safe. Blocks.
    pub fn place(spool: &Spool, files: &mut [&mut Placement]) -> io::Result<Self> {
        let result = Self::try_place(spool, files);
        if result.is_err() {
            for file in files {
                // What cannot be removed now is swept at the next start.
                let _ = std::fs::remove_file(temporary(spool, file));
            }
        }
        result
    }

    fn try_place(spool: &Spool, files: &mut [&mut Placement]) -> io::Result<Self> {
        let mut written = Vec::new();
        for file in files.iter().filter(|file| file.state == Placed::Not) {
            match &file.sealed {
                Sealed::Memory(bytes) => written.push(write(&temporary(spool, file), bytes)?),
                Sealed::Shared(path) => link(path, &temporary(spool, file))?,
                Sealed::Spooled(_) => {}
            }
        }
        failpoint!("receive.written");
        if written.len() >= SYNC_ALL_FROM {
            rustix::fs::syncfs(&written[0])?;
        } else {
            written.iter().try_for_each(File::sync_all)?;
        }
        drop(written);
        failpoint!("receive.synced");
        let mut folders = BTreeSet::new();
        for file in files {
            let target = file.target();
            let folder = target.parent().expect("every place is in a folder below the archive's");
            if !folders.contains(folder) {
                file.root.make(folder)?;
                folders.insert(folder.to_owned());
            }
            if file.state == Placed::Not {
                let from = match &file.sealed {
                    Sealed::Spooled(path) => path.clone(),
                    Sealed::Memory(_) | Sealed::Shared(_) => temporary(spool, file),
                };
                put(file, &from)?;
            }
        }
        folders.iter().try_for_each(|folder| sync(folder))?;
        failpoint!("receive.renamed");
        Ok(Self(()))
    }
}

impl Sealed {
    /// Whether a file holds these very bytes. Blocks.
    pub fn is_in(&self, file: &Path) -> io::Result<bool> {
        match self {
            Self::Memory(bytes) => same(&bytes[..], BufReader::with_capacity(PIECE, File::open(file)?)),
            Self::Spooled(path) | Self::Shared(path) => same_bytes(path, file),
        }
    }
}

fn temporary(spool: &Spool, file: &Placement) -> PathBuf {
    let target = file.target();
    let name = target.file_name().expect("every place has a file name").to_string_lossy();
    spool.temporary(&name)
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<File> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    Ok(file)
}

fn link(from: &Path, to: &Path) -> io::Result<()> {
    match std::fs::remove_file(to) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    std::fs::hard_link(from, to)
}

/// Moves one file to its place, or to the first one beside it that is free or has the same bytes.
fn put(file: &mut Placement, from: &Path) -> io::Result<()> {
    if file.keeps == Keeps::New {
        std::fs::rename(from, file.target())?;
        file.state = Placed::Moved;
        return Ok(());
    }
    let whole = file.path.clone();
    let stem = whole.strip_suffix(".p7m").expect("every place ends like a sealed file");
    for number in 1_u64.. {
        let target = file.target();
        match rustix::fs::renameat_with(CWD, from, CWD, &target, RenameFlags::NOREPLACE) {
            Ok(()) => {
                file.state = Placed::Moved;
                break;
            }
            Err(Errno::EXIST) if same_bytes(from, &target)? => {
                std::fs::remove_file(from)?;
                file.state = Placed::Found;
                break;
            }
            Err(Errno::EXIST) => file.path = format!("{stem}.{number}.p7m"),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

fn same_bytes(one: &Path, other: &Path) -> io::Result<bool> {
    let (one, other) = (File::open(one)?, File::open(other)?);
    if one.metadata()?.len() != other.metadata()?.len() {
        return Ok(false);
    }
    same(BufReader::with_capacity(PIECE, one), BufReader::with_capacity(PIECE, other))
}

fn same(mut one: impl BufRead, mut other: impl BufRead) -> io::Result<bool> {
    loop {
        let (left, right) = (one.fill_buf()?, other.fill_buf()?);
        let length = left.len().min(right.len());
        if length == 0 || left[..length] != right[..length] {
            return Ok(left.is_empty() && right.is_empty());
        }
        one.consume(length);
        other.consume(length);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;

    use super::super::folders::Root;
    use super::*;

    fn placement(dir: &Path, name: &str, sealed: Sealed) -> Placement {
        let root = Arc::new(Root::new(&dir.join("archive")));
        Placement::new(&root, format!("2026/11/22/{name}"), Keeps::New, sealed)
    }

    #[test]
    fn a_group_of_any_size_arrives_whole() {
        let dir = tempfile::tempdir().unwrap();
        let spool = Spool::open(&dir.path().join("spool")).unwrap();
        for count in [0_u8, 1, 20] {
            std::fs::write(dir.path().join("spool/large.part"), b"large").unwrap();
            let mut files: Vec<Placement> = (0..count)
                .map(|n| placement(dir.path(), &format!("{n}.p7m"), Sealed::Memory(Bytes::from(vec![n; 100]))))
                .collect();
            files.push(placement(dir.path(), "large.p7m", Sealed::Spooled(dir.path().join("spool/large.part"))));
            Durable::place(&spool, &mut files.iter_mut().collect::<Vec<_>>()).unwrap();
            for n in 0..count {
                assert_eq!(std::fs::read(files[usize::from(n)].target()).unwrap(), vec![n; 100]);
            }
            assert_eq!(std::fs::read(dir.path().join("archive/2026/11/22/large.p7m")).unwrap(), b"large");
            assert_eq!(std::fs::read_dir(spool.folder()).unwrap().count(), 0);
        }
    }

    #[test]
    fn a_failed_group_leaves_no_temporaries() {
        let dir = tempfile::tempdir().unwrap();
        let spool = Spool::open(&dir.path().join("spool")).unwrap();
        let mut good = placement(dir.path(), "a.p7m", Sealed::Memory(Bytes::from_static(b"a")));
        std::fs::write(dir.path().join("archive"), b"in the way").unwrap();
        assert!(Durable::place(&spool, &mut [&mut good]).is_err());
        assert_eq!(std::fs::read_dir(spool.folder()).unwrap().count(), 0);
    }

    #[test]
    fn what_is_in_quarantine_is_never_replaced_and_the_same_bytes_are_there_once() {
        let dir = tempfile::tempdir().unwrap();
        let spool = Spool::open(&dir.path().join("spool")).unwrap();
        let place = |bytes: &'static [u8]| {
            let sealed = Sealed::Memory(Bytes::from_static(bytes));
            let root = Arc::new(Root::new(&dir.path().join("quarantine")));
            let mut file = Placement::new(&root, "a.p7m".to_owned(), Keeps::Both, sealed);
            let durable = Durable::place(&spool, &mut [&mut file]).unwrap();
            Durable::place(&spool, &mut [&mut file]).expect("a second try after an error of others");
            file.release(&durable);
            file
        };
        let paths: Vec<String> = [b"one", b"two", b"one", b"two", b"six"].map(|bytes| place(bytes).path).into();
        assert_eq!(paths, ["a.p7m", "a.1.p7m", "a.p7m", "a.1.p7m", "a.2.p7m"]);
        assert_eq!(std::fs::read(dir.path().join("quarantine/a.p7m")).unwrap(), b"one");
        assert_eq!(std::fs::read(dir.path().join("quarantine/a.1.p7m")).unwrap(), b"two");
        // Judged anew, one of two that share a file leaves; the other one's stays.
        let mut moved = placement(dir.path(), "a.p7m", place(b"two").into_sealed());
        Durable::place(&spool, &mut [&mut moved]).unwrap();
        assert_eq!(std::fs::read(moved.target()).unwrap(), b"two");
        assert_eq!(std::fs::read(dir.path().join("quarantine/a.1.p7m")).unwrap(), b"two");
        assert_eq!(std::fs::read_dir(spool.folder()).unwrap().count(), 0);
    }
}
