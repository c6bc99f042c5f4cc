//! What came, on the disk: sealed messages, their records, and how far each of the union's streams has come.
//!
//! ```text
//! inbox/ID.part          on its way; the next start goes on at its length
//! received/ID.kxm        verified, sealed still
//! received/ID.json       one small record for each message, for good
//! quarantine/ID.kxm      what failed a check
//! inbox.json             the marks of the streams, and the whole record of the newest message
//! ```
//!
//! As in the [ledger](crate::employer::ledger), **replacing `inbox.json` is the commitment**: before it a message is still on
//! its way, whatever its file is called; after it the message counts in its stream, and the receipt in its record is the one
//! that the union gets.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use jiff::{SignedDuration, Timestamp};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::incoming::{InboxState, Incoming};
use crate::domain::address::Address;
use crate::domain::ids::MessageId;
use crate::domain::sequence::{Finding, Link, Range, StreamMark};
use crate::domain::verdict::Warning;
use crate::employer::disk::{Disk, LocalDisk, TEMPORARY, replace};
use crate::employer::ledger::LedgerError;
use crate::stream::platform::make_private_folder;
use crate::wire::page::Cursor;

/// Folder of what is on its way.
const PARTS: &str = "inbox";
/// Folder of what is here.
const RECEIVED: &str = "received";
/// Folder of what failed a check.
const QUARANTINE: &str = "quarantine";
/// Every folder of what came.
pub(in crate::employer) const FOLDERS: [&str; 3] = [PARTS, RECEIVED, QUARANTINE];
/// File with [`Arrivals`].
const ARRIVALS: &str = "inbox.json";
/// Extension of a sealed message.
const SEALED: &str = "kxm";

/// What came, in one home folder.
#[derive(Debug)]
pub(in crate::employer) struct Tray {
    folder: PathBuf,
    disk: Arc<dyn Disk>,
    arrivals: Mutex<Arrivals>,
    writes: bool,
}

/// How far the streams have come.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Arrivals {
    /// By the address that the messages of a stream are for: ours, or our office's.
    #[serde(default)]
    streams: BTreeMap<Address, StreamMark>,
    /// The message that moved a mark last.
    #[serde(default)]
    newest: Option<Box<Incoming>>,
    /// How far the relay's list of what was taken back has been read.
    #[serde(default)]
    withdrawals: Option<Cursor>,
    /// Places of what was taken back in streams that have not begun here: only a message begins a stream.
    #[serde(default)]
    unbegun: BTreeMap<Address, Vec<Link>>,
}

/// How long sealed messages are kept.
#[derive(Debug, Clone, Copy)]
pub(super) struct Keep {
    /// Those that are verified, after the last receipt.
    pub(super) received: SignedDuration,
    /// Those that failed a check.
    pub(super) quarantined: SignedDuration,
}

/// Numbers that have not come though higher ones have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// Whom the messages are for.
    pub to: Address,
    /// Which.
    pub numbers: Range,
}

fn failed(what: &'static str) -> impl Fn(io::Error) -> LedgerError {
    move |cause| LedgerError::Disk { what, cause }
}

const WRITING: &str = "writing down what came";
const READING: &str = "reading what came";

impl Tray {
    /// Opens a folder that the ledger keeps others out of, and puts right what a crash left behind.
    pub(in crate::employer) fn open(folder: &Path, disk: Arc<dyn Disk>) -> Result<Self, LedgerError> {
        for name in FOLDERS {
            make_private_folder(&folder.join(name)).map_err(failed("making a folder"))?;
        }
        let tray = Self::read(folder, disk, true)?;
        tray.recover()?;
        Ok(tray)
    }

    /// Opens it for looking only: nothing is put right or kept.
    pub(in crate::employer) fn look_into(folder: &Path) -> Result<Self, LedgerError> {
        Self::read(folder, Arc::new(LocalDisk), false)
    }

    fn read(folder: &Path, disk: Arc<dyn Disk>, writes: bool) -> Result<Self, LedgerError> {
        let arrivals = read_json(&folder.join(ARRIVALS))?.unwrap_or_default();
        Ok(Self { folder: folder.to_owned(), disk, arrivals: Mutex::new(arrivals), writes })
    }

    /// Whether anything may be changed here.
    pub(super) fn writes(&self) -> bool {
        self.writes
    }

    /// Puts a message into its stream, lets `finish` make the record whole with what was found there, and keeps both. Once
    /// this answers `Ok`, the message is here.
    pub(super) fn commit<E: From<LedgerError>>(
        &self,
        place: Option<(&Address, Link)>,
        finish: impl FnOnce(Option<(Finding, &StreamMark)>) -> Result<Incoming, E>,
    ) -> Result<Incoming, E> {
        let mut arrivals = self.lock();
        let mut next = arrivals.clone();
        let incoming = match place {
            None => finish(None)?,
            Some((to, link)) => {
                let taken_back = next.unbegun.remove(to).unwrap_or_default();
                let mark = next.streams.entry(to.clone()).or_insert_with(|| begin(&link));
                let seen = mark.covers(link.sequence) && self.has_come(&link)?;
                let finding = mark.observe(&link, seen);
                let warnings = explain(mark, &taken_back);
                let mut incoming = finish(Some((finding, mark)))?;
                incoming.warnings.extend(warnings);
                incoming
            }
        };
        next.newest = Some(Box::new(incoming.clone()));
        self.write_json(&self.folder.join(ARRIVALS), &next)?;
        crate::failpoint!("inbox.committed");
        *arrivals = next;
        self.write_json(&self.record_path(&incoming), &incoming)?;
        crate::failpoint!("inbox.recorded");
        Ok(incoming)
    }

    /// Keeps what the union says of a number that nobody gets, and puts it into its stream: once that has begun, since an old statement
    /// says nothing of what came to this PC.
    pub(super) fn commit_statement(
        &self,
        to: &Address,
        link: Link,
        finish: impl FnOnce(Option<(Finding, &StreamMark)>) -> Result<Incoming, LedgerError>,
    ) -> Result<Incoming, LedgerError> {
        let has_begun = self.lock().streams.contains_key(to);
        if has_begun {
            return self.commit(Some((to, link)), finish);
        }
        // Kept first: of what is committed after it and cut off, the list is read again.
        let mut arrivals = self.lock();
        let mut next = arrivals.clone();
        let waiting = next.unbegun.entry(to.clone()).or_default();
        if !waiting.contains(&link) {
            waiting.push(link);
            waiting.sort_by_key(|link| link.sequence);
        }
        self.write_json(&self.folder.join(ARRIVALS), &next)?;
        *arrivals = next;
        drop(arrivals);
        self.commit(None, finish)
    }

    /// Whether this very message is in a record.
    fn has_come(&self, link: &Link) -> Result<bool, LedgerError> {
        let is_it = |record: &Incoming| {
            record
                .content
                .as_ref()
                .is_some_and(|content| (content.sequence, content.signature_hash) == (link.sequence, link.hash))
        };
        Ok(self.records()?.iter().any(is_it))
    }

    /// Keeps what became of a message.
    pub(super) fn update(&self, incoming: &Incoming) -> Result<(), LedgerError> {
        if self.writes { self.write_json(&self.record_path(incoming), incoming) } else { Ok(()) }
    }

    /// Every record, in the order in which they came.
    pub(in crate::employer) fn records(&self) -> Result<Vec<Incoming>, LedgerError> {
        let folder = self.folder.join(RECEIVED);
        let mut records = Vec::new();
        for stem in stems(&folder, "json")? {
            let path = folder.join(format!("{stem}.json"));
            let record: Incoming = read_json(&path)?.ok_or_else(|| LedgerError::Damaged(path.clone()))?;
            if stem_of(&record) != stem {
                return Err(LedgerError::Damaged(path));
            }
            records.push(record);
        }
        records.sort_by_key(|record| (record.received_at, record.id, record.copy));
        Ok(records)
    }

    /// The numbers that have not come.
    pub(super) fn missing(&self) -> Vec<Missing> {
        let arrivals = self.lock();
        let of = |(to, mark): (&Address, &StreamMark)| {
            mark.missing().into_iter().map(|numbers| Missing { to: to.clone(), numbers }).collect::<Vec<_>>()
        };
        arrivals.streams.iter().flat_map(of).collect()
    }

    /// How far the list of what was taken back has been read.
    pub(super) fn withdrawals(&self) -> Option<Cursor> {
        self.lock().withdrawals
    }

    /// Keeps that place.
    pub(super) fn set_withdrawals(&self, cursor: Cursor) -> Result<(), LedgerError> {
        let mut arrivals = self.lock();
        let next = Arrivals { withdrawals: Some(cursor), ..arrivals.clone() };
        self.write_json(&self.folder.join(ARRIVALS), &next)?;
        *arrivals = next;
        Ok(())
    }

    /// Bytes that may be written while so many stay free; an error if that is fewer than needed.
    pub(super) fn check_room(&self, needed: u64, reserve: u64) -> Result<(), LedgerError> {
        let needed = needed.saturating_add(reserve).saturating_add(64 << 10);
        let available = self.disk.available(&self.folder).map_err(failed("asking for the room on the disk"))?;
        if available >= needed { Ok(()) } else { Err(LedgerError::Full { needed, available }) }
    }

    /// Where a message on its way is.
    pub(super) fn part_path(&self, id: MessageId) -> PathBuf {
        self.folder.join(format!("{PARTS}/{id}.{TEMPORARY}"))
    }

    /// Bytes that are here of a message on its way.
    pub(super) fn part_length(&self, id: MessageId) -> u64 {
        fs::metadata(self.part_path(id)).map_or(0, |found| found.len())
    }

    /// Throws away what is here of a message on its way.
    pub(super) fn discard_part(&self, id: MessageId) -> Result<(), LedgerError> {
        self.remove(&self.part_path(id))
    }

    /// Throws away what is here of messages that are on no list any more.
    pub(super) fn discard_parts_but(&self, waiting: &[MessageId]) -> Result<(), LedgerError> {
        for stem in stems(&self.folder.join(PARTS), TEMPORARY)? {
            if stem.parse().is_ok_and(|id: MessageId| !waiting.contains(&id)) {
                self.remove(&self.folder.join(format!("{PARTS}/{stem}.{TEMPORARY}")))?;
            }
        }
        Ok(())
    }

    /// Where the sealed message of a record is, or goes.
    pub(super) fn sealed_path(&self, incoming: &Incoming) -> PathBuf {
        let quarantined = incoming.state() == InboxState::Quarantined;
        let folder = if quarantined { QUARANTINE } else { RECEIVED };
        self.folder.join(format!("{folder}/{}.{SEALED}", stem_of(incoming)))
    }

    /// Whether the sealed message is kept still.
    pub(super) fn has_sealed(&self, incoming: &Incoming) -> bool {
        self.sealed_path(incoming).exists()
    }

    /// Gives a whole and synced message on its way the place of its record.
    pub(super) fn place(&self, incoming: &Incoming) -> Result<(), LedgerError> {
        let to = self.sealed_path(incoming);
        self.disk.rename(&self.part_path(incoming.id), &to).map_err(failed(WRITING))?;
        self.sync_folder_of(&to)
    }

    /// Whether what is on its way has the bytes of the sealed message of a record.
    pub(super) fn is_same(&self, incoming: &Incoming) -> bool {
        same_bytes(&self.part_path(incoming.id), &self.sealed_path(incoming)).unwrap_or(false)
    }

    /// Lets go of sealed messages of which the union has had the last receipt for so long, or the relay been told that they failed a check.
    pub(super) fn let_go(&self, now: Timestamp, keep: Keep) -> Result<(), LedgerError> {
        for record in self.records()? {
            let keep = if record.state() == InboxState::Quarantined { keep.quarantined } else { keep.received };
            if record.settled_at().is_some_and(|settled| now.duration_since(settled) >= keep) {
                self.remove(&self.sealed_path(&record))?;
            }
        }
        Ok(())
    }

    /// Finishes what was committed; what was not is on its way again.
    fn recover(&self) -> Result<(), LedgerError> {
        let newest = self.lock().newest.clone();
        if let Some(newest) = newest
            && !self.record_path(&newest).exists()
        {
            self.write_json(&self.record_path(&newest), &*newest)?;
        }
        let received = self.folder.join(RECEIVED);
        for stem in stems(&received, TEMPORARY)? {
            self.remove(&received.join(format!("{stem}.{TEMPORARY}")))?;
        }
        let records = self.records()?;
        for name in [RECEIVED, QUARANTINE] {
            let folder = self.folder.join(name);
            for stem in stems(&folder, SEALED)? {
                let path = folder.join(format!("{stem}.{SEALED}"));
                if records.iter().any(|record| self.sealed_path(record) == path) {
                    continue;
                }
                // Its name was given before the crash, its number was not.
                let id = stem.split('_').next().and_then(|id| id.parse::<MessageId>().ok());
                match id {
                    Some(id) => self.disk.rename(&path, &self.part_path(id)).map_err(failed("tidying up"))?,
                    None => return Err(LedgerError::Damaged(path)),
                }
            }
        }
        Ok(())
    }

    fn record_path(&self, incoming: &Incoming) -> PathBuf {
        self.folder.join(format!("{RECEIVED}/{}.json", stem_of(incoming)))
    }

    fn remove(&self, path: &Path) -> Result<(), LedgerError> {
        match self.disk.remove(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed("tidying up")(error)),
            _ => Ok(()),
        }
    }

    fn sync_folder_of(&self, path: &Path) -> Result<(), LedgerError> {
        let folder = path.parent().expect("files of ours are in a folder");
        self.disk.sync_folder(folder).map_err(failed(WRITING))
    }

    fn write_json(&self, path: &Path, value: &impl Serialize) -> Result<(), LedgerError> {
        let text = serde_json::to_vec_pretty(value).expect("a record is plain data");
        replace(&*self.disk, path, &text).map_err(failed(WRITING))
    }

    fn lock(&self) -> MutexGuard<'_, Arrivals> {
        self.arrivals.lock().expect("nothing panics while it holds the marks")
    }
}

/// A stream begins where we meet it: what an earlier PC or user of the office has had is not missed here.
fn begin(link: &Link) -> StreamMark {
    if link.sequence == 1 { StreamMark::default() } else { StreamMark::starting_at(link) }
}

/// Puts what was taken back before a stream began here into it, as far as it lies behind its beginning. Gaps before it show by themselves.
fn explain(mark: &mut StreamMark, taken_back: &[Link]) -> BTreeSet<Warning> {
    let mut warnings = BTreeSet::new();
    for link in taken_back {
        if !mark.covers(link.sequence) {
            warnings.extend(mark.observe(link, false).warnings());
        }
    }
    warnings.remove(&Warning::SequenceGap);
    warnings
}

/// What the files of a record are named by.
fn stem_of(incoming: &Incoming) -> String {
    if incoming.copy == 0 { incoming.id.to_string() } else { format!("{}_{}", incoming.id, incoming.copy) }
}

/// Whether two files have the same bytes.
pub(super) fn same_bytes(one: &Path, other: &Path) -> io::Result<bool> {
    same(File::open(one)?, File::open(other)?)
}

/// Whether two files have the same bytes, from where they stand.
pub(super) fn same(mut one: File, mut other: File) -> io::Result<bool> {
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

fn stems(folder: &Path, extension: &str) -> Result<Vec<String>, LedgerError> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.and_then(Iterator::collect::<Result<Vec<_>, _>>).map_err(failed(READING))?,
    };
    let names = entries.into_iter().filter_map(|entry| entry.file_name().into_string().ok());
    let stem = |name: String| Some(name.strip_suffix(extension)?.strip_suffix('.')?.to_owned());
    Ok(names.filter_map(stem).collect())
}

fn read_json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, LedgerError> {
    match fs::read(path) {
        Ok(text) => serde_json::from_slice(&text).map(Some).map_err(|_| LedgerError::Damaged(path.to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(READING)(error)),
    }
}
