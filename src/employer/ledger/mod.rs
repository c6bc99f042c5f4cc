//! Numbers and chains the messages of this user, and survives a crash at every instruction.
//!
//! A message is made in steps: seal it into `outbox/ID.part`, make it durable, name it `outbox/ID.kxm`, and then replace
//! `stream.json`, which holds the whole record of the newest message. **That one rename is the commitment**: before it
//! the number is free and what is in the outbox is thrown away by [`Ledger::open`]; after it these sealed bytes own the
//! number for ever, and are sent as they are however often we start again. (Sealing anew would give another signature
//! under the same number: a fork, to the union.) Last comes `sent/ID.json`, which [`Ledger::open`] writes from
//! `stream.json` if a crash came between.

mod head;

use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use serde::Serialize;
use serde::de::DeserializeOwned;

use self::head::Newest;

use crate::domain::clock::Random;
use crate::domain::digest::Sha256;
use crate::domain::ids::MessageId;
use crate::message::error::SealError;
use crate::message::keys::{Certificate, Credential};
use crate::message::seal::{Draft, seal};
use crate::stream::platform;
use crate::wire::page::Cursor;

use crate::employer::disk::{Disk, LocalDisk, TEMPORARY, replace};
use crate::employer::outgoing::Letter;
use crate::employer::record::Record;

/// File of the newest message.
const STREAM: &str = "stream.json";
/// File of the place in the relay's list up to which every message is known.
const SEEN: &str = "seen.json";
/// Extension of a sealed message.
const SEALED: &str = "kxm";
/// How much is gathered before it goes to the disk.
const WRITE: usize = 256 * 1024;

/// The stream of messages of one home folder.
#[derive(Debug)]
pub struct Ledger {
    folder: PathBuf,
    disk: Arc<dyn Disk>,
    head: Mutex<Head>,
    /// Held as long as we live; the operating system gives it back if we do not. `None`: for looking only.
    lock: Option<File>,
}

#[derive(Debug)]
enum Head {
    /// The newest message; `None` before the first.
    At(Option<Newest>),
    /// The disk failed in the middle of the commitment: only reading it again tells.
    Unsure,
}

/// What can go wrong with the ledger.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// Another process works in this home folder.
    #[error("another kx-employer is working in this folder")]
    Busy,
    /// The disk.
    #[error("{what} failed")]
    Disk {
        /// What was tried.
        what: &'static str,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
    /// Somebody else than us has written there, or the disk lost something.
    #[error("{} is damaged", .0.display())]
    Damaged(PathBuf),
    /// The records are those of another user or union.
    #[error("the folder holds what another user has sent")]
    Stranger,
    /// The certificate to seal for is older than the one used before: somebody hands over one that was replaced.
    #[error("the union's certificate is older than the one used before")]
    OlderRecipient,
    /// The outbox has no room for the sealed message.
    #[error("the disk has no room: {needed} bytes are needed, {available} are free")]
    Full {
        /// Bytes that the message and the reserve need.
        needed: u64,
        /// Bytes there are.
        available: u64,
    },
    /// Sealing failed.
    #[error("sealing failed")]
    Seal(#[source] SealError),
    /// The file changed while it was sealed.
    #[error("the file changed while it was read")]
    Changed,
    /// The disk failed before; the process has to be started again.
    #[error("the disk failed before: start again")]
    Unsure,
}

impl LedgerError {
    /// Which of these it is, as a word for logs.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Busy => "ledger.busy",
            Self::Disk { .. } => "ledger.disk",
            Self::Damaged(_) => "ledger.damaged",
            Self::Stranger => "ledger.stranger",
            Self::OlderRecipient => "ledger.older-recipient",
            Self::Full { .. } => "ledger.full",
            Self::Seal(_) => "ledger.seal",
            Self::Changed => "ledger.changed",
            Self::Unsure => "ledger.unsure",
        }
    }
}

fn disk(what: &'static str) -> impl Fn(io::Error) -> LedgerError {
    move |cause| LedgerError::Disk { what, cause }
}

impl Ledger {
    /// Locks the folder, and puts right what a crash left behind.
    pub fn open(folder: &Path, disk_: Arc<dyn Disk>) -> Result<Self, LedgerError> {
        for name in ["outbox", "sent"] {
            platform::make_private_folder(&folder.join(name)).map_err(disk("making a folder"))?;
        }
        let lock = platform::lock(&folder.join("lock")).map_err(disk("locking the folder"))?;
        let lock = lock.ok_or(LedgerError::Busy)?;
        let ledger = Self { folder: folder.to_owned(), disk: disk_, head: Mutex::new(Head::Unsure), lock: Some(lock) };
        let head = ledger.recover()?;
        *ledger.lock_head() = Head::At(head);
        Ok(ledger)
    }

    /// Opens the folder for looking only, whoever works in it: nothing is put right, sealed or kept.
    pub fn look_into(folder: &Path) -> Self {
        let head = Mutex::new(Head::Unsure);
        Self { folder: folder.to_owned(), disk: Arc::new(LocalDisk), head, lock: None }
    }

    /// Seals a file under the next number. When this answers `Ok`, the message has its number and will not lose it.
    ///
    /// `unchanged` is asked at the end whether what was read is still the file. Blocks for as long as reading takes.
    pub fn seal(
        &self,
        letter: &Letter,
        signer: &Credential,
        recipient: &Certificate,
        random: &dyn Random,
        content: impl Read + Send,
        unchanged: impl FnOnce() -> bool,
    ) -> Result<Record, LedgerError> {
        let mut head = self.lock_head();
        let (sequence, previous) = match &*head {
            Head::At(None) => (1, Sha256::ZERO),
            Head::At(Some(newest)) => {
                newest.record().map_or(Ok(()), |last| may_follow(last, letter, recipient))?;
                let last = newest.position();
                (last.sequence + 1, last.previous)
            }
            Head::Unsure => return Err(LedgerError::Unsure),
        };
        let draft = letter.draft(sequence, previous);
        let sealed = self.write_sealed(&draft, signer, recipient, random, content);
        let record = match sealed {
            Ok(record) if record.size == letter.size && unchanged() => record,
            other => {
                // Nothing is committed, so nothing is left behind.
                for path in [self.temporary(letter.id), self.sealed_path(letter.id)] {
                    let _ = self.disk.remove(&path);
                }
                return Err(other.err().unwrap_or(LedgerError::Changed));
            }
        };
        *head = Head::Unsure;
        self.write_json(&self.stream_path(), &record)?;
        *head = Head::At(Some(Newest::Ours(Box::new(record.clone()))));
        self.write_json(&self.record_path(record.id), &record)?;
        Ok(record)
    }

    fn write_sealed(
        &self,
        draft: &Draft,
        signer: &Credential,
        recipient: &Certificate,
        random: &dyn Random,
        content: impl Read + Send,
    ) -> Result<Record, LedgerError> {
        let temporary = self.temporary(draft.id);
        let file = self.disk.create(&temporary).map_err(disk("writing to the outbox"))?;
        let mut output = BufWriter::with_capacity(WRITE, file);
        let recipients = std::slice::from_ref(recipient);
        let sealed = seal(draft, signer, recipients, random, content, &mut output).map_err(LedgerError::Seal)?;
        output.flush().map_err(disk("writing to the outbox"))?;
        self.disk.sync(output.get_ref()).map_err(disk("writing to the outbox"))?;
        self.disk.rename(&temporary, &self.sealed_path(draft.id)).map_err(disk("writing to the outbox"))?;
        self.disk.sync_folder(&self.folder.join("outbox")).map_err(disk("writing to the outbox"))?;
        Ok(Record {
            id: draft.id,
            from: draft.from.clone(),
            to: draft.to.clone(),
            sequence: draft.sequence,
            previous: draft.previous,
            signature_hash: sealed.signature_hash,
            recipient: recipient.fingerprint(),
            recipient_since: recipient.not_before(),
            tag: sealed.tag,
            digest: sealed.digest,
            file_name: draft.file_name.clone(),
            comment: draft.comment.clone(),
            signed_at: draft.date,
            size: sealed.size,
            sealed_size: sealed.sealed_size,
            uploaded_at: None,
            receipts: Vec::new(),
            returned: None,
        })
    }

    /// Keeps what became of a message. Once it is settled its sealed bytes are let go.
    pub fn update(&self, record: &Record) -> Result<(), LedgerError> {
        if self.lock.is_none() {
            return Ok(());
        }
        self.write_json(&self.record_path(record.id), record)?;
        if record.is_settled() {
            self.let_go(record.id)?;
        }
        Ok(())
    }

    /// Every record, in the order of the numbers.
    pub fn records(&self) -> Result<Vec<Record>, LedgerError> {
        let ids = ids_in(&self.folder.join("sent"), "json")?;
        let mut records = ids.into_iter().map(|id| self.record(id)).collect::<Result<Vec<_>, _>>()?;
        records.sort_by_key(|record| record.sequence);
        Ok(records)
    }

    /// The records whose sealed bytes are still kept, in the order of the numbers.
    pub fn unsettled(&self) -> Result<Vec<Record>, LedgerError> {
        let ids = ids_in(&self.folder.join("outbox"), SEALED)?;
        let mut records = ids.into_iter().map(|id| self.record(id)).collect::<Result<Vec<_>, _>>()?;
        records.sort_by_key(|record| record.sequence);
        Ok(records)
    }

    /// Refuses in time when the outbox could not hold a message for a file of this size.
    pub fn check_room(&self, size: u64, reserve: u64) -> Result<(), LedgerError> {
        // What sealing adds is well below one part in a thousand, headers and certificates apart.
        let needed = size + size / 1000 + (64 << 10) + reserve;
        let available = self.disk.available(&self.folder).map_err(disk("asking for the room on the disk"))?;
        if available >= needed { Ok(()) } else { Err(LedgerError::Full { needed, available }) }
    }

    /// Those of some messages that this folder has no record of.
    pub fn unknown(&self, ids: impl IntoIterator<Item = MessageId>) -> Result<Vec<MessageId>, LedgerError> {
        let mut unknown = Vec::new();
        for id in ids {
            if !self.record_path(id).try_exists().map_err(disk("reading what was sent"))? {
                unknown.push(id);
            }
        }
        Ok(unknown)
    }

    /// The place in the relay's list up to which every message is known here.
    pub fn seen(&self) -> Result<Option<Cursor>, LedgerError> {
        read_json(&self.folder.join(SEEN))
    }

    /// Keeps that place.
    pub fn set_seen(&self, cursor: Cursor) -> Result<(), LedgerError> {
        let text = serde_json::to_vec(&cursor).expect("a cursor is plain data");
        replace(&*self.disk, &self.folder.join(SEEN), &text).map_err(disk("writing down what was sent"))
    }

    /// Whether the sealed bytes of a message are there.
    pub fn has_sealed(&self, id: MessageId) -> Result<bool, LedgerError> {
        self.sealed_path(id).try_exists().map_err(disk("looking into the outbox"))
    }

    /// Where a sealed message is.
    pub fn sealed_path(&self, id: MessageId) -> PathBuf {
        self.folder.join(format!("outbox/{id}.{SEALED}"))
    }

    fn temporary(&self, id: MessageId) -> PathBuf {
        self.folder.join(format!("outbox/{id}.{TEMPORARY}"))
    }

    fn record_path(&self, id: MessageId) -> PathBuf {
        self.folder.join(format!("sent/{id}.json"))
    }

    fn stream_path(&self) -> PathBuf {
        self.folder.join(STREAM)
    }

    fn lock_head(&self) -> MutexGuard<'_, Head> {
        self.head.lock().expect("nothing panics while it holds the head of the stream")
    }

    fn write_json(&self, path: &Path, record: &impl Serialize) -> Result<(), LedgerError> {
        let text = serde_json::to_vec_pretty(record).expect("a record is plain data");
        replace(&*self.disk, path, &text).map_err(disk("writing down what was sent"))
    }

    fn record(&self, id: MessageId) -> Result<Record, LedgerError> {
        let path = self.record_path(id);
        match read_json::<Record>(&path)? {
            Some(record) if record.id == id => Ok(record),
            _ => Err(LedgerError::Damaged(path)),
        }
    }

    /// Finishes what was committed, throws away what was not.
    fn recover(&self) -> Result<Option<Newest>, LedgerError> {
        let head: Option<Newest> = read_json(&self.stream_path())?;
        let (sent, outbox) = (self.folder.join("sent"), self.folder.join("outbox"));
        if let Some(record) = head.as_ref().and_then(Newest::record)
            && !self.record_path(record.id).exists()
        {
            self.write_json(&self.record_path(record.id), record)?;
        }
        let known = ids_in(&sent, "json")?;
        // Every number has one record. More of them than the head says: it is an old copy, and numbers would be used twice.
        if known.len() as u64 > head.as_ref().map_or(0, |head| head.position().sequence) {
            return Err(LedgerError::Damaged(self.stream_path()));
        }
        for id in ids_in(&outbox, SEALED)? {
            if !known.contains(&id) || self.record(id)?.is_settled() {
                self.let_go(id)?;
            }
        }
        for folder in [&self.folder, &sent, &outbox] {
            for name in names_in(folder)? {
                if Path::new(&name).extension().is_some_and(|extension| extension == TEMPORARY) {
                    self.disk.remove(&folder.join(name)).map_err(disk("tidying up"))?;
                }
            }
        }
        Ok(head)
    }

    fn let_go(&self, id: MessageId) -> Result<(), LedgerError> {
        match self.disk.remove(&self.sealed_path(id)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(disk("tidying up")(error)),
            _ => Ok(()),
        }
    }
}

/// Whether a message for that addressee, under that certificate, may stand behind this one.
fn may_follow(last: &Record, letter: &Letter, recipient: &Certificate) -> Result<(), LedgerError> {
    if (&last.from, &last.to) != (&letter.from, &letter.to) {
        Err(LedgerError::Stranger)
    } else if last.recipient_since > recipient.not_before() {
        Err(LedgerError::OlderRecipient)
    } else {
        Ok(())
    }
}

fn read_json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, LedgerError> {
    match fs::read(path) {
        Ok(text) => serde_json::from_slice(&text).map(Some).map_err(|_| LedgerError::Damaged(path.to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(disk("reading what was sent")(error)),
    }
}

fn ids_in(folder: &Path, extension: &str) -> Result<Vec<MessageId>, LedgerError> {
    let names = names_in(folder)?;
    Ok(names.iter().filter_map(|name| name.strip_suffix(extension)?.strip_suffix('.')?.parse().ok()).collect())
}

fn names_in(folder: &Path) -> Result<Vec<String>, LedgerError> {
    let entries = fs::read_dir(folder).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let entries = entries.map_err(disk("reading what was sent"))?;
    Ok(entries.into_iter().filter_map(|entry| entry.file_name().into_string().ok()).collect())
}

#[cfg(test)]
mod tests;
