//! Folders whose names are on the disk.

use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};

use crate::stream::spool::make_folder;

/// Folders that are remembered; beyond that all are seen to anew. Names in quarantine are chosen by strangers.
const REMEMBERED: usize = 1_000;

/// The folder of the archive or of the quarantine, with those below it that this process knows to be durable. That a
/// folder is there says nothing: whoever made it may not have lived to sync it.
#[derive(Debug)]
pub(super) struct Root {
    path: PathBuf,
    durable: Mutex<HashSet<PathBuf>>,
}

impl Root {
    pub(super) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), durable: Mutex::default() }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Makes a folder below the root, and makes its name and those of the folders between durable.
    pub(super) fn make(&self, folder: &Path) -> io::Result<()> {
        self.make_with(folder, sync)
    }

    fn make_with(&self, folder: &Path, mut sync: impl FnMut(&Path) -> io::Result<()>) -> io::Result<()> {
        if self.remembered().contains(folder) {
            return Ok(());
        }
        make_folder(folder)?;
        let above = folder.ancestors().skip(1);
        above.take_while(|above| above.starts_with(&self.path)).try_for_each(&mut sync)?;
        let mut remembered = self.remembered();
        if remembered.len() >= REMEMBERED {
            remembered.clear();
        }
        remembered.insert(folder.to_owned());
        Ok(())
    }

    fn remembered(&self) -> MutexGuard<'_, HashSet<PathBuf>> {
        self.durable.lock().expect("nothing panics while it holds the folders")
    }
}

/// Makes the names in a folder durable.
pub(super) fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_not_be_synced_is_synced_the_next_time() {
        let dir = tempfile::tempdir().unwrap();
        let root = Root::new(dir.path());
        let folder = dir.path().join("2026/11");
        let failed = root.make_with(&folder, |_| Err(io::Error::other("the disk does not answer")));
        assert!(failed.is_err() && folder.exists());
        let mut synced = Vec::new();
        for _ in 0..2 {
            root.make_with(&folder, |path| {
                synced.push(path.to_owned());
                Ok(())
            })
            .unwrap();
        }
        assert_eq!(synced, [dir.path().join("2026"), dir.path().to_owned()], "once, from the bottom up");
    }
}
