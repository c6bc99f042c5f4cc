//! What differs between operating systems, for what runs on people's PCs: whom a file is for, names that spare what is
//! there, what is durable, how much room there is, and where a drive is.
//!
//! One file for each: `unix` (Linux and macOS) and `windows`. The one for Windows needs the standard library only, so the
//! tests compile it and try it out wherever they run; on Windows itself, and on macOS, nothing of it was ever compiled.

#[cfg(unix)]
mod unix;
#[cfg(any(windows, test))]
mod windows;

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;

#[cfg(unix)]
pub use self::unix::{
    close_to_others, drive, free_space, give_name, make_private_folder, nameless_in, others_may_read, private,
    rename_new, shields_files, sync_folder,
};
#[cfg(windows)]
pub use self::windows::{
    drive, free_space, give_name, make_private_folder, nameless_in, others_may_read, private, rename_new,
    shields_files, sync_folder,
};

/// Where a drive is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drive {
    /// In this machine, as far as can be seen.
    Local,
    /// In another one; by which protocol.
    Network(&'static str),
    /// The system does not tell; of which kind it is.
    Unsure(&'static str),
}

/// Keeps every other process away as long as the file is held; `None` if one holds it. The operating system gives the lock
/// back when its holder ends, however that happens.
pub fn lock(path: &Path) -> io::Result<Option<File>> {
    // Not emptied: on Windows nobody may touch a file that another process has locked.
    let file = private(OpenOptions::new().write(true).create(true).truncate(false)).open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// [`rename_new`] for systems that have no such call.
fn move_beside(from: &Path, to: &Path) -> io::Result<()> {
    match fs::hard_link(from, to) {
        Ok(()) => fs::remove_file(from),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(error),
        // Not every file system has links. An empty file of ours takes the place, and only that one is written over.
        Err(_) => take_and_replace(from, to),
    }
}

fn take_and_replace(from: &Path, to: &Path) -> io::Result<()> {
    drop(private(OpenOptions::new().write(true).create_new(true)).open(to)?);
    fs::rename(from, to).inspect_err(|_| drop(fs::remove_file(to)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_way_a_name_is_given_what_is_there_stays() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        for move_there in [rename_new, windows::rename_new, move_beside, take_and_replace] {
            fs::write(&from, "new").unwrap();
            fs::write(&to, "old").unwrap();
            assert_eq!(move_there(&from, &to).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
            assert_eq!(
                (fs::read_to_string(&from).unwrap(), fs::read_to_string(&to).unwrap()),
                ("new".into(), "old".into())
            );
            fs::remove_file(&to).unwrap();
            move_there(&from, &to).unwrap();
            assert_eq!((from.exists(), fs::read_to_string(&to).unwrap()), (false, "new".into()));
        }
    }

    #[test]
    fn a_lock_is_for_one_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let held = lock(&path).unwrap();
        assert!(held.is_some() && lock(&path).unwrap().is_none());
        drop(held);
        assert!(lock(&path).unwrap().is_some());
    }
}
