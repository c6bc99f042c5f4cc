//! Windows, with what the standard library has: it knows neither access lists nor the room on a disk, and it cannot flush a
//! folder. What is missing is said at each place.

#![cfg_attr(not(windows), expect(unreachable_pub, reason = "there all of it is passed on"))]

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Component, Path, Prefix};

use super::Drive;

/// A file that these options make has the access list of its folder: see [`shields_files`].
pub fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    options
}

/// Makes a folder with the folders above it. Its access list is that of the one above.
pub fn make_private_folder(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)
}

/// Whether others may read a file: not looked at here, [`shields_files`] is asked of the folder instead.
pub fn others_may_read(path: &Path) -> io::Result<bool> {
    fs::metadata(path).map(|_| false)
}

/// Whether files in this folder are for its owner only, and the administrators: below the user's profile they are.
pub fn shields_files(folder: &Path) -> bool {
    is_below(folder, std::env::var_os("USERPROFILE").as_deref())
}

fn is_below(folder: &Path, profile: Option<&OsStr>) -> bool {
    let resolved = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    profile.is_some_and(|profile| !profile.is_empty() && resolved(folder).starts_with(resolved(Path::new(profile))))
}

/// Makes the names in a folder durable: left to the journal of NTFS, which keeps names whole and may lose the newest ones
/// when the power is cut.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    fs::metadata(folder).map(drop)
}

/// Bytes that we may still write in a folder: not told. A full disk shows when it is written to.
pub fn free_space(folder: &Path) -> io::Result<Option<u64>> {
    fs::metadata(folder).map(|_| None)
}

/// Gives a file its name, unless there is one of that name: that is [`io::ErrorKind::AlreadyExists`].
pub fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    super::move_beside(from, to)
}

/// A file that is gone when the process is: there are none.
pub fn nameless_in(_folder: &Path) -> Option<File> {
    None
}

/// Gives a [`nameless_in`] file a name; there are none.
pub fn give_name(_file: &File, _path: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Where the drive is that a folder is on. A drive letter that stands for a network folder is resolved to that first.
pub fn drive(folder: &Path) -> Drive {
    let resolved = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    match resolved.components().next() {
        Some(Component::Prefix(prefix)) => of_prefix(prefix.kind()),
        _ => Drive::Unsure("path"),
    }
}

fn of_prefix(prefix: Prefix<'_>) -> Drive {
    match prefix {
        Prefix::UNC(..) | Prefix::VerbatimUNC(..) => Drive::Network("UNC"),
        Prefix::Disk(_) | Prefix::VerbatimDisk(_) => Drive::Local,
        Prefix::Verbatim(_) | Prefix::DeviceNS(_) => Drive::Unsure("device"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_needs_no_windows_does_what_it_says() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("a/b");
        make_private_folder(&inner).unwrap();
        sync_folder(&inner).unwrap();
        let file = private(OpenOptions::new().write(true).create_new(true)).open(inner.join("c")).unwrap();
        assert!(!others_may_read(&inner.join("c")).unwrap() && others_may_read(&inner.join("d")).is_err());
        assert_eq!(free_space(&inner).unwrap(), None);
        assert!(nameless_in(&inner).is_none() && give_name(&file, &inner.join("e")).is_err());
        assert!(is_below(&inner, Some(folder.path().as_os_str())) && !is_below(folder.path(), Some(inner.as_os_str())));
        assert!(!is_below(&inner, None) && !is_below(&inner, Some(OsStr::new(""))));
        // No drive letters here.
        assert_eq!((drive(&inner), shields_files(Path::new("/"))), (Drive::Unsure("path"), false));
    }

    #[test]
    fn a_drive_is_known_by_its_prefix() {
        let (server, share) = (OsStr::new("server"), OsStr::new("share"));
        assert_eq!(of_prefix(Prefix::UNC(server, share)), Drive::Network("UNC"));
        assert_eq!(of_prefix(Prefix::VerbatimUNC(server, share)), Drive::Network("UNC"));
        assert_eq!(of_prefix(Prefix::VerbatimDisk(b'C')), Drive::Local);
        assert_eq!(of_prefix(Prefix::DeviceNS(server)), Drive::Unsure("device"));
    }
}
