//! The sealed messages: on their way, in their places, and let go of.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};

use super::{PARTS, QUARANTINE, RECEIVED, SEALED, Tray, WRITING, failed, stem_of, stems};
use crate::domain::ids::MessageId;
use crate::employer::disk::TEMPORARY;
use crate::employer::inbox::incoming::{InboxState, Incoming};
use crate::employer::ledger::LedgerError;

/// How long sealed messages are kept.
#[derive(Debug, Clone, Copy)]
pub(in crate::employer::inbox) struct Keep {
    /// Those that are verified, after the last receipt.
    pub(in crate::employer::inbox) received: SignedDuration,
    /// Those that failed a check.
    pub(in crate::employer::inbox) quarantined: SignedDuration,
}

impl Tray {
    /// Bytes that may be written while so many stay free; an error if that is fewer than needed.
    pub(in crate::employer::inbox) fn check_room(&self, needed: u64, reserve: u64) -> Result<(), LedgerError> {
        let needed = needed.saturating_add(reserve).saturating_add(64 << 10);
        let available = self.disk.available(&self.folder).map_err(failed("asking for the room on the disk"))?;
        if available >= needed { Ok(()) } else { Err(LedgerError::Full { needed, available }) }
    }

    /// Where a message on its way is.
    pub(in crate::employer::inbox) fn part_path(&self, id: MessageId) -> PathBuf {
        self.folder.join(format!("{PARTS}/{id}.{TEMPORARY}"))
    }

    /// Bytes that are here of a message on its way.
    pub(in crate::employer::inbox) fn part_length(&self, id: MessageId) -> u64 {
        fs::metadata(self.part_path(id)).map_or(0, |found| found.len())
    }

    /// Makes these bytes, which came into memory, messages on their way; durable together.
    pub(in crate::employer::inbox) fn write_parts(&self, parts: &[(MessageId, &[u8])]) -> Result<(), LedgerError> {
        let write = || {
            let mut written = Vec::with_capacity(parts.len());
            for (id, bytes) in parts {
                let mut file = self.disk.create(&self.part_path(*id))?;
                file.write_all(bytes)?;
                written.push(file);
            }
            self.disk.sync_together(&written.iter().collect::<Vec<_>>())
        };
        write().map_err(failed("writing what is fetched"))
    }

    /// Throws away what is here of a message on its way.
    pub(in crate::employer::inbox) fn discard_part(&self, id: MessageId) -> Result<(), LedgerError> {
        self.remove(&self.part_path(id))
    }

    /// Throws away what is here of messages that are on no list any more.
    pub(in crate::employer::inbox) fn discard_parts_but(&self, waiting: &[MessageId]) -> Result<(), LedgerError> {
        let waiting: BTreeSet<_> = waiting.iter().collect();
        for stem in stems(&self.folder.join(PARTS), TEMPORARY)? {
            if stem.parse().is_ok_and(|id: MessageId| !waiting.contains(&id)) {
                self.remove(&self.folder.join(format!("{PARTS}/{stem}.{TEMPORARY}")))?;
            }
        }
        Ok(())
    }

    /// Where the sealed message of a record is, or goes.
    pub(in crate::employer::inbox) fn sealed_path(&self, incoming: &Incoming) -> PathBuf {
        let quarantined = incoming.state() == InboxState::Quarantined;
        let folder = if quarantined { QUARANTINE } else { RECEIVED };
        self.folder.join(format!("{folder}/{}.{SEALED}", stem_of(incoming)))
    }

    /// Whether the sealed message is kept still.
    pub(in crate::employer::inbox) fn has_sealed(&self, incoming: &Incoming) -> bool {
        self.sealed_path(incoming).exists()
    }

    /// Gives whole and synced messages on their way the places of their records.
    pub(in crate::employer::inbox) fn place<'a>(
        &self,
        group: impl IntoIterator<Item = &'a Incoming>,
    ) -> Result<(), LedgerError> {
        let mut folders = BTreeSet::new();
        for incoming in group {
            let to = self.sealed_path(incoming);
            self.disk.rename(&self.part_path(incoming.id), &to).map_err(failed(WRITING))?;
            folders.insert(to.parent().expect("files of ours are in a folder").to_owned());
            crate::failpoint!("inbox.placed");
        }
        folders.iter().try_for_each(|folder| self.disk.sync_folder(folder)).map_err(failed(WRITING))
    }

    /// Lets go of sealed messages of which the union has had the last receipt for so long, or the relay been told that they failed a check.
    pub(in crate::employer::inbox) fn let_go(&self, now: Timestamp, keep: Keep) -> Result<(), LedgerError> {
        for record in self.records()? {
            let keep = if record.state() == InboxState::Quarantined { keep.quarantined } else { keep.received };
            if record.settled_at().is_some_and(|settled| now.duration_since(settled) >= keep) {
                self.remove(&self.sealed_path(&record))?;
            }
        }
        Ok(())
    }

    pub(super) fn remove(&self, path: &Path) -> Result<(), LedgerError> {
        match self.disk.remove(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed("tidying up")(error)),
            _ => Ok(()),
        }
    }
}

/// Whether both give the same bytes, from where they stand.
pub(in crate::employer::inbox) fn same(mut one: impl Read, mut other: File) -> io::Result<bool> {
    let (mut left, mut right) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    loop {
        let read = one.read(&mut left)?;
        if read == 0 {
            return Ok(other.read(&mut right)? == 0);
        }
        match other.read_exact(&mut right[..read]) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
            read_ => read_?,
        }
        if left[..read] != right[..read] {
            return Ok(false);
        }
    }
}
