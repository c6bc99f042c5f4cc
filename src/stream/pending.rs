//! A file that waits beside its place for something else to be certain: a letter for its enrolment to be in the database.
//!
//! It is whole and durable before that, under a hidden name that says what it waits for, and takes its place after it. Whoever is
//! cut off in between finds it again by that name ([`Pending::find`]): nothing is lost, and nothing is seen too early.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::unpublished::folder_of;

/// A file of mode 0600 under a hidden name. It belongs to whoever holds its lock, and is gone when it is dropped, unless
/// [`Self::keep`] was called.
#[derive(Debug)]
pub struct Pending {
    /// The lock is let go of when this is closed.
    locked: File,
    hidden: PathBuf,
    place: PathBuf,
    is_kept: bool,
}

impl Pending {
    /// Writes the file for this place, under the hidden name, and makes both durable. There must be nothing at either.
    pub fn write(place: &Path, name: &str, bytes: &[u8]) -> io::Result<Self> {
        if place.try_exists()? {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let hidden = folder_of(place).join(name);
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&hidden)?;
        let mut pending = Self { locked: file, hidden, place: place.to_owned(), is_kept: false };
        pending.locked.try_lock()?;
        pending.locked.write_all(bytes)?;
        pending.locked.sync_all()?;
        pending.sync_folder()?;
        Ok(pending)
    }

    /// The file that somebody left under the hidden name; none if there is none, or if somebody is still at it.
    pub fn find(place: &Path, name: &str) -> io::Result<Option<Self>> {
        let hidden = folder_of(place).join(name);
        let file = match File::open(&hidden) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened?,
        };
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        // Whoever held the lock until now may have brought it to its place; and a link to another file is not ours.
        let is_still = file.metadata()?.is_file() && is_same(&file, &hidden)?;
        let found = Self { locked: file, hidden, place: place.to_owned(), is_kept: true };
        Ok(is_still.then_some(found))
    }

    /// What it waited for is certain: from now on it stays, whatever happens.
    pub fn keep(&mut self) {
        self.is_kept = true;
    }

    /// Takes its place. What is there already stays, and that is an error; then the hidden file stays too.
    pub fn publish(mut self) -> io::Result<()> {
        self.keep();
        match fs::hard_link(&self.hidden, &self.place) {
            Ok(()) => fs::remove_file(&self.hidden)?,
            // Cut off just here, it is there under both names.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                if !is_same(&self.locked, &self.place)? {
                    return Err(error);
                }
                fs::remove_file(&self.hidden)?;
            }
            // Not every file system has links.
            Err(_) if !self.place.try_exists()? => fs::rename(&self.hidden, &self.place)?,
            Err(error) => return Err(error),
        }
        self.sync_folder()
    }

    /// What it waited for will never be: takes it away.
    pub fn discard(mut self) {
        self.is_kept = false;
    }

    fn sync_folder(&self) -> io::Result<()> {
        File::open(folder_of(&self.place))?.sync_all()
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if !self.is_kept {
            // Nothing more can be done when it does not go.
            let _ = fs::remove_file(&self.hidden);
        }
    }
}

/// Whether this path, not followed, is that file.
fn is_same(file: &File, path: &Path) -> io::Result<bool> {
    let (there, here) = (fs::symlink_metadata(path), file.metadata()?);
    match there {
        Ok(there) => Ok((there.dev(), there.ino()) == (here.dev(), here.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn it_is_found_again_and_takes_its_place_once() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("letter.html");
        let write = || Pending::write(&place, ".a.letter", b"words");
        drop(write().unwrap());
        assert_eq!(names(folder.path()), Vec::<String>::new(), "nothing came of it");

        let mut pending = write().unwrap();
        assert!(Pending::find(&place, ".a.letter").unwrap().is_none(), "somebody is at it");
        pending.keep();
        drop(pending);
        assert_eq!(names(folder.path()), [".a.letter"]);
        assert!(write().is_err(), "not over what is kept");
        Pending::find(&place, ".a.letter").unwrap().unwrap().publish().unwrap();
        assert_eq!(
            (names(folder.path()), fs::read(&place).unwrap()),
            (vec!["letter.html".to_owned()], b"words".into())
        );
        assert!(Pending::find(&place, ".a.letter").unwrap().is_none());
        assert_eq!(write().unwrap_err().kind(), io::ErrorKind::AlreadyExists);
    }

    #[test]
    fn cut_off_under_both_names_it_is_brought_to_one() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("letter.html");
        let mut pending = Pending::write(&place, ".a.letter", b"words").unwrap();
        pending.keep();
        fs::hard_link(folder.path().join(".a.letter"), &place).unwrap();
        drop(pending);
        Pending::find(&place, ".a.letter").unwrap().unwrap().publish().unwrap();
        assert_eq!(names(folder.path()), ["letter.html"]);
    }

    #[test]
    fn a_place_that_is_taken_meanwhile_loses_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("letter.html");
        let pending = Pending::write(&place, ".a.letter", b"words").unwrap();
        fs::write(&place, "somebody's").unwrap();
        assert_eq!(pending.publish().unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!((names(folder.path()).len(), fs::read(&place).unwrap()), (2, b"somebody's".into()));
        let other = folder.path().join("other.html");
        Pending::find(&other, ".a.letter").unwrap().unwrap().publish().unwrap();
        assert_eq!(names(folder.path()), ["letter.html", "other.html"]);
    }

    #[test]
    fn what_is_no_file_of_ours_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let secret = folder.path().join("secret");
        fs::write(&secret, "x").unwrap();
        std::os::unix::fs::symlink(&secret, folder.path().join(".a.letter")).unwrap();
        assert!(Pending::find(&folder.path().join("letter.html"), ".a.letter").unwrap().is_none());
        assert!(Pending::write(&folder.path().join("letter.html"), ".a.letter", b"words").is_err());
        assert_eq!(fs::read(&secret).unwrap(), b"x");
    }
}
