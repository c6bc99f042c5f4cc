//! The spool: files that are not whole yet, and small ones between memory and their place.
//!
//! Everything in it has mode 0600 and can be lost: the relay still has what was not acknowledged. `ID.part` is a partly
//! fetched file, which a later run goes on with; `*.tmp` is being written and means nothing after a crash.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::Advice;

use crate::domain::ids::MessageId;

/// How much is written before the kernel is told to begin with writing it to the disk.
const WRITE_BACK: u64 = 8 * 1024 * 1024;

/// The folder of the spool.
#[derive(Debug, Clone)]
pub struct Spool {
    folder: PathBuf,
}

impl Spool {
    /// Makes the folder if it is not there.
    pub fn open(folder: &Path) -> io::Result<Self> {
        make_folder(folder)?;
        Ok(Self { folder: folder.to_owned() })
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Removes what a crash left and nobody can go on with. Partly fetched files stay.
    pub fn sweep(&self) -> io::Result<u64> {
        let mut removed = 0;
        for entry in std::fs::read_dir(&self.folder)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "tmp") {
                std::fs::remove_file(path)?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    /// The partly fetched files.
    pub fn parts(&self) -> io::Result<Vec<MessageId>> {
        let mut ids = Vec::new();
        for entry in std::fs::read_dir(&self.folder)? {
            let name = entry?.file_name();
            ids.extend(name.to_str().and_then(|name| name.strip_suffix(".part")?.parse::<MessageId>().ok()));
        }
        Ok(ids)
    }

    /// The place of a temporary file.
    pub fn temporary(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.tmp"))
    }

    /// Opens the partly fetched file of a message, at the length that it has. One longer than `size` is of another
    /// parcel and begun anew.
    pub fn part(&self, id: MessageId, size: u64) -> io::Result<Part> {
        let path = self.folder.join(format!("{id}.part"));
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path)?;
        let mut length = file.seek(SeekFrom::End(0))?;
        if length > size {
            file.set_len(0)?;
            length = file.seek(SeekFrom::Start(0))?;
        }
        Ok(Part { file, path, length, flushed: length })
    }

    /// Bytes that are there of a message.
    pub fn part_length(&self, id: MessageId) -> u64 {
        std::fs::metadata(self.folder.join(format!("{id}.part"))).map_or(0, |found| found.len())
    }

    /// Throws a partly fetched file away, if there is one.
    pub fn discard(&self, id: MessageId) -> io::Result<()> {
        match std::fs::remove_file(self.folder.join(format!("{id}.part"))) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

/// A partly fetched file that grows.
#[derive(Debug)]
pub struct Part {
    file: File,
    path: PathBuf,
    length: u64,
    flushed: u64,
}

impl Part {
    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes that are there.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Adds bytes, and has the kernel begin with writing back when enough have come, so that the last sync is short.
    pub fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.length += bytes.len() as u64;
        if let Some(length) = std::num::NonZeroU64::new(self.length - self.flushed)
            && length.get() >= WRITE_BACK
        {
            // "Not needed" starts the writing of dirty pages without waiting for it; only clean ones are dropped.
            rustix::fs::fadvise(&self.file, self.flushed, Some(length), Advice::DontNeed)?;
            self.flushed = self.length;
        }
        Ok(())
    }

    /// The last bytes, at most 64.
    pub fn tail(&self) -> io::Result<Vec<u8>> {
        let mut tail = vec![0; usize::try_from(self.length.min(64)).expect("64 fits into a usize")];
        let start = self.length - tail.len() as u64;
        self.file.read_exact_at(&mut tail, start)?;
        Ok(tail)
    }

    /// Makes it durable.
    pub fn sync(&self) -> io::Result<()> {
        self.file.sync_all()
    }
}

/// Makes a folder of mode 0700, with the folders above it.
pub fn make_folder(folder: &Path) -> io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_gone_on_with_and_temporaries_are_swept() {
        let dir = tempfile::tempdir().unwrap();
        let spool = Spool::open(&dir.path().join("spool")).unwrap();
        let id: MessageId = "0191e3c4-7a5b-7c3d-8e4f-a1b2c3d4e5f6".parse().unwrap();
        spool.part(id, 10).unwrap().append(b"0123").unwrap();
        std::fs::write(spool.temporary("x"), b"half").unwrap();
        assert_eq!(spool.sweep().unwrap(), 1);
        assert_eq!(spool.parts().unwrap(), [id]);
        let mut part = spool.part(id, 10).unwrap();
        assert_eq!(part.length(), 4);
        part.append(b"456789").unwrap();
        part.sync().unwrap();
        assert_eq!(std::fs::read(part.path()).unwrap(), b"0123456789");
        assert_eq!(part.tail().unwrap(), b"0123456789");
        assert_eq!(spool.part(id, 9).unwrap().length(), 0, "longer than the parcel: not of this parcel");
        spool.discard(id).unwrap();
        spool.discard(id).unwrap();
        assert!(spool.parts().unwrap().is_empty());
    }
}
