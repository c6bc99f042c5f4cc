//! A file that is nobody's to see until it is whole: for plaintext that goes where a person asked for it.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::domain::clock::Random;

/// A file of mode 0600 that takes its place when it is published, and is gone when it is not. Where the file system can,
/// it has no name until then, so that nothing stays of it however the process ends.
#[derive(Debug)]
pub struct Unpublished {
    file: File,
    place: PathBuf,
    /// Beside the place: where it is already, or where it passes through.
    temporary: PathBuf,
    is_named: bool,
}

impl Unpublished {
    /// Begins a file for this place. What is there stays until [`Self::publish`].
    pub fn create(place: &Path, random: &dyn Random) -> io::Result<Self> {
        let mut unforeseeable = [0; 8];
        random.fill(&mut unforeseeable);
        let folder = folder_of(place);
        let temporary = folder.join(format!(".{}.tmp", hex::encode(unforeseeable)));
        let (file, is_named) = match nameless_in(folder) {
            Ok(file) => (file, false),
            Err(_) => (OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&temporary)?, true),
        };
        Ok(Self { file, place: place.to_owned(), temporary, is_named })
    }

    /// To write to, and to read again.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Makes it durable, then visible.
    pub fn publish(mut self) -> io::Result<()> {
        self.file.sync_all()?;
        self.name()?;
        fs::rename(&self.temporary, &self.place)?;
        self.is_named = false;
        File::open(folder_of(&self.place))?.sync_all()
    }

    /// A file without a name cannot take the place of another at once.
    #[cfg(target_os = "linux")]
    fn name(&mut self) -> io::Result<()> {
        use rustix::fs::{AtFlags, CWD};
        use std::os::fd::AsRawFd;
        if !self.is_named {
            let open = format!("/proc/self/fd/{}", self.file.as_raw_fd());
            rustix::fs::linkat(CWD, open, CWD, &self.temporary, AtFlags::SYMLINK_FOLLOW)?;
            self.is_named = true;
        }
        Ok(())
    }

    #[cfg(not(target_os = "linux"))]
    fn name(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Unpublished {
    fn drop(&mut self) {
        if self.is_named {
            // Nothing more can be done when it does not go.
            let _ = fs::remove_file(&self.temporary);
        }
    }
}

/// A file that is gone when the process is, however it ends. Not every system and file system has that.
#[cfg(target_os = "linux")]
fn nameless_in(folder: &Path) -> io::Result<File> {
    use rustix::fs::{Mode, OFlags};
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    Ok(File::from(rustix::fs::open(folder, flags, Mode::RUSR | Mode::WUSR)?))
}

#[cfg(not(target_os = "linux"))]
fn nameless_in(_: &Path) -> io::Result<File> {
    Err(io::ErrorKind::Unsupported.into())
}

/// The folder that a path is in.
pub(super) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::clock::SystemRandom;
    use std::io::Write;

    #[test]
    fn it_is_there_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("out.csv");
        let names = || fs::read_dir(folder.path()).unwrap().count();
        fs::write(&place, "before").unwrap();
        let unpublished = Unpublished::create(&place, &SystemRandom).unwrap();
        unpublished.file().write_all(b"after").unwrap();
        drop(unpublished);
        assert_eq!((fs::read_to_string(&place).unwrap().as_str(), names()), ("before", 1));
        let unpublished = Unpublished::create(&place, &SystemRandom).unwrap();
        unpublished.file().write_all(b"after").unwrap();
        unpublished.publish().unwrap();
        assert_eq!((fs::read_to_string(&place).unwrap().as_str(), names()), ("after", 1));
    }
}
