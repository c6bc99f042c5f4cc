//! Where the bytes go: whole, or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use kenpo_express::runtime::clock::SystemRandom;
use kenpo_express::stream::unpublished::Unpublished;

/// A file of mode 0600 that is not there yet for anybody else.
pub(crate) enum Output {
    /// Takes its place at the end.
    File(Unpublished),
    /// Copied at the end to what cannot be replaced: standard output, a device, a pipe.
    Copied(Unpublished, PathBuf),
}

impl Output {
    pub(crate) fn create(place: &Path) -> io::Result<Self> {
        let replaceable = match fs::metadata(place) {
            Ok(metadata) => metadata.is_file(),
            Err(error) => error.kind() == io::ErrorKind::NotFound,
        };
        if place == Path::new("-") || !replaceable {
            let file = Unpublished::create(&std::env::temp_dir().join("kx-message"), &SystemRandom)?;
            return Ok(Self::Copied(file, place.to_owned()));
        }
        Unpublished::create(place, &SystemRandom).map(Self::File)
    }

    pub(crate) fn file(&self) -> &File {
        match self {
            Self::File(file) | Self::Copied(file, _) => file.file(),
        }
    }

    /// Makes it durable, and visible.
    pub(crate) fn publish(self) -> io::Result<()> {
        match self {
            Self::File(file) => file.publish(),
            Self::Copied(file, place) => {
                let mut content = file.file();
                content.seek(SeekFrom::Start(0))?;
                if place == Path::new("-") {
                    io::copy(&mut content, &mut io::stdout().lock())?;
                } else {
                    io::copy(&mut content, &mut OpenOptions::new().write(true).open(place)?)?;
                }
                Ok(())
            }
        }
    }
}
