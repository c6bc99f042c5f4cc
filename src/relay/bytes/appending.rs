//! A file that grows: small pieces are gathered, and one lot is written while the next is being gathered.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::task::{JoinHandle, spawn_blocking};

use super::blocking::{blocking, joined};
use super::{Append, BytesError};

/// Bytes gathered before they are written.
const GATHER: usize = 256 * 1024;

/// After so many bytes the system is asked to begin writing to the disk, so that the last sync is short.
const WRITE_BACK: u64 = 8 * 1024 * 1024;

#[derive(Debug, Clone)]
struct Open {
    file: Arc<File>,
    end: u64,
    written_back: u64,
}

impl Open {
    fn write(&mut self, bytes: &[u8]) -> Result<(), BytesError> {
        self.file.write_all_at(bytes, self.end)?;
        self.end += bytes.len() as u64;
        if self.end - self.written_back >= WRITE_BACK {
            self.file.sync_data()?;
            self.written_back = self.end;
        }
        Ok(())
    }
}

/// A file that is open at its end.
#[derive(Debug)]
pub(super) struct Appending {
    open: Open,
    gathered: BytesMut,
    running: Option<JoinHandle<Result<Open, BytesError>>>,
    /// A lot was not written, or not made durable: what comes after it would stand in its place.
    failed: bool,
}

impl Appending {
    /// Goes on at `end`, which is the end of the file.
    pub(super) fn new(file: File, end: u64) -> Self {
        let open = Open { file: Arc::new(file), end, written_back: end };
        Self { open, gathered: BytesMut::new(), running: None, failed: false }
    }

    /// Waits for the lot that is being written.
    async fn settle(&mut self) -> Result<(), BytesError> {
        if let Some(running) = self.running.take() {
            match joined(running).await {
                Ok(open) => self.open = open,
                Err(error) => return Err(self.fail(error)),
            }
        }
        if self.failed { Err(BytesError::Unfinished) } else { Ok(()) }
    }

    async fn flush(&mut self) -> Result<(), BytesError> {
        self.settle().await?;
        if !self.gathered.is_empty() {
            let (mut open, lot) = (self.open.clone(), self.gathered.split().freeze());
            self.running = Some(spawn_blocking(move || open.write(&lot).map(|()| open)));
        }
        Ok(())
    }

    fn fail(&mut self, error: BytesError) -> BytesError {
        self.failed = true;
        self.gathered.clear();
        error
    }
}

impl Append for Appending {
    fn write(&mut self, chunk: Bytes) -> BoxFuture<'_, Result<(), BytesError>> {
        async move {
            self.gathered.extend_from_slice(&chunk);
            if self.gathered.len() >= GATHER || self.failed { self.flush().await } else { Ok(()) }
        }
        .boxed()
    }

    fn sync(&mut self) -> BoxFuture<'_, Result<(), BytesError>> {
        async move {
            self.flush().await?;
            self.settle().await?;
            let file = Arc::clone(&self.open.file);
            // A second sync may say yes to what the first one lost.
            blocking(move || Ok(file.sync_data()?)).await.map_err(|error| self.fail(error))
        }
        .boxed()
    }

    fn truncate(&mut self, size: u64) -> BoxFuture<'_, Result<(), BytesError>> {
        async move {
            self.gathered.clear();
            // Even a write that failed may have left bytes: only that it is over matters.
            let _ = self.settle().await;
            let file = Arc::clone(&self.open.file);
            blocking(move || {
                file.set_len(size)?;
                Ok(file.sync_data()?)
            })
            .await
            .map_err(|error| self.fail(error))?;
            self.open.end = size;
            self.open.written_back = size;
            self.failed = false;
            Ok(())
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[tokio::test]
    async fn after_a_failed_write_nothing_is_written_until_it_is_taken_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("place");
        std::fs::write(&path, b"before").unwrap();
        let writable = |path: &Path| std::fs::OpenOptions::new().write(true).open(path).unwrap();
        let mut append = Appending::new(writable(Path::new("/dev/full")), 6);
        let lot = |byte| Bytes::from(vec![byte; GATHER]);
        append.write(lot(1)).await.unwrap();
        assert!(matches!(append.write(lot(2)).await, Err(BytesError::Full)));
        // There is room again, but the first lot is lost.
        append.open.file = Arc::new(writable(&path));
        assert!(matches!(append.sync().await, Err(BytesError::Unfinished)));
        assert!(matches!(append.write(lot(3)).await, Err(BytesError::Unfinished)));
        assert!(append.sync().await.is_err());
        assert_eq!(std::fs::read(&path).unwrap(), b"before");

        append.truncate(6).await.unwrap();
        append.write(Bytes::from_static(b" and after")).await.unwrap();
        append.sync().await.unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"before and after");
    }
}
