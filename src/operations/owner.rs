//! Whom files and folders are for, and files that are there whole or not at all.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, fchown};
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::fs::{Mode, OFlags};

use crate::domain::clock::Random;
use crate::failpoint;
use crate::stream::platform;
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

/// What the machine knows of a name: from wherever its accounts are (files, LDAP, sssd), or from the files where it has no `getent`.
fn entries(database: &str, name: &str) -> String {
    let told = Command::new("getent").args(["--", database, name]).stderr(Stdio::null()).output();
    match told {
        Ok(told) => String::from_utf8_lossy(&told.stdout).into_owned(),
        Err(_) => fs::read_to_string(format!("/etc/{database}")).unwrap_or_default(),
    }
}

impl Owner {
    /// The account or group of this name; whoever makes it, if it is empty or that very account.
    pub fn find(name: &str) -> Result<Self, NoAccount> {
        if name.is_empty() {
            return Ok(Self::default());
        }
        let line = |database: &str| {
            let found = entries(database, name);
            found
                .lines()
                .map(|line| line.split(':').map(str::to_owned).collect::<Vec<_>>())
                .find(|fields| fields.first().is_some_and(|first| first == name))
        };
        let number = |fields: &[String], place: usize| fields.get(place).and_then(|text| text.parse::<u32>().ok());
        let account = line("passwd").and_then(|fields| Some((number(&fields, 2)?, number(&fields, 3)?)));
        let service = if let Some((user, group)) = account {
            Service { user: Some(user), group }
        } else {
            let group = line("group").and_then(|fields| number(&fields, 2));
            Service { user: None, group: group.ok_or_else(|| NoAccount(name.to_owned()))? }
        };
        let own = rustix::process::geteuid().as_raw();
        Ok(Self { service: Some(service).filter(|service| service.user != Some(own)) })
    }

    /// Makes a folder for configuration and keys, if it is not there: the service reads in it and changes nothing.
    pub fn make_config_folder(self, folder: &Path, random: &dyn Random) -> io::Result<()> {
        match self.service {
            None => make(folder, 0o700, (None, None), random),
            Some(service) => make(folder, 0o750, (None, Some(service.group)), random),
        }
    }

    /// Makes a folder for data, if it is not there: it is the service's alone.
    pub fn make_data_folder(self, folder: &Path, random: &dyn Random) -> io::Result<()> {
        make(folder, 0o700, self.account(), random)
    }

    /// Makes a file of the service's own, empty, if nothing is there.
    pub fn make_data_file(self, path: &Path, random: &dyn Random) -> io::Result<()> {
        if fs::symlink_metadata(path).is_ok() {
            return Ok(());
        }
        let unpublished = Unpublished::create(path, random)?;
        let (user, group) = self.account();
        fchown(unpublished.file(), user, group)?;
        unpublished.file().set_permissions(Permissions::from_mode(0o600))?;
        match unpublished.publish_at_first_free([path.to_owned()]) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            _ => Ok(()),
        }
    }

    /// Whether what is there was put there by root, by us or by the service, and nobody else can change it. What a link leads to is not
    /// looked at: it has to be ours in the same way.
    pub(super) fn is_trusted(self, found: &fs::Metadata) -> bool {
        let owners = [Some(0), Some(rustix::process::geteuid().as_raw()), self.account().0];
        owners.contains(&Some(found.uid())) && (found.is_symlink() || found.mode() & 0o022 == 0)
    }

    fn account(self) -> (Option<u32>, Option<u32>) {
        self.service.map_or((None, None), |Service { user, group }| (user, Some(group)))
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
            self.make_config_folder(folder, random)?;
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

/// Folders above it are made too, for everybody to pass. One that is there stays as it is: whoever made it knows for whom. It gets its
/// mode, which no umask narrows, and its owner before it gets its name: it is there as it should be, or not at all. What is given away
/// is what was just made and nothing that a name leads to: others may write in the folder above.
fn make(folder: &Path, mode: u32, to: (Option<u32>, Option<u32>), random: &dyn Random) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let above = folder.parent().filter(|above| !above.as_os_str().is_empty());
    if let Some(above) = above {
        make(above, 0o755, (None, None), random)?;
    }
    let mut unforeseeable = [0; 8];
    random.fill(&mut unforeseeable);
    let temporary = above.unwrap_or(Path::new(".")).join(format!(".{}.tmp", hex::encode(unforeseeable)));
    DirBuilder::new().mode(0o700).create(&temporary)?;
    let published = (|| {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let new = File::from(rustix::fs::open(&temporary, flags, Mode::empty())?);
        fchown(&new, to.0, to.1)?;
        new.set_permissions(Permissions::from_mode(mode))?;
        platform::rename_new(&temporary, folder)
    })();
    match published {
        Ok(()) => platform::sync_folder(above.unwrap_or(Path::new("."))),
        Err(error) => {
            // It is empty, and nobody knows its name.
            let _ = fs::remove_dir(&temporary);
            if folder.is_dir() { Ok(()) } else { Err(error) }
        }
    }
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
            let daemon = Owner::find("daemon").unwrap();
            let path = dir.path().join("service/b.key");
            daemon.write_new(&path, b"one", &SystemRandom).unwrap();
            assert_eq!((mode(&path), fs::metadata(&path).unwrap().uid()), (0o640, 0));
            assert_ne!(fs::metadata(&path).unwrap().gid(), 0);
            let data = dir.path().join("data");
            daemon.make_data_folder(&data, &SystemRandom).unwrap();
            assert_eq!(mode(&data), 0o700);
            assert_ne!(fs::metadata(&data).unwrap().uid(), 0);
        }
    }

    #[test]
    fn what_the_service_put_there_is_not_given_to_it() {
        let dir = tempfile::tempdir().unwrap();
        let (own, link) = (dir.path().join("of-root"), dir.path().join("gateway.db"));
        fs::write(&own, "x").unwrap();
        std::os::unix::fs::symlink(&own, &link).unwrap();
        let before = fs::metadata(&own).unwrap();
        let owner = Owner::find(if rustix::process::geteuid().is_root() { "daemon" } else { "" }).unwrap();
        owner.make_data_file(&link, &SystemRandom).unwrap();
        let after = fs::metadata(&own).unwrap();
        assert_eq!((after.uid(), after.mode(), after.len()), (before.uid(), before.mode(), 1));
        // Where nothing is, it makes one.
        let new = dir.path().join("new.db");
        owner.make_data_file(&new, &SystemRandom).unwrap();
        assert_eq!(fs::metadata(&new).unwrap().mode() & 0o777, 0o600);
    }
}
