//! What outlives a run: large parcels come in beside the runs, which go on listing meanwhile.

use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, Weak};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};

use super::RunError;
use super::item::InFlight;

/// Large parcels that have a place in line or are coming in; those beyond are listed again later.
const LINE: u32 = 256;

/// What all runs of one process share.
#[derive(Debug)]
pub struct Beside {
    pub(super) in_flight: InFlight,
    line: Arc<Semaphore>,
    transfers: Semaphore,
    newest: AtomicI64,
    lock: Mutex<Weak<File>>,
}

impl Beside {
    /// Nothing is on its way. So many large parcels come in side by side.
    pub fn new(parallel_large: usize) -> Self {
        Self {
            in_flight: InFlight::default(),
            line: Arc::new(Semaphore::new(LINE as usize)),
            transfers: Semaphore::new(parallel_large),
            newest: AtomicI64::new(0),
            lock: Mutex::default(),
        }
    }

    /// Waits until no large parcel is on its way any more.
    pub async fn idle(&self) {
        drop(self.line.acquire_many(LINE).await.expect("nobody closes the line"));
    }

    /// Whether no large parcel is on its way.
    pub(super) fn is_idle(&self) -> bool {
        self.line.available_permits() == LINE as usize
    }

    /// A place in line, if one is free.
    pub(super) fn place(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.line).try_acquire_owned().ok()
    }

    /// Waits until half of the line is free, so that the list is not gone through for each single place.
    pub(super) async fn room(&self) {
        drop(self.line.acquire_many(LINE / 2).await.expect("nobody closes the line"));
    }

    /// A turn to come in.
    pub(super) async fn turn(&self) -> SemaphorePermit<'_> {
        self.transfers.acquire().await.expect("nobody ends the turns")
    }

    /// Notes that a run begins.
    pub(super) fn begins(&self, run: i64) {
        self.newest.fetch_max(run, Ordering::SeqCst);
    }

    /// The newest run: what is put off counts as listed by it, whichever run began it.
    pub(super) fn newest(&self) -> i64 {
        self.newest.load(Ordering::SeqCst)
    }

    /// The lock that keeps other processes from pulling, until the last one here lets it go.
    pub(super) async fn lock(&self, path: PathBuf) -> Result<Arc<File>, RunError> {
        if let Some(held) = self.held().upgrade() {
            return Ok(held);
        }
        let task = tokio::task::spawn_blocking(move || -> io::Result<File> {
            let file = lock_file(&path)?;
            file.lock()?;
            Ok(file)
        });
        let file = Arc::new(task.await.map_err(|_| RunError::Internal)??);
        *self.held() = Arc::downgrade(&file);
        Ok(file)
    }

    fn held(&self) -> std::sync::MutexGuard<'_, Weak<File>> {
        self.lock.lock().expect("nothing panics while it holds the lock's handle")
    }
}

/// The lock, unless another process is pulling.
pub(super) fn try_lock(path: &Path) -> io::Result<Option<File>> {
    let file = lock_file(path)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn lock_file(path: &Path) -> io::Result<File> {
    File::options().create(true).truncate(false).write(true).mode(0o600).open(path)
}
