//! What travels between the stages.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use tokio::sync::OwnedSemaphorePermit;

use crate::archive::{Placement, Sealed};
use crate::domain::digest::Tag;
use crate::domain::ids::MessageId;
use crate::domain::policy::{Facts, Scan};
use crate::domain::verdict::Reason;
use crate::gateway::registry::Examined;
use crate::message::open::{Opened, Verified};
use crate::message::relayed::Doubt;
use crate::store::gateway::waiting::Waiting;
use crate::stream::disk::Room;
use crate::wire::union::{Acknowledgement, Parcel};

/// The ids that are on their way. An id that is listed twice is not fetched twice.
#[derive(Debug, Clone, Default)]
pub(super) struct InFlight(Arc<Mutex<HashSet<MessageId>>>);

impl InFlight {
    /// Lets an id start, unless it is on its way already.
    pub(super) fn start(&self, id: MessageId) -> Option<Flight> {
        let fresh = self.0.lock().expect("nothing panics while it holds the set").insert(id);
        fresh.then(|| Flight { id, all: self.clone() })
    }

    /// Whether an id is on its way.
    pub(super) fn contains(&self, id: MessageId) -> bool {
        self.0.lock().expect("nothing panics while it holds the set").contains(&id)
    }
}

/// One id on its way; it has landed when this is dropped.
#[derive(Debug)]
pub(super) struct Flight {
    id: MessageId,
    all: InFlight,
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.all.0.lock().expect("nothing panics while it holds the set").remove(&self.id);
    }
}

/// A parcel that may be fetched, with what is set aside for it.
#[derive(Debug)]
pub(super) struct Ticket {
    pub(super) parcel: Parcel,
    pub(super) waited: Waited,
    pub(super) room: Room,
    /// Its part of the memory that small parcels share.
    pub(super) memory: Option<OwnedSemaphorePermit>,
    pub(super) flight: Flight,
}

/// How a parcel has waited before.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Waited {
    pub(super) tries: u32,
    pub(super) since: Option<Timestamp>,
}

impl From<&Waiting> for Waited {
    fn from(waiting: &Waiting) -> Self {
        Self { tries: waiting.tries, since: Some(waiting.first_seen) }
    }
}

/// What the fetching stages hand on.
#[derive(Debug)]
pub(super) enum Item {
    Fetched(Box<Fetched>),
    Repeated(Repeated),
}

/// A parcel whose bytes are here already: only to be acknowledged again.
#[derive(Debug)]
pub(super) struct Repeated {
    pub(super) id: MessageId,
    /// Which message.
    pub(super) message: i64,
    /// With its receipt, if it is in the archive.
    pub(super) archived: bool,
    #[expect(dead_code, reason = "held until the acknowledgement is committed")]
    pub(super) flight: Flight,
}

/// A parcel that is here, opened as far as it goes.
#[derive(Debug)]
pub(super) struct Fetched {
    pub(super) ticket: Ticket,
    pub(super) sealed: Sealed,
    pub(super) tag: Option<Tag>,
    pub(super) received_at: Timestamp,
    pub(super) outcome: Outcome,
}

/// How far a message could be opened.
#[derive(Debug)]
pub(super) enum Outcome {
    /// Not at all.
    Closed(Reason),
    /// It was opened. Whether its signature holds is known if its certificate is registered.
    Opened {
        opened: Box<Opened>,
        examined: Option<Arc<Examined>>,
        verified: Option<Result<Box<Verified>, Reason>>,
        scan: Scan,
    },
}

impl Outcome {
    pub(super) fn opened(&self) -> Option<&Opened> {
        match self {
            Self::Closed(_) => None,
            Self::Opened { opened, .. } => Some(opened),
        }
    }

    pub(super) fn examined(&self) -> Option<&Arc<Examined>> {
        match self {
            Self::Closed(_) => None,
            Self::Opened { examined, .. } => examined.as_ref(),
        }
    }

    pub(super) fn verified(&self) -> Option<&Verified> {
        match self {
            Self::Opened { verified: Some(Ok(verified)), .. } => Some(verified),
            _ => None,
        }
    }

    /// What the scanner said.
    pub(super) fn scan(&self) -> Scan {
        match self {
            Self::Closed(_) => Scan::NotScanned,
            Self::Opened { scan, .. } => scan.clone(),
        }
    }

    /// Why it could not be opened, or its signature not be verified.
    pub(super) fn failure(&self) -> Option<Reason> {
        match self {
            Self::Closed(reason) | Self::Opened { verified: Some(Err(reason)), .. } => Some(*reason),
            Self::Opened { .. } => None,
        }
    }
}

/// A message with its verdict (but for its place in the sender's stream) and a place.
#[derive(Debug)]
pub(super) struct Judged {
    pub(super) parcel: Parcel,
    pub(super) waited: Waited,
    pub(super) tag: Option<Tag>,
    pub(super) received_at: Timestamp,
    pub(super) outcome: Outcome,
    pub(super) facts: Facts,
    pub(super) signer: Option<crate::store::gateway::users::User>,
    pub(super) accepted: bool,
    /// Whether the relay's receipt for it holds; looked at when it is placed.
    pub(super) relayed: Result<(), Doubt>,
    pub(super) placement: Placement,
    #[expect(dead_code, reason = "held until the message is committed")]
    pub(super) flight: Flight,
}

/// A group on its way to one transaction.
#[derive(Debug)]
pub(super) struct Batch {
    /// What the registry was when the verdicts were made.
    pub(super) registry_version: i64,
    pub(super) judged: Vec<Judged>,
    pub(super) repeated: Vec<Repeated>,
}

/// A committed acknowledgement on its way to the relay.
#[derive(Debug, Clone)]
pub(super) struct Outgoing {
    /// Its place in the line.
    pub(super) number: i64,
    /// What is sent.
    pub(super) acknowledgement: Acknowledgement,
}
