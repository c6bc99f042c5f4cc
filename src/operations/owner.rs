//! Whom files and folders are for, and files that are there whole or not at all.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, chown, fchown};
use std::path::Path;

use crate::domain::clock::Random;
use crate::failpoint;
use crate::stream::unpublished::Unpublished;

/// Whom what is made is for: whoever makes it, or the account that the service runs as.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Owner {
    service: Option<Service>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Service {
    /// None where there is only a group.
    user: Option<u32>,
    group: u32,
}

/// An account that this machine does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("この名前のアカウントもグループもありません: {0} (this machine has no account and no group of that name)")]
pub struct NoAccount(String);

impl Owner {
    /// The account or group of this name; whoever makes it, if it is empty or that very account.
    pub fn find(name: &str) -> Result<Self, NoAccount> {
        if name.is_empty() {
            return Ok(Self::default());
        }
        let line = |file: &str| {
            let text = fs::read_to_string(file).unwrap_or_default();
            let found = text.lines().map(|line| line.split(':').map(str::to_owned).collect::<Vec<_>>());
            found.into_iter().find(|fields| fields.first().is_some_and(|first| first == name))
        };
        let number = |fields: &[String], place: usize| fields.get(place).and_then(|text| text.parse::<u32>().ok());
        let account = line("/etc/passwd").and_then(|fields| Some((number(&fields, 2)?, number(&fields, 3)?)));
        let service = if let Some((user, group)) = account {
            Service { user: Some(user), group }
        } else {
            let group = line("/etc/group").and_then(|fields| number(&fields, 2));
            Service { user: None, group: group.ok_or_else(|| NoAccount(name.to_owned()))? }
        };
        let own = rustix::process::geteuid().as_raw();
        Ok(Self { service: Some(service).filter(|service| service.user != Some(own)) })
    }

    /// Makes a folder for configuration and keys, if it is not there: the service reads in it and changes nothing.
    pub fn make_config_folder(self, folder: &Path) -> io::Result<()> {
        let Some(service) = self.service else { return make(folder, 0o700, |_| Ok(())) };
        make(folder, 0o750, |folder| chown(folder, None, Some(service.group)))
    }

    /// Makes a folder for data, if it is not there: it is the service's alone.
    pub fn make_data_folder(self, folder: &Path) -> io::Result<()> {
        make(folder, 0o700, |folder| self.give(folder))
    }

    /// Makes a file of the service's own, empty, if it is not there.
    pub fn make_data_file(self, path: &Path) -> io::Result<()> {
        use std::os::unix::fs::OpenOptionsExt;
        drop(fs::OpenOptions::new().append(true).create(true).mode(0o600).open(path)?);
        self.give(path)
    }

    fn give(self, path: &Path) -> io::Result<()> {
        match self.service {
            Some(Service { user, group }) => chown(path, user, Some(group)),
            None => Ok(()),
        }
    }

    /// Puts a file where none is: with its mode and group it is there whole, or not at all. The service may read it, nobody
    /// else but whoever made it.
    ///
    /// # Errors
    /// [`io::ErrorKind::AlreadyExists`] when something is there: nothing is ever written over.
    pub fn write_new(self, path: &Path, bytes: &[u8], random: &dyn Random) -> io::Result<()> {
        self.fill(path, bytes, random)?.publish_at_first_free([path.to_owned()])?;
        failpoint!("operations.written");
        Ok(())
    }

    /// As [`Self::write_new`], in place of what is there.
    pub fn replace(self, path: &Path, bytes: &[u8], random: &dyn Random) -> io::Result<()> {
        self.fill(path, bytes, random)?.publish()?;
        failpoint!("operations.written");
        Ok(())
    }

    fn fill(self, path: &Path, bytes: &[u8], random: &dyn Random) -> io::Result<Unpublished> {
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            self.make_config_folder(folder)?;
        }
        let unpublished = Unpublished::create(path, random)?;
        let mut file: &File = unpublished.file();
        file.write_all(bytes)?;
        let mode = match self.service {
            Some(service) => {
                fchown(file, None, Some(service.group))?;
                0o640
            }
            None => 0o600,
        };
        file.set_permissions(Permissions::from_mode(mode))?;
        Ok(unpublished)
    }
}

/// Folders above it are made too. One that is there stays as it is: whoever made it knows for whom.
fn make(folder: &Path, mode: u32, give: impl Fn(&Path) -> io::Result<()>) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    if let Some(parent) = folder.parent().filter(|parent| !parent.as_os_str().is_empty() && !parent.exists()) {
        DirBuilder::new().recursive(true).mode(0o755).create(parent)?;
    }
    match DirBuilder::new().mode(mode).create(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    give(folder)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::clock::SystemRandom;

    #[test]
    fn a_file_is_its_owners_and_is_never_written_over() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("new/a.key");
        let owner = Owner::find("").unwrap();
        owner.write_new(&path, b"one", &SystemRandom).unwrap();
        let again = owner.write_new(&path, b"two", &SystemRandom).unwrap_err();
        assert_eq!(again.kind(), io::ErrorKind::AlreadyExists);
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((fs::read(&path).unwrap().as_slice(), mode(&path)), (&b"one"[..], 0o600));
        assert_eq!(mode(&dir.path().join("new")), 0o700);
        assert_eq!(fs::read_dir(dir.path().join("new")).unwrap().count(), 1, "nothing temporary stays");
        owner.replace(&path, b"two", &SystemRandom).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert!(Owner::find("kx-nobody-of-this-name").is_err());
        // Where there is a root, it hands over to others.
        if rustix::process::geteuid().is_root() {
            use std::os::unix::fs::MetadataExt;
            let daemon = Owner::find("daemon").unwrap();
            let path = dir.path().join("service/b.key");
            daemon.write_new(&path, b"one", &SystemRandom).unwrap();
            assert_eq!((mode(&path), fs::metadata(&path).unwrap().uid()), (0o640, 0));
            assert_ne!(fs::metadata(&path).unwrap().gid(), 0);
            let data = dir.path().join("data");
            daemon.make_data_folder(&data).unwrap();
            assert_eq!(mode(&data), 0o700);
            assert_ne!(fs::metadata(&data).unwrap().uid(), 0);
        }
    }
}
