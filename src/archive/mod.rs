//! The archive: where messages are kept, sealed, byte for byte as they came.
//!
//! A file's place follows from its id alone, so a crash between the file and its database row leaves nothing that the next
//! run does not find again. Only a [`Verified`] message has a place in the archive; everything else goes to quarantine.

mod folders;
mod group;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;

use folders::Root;
pub use group::Durable;

use crate::domain::digest::Tag;
use crate::domain::ids::MessageId;
use crate::message::open::Verified;
use crate::stream::spool::make_folder;

/// The folders of the archive and of the quarantine, on one file system.
#[derive(Debug, Clone)]
pub struct Archive {
    archive: Arc<Root>,
    quarantine: Arc<Root>,
}

/// Sealed bytes that wait for their place.
#[derive(Debug)]
pub enum Sealed {
    /// A small message, in memory.
    Memory(Bytes),
    /// A large one, whole and synced in the spool.
    Spooled(PathBuf),
    /// A file in quarantine that was there before, with the same bytes: linked elsewhere, never moved.
    Shared(PathBuf),
}

/// A file and the place that it goes to.
#[derive(Debug)]
pub struct Placement {
    sealed: Sealed,
    root: Arc<Root>,
    path: String,
    keeps: Keeps,
    state: Placed,
}

/// What happens to other bytes that have the place already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keeps {
    /// They go: only what has no row can be there.
    New,
    /// They stay, and the new ones get a place beside them: names in quarantine are chosen by strangers.
    Both,
}

/// How far a file has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Placed {
    Not,
    Moved,
    /// The very same bytes were there.
    Found,
}

impl Placement {
    fn new(root: &Arc<Root>, path: String, keeps: Keeps, sealed: Sealed) -> Self {
        Self { sealed, root: Arc::clone(root), path, keeps, state: Placed::Not }
    }

    fn target(&self) -> PathBuf {
        self.root.path().join(&self.path)
    }

    /// The place, below the folder of the archive or of the quarantine, as the database keeps it. Final only when the
    /// file is there: in quarantine other bytes may have had it.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Lets go of the bytes in memory: they are in their place.
    pub fn release(&mut self, _: &Durable) {
        let target = self.target();
        self.sealed = if self.state == Placed::Found { Sealed::Shared(target) } else { Sealed::Spooled(target) };
    }

    /// The bytes again, to put them elsewhere.
    pub fn into_sealed(self) -> Sealed {
        self.sealed
    }
}

impl Archive {
    /// Makes the folders if they are not there.
    pub fn open(archive: &Path, quarantine: &Path) -> io::Result<Self> {
        make_folder(archive)?;
        make_folder(quarantine)?;
        Ok(Self { archive: Arc::new(Root::new(archive)), quarantine: Arc::new(Root::new(quarantine)) })
    }

    /// The place of a verified message.
    pub fn place(&self, verified: &Verified, sealed: Sealed) -> Placement {
        Placement::new(&self.archive, archive_path(verified.header().id), Keeps::New, sealed)
    }

    /// The place of whatever came under this id and failed a check. Nothing that is there
    /// is replaced: other bytes under the same name get a number.
    pub fn place_in_quarantine(&self, id: MessageId, tag: Option<Tag>, size: u64, sealed: Sealed) -> Placement {
        let tag = tag.map_or_else(|| "none".to_owned(), |tag| tag.to_string());
        let path = format!("{}/{id}.{tag}-{size}.p7m", folder(id));
        Placement::new(&self.quarantine, path, Keeps::Both, sealed)
    }

    /// The file of an archived message.
    pub fn archived(&self, path: &str) -> PathBuf {
        self.archive.path().join(path)
    }

    /// The file of a quarantined message.
    pub fn quarantined(&self, path: &str) -> PathBuf {
        self.quarantine.path().join(path)
    }
}

/// Where an archived message is, below the folder of the archive.
fn archive_path(id: MessageId) -> String {
    format!("{}/{id}.p7m", folder(id))
}

/// Year, month, day and hour (UTC) at which the id was made: neighbours in time share a folder, and so its sync.
fn folder(id: MessageId) -> String {
    id.timestamp().strftime("%Y/%m/%d/%H").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_follow_from_the_id() {
        let id: MessageId = "0191e3c4-7a5b-7c3d-8e4f-a1b2c3d4e5f6".parse().unwrap();
        assert_eq!(archive_path(id), "2024/09/12/01/0191e3c4-7a5b-7c3d-8e4f-a1b2c3d4e5f6.p7m");
        let dir = tempfile::tempdir().unwrap();
        let archive = Archive::open(&dir.path().join("archive"), &dir.path().join("quarantine")).unwrap();
        let one = archive.place_in_quarantine(id, Some(Tag([1; 16])), 9, Sealed::Memory(Bytes::new()));
        let other = archive.place_in_quarantine(id, None, 9, Sealed::Memory(Bytes::new()));
        assert_ne!(one.path(), other.path());
    }
}
