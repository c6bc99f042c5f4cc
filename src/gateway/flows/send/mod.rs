//! The push: from a file to signed receipts of those whom it was for.
//!
//! ```text
//! stage → release → seal (side by side) → number (group, ONE transaction) → deposit (side by side) → follow → end
//! ```
//!
//! A *dispatch* is one file for one or many addressees; each addressee is one *message* with a place in a stream of its own. Where
//! a message stands is a row ([`Sending`]), so that whoever is killed is gone on for by the next run: what has no number is
//! sealed anew, what has one is deposited as it is, and what the relay tells is heard from the place up to which it was heard.

mod check;
mod content;
mod decide;
mod deposit;
mod error;
mod follow;
mod forecast;
mod forgotten;
mod heard;
mod line;
mod number;
mod outbox;
mod outcome;
mod place;
mod recipients;
mod run;
mod scanned;
mod seal;
mod stage;
mod standing;
mod stray;
mod take_over;
mod tell;
mod trouble;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::sync::{Mutex, Notify};
use tokio_util::sync::CancellationToken;

use super::receive::Receiver;
use crate::domain::address::Address;
use crate::domain::file_name::FileName;
use crate::domain::ids::{MessageId, OfficeCode, UserId};
use crate::domain::sending::Sending;
use crate::gateway::keys::Keys;
use crate::gateway::relay::Relay;
use crate::gateway::view::sent::{DispatchView, SentReceiptView, SentView};
use crate::store::gateway::sent::{self, Filter};
use crate::store::gateway::{dispatches, sent_receipts, sent_recipients};
use crate::stream::disk::Disk;

pub use error::SendError;
pub use forecast::{Forecast, LeftOut};
use heard::Heard;
pub use outbox::Outbox;
pub use outcome::{Pushed, SendRunError};
pub use recipients::Unfit;

/// The longest comment, in characters.
pub const MAX_COMMENT: usize = 500;
/// Addressees of one dispatch, at most.
pub const MAX_ADDRESSEES: usize = 10_000;
/// The longest idempotency key, in bytes.
pub const MAX_KEY: usize = 200;

/// A file to be sent.
#[derive(Debug, Clone)]
pub struct NewDispatch {
    /// Whom to. Each gets a message of its own; the same one twice counts once.
    pub to: Vec<To>,
    /// The name that they see.
    pub file_name: FileName,
    /// `Content-Type`: receivers do not trust it.
    pub content_type: String,
    /// A line for the reader, at most [`MAX_COMMENT`] characters.
    pub comment: Option<String>,
    /// Bytes of the content: it has to have exactly as many.
    pub size: u64,
    /// How it came here.
    pub origin: Origin,
    /// Idempotency: whoever comes again with the same origin and key means the same dispatch. At most [`MAX_KEY`] bytes.
    pub key: Option<String>,
    /// Who sends, for the audit.
    pub actor: String,
}

/// Whom a file is for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum To {
    /// One user.
    User(UserId),
    /// Every enabled user of an office, in one message.
    Office(OfficeCode),
}

/// How a file came here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The command line.
    Command,
    /// A folder that the core system writes to.
    Folder,
    /// The API.
    Api,
    /// The console.
    Console,
}

impl Origin {
    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Command => "command",
            Self::Folder => "folder",
            Self::Api => "api",
            Self::Console => "console",
        }
    }

    /// Whether the same key means a new dispatch once every message of the one before stands so. A program's key is for good; a file that is
    /// in the folder still may only have been forgotten there, so that what was taken back is not sent by that.
    const fn begins_anew_after(self, state: Sending) -> bool {
        match self {
            Self::Command => state.reached_nobody(),
            Self::Folder => matches!(state, Sending::Stopped | Sending::Failed),
            Self::Api | Self::Console => false,
        }
    }
}

/// Numbers that bound the push.
#[derive(Debug, Clone, Copy)]
pub struct SendLimits {
    /// Uploads side by side.
    pub parallel: usize,
    /// Whether a second person has to approve what is sent.
    pub approval: bool,
    /// Bytes of the largest file.
    pub max_size: u64,
}

/// Everything that the push works with.
#[derive(Debug)]
pub struct Sender<R> {
    /// Relay, database, keys, time: what the pull works with.
    pub receiver: Arc<Receiver<R>>,
    /// Sealed files on their way, and our own copies.
    pub outbox: Outbox,
    /// Its disk.
    pub disk: Disk,
    /// Bounds.
    pub limits: SendLimits,
    /// Told when there is something to send.
    pub wake: Arc<Notify>,
    /// Bytes on their way to the relay.
    pub meter: Arc<Meter>,
    /// Cancelled when the process stops: nobody waits for the scanner any longer.
    pub stop: CancellationToken,
    /// One run at a time in this process; among processes the outbox's lock sees to it.
    turn: Mutex<()>,
    /// Up to when everything that the relay had to tell was heard.
    heard: Heard,
    /// The relay has news that only a run can take in.
    owes: AtomicBool,
    /// Since it was away last it was seen that the relay has not forgotten anything.
    compared: AtomicBool,
}

/// How many bytes this process has sent to the relay: for whoever shows progress.
#[derive(Debug, Default)]
pub struct Meter(AtomicU64);

impl Meter {
    /// An upload that stood at `before` stands at `now`: further on, or back where the relay has it.
    fn moved(&self, before: u64, now: u64) {
        // Wrapping subtraction is what addition modulo 2^64 undoes.
        self.0.fetch_add(now.wrapping_sub(before), Ordering::Relaxed);
    }

    /// All of them.
    pub fn bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl<R: Relay> Sender<R> {
    /// Makes the outbox if it is not there.
    pub fn open(receiver: Arc<Receiver<R>>, outbox: &Path, reserve: u64, limits: SendLimits) -> io::Result<Self> {
        let outbox = Outbox::open(outbox)?;
        let disk = Disk::new(outbox.folder(), reserve);
        Ok(Self {
            receiver,
            outbox,
            disk,
            limits,
            wake: Arc::default(),
            meter: Arc::default(),
            stop: CancellationToken::new(),
            turn: Mutex::default(),
            heard: Heard::default(),
            owes: AtomicBool::new(false),
            compared: AtomicBool::new(false),
        })
    }

    /// Messages, newest first. A page goes on with [`Filter::before`] = [`SentView::number`] of the last one.
    pub async fn list(&self, filter: &Filter, limit: u32) -> Result<Vec<SentView>, SendError> {
        let found = sent::list(self.receiver.database.read(), filter, limit).await?;
        self.views(found).await
    }

    /// One message.
    pub async fn find(&self, id: MessageId) -> Result<SentView, SendError> {
        let found = sent::find(self.receiver.database.read(), id).await?.ok_or(SendError::NoMessage(id))?;
        self.views(vec![found]).await?.pop().ok_or(SendError::NoMessage(id))
    }

    /// How many messages of a dispatch wait to be sent: cheap, for whoever looks again and again.
    pub async fn waiting(&self, id: MessageId) -> Result<u64, SendError> {
        let read = self.receiver.database.read();
        let found = dispatches::find(read, id).await?.ok_or(SendError::NoMessage(id))?;
        let counts = sent::counts(read, found.number).await?;
        let waits = |state: &Sending| matches!(state, Sending::Released | Sending::Sealed);
        Ok(counts.iter().filter(|(state, _)| waits(state)).map(|(_, count)| count).sum())
    }

    /// One dispatch, with every message of it in short.
    pub async fn dispatch(&self, id: MessageId) -> Result<DispatchView, SendError> {
        let read = self.receiver.database.read();
        let found = dispatches::find(read, id).await?.ok_or(SendError::NoMessage(id))?;
        let messages = sent::of_dispatch(read, found.number).await?;
        Ok(DispatchView::new(&found, &messages))
    }

    /// The receipts of a message, in the order in which they came, with their bytes.
    pub async fn receipts(&self, id: MessageId) -> Result<Vec<SentReceiptView>, SendError> {
        let read = self.receiver.database.read();
        let found = sent::find(read, id).await?.ok_or(SendError::NoMessage(id))?;
        Ok(sent_receipts::of_message(read, found.number).await?.iter().map(Into::into).collect())
    }

    async fn views(&self, found: Vec<sent::Sent>) -> Result<Vec<SentView>, SendError> {
        let mut reader = self.receiver.database.reader().await?;
        let numbers: Vec<i64> = found.iter().map(|one| one.number).collect();
        let mut recipients = sent_recipients::of_messages(&mut reader, &numbers).await?;
        let (mut views, mut last) = (Vec::with_capacity(found.len()), None::<dispatches::Dispatch>);
        for one in found {
            let dispatch = match last.take().filter(|last| last.number == one.dispatch) {
                Some(dispatch) => dispatch,
                None => dispatches::get(&mut *reader, one.dispatch).await?,
            };
            let recipients = recipients.remove(&one.number).unwrap_or_default();
            views.push(SentView::new(&self.keys().address(), &dispatch, &one, &recipients));
            last = Some(dispatch);
        }
        Ok(views)
    }

    /// The keys as they are now: taken anew for each piece of work.
    fn keys(&self) -> Arc<Keys> {
        self.receiver.keys.current()
    }

    fn address_of(&self, to: &To) -> Address {
        let union = self.keys().union.clone();
        match to {
            To::User(user) => Address::User(union, user.clone()),
            To::Office(office) => Address::Office(union, office.clone()),
        }
    }

    /// The file whose lock a run holds.
    fn lock_path(&self) -> PathBuf {
        self.outbox.folder().join("send.lock")
    }
}
