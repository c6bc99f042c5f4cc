//! `stream.json`: what the next message goes behind.

use serde::{Deserialize, Serialize};

use super::{Head, Ledger, LedgerError};
use crate::employer::record::Record;
use crate::wire::enrolment::StreamPosition;

/// The newest message of the stream.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Newest {
    /// Sent from this folder.
    Ours(Box<Record>),
    /// Sent from a PC before this one; where that was is known from the union.
    Before(StreamPosition),
}

impl Newest {
    /// Its number, and what the next one says about it.
    pub(super) fn position(&self) -> StreamPosition {
        match self {
            Self::Ours(record) => StreamPosition { sequence: record.sequence, previous: record.signature_hash },
            Self::Before(position) => *position,
        }
    }

    /// The message, if it is of this folder.
    pub(super) fn record(&self) -> Option<&Record> {
        match self {
            Self::Ours(record) => Some(record),
            Self::Before(_) => None,
        }
    }
}

impl Ledger {
    /// Goes on behind what a PC before this one has sent, durably. Numbers that were given here are never given again.
    pub fn go_on_behind(&self, position: StreamPosition) -> Result<(), LedgerError> {
        let mut head = self.lock_head();
        match &*head {
            Head::Unsure => return Err(LedgerError::Unsure),
            Head::At(Some(present)) if present.position().sequence > position.sequence => return Ok(()),
            Head::At(Some(present)) if present.position() == position => return Ok(()),
            Head::At(_) => (),
        }
        let newest = Newest::Before(position);
        *head = Head::Unsure;
        self.write_json(&self.stream_path(), &newest)?;
        *head = Head::At(Some(newest));
        Ok(())
    }
}
