//! A file that is nobody's to see until it is whole: for plaintext that goes where a person asked for it.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use super::platform;
use crate::domain::clock::Random;

/// A file for its owner only that takes its place when it is published, and is gone when it is not. Where the file system can,
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
        let (file, is_named) = if let Some(file) = platform::nameless_in(folder) {
            (file, false)
        } else {
            let mut options = OpenOptions::new();
            options.read(true).write(true).create_new(true);
            (platform::private(&mut options).open(&temporary)?, true)
        };
        Ok(Self { file, place: place.to_owned(), temporary, is_named })
    }

    /// To write to, and to read again.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Makes it durable, then visible, in place of what is there.
    pub fn publish(mut self) -> io::Result<()> {
        self.file.sync_all()?;
        if !self.is_named {
            // A file without a name cannot take the place of another at once.
            platform::give_name(&self.file, &self.temporary)?;
            self.is_named = true;
        }
        fs::rename(&self.temporary, &self.place)?;
        self.is_named = false;
        platform::sync_folder(folder_of(&self.place))
    }

    /// Makes it durable, then visible at the first of these places at which nothing is, and says at which. They are in the
    /// folder that it was begun in. Nothing is ever written over, and whoever looks meanwhile sees all of it or nothing. (On
    /// file systems with neither links nor a rename that spares what is there, an empty file keeps the place for a moment.)
    ///
    /// # Errors
    /// [`io::ErrorKind::AlreadyExists`] when something is at each of them.
    pub fn publish_at_first_free(self, places: impl IntoIterator<Item = PathBuf>) -> io::Result<PathBuf> {
        self.file.sync_all()?;
        let place = self.appear_at_first_free(places)?;
        platform::sync_folder(folder_of(&place))?;
        Ok(place)
    }

    /// The same for one of several that share what makes them durable: whoever calls this has made its bytes durable before, and
    /// makes the names in the folder durable after it.
    ///
    /// # Errors
    /// [`io::ErrorKind::AlreadyExists`] when something is at each of the places.
    pub fn appear_at_first_free(mut self, places: impl IntoIterator<Item = PathBuf>) -> io::Result<PathBuf> {
        for place in places {
            let published = if self.is_named {
                platform::rename_new(&self.temporary, &place)
            } else {
                platform::give_name(&self.file, &place)
            };
            match published {
                Ok(()) => {
                    self.is_named = false;
                    return Ok(place);
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => (),
                Err(error) => return Err(error),
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
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

    #[test]
    fn it_takes_the_first_free_place_with_and_without_a_name_before() {
        for is_named in [false, true] {
            let folder = tempfile::tempdir().unwrap();
            let places = ["届.csv", "届 (2).csv", "届 (3).csv"].map(|name| folder.path().join(name));
            fs::write(&places[0], "there").unwrap();
            fs::create_dir(&places[1]).unwrap();
            let begin = || {
                let mut unpublished = Unpublished::create(&places[0], &SystemRandom).unwrap();
                if is_named && !unpublished.is_named {
                    platform::give_name(&unpublished.file, &unpublished.temporary).unwrap();
                    unpublished.is_named = true;
                }
                unpublished.file().write_all(b"new").unwrap();
                unpublished
            };
            assert_eq!(begin().publish_at_first_free(places.clone()).unwrap(), places[2]);
            assert_eq!(fs::read_to_string(&places[2]).unwrap(), "new");
            assert_eq!(begin().publish_at_first_free(places.clone()).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
            assert_eq!(fs::read_to_string(&places[0]).unwrap(), "there");
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3, "nothing temporary is left");
        }
    }
}
