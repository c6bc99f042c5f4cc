//! Who may still write: a file is begun only when the disk can hold it and a reserve stays free.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::platform::free_space;

/// The disk below a folder, with what is promised of it.
#[derive(Debug, Clone)]
pub struct Disk {
    folder: PathBuf,
    reserve: u64,
    promised: Arc<AtomicU64>,
}

/// Room that was promised to one file. What is written is given back bit by bit, the rest when this is dropped.
#[derive(Debug)]
pub struct Room {
    promised: Arc<AtomicU64>,
    left: u64,
}

impl Disk {
    /// The disk that `folder` is on, of which `reserve` bytes are never used.
    pub fn new(folder: &Path, reserve: u64) -> Self {
        Self { folder: folder.to_owned(), reserve, promised: Arc::default() }
    }

    /// Bytes that a process of ours may use in all.
    pub fn free(&self) -> io::Result<u64> {
        Ok(free_space(&self.folder)?.unwrap_or(u64::MAX))
    }

    /// Bytes that are never used.
    pub fn reserve(&self) -> u64 {
        self.reserve
    }

    /// Promises room for a file, or not when it would eat into the reserve or into what others were promised.
    pub fn admit(&self, size: u64) -> io::Result<Option<Room>> {
        // A file takes whole blocks, and its folder and the database grow too.
        let size = size.saturating_add(8 * 1024);
        let usable = self.free()?.saturating_sub(self.reserve);
        let before = self.promised.fetch_add(size, Ordering::SeqCst);
        let room = Room { promised: Arc::clone(&self.promised), left: size };
        Ok((before.saturating_add(size) <= usable).then_some(room))
    }
}

impl Room {
    /// So many bytes more are on the disk now, where they count by themselves.
    pub fn written(&mut self, bytes: u64) {
        let bytes = bytes.min(self.left);
        self.left -= bytes;
        self.promised.fetch_sub(bytes, Ordering::SeqCst);
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.promised.fetch_sub(self.left, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_promised_once() {
        let dir = tempfile::tempdir().unwrap();
        let free = Disk::new(dir.path(), 0).free().unwrap();
        // All but 100 MiB is reserve. Others write on this disk too, so the margins are wide.
        let disk = Disk::new(dir.path(), free - 100 * 1024 * 1024);
        let mut first = disk.admit(60 * 1024 * 1024).unwrap().expect("fits");
        assert!(disk.admit(60 * 1024 * 1024).unwrap().is_none(), "promised already");
        first.written(50 * 1024 * 1024);
        assert!(disk.admit(60 * 1024 * 1024).unwrap().is_some(), "what is written counts by itself");
        drop(first);
        assert_eq!(disk.promised.load(Ordering::SeqCst), 0);
        assert!(disk.admit(u64::MAX).unwrap().is_none());
        assert_eq!(disk.promised.load(Ordering::SeqCst), 0);
    }
}
