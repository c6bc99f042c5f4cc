//! The folder of what is on its way to employers. Nothing in it is readable without the union's or a recipient's key.
//!
//! `ID.staged` is our own sealed copy of a dispatch, kept for good; `ID.sealed` is a message under its number, kept until
//! receipts say that it has arrived; `ID.tmp` has no number yet and means nothing after a crash.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::domain::ids::MessageId;
use crate::stream::spool::make_folder;

/// From so many files on one sync of the file system is cheaper than one for each file.
const SYNC_ALL_FROM: usize = 6;

/// The folder.
#[derive(Debug, Clone)]
pub struct Outbox {
    folder: PathBuf,
}

impl Outbox {
    /// Makes the folder if it is not there.
    pub fn open(folder: &Path) -> io::Result<Self> {
        make_folder(folder)?;
        Ok(Self { folder: folder.to_owned() })
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Our own sealed copy of a dispatch.
    pub fn staged(&self, dispatch: MessageId) -> PathBuf {
        self.folder.join(format!("{dispatch}.staged"))
    }

    /// A message under its number.
    pub fn sealed(&self, message: MessageId) -> PathBuf {
        self.folder.join(format!("{message}.sealed"))
    }

    pub(super) fn temporary(&self, message: MessageId) -> PathBuf {
        self.folder.join(format!("{message}.tmp"))
    }

    /// Begins a message that has no number yet.
    pub(super) fn begin(&self, message: MessageId) -> io::Result<File> {
        let path = self.temporary(message);
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)
    }

    /// Throws away what has no number.
    pub(super) fn give_up(&self, message: MessageId) {
        for path in [self.temporary(message), self.sealed(message)] {
            // What cannot be removed now is swept by the next run.
            let _ = std::fs::remove_file(path);
        }
    }

    /// Makes sealed messages durable under their names, all of them with one sync where that is cheaper. Blocks.
    pub(super) fn keep(&self, messages: &[(MessageId, File)]) -> io::Result<()> {
        if messages.len() >= SYNC_ALL_FROM {
            rustix::fs::syncfs(&messages[0].1)?;
        } else {
            messages.iter().try_for_each(|(_, file)| file.sync_all())?;
        }
        for (id, _) in messages {
            std::fs::rename(self.temporary(*id), self.sealed(*id))?;
        }
        File::open(&self.folder)?.sync_all()
    }

    /// Lets the sealed bytes of a message go.
    pub(super) fn let_go(&self, message: MessageId) -> io::Result<()> {
        match std::fs::remove_file(self.sealed(message)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Removes what a crash left without a number, and names the sealed messages that are there. Only one run at a time
    /// may do this. Blocks.
    pub(super) fn sweep(&self) -> io::Result<Vec<MessageId>> {
        let mut sealed = Vec::new();
        for entry in std::fs::read_dir(&self.folder)? {
            let path = entry?.path();
            let Some(id) = path.file_stem().and_then(|stem| stem.to_str()?.parse::<MessageId>().ok()) else { continue };
            match path.extension().and_then(|extension| extension.to_str()) {
                Some("tmp") => std::fs::remove_file(&path)?,
                Some("sealed") => sealed.push(id),
                _ => {}
            }
        }
        Ok(sealed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn what_has_no_number_is_swept_and_the_rest_stays() {
        let dir = tempfile::tempdir().unwrap();
        let outbox = Outbox::open(&dir.path().join("outbox")).unwrap();
        let ids: Vec<MessageId> =
            (1..=8_u8).map(|n| format!("0191e3c4-7a5b-7c3d-8e4f-a1b2c3d4e5f{n}").parse().unwrap()).collect();
        for kept in [&ids[..2], &ids[2..8]] {
            let begin = |id: &MessageId| {
                let mut file = outbox.begin(*id).unwrap();
                file.write_all(b"sealed").unwrap();
                (*id, file)
            };
            outbox.keep(&kept.iter().map(begin).collect::<Vec<_>>()).unwrap();
        }
        std::fs::write(outbox.staged(ids[0]), b"staged").unwrap();
        outbox.begin(ids[0]).unwrap();
        let mut swept = outbox.sweep().unwrap();
        swept.sort_unstable();
        assert_eq!(swept, ids);
        outbox.let_go(ids[7]).unwrap();
        outbox.let_go(ids[7]).unwrap();
        outbox.begin(ids[6]).unwrap();
        outbox.give_up(ids[6]);
        assert_eq!(outbox.sweep().unwrap().len(), 6);
        assert!(outbox.staged(ids[0]).exists());
    }
}
