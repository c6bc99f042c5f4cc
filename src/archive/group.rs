//! Files made durable as a group: written, synced together, renamed, each folder synced once.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::{Placement, Sealed};
use crate::failpoint;
use crate::stream::spool::{Spool, make_folder};

/// From so many files on one sync of the file system is cheaper than one for each file.
const SYNC_ALL_FROM: usize = 6;

/// The proof that a group of files is on the disk, under their final names.
#[derive(Debug)]
pub struct Durable(());

impl Durable {
    /// Puts every file in its place. When this returns, all of them survive a power cut; on an error none is promised
    /// to be there, and doing it again is safe. Blocks.
    pub fn place(spool: &Spool, files: &[&Placement]) -> io::Result<Self> {
        let result = Self::try_place(spool, files);
        if result.is_err() {
            for file in files {
                // What cannot be removed now is swept at the next start.
                let _ = std::fs::remove_file(temporary(spool, file));
            }
        }
        result
    }

    fn try_place(spool: &Spool, files: &[&Placement]) -> io::Result<Self> {
        let mut written = Vec::new();
        for file in files {
            if let Sealed::Memory(bytes) = &file.sealed {
                written.push(write(&temporary(spool, file), bytes)?);
            }
        }
        failpoint!("receive.written");
        if written.len() >= SYNC_ALL_FROM {
            rustix::fs::syncfs(&written[0])?;
        } else {
            written.iter().try_for_each(File::sync_all)?;
        }
        drop(written);
        failpoint!("receive.synced");
        let mut folders = BTreeSet::new();
        for file in files {
            let folder = file.target.parent().expect("every place is in a folder below the archive's");
            if !folders.contains(folder) {
                make_durable_folder(folder)?;
                folders.insert(folder.to_owned());
            }
            match &file.sealed {
                Sealed::Memory(_) => std::fs::rename(temporary(spool, file), &file.target)?,
                Sealed::Spooled(path) => rename_spooled(path, &file.target)?,
            }
        }
        folders.iter().try_for_each(|folder| sync_folder(folder))?;
        failpoint!("receive.renamed");
        Ok(Self(()))
    }
}

fn temporary(spool: &Spool, file: &Placement) -> PathBuf {
    let name = file.target.file_name().expect("every place has a file name").to_string_lossy();
    spool.temporary(&name)
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<File> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    Ok(file)
}

/// A second try after an error finds the file moved already.
fn rename_spooled(from: &Path, to: &Path) -> io::Result<()> {
    match std::fs::rename(from, to) {
        Err(error) if error.kind() == io::ErrorKind::NotFound && to.exists() => Ok(()),
        result => result,
    }
}

/// Makes a folder and those above it, and makes their names durable.
fn make_durable_folder(folder: &Path) -> io::Result<()> {
    let missing: Vec<&Path> = folder.ancestors().take_while(|above| !above.exists()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    make_folder(folder)?;
    missing.iter().filter_map(|made| made.parent()).try_for_each(sync_folder)
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn placement(dir: &Path, name: &str, sealed: Sealed) -> Placement {
        Placement { sealed, target: dir.join("archive/2026/11/22").join(name), path: name.to_owned() }
    }

    #[test]
    fn a_group_of_any_size_arrives_whole() {
        let dir = tempfile::tempdir().unwrap();
        let spool = Spool::open(&dir.path().join("spool")).unwrap();
        std::fs::write(dir.path().join("spool/large.part"), b"large").unwrap();
        for count in [0_u8, 1, 20] {
            let mut files: Vec<Placement> = (0..count)
                .map(|n| placement(dir.path(), &format!("{n}.p7m"), Sealed::Memory(Bytes::from(vec![n; 100]))))
                .collect();
            files.push(placement(dir.path(), "large.p7m", Sealed::Spooled(dir.path().join("spool/large.part"))));
            Durable::place(&spool, &files.iter().collect::<Vec<_>>()).unwrap();
            for n in 0..count {
                assert_eq!(std::fs::read(&files[usize::from(n)].target).unwrap(), vec![n; 100]);
            }
            assert_eq!(std::fs::read(dir.path().join("archive/2026/11/22/large.p7m")).unwrap(), b"large");
            assert_eq!(std::fs::read_dir(spool.folder()).unwrap().count(), 0);
        }
    }

    #[test]
    fn a_failed_group_leaves_no_temporaries() {
        let dir = tempfile::tempdir().unwrap();
        let spool = Spool::open(&dir.path().join("spool")).unwrap();
        let good = placement(dir.path(), "a.p7m", Sealed::Memory(Bytes::from_static(b"a")));
        std::fs::write(dir.path().join("archive"), b"in the way").unwrap();
        assert!(Durable::place(&spool, &[&good]).is_err());
        assert_eq!(std::fs::read_dir(spool.folder()).unwrap().count(), 0);
    }
}
