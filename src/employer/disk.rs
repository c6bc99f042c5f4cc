//! The few things that are done to the disk, each of which a crash can follow.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::stream::platform::{free_space, private, sync_folder};
use crate::stream::together::sync_each;

/// A disk. The tests have one that loses power.
pub trait Disk: Debug + Send + Sync {
    /// Makes an empty file that only its owner may read, or empties the one there is.
    fn create(&self, path: &Path) -> io::Result<File>;
    /// Makes the file's bytes durable.
    fn sync(&self, file: &File) -> io::Result<()>;
    /// Makes the bytes of several files durable.
    fn sync_together(&self, files: &[&File]) -> io::Result<()> {
        files.iter().try_for_each(|file| self.sync(file))
    }
    /// Gives a file its name, in place of another one if there is one.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Makes the names in a folder durable.
    fn sync_folder(&self, folder: &Path) -> io::Result<()>;
    /// Takes a file away.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Bytes that we may still write in this folder. Where the system does not tell, no number is too large: a full disk
    /// shows when it is written to.
    fn available(&self, folder: &Path) -> io::Result<u64>;
}

/// The real one.
#[derive(Debug, Clone, Copy, Default)]
pub struct LocalDisk;

impl Disk for LocalDisk {
    fn create(&self, path: &Path) -> io::Result<File> {
        private(OpenOptions::new().write(true).create(true).truncate(true)).open(path)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_all()
    }

    fn sync_together(&self, files: &[&File]) -> io::Result<()> {
        sync_each(files).into_iter().collect()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        sync_folder(folder)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_file(path)
    }

    fn available(&self, folder: &Path) -> io::Result<u64> {
        Ok(free_space(folder)?.unwrap_or(u64::MAX))
    }
}

/// Puts a file with these bytes at `path`: afterwards it is there whole and durable, or what was there before is.
pub fn replace(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace_together(disk, &[(path.to_owned(), bytes.to_owned())])
}

/// The same for several files that are made durable together: each is there whole, or what was there before is; all are when
/// this answers `Ok`.
pub fn replace_together(disk: &dyn Disk, files: &[(PathBuf, Vec<u8>)]) -> io::Result<()> {
    let temporary = |path: &Path| path.with_added_extension(TEMPORARY);
    let mut written = Vec::with_capacity(files.len());
    for (path, bytes) in files {
        let mut file = disk.create(&temporary(path))?;
        file.write_all(bytes)?;
        written.push(file);
    }
    disk.sync_together(&written.iter().collect::<Vec<_>>())?;
    drop(written);
    let mut folders = BTreeSet::new();
    for (path, _) in files {
        disk.rename(&temporary(path), path)?;
        folders.insert(path.parent().expect("files of ours are in a folder"));
    }
    folders.into_iter().try_for_each(|folder| disk.sync_folder(folder))
}

/// Extension of files that are not whole yet.
pub const TEMPORARY: &str = "part";
