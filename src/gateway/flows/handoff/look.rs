//! Looking at `out/`: which files are there, and which of them nobody is writing to any more.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::fs::{self, DirEntry, File, Metadata};
use std::io::{self, Read, Seek};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};

use super::place::is_partial;
use crate::domain::digest::Sha256;
use crate::message::checksum::{Algorithm, Checksum};

/// A file by the folder of its office and its name.
pub(super) type Place = (OsString, OsString);

/// What a file looks like. Another one when somebody has written to it or put another in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    device: u64,
    inode: u64,
    mode: u32,
    links: u64,
    pub(super) size: u64,
    modified: (i64, i64),
}

impl Stamp {
    fn new(of: &Metadata) -> Self {
        Self {
            device: of.dev(),
            inode: of.ino(),
            mode: of.mode(),
            links: of.nlink(),
            size: of.len(),
            modified: (of.mtime(), of.mtime_nsec()),
        }
    }
}

/// What stands against sending a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unfit {
    /// It is no ordinary file: a link, a pipe, one with special rights, or one with a second name elsewhere.
    Special,
    /// We may not read it.
    Unreadable,
    /// Somebody is writing to it after all.
    Changing,
}

/// Everything that may be sent, as it looks now, and what is the matter with a folder that cannot be looked into. Blocks.
pub(super) fn look(out: &Path) -> io::Result<(HashMap<Place, Stamp>, io::Result<()>)> {
    let (mut found, mut trouble) = (HashMap::new(), Ok(()));
    for office in fs::read_dir(out)? {
        let looked = office.and_then(|office| look_into(&office, &mut found));
        if let Err(error) = looked
            && error.kind() != io::ErrorKind::NotFound
        {
            // The other offices do not wait for this one.
            trouble = Err(error);
        }
    }
    Ok((found, trouble))
}

fn look_into(office: &DirEntry, found: &mut HashMap<Place, Stamp>) -> io::Result<()> {
    // A link to a folder elsewhere is none of ours.
    if is_partial(&office.file_name()) || !office.file_type()?.is_dir() {
        return Ok(());
    }
    for entry in fs::read_dir(office.path())? {
        let entry = entry?;
        let name = entry.file_name();
        let metadata = match entry.metadata() {
            // Gone again.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            metadata => metadata?,
        };
        if !is_partial(&name) && !metadata.is_dir() {
            found.insert((office.file_name(), name), Stamp::new(&metadata));
        }
    }
    Ok(())
}

/// A file that nobody writes to.
#[derive(Debug)]
pub(super) struct Whole {
    pub(super) file: File,
    /// Names this very file at this very place: sent once, whatever happens in between.
    pub(super) key: Sha256,
    /// SHA-256 over what is in it.
    pub(super) content: Sha256,
}

/// Opens a file that looked like this, and reads it once. Blocks.
pub(super) fn open(path: &Path, place: &Place, stamp: Stamp) -> io::Result<Result<Whole, Unfit>> {
    // A pipe would keep us waiting; a link would lead elsewhere.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = match rustix::fs::open(path, flags, Mode::empty()).map_err(io::Error::from) {
        Ok(file) => File::from(file),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Ok(Err(Unfit::Unreadable)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Err(Unfit::Changing)),
        Err(error) if matches!(error.raw_os_error(), Some(code) if is_special(code)) => return Ok(Err(Unfit::Special)),
        Err(error) => return Err(error),
    };
    let is_ordinary = |of: &Metadata| of.is_file() && of.nlink() == 1 && of.mode() & 0o7000 == 0;
    if !is_ordinary(&file.metadata()?) {
        return Ok(Err(Unfit::Special));
    }
    if Stamp::new(&file.metadata()?) != stamp {
        return Ok(Err(Unfit::Changing));
    }
    let mut file = file;
    let content = hash(&mut file)?;
    if Stamp::new(&file.metadata()?) != stamp {
        return Ok(Err(Unfit::Changing));
    }
    file.rewind()?;
    let mut key = Checksum::new(Algorithm::Sha256);
    let (office, name) = place;
    for part in [office.as_encoded_bytes(), &[0], name.as_encoded_bytes(), &[0], content.as_bytes()] {
        key.update(part);
    }
    for number in [stamp.size.cast_signed(), stamp.modified.0, stamp.modified.1] {
        key.update(&number.to_be_bytes());
    }
    Ok(Ok(Whole { file, key: sha256(key), content }))
}

/// Whether we may move files into a folder and out of it.
pub(super) fn may_move(folder: &Path) -> bool {
    use rustix::fs::Access;
    rustix::fs::access(folder, Access::WRITE_OK | Access::EXEC_OK).is_ok()
}

/// Whether a file of an office can be moved to where it belongs when it was looked into, as far as can be told before: out of its folder, and into
/// either place on the same file system.
pub(super) fn may_put_away(root: &Path, office: &OsStr) -> bool {
    let from = root.join("out").join(office);
    let Ok(device) = fs::metadata(&from).map(|folder| folder.dev()) else { return false };
    let leads_there = |part: &str| {
        let (all, own) = (root.join(part), root.join(part).join(office));
        // As long as the office has no folder there, one has to be made.
        let (folder, found) = match fs::symlink_metadata(&own) {
            Ok(found) => (own, Ok(found)),
            Err(_) => (all.clone(), fs::metadata(&all)),
        };
        found.is_ok_and(|found| found.is_dir() && found.dev() == device) && may_move(&folder)
    };
    may_move(&from) && leads_there("sent") && leads_there("failed")
}

/// Makes a folder below one of ours, unless there is something else in its place.
pub(super) fn folder_in(parent: &Path, name: &OsString) -> io::Result<PathBuf> {
    let folder = parent.join(name);
    match fs::create_dir(&folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    if fs::symlink_metadata(&folder)?.is_dir() { Ok(folder) } else { Err(io::ErrorKind::PermissionDenied.into()) }
}

fn is_special(code: i32) -> bool {
    use rustix::io::Errno;
    [Errno::LOOP, Errno::NXIO, Errno::NODEV].iter().any(|errno| errno.raw_os_error() == code)
}

fn hash(file: &mut File) -> io::Result<Sha256> {
    let (mut checksum, mut buffer) = (Checksum::new(Algorithm::Sha256), vec![0; 256 * 1024]);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(sha256(checksum)),
            count => checksum.update(&buffer[..count]),
        }
    }
}

fn sha256(checksum: Checksum) -> Sha256 {
    checksum.finish().as_slice().try_into().expect("SHA-256 has 32 bytes")
}
