//! What the relay has our acknowledgement for and we do not have: this gateway came back from a backup.
//!
//! The relay keeps what was acknowledged for a grace time, and each acknowledgement has a place there. The database holds the
//! place up to which everything is here. When the relay is further on, what lies between is listed, and what is not here
//! is pulled again, like anything else. Most often nothing is missing: a run was killed before it could write down the place.

use std::collections::HashSet;

use super::Cause;
use crate::domain::ids::MessageId;
use crate::wire::page::Cursor;

/// What one run knows of it.
#[derive(Debug, Default)]
pub(super) struct Again {
    /// From where on the acknowledged ones are to be listed, if they are.
    from: Option<From>,
    /// The newest place that the relay has told.
    told: Option<Cursor>,
    /// Listed, and not here yet.
    missing: HashSet<MessageId>,
}

/// After which place; from the first one that the relay keeps without it.
#[derive(Debug, Clone, Copy)]
pub(super) struct From(pub(super) Option<Cursor>);

impl Again {
    /// Compares our place with the relay's.
    pub(super) fn begin(&mut self, cause: Cause, own: Option<Cursor>, relays: Option<Cursor>) {
        self.told = relays;
        self.from = match cause {
            Cause::Again => Some(From(None)),
            _ => (relays > own).then_some(From(own)),
        };
    }

    /// From where on the acknowledged ones are to be listed, if they are.
    pub(super) const fn from(&self) -> Option<From> {
        self.from
    }

    /// The relay has told its newest place.
    pub(super) fn told(&mut self, newest: Option<Cursor>) {
        self.told = newest.or(self.told);
    }

    /// Notes that a parcel is not here; whether it is the first of this run.
    pub(super) fn miss(&mut self, id: MessageId) -> bool {
        let first = self.missing.is_empty();
        self.missing.insert(id) && first
    }

    /// Notes that a message is here; whether it was missing.
    pub(super) fn came(&mut self, id: MessageId) -> bool {
        self.missing.remove(&id)
    }

    /// Up to where everything is here, after a whole run.
    pub(super) fn mark(&self) -> Option<Cursor> {
        self.told.filter(|_| self.missing.is_empty())
    }
}
