//! Linux and macOS.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use rustix::fs::{CWD, RenameFlags};
use rustix::io::Errno;

use super::Drive;

/// A file that these options make is for its owner only: mode 0600.
pub fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    options.mode(0o600)
}

/// Makes a folder for its owner only (mode 0700), with the folders above it.
pub fn make_private_folder(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// Whether a file has a permission for group or others.
pub fn others_may_read(path: &Path) -> io::Result<bool> {
    Ok(fs::metadata(path)?.permissions().mode() & 0o077 != 0)
}

/// Takes every permission of group and others from a file, and from no other: a link that somebody has put in its place is refused.
/// It is not opened, so that locks of this process on it stay.
#[cfg(target_os = "linux")]
pub fn close_to_others(path: &Path) -> io::Result<()> {
    use rustix::fs::{Mode, OFlags};
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    narrow(&file.metadata()?, Path::new(&handle(&file)))
}

/// Takes every permission of group and others from a file. A link in its place is refused.
#[cfg(not(target_os = "linux"))]
pub fn close_to_others(path: &Path) -> io::Result<()> {
    narrow(&fs::symlink_metadata(path)?, path)
}

fn narrow(found: &fs::Metadata, path: &Path) -> io::Result<()> {
    if !found.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is a link or no file at all"));
    }
    let mode = found.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        fs::set_permissions(path, fs::Permissions::from_mode(mode & 0o700))?;
    }
    Ok(())
}

/// Whether files that are made [`private`] are that in this folder: their mode sees to it everywhere.
pub fn shields_files(_folder: &Path) -> bool {
    true
}

/// Makes the names in a folder durable.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Bytes that we may still write in a folder; `None` where the system does not tell.
pub fn free_space(folder: &Path) -> io::Result<Option<u64>> {
    let stat = rustix::fs::statvfs(folder)?;
    Ok(Some(stat.f_bavail.saturating_mul(stat.f_frsize)))
}

/// Gives a file its name, unless there is one of that name: that is [`io::ErrorKind::AlreadyExists`].
pub fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    match rustix::fs::renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // Neither every kernel nor every file system can.
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => super::move_beside(from, to),
        other => Ok(other?),
    }
}

/// A file that is gone when the process is, however it ends; `None` where the file system has no such files.
#[cfg(target_os = "linux")]
pub fn nameless_in(folder: &Path) -> Option<File> {
    use rustix::fs::{Mode, OFlags};
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(folder, flags, Mode::RUSR | Mode::WUSR).ok()?);
    // Without /proc it could not be given a name.
    fs::metadata(handle(&file)).is_ok().then_some(file)
}

/// Gives a [`nameless_in`] file a name, unless there is a file of that name.
#[cfg(target_os = "linux")]
pub fn give_name(file: &File, path: &Path) -> io::Result<()> {
    Ok(rustix::fs::linkat(CWD, handle(file), CWD, path, rustix::fs::AtFlags::SYMLINK_FOLLOW)?)
}

#[cfg(target_os = "linux")]
fn handle(file: &File) -> String {
    use std::os::fd::AsRawFd;
    format!("/proc/self/fd/{}", file.as_raw_fd())
}

/// A file that is gone when the process is: there are none.
#[cfg(not(target_os = "linux"))]
pub fn nameless_in(_folder: &Path) -> Option<File> {
    None
}

/// Gives a [`nameless_in`] file a name; there are none.
#[cfg(not(target_os = "linux"))]
pub fn give_name(_file: &File, _path: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Where the drive is that a folder is on, by its file system's number (statfs(2)).
#[cfg(target_os = "linux")]
pub fn drive(folder: &Path) -> Drive {
    const NETWORK: &[(u64, &str)] = &[
        (0x6969, "NFS"),
        (0x517B, "SMB"),
        (0xFF53_4D42, "CIFS"),
        (0xFE53_4D42, "SMB2"),
        (0x5346_414F, "AFS"),
        (0x00C3_6400, "Ceph"),
        (0x0102_1997, "9P"),
        (0x7375_7245, "Coda"),
        (0x564C, "NCP"),
    ];
    /// Cloud services and network drives often, but not always.
    const FUSE: u64 = 0x6573_5546;
    let kind = rustix::fs::statfs(folder).ok().and_then(|stat| u64::try_from(stat.f_type).ok());
    match kind {
        Some(FUSE) => Drive::Unsure("FUSE"),
        kind => {
            let network = NETWORK.iter().find(|(number, _)| Some(*number) == kind);
            network.map_or(Drive::Local, |(_, name)| Drive::Network(name))
        }
    }
}

/// Where the drive is that a folder is on, by the flag of its file system (statfs(2)).
#[cfg(not(target_os = "linux"))]
pub fn drive(folder: &Path) -> Drive {
    /// `MNT_LOCAL` of macOS.
    const LOCAL: u32 = 0x1000;
    match rustix::fs::statfs(folder) {
        Ok(stat) if stat.f_flags & LOCAL == 0 => Drive::Network("mount"),
        Ok(_) => Drive::Local,
        Err(_) => Drive::Unsure("statfs"),
    }
}
