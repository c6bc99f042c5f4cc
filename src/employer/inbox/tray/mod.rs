//! What came, on the disk: sealed messages, their records, and how far each of the union's streams has come.
//!
//! ```text
//! inbox/ID.part          on its way; the next start goes on at its length
//! received/ID.kxm        verified, sealed still
//! received/ID.json       one small record for each message, for good
//! quarantine/ID.kxm      what failed a check
//! inbox.json             the marks of the streams, and the whole records of the newest messages
//! ```
//!
//! As in the [ledger](crate::employer::ledger), **replacing `inbox.json` is the commitment**: before it a message is still on
//! its way, whatever its file is called; after it the message counts in its stream, and the receipt in its record is the one
//! that the union gets. Several messages can share one commitment: then it holds for all of them or for none.

mod commit;
mod files;
mod recover;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

pub use self::commit::Missing;
pub(super) use self::files::{Keep, same};
use super::incoming::Incoming;
use crate::domain::address::Address;
use crate::domain::sequence::{Link, StreamMark};
use crate::employer::disk::{Disk, LocalDisk, replace, replace_together};
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
/// Extension of a record.
const RECORD: &str = "json";
/// Records that are written together, at most: so many files are open at once.
const TOGETHER: usize = 64;

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
    /// What was committed last. Their records are written after it.
    #[serde(default)]
    newest: Vec<Incoming>,
    /// How far the relay's list of what was taken back has been read.
    #[serde(default)]
    withdrawals: Option<Cursor>,
    /// Places of what was taken back in streams that have not begun here: only a message begins a stream.
    #[serde(default)]
    unbegun: BTreeMap<Address, Vec<Link>>,
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
    pub(in crate::employer::inbox) fn writes(&self) -> bool {
        self.writes
    }

    /// Every record, in the order in which they came.
    pub(in crate::employer) fn records(&self) -> Result<Vec<Incoming>, LedgerError> {
        let folder = self.folder.join(RECEIVED);
        let mut records = Vec::new();
        for stem in stems(&folder, RECORD)? {
            let path = folder.join(format!("{stem}.{RECORD}"));
            let record: Incoming = read_json(&path)?.ok_or_else(|| LedgerError::Damaged(path.clone()))?;
            if stem_of(&record) != stem {
                return Err(LedgerError::Damaged(path));
            }
            records.push(record);
        }
        records.sort_by_key(|record| (record.received_at, record.id, record.copy));
        Ok(records)
    }

    /// Keeps what became of a message.
    pub(in crate::employer::inbox) fn update(&self, incoming: &Incoming) -> Result<(), LedgerError> {
        self.update_all(std::slice::from_ref(incoming))
    }

    /// Keeps what became of these messages. On an error some of them may be kept.
    pub(in crate::employer::inbox) fn update_all(&self, records: &[Incoming]) -> Result<(), LedgerError> {
        if self.writes { records.chunks(TOGETHER).try_for_each(|some| self.write_records(some)) } else { Ok(()) }
    }

    /// The same, with an answer for each: together, and if that fails one by one.
    pub(in crate::employer::inbox) fn update_each(&self, records: &[Incoming]) -> Vec<Result<(), LedgerError>> {
        if records.len() > 1 && self.update_all(records).is_ok() {
            return records.iter().map(|_| Ok(())).collect();
        }
        records.iter().map(|record| self.update(record)).collect()
    }

    fn write_records(&self, records: &[Incoming]) -> Result<(), LedgerError> {
        let files: Vec<_> = records.iter().map(|record| (self.record_path(record), text_of(record))).collect();
        replace_together(&*self.disk, &files).map_err(failed(WRITING))
    }

    fn write_arrivals(&self, arrivals: &Arrivals) -> Result<(), LedgerError> {
        replace(&*self.disk, &self.folder.join(ARRIVALS), &text_of(arrivals)).map_err(failed(WRITING))
    }

    fn record_path(&self, incoming: &Incoming) -> PathBuf {
        self.folder.join(format!("{RECEIVED}/{}.{RECORD}", stem_of(incoming)))
    }

    fn lock(&self) -> MutexGuard<'_, Arrivals> {
        self.arrivals.lock().expect("nothing panics while it holds the marks")
    }
}

/// What the files of a record are named by.
fn stem_of(incoming: &Incoming) -> String {
    if incoming.copy == 0 { incoming.id.to_string() } else { format!("{}_{}", incoming.id, incoming.copy) }
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

fn text_of(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec_pretty(value).expect("a record is plain data")
}

fn read_json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, LedgerError> {
    match fs::read(path) {
        Ok(text) => serde_json::from_slice(&text).map(Some).map_err(|_| LedgerError::Damaged(path.to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(READING)(error)),
    }
}
