//! Many received files as one ZIP, made while it is sent: nothing readable lies on a disk, and no more than a piece of a file is in memory.
//!
//! A file goes out while it is verified. What turns out to be damaged ends the archive there: without the list of contents at the end of a ZIP no program
//! takes it for whole, and the connection breaks off. The last entry of a whole one is a list with the id and the SHA-256 of each file.

mod names;

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::body::Bytes;
use futures_util::Stream;
use futures_util::stream;
use jiff::Timestamp;
use tokio::sync::mpsc;
use zip::result::ZipError;
use zip::write::{SimpleFileOptions, StreamWriter};
use zip::{CompressionMethod, DateTime, ZipWriter};

use super::flows::By;
use super::flows::receive::Receiver;
use super::flows::reveal::{RevealError, Revealable};
use super::listing::Listing;
use crate::domain::ids::MessageId;
use crate::domain::schedule::jst;
use crate::message::checksum::{Algorithm, Checksum};
use crate::store::sqlite::StoreError;
use names::Names;

/// What the list is called. No file is called so: names are given after it.
const LIST: &str = "一覧.csv";
/// From this length on a file needs the long form of an entry. A little below 4 GiB, since packing may make it longer.
const LONG: u64 = 0xF000_0000;
/// Bytes of a piece on its way to the network.
const PIECE: usize = 64 << 10;
/// Pieces that wait for it.
const PIECES: usize = 8;

/// Files that may be taken out together.
#[derive(Debug, Clone)]
pub struct Bundle {
    entries: Vec<Entry>,
}

#[derive(Debug, Clone)]
struct Entry {
    found: Revealable,
    name: String,
}

/// Why an archive ends before its end.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// One of the files cannot be taken out.
    #[error("{id} cannot be taken out")]
    File {
        /// Which message.
        id: MessageId,
        /// Why.
        #[source]
        source: RevealError,
    },
    /// Environment: whoever wanted it is gone.
    #[error("the archive cannot be written")]
    Write(#[from] io::Error),
    /// Ours: an entry that the format does not allow.
    #[error("an entry cannot be written")]
    Entry(#[source] ZipError),
    /// Environment: the database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<ZipError> for BundleError {
    fn from(error: ZipError) -> Self {
        match error {
            ZipError::Io(error) => Self::Write(error),
            other => Self::Entry(other),
        }
    }
}

impl Bundle {
    /// Finds all of these, each once, and notes in one transaction who takes them out; nothing has gone out before.
    pub async fn prepare<R>(receiver: &Receiver<R>, ids: &[MessageId], by: By<'_>) -> Result<Self, BundleError> {
        let mut names = Names::default();
        names.give(LIST.parse().ok().as_ref(), "");
        let mut entries: Vec<Entry> = Vec::with_capacity(ids.len());
        for id in ids {
            if entries.iter().any(|entry| entry.found.message.id == *id) {
                continue;
            }
            let found = Revealable::find(receiver, *id).await;
            let found = found.map_err(|source| BundleError::File { id: *id, source })?;
            let content = found.message.content.as_ref();
            let name = names.give(content.and_then(|content| content.file_name.as_ref()), &id.to_string());
            entries.push(Entry { found, name });
        }
        let mut transaction = receiver.database.write().await?;
        for entry in &entries {
            entry.found.note(&mut transaction, by, "message.downloaded", receiver.clock.now()).await?;
        }
        receiver.database.commit(transaction).await?;
        Ok(Self { entries })
    }

    /// How many files there are in it.
    pub fn files(&self) -> usize {
        self.entries.len()
    }

    /// Writes the archive. Blocks. Unless this is `Ok`, what was written is no archive.
    pub fn write<W: Write + Send>(&self, output: W) -> Result<W, BundleError> {
        let is_broken = Arc::new(AtomicBool::new(false));
        let mut zip = ZipWriter::new_stream(Outlet { output: Some(output), is_broken: Arc::clone(&is_broken) });
        let written = self.write_entries(&mut zip);
        if written.is_err() {
            // A writer that is let go of would bring the archive to an end, as if this were all.
            is_broken.store(true, Ordering::Relaxed);
        }
        written?;
        let mut outlet = zip.finish()?.into_inner();
        outlet.flush()?;
        Ok(outlet.output.take().expect("the outlet has its output until here"))
    }

    fn write_entries<W: Write + Send>(&self, zip: &mut ZipWriter<StreamWriter<Outlet<W>>>) -> Result<(), BundleError> {
        let mut list =
            Listing::new(&["ファイル", "元のファイル名", "ID", "事業所", "利用者", "受信日時", "バイト", "SHA-256"]);
        for Entry { found, name } in &self.entries {
            let (message, content) = (&found.message, found.message.content.as_ref());
            let size = found.size();
            zip.start_file(name, options(message.received_at, size))?;
            let hashed = Hashed { zip, checksum: Checksum::new(Algorithm::Sha256) };
            let hashed = found.write(hashed).map_err(|source| BundleError::File { id: message.id, source })?;
            let digest = hex::encode(hashed.checksum.finish());
            let said = |text: Option<String>| text.unwrap_or_default();
            list.row(&[
                name.clone(),
                said(content.and_then(|content| content.file_name.as_ref()).map(ToString::to_string)),
                message.id.to_string(),
                said(content.and_then(|content| content.office.as_ref()).map(ToString::to_string)),
                said(content.and_then(|content| content.user.as_ref()).map(ToString::to_string)),
                jst(message.received_at).strftime("%Y/%m/%d %H:%M:%S").to_string(),
                size.to_string(),
                digest,
            ]);
        }
        let newest = self.entries.iter().map(|entry| entry.found.message.received_at).max().unwrap_or_default();
        zip.start_file(LIST, options(newest, 0))?;
        zip.write_all(&list.into_bytes())?;
        Ok(())
    }

    /// The archive as it is sent. An error is its last piece, and ends the connection before its end.
    pub fn stream(self) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
        let (sender, pieces) = mpsc::channel(PIECES);
        tokio::task::spawn_blocking(move || {
            let output = io::BufWriter::with_capacity(PIECE, Pieces(sender.clone()));
            if let Err(error) = self.write(output) {
                tracing::error!(
                    code = "bundle.broken",
                    error = &error as &dyn std::error::Error,
                    "an archive breaks off"
                );
                // Whoever is gone needs no end.
                let _ = sender.blocking_send(Err(io::Error::other("the archive is not whole")));
            }
        });
        stream::unfold(pieces, |mut pieces| async move { Some((pieces.recv().await?, pieces)) })
    }
}

/// Packed a little, as every program unpacks it from a stream; the time is the one at which we had the file, in Japan.
fn options(at: Timestamp, size: u64) -> SimpleFileOptions {
    let local = jst(at);
    let part = |value: i8| u8::try_from(value).unwrap_or(1);
    let year = u16::try_from(local.year()).unwrap_or(1980);
    let (hour, minute, second) = (part(local.hour()), part(local.minute()), part(local.second()));
    let time = DateTime::from_date_and_time(year, part(local.month()), part(local.day()), hour, minute, second);
    SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .compression_level(Some(1))
        .large_file(size >= LONG)
        .last_modified_time(time.unwrap_or_default())
}

/// Where the archive goes, until it is broken.
struct Outlet<W> {
    output: Option<W>,
    is_broken: Arc<AtomicBool>,
}

impl<W: Write> Write for Outlet<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.output {
            Some(output) if !self.is_broken.load(Ordering::Relaxed) => output.write(bytes),
            _ => Ok(bytes.len()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.output {
            Some(output) if !self.is_broken.load(Ordering::Relaxed) => output.flush(),
            _ => Ok(()),
        }
    }
}

/// An entry that is being written, and what it hashes to.
struct Hashed<'a, W: Write> {
    zip: &'a mut ZipWriter<StreamWriter<Outlet<W>>>,
    checksum: Checksum,
}

impl<W: Write> Write for Hashed<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.zip.write(bytes)?;
        self.checksum.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The way into the network.
struct Pieces(mpsc::Sender<io::Result<Bytes>>);

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let piece = Ok(Bytes::copy_from_slice(bytes));
        self.0.blocking_send(piece).map_err(|_| io::ErrorKind::BrokenPipe)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
