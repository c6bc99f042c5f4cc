//! Where the bytes go: whole, or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, SeekFrom};
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD};

use kenpo_express::domain::clock::Random;
use kenpo_express::runtime::clock::SystemRandom;

/// A file of mode 0600 that is not there yet for anybody else.
pub(crate) struct Output {
    file: File,
    target: Target,
}

enum Target {
    /// Beside the place that it will take.
    Beside { temporary: PathBuf, place: PathBuf },
    /// Without a name, until it takes that place.
    Nameless { place: PathBuf },
    /// Without a name; copied at the end to what cannot be replaced: standard output, a device, a pipe.
    Copied(PathBuf),
}

impl Output {
    pub(crate) fn create(place: &Path) -> io::Result<Self> {
        let replaceable = match fs::metadata(place) {
            Ok(metadata) => metadata.is_file(),
            Err(error) => error.kind() == io::ErrorKind::NotFound,
        };
        if place == Path::new("-") || !replaceable {
            let temporary = temporary_in(&std::env::temp_dir(), "kx-message");
            let file = create_new(&temporary)?;
            fs::remove_file(temporary)?;
            return Ok(Self { file, target: Target::Copied(place.to_owned()) });
        }
        if let Ok(file) = nameless_in(folder_of(place)) {
            return Ok(Self { file, target: Target::Nameless { place: place.to_owned() } });
        }
        let name = place.file_name().and_then(|name| name.to_str()).unwrap_or("kx-message");
        let temporary = temporary_in(folder_of(place), name);
        let file = create_new(&temporary)?;
        Ok(Self { file, target: Target::Beside { temporary, place: place.to_owned() } })
    }

    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// Makes it durable, and visible.
    pub(crate) fn publish(mut self) -> io::Result<()> {
        match &self.target {
            Target::Beside { temporary, place } => {
                self.file.sync_all()?;
                fs::rename(temporary, place)?;
                File::open(folder_of(place))?.sync_all()
            }
            Target::Nameless { place } => {
                self.file.sync_all()?;
                let name = place.file_name().and_then(|name| name.to_str()).unwrap_or("kx-message");
                let temporary = temporary_in(folder_of(place), name);
                let open = format!("/proc/self/fd/{}", self.file.as_raw_fd());
                rustix::fs::linkat(CWD, open, CWD, &temporary, AtFlags::SYMLINK_FOLLOW)?;
                fs::rename(&temporary, place).inspect_err(|_| drop(fs::remove_file(&temporary)))?;
                File::open(folder_of(place))?.sync_all()
            }
            Target::Copied(place) => {
                self.file.seek(SeekFrom::Start(0))?;
                if place == Path::new("-") {
                    io::copy(&mut self.file, &mut io::stdout().lock())?;
                } else {
                    io::copy(&mut self.file, &mut OpenOptions::new().write(true).open(place)?)?;
                }
                Ok(())
            }
        }
    }
}

impl Drop for Output {
    /// What was not published is not left behind.
    fn drop(&mut self) {
        if let Target::Beside { temporary, .. } = &self.target {
            let _ = fs::remove_file(temporary);
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

fn create_new(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path)
}

fn temporary_in(folder: &Path, name: &str) -> PathBuf {
    let mut random = [0; 8];
    SystemRandom.fill(&mut random);
    folder.join(format!(".{name}.{}.tmp", hex::encode(random)))
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
