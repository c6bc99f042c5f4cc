//! What waits and what came, as lists show it.

use std::path::Path;

use super::error::InboxTrouble;
use super::incoming::{InboxState, Incoming};
use super::tray::{Missing, Tray};
use crate::domain::ids::MessageId;
use crate::domain::sequence::Order;
use crate::domain::verdict::Warning;
use crate::employer::alarm::Alarm;
use crate::employer::error::EmployerError;
use crate::wire::delivery::InboxParcel;

/// A message of the union, as the list shows it.
#[derive(Debug)]
pub struct InboxItem {
    /// What is here of it.
    pub record: Option<Incoming>,
    /// What waits of it at the relay.
    pub parcel: Option<InboxParcel>,
    /// Bytes that are here of what waits.
    pub fetched: u64,
    /// What is wrong with it now.
    pub trouble: Option<InboxTrouble>,
}

/// What waits and what came.
#[derive(Debug, Default)]
pub struct Inbox {
    /// What came, in its order, then what waits.
    pub items: Vec<InboxItem>,
    /// Numbers that have not come, though nothing waits.
    pub missing: Vec<Missing>,
    /// What the relay hands over as the union's word and is not.
    pub alarms: Vec<(MessageId, Alarm)>,
    /// Why the relay could not be asked; the list is what was known before, then.
    pub offline: Option<EmployerError>,
}

impl InboxItem {
    pub(super) fn here(record: Incoming) -> Self {
        let trouble = record.doubt.map(InboxTrouble::Alarm);
        Self { record: Some(record), parcel: None, fetched: 0, trouble }
    }

    pub(super) fn waiting(parcel: InboxParcel, fetched: u64) -> Self {
        Self { record: None, parcel: Some(parcel), fetched, trouble: None }
    }

    /// Its id.
    pub fn id(&self) -> Option<MessageId> {
        self.record.as_ref().map(|record| record.id).or_else(|| self.parcel.as_ref().map(|parcel| parcel.id))
    }

    /// How far it has come.
    pub fn state(&self) -> InboxState {
        self.record.as_ref().map_or(InboxState::Waiting, Incoming::state)
    }
}

impl Inbox {
    /// What a home folder knows by itself, when the relay could not be asked. Blocks.
    pub fn known_before(folder: &Path, offline: EmployerError) -> Result<Self, EmployerError> {
        Ok(Self::from_before(Tray::look_into(folder)?.records()?, offline))
    }

    pub(super) fn from_before(records: Vec<Incoming>, offline: EmployerError) -> Self {
        let items = records.into_iter().map(InboxItem::here).collect();
        Self { items, offline: Some(offline), ..Self::default() }
    }

    /// What the person should know of a message that came: a gap only as long as its numbers are missing.
    pub fn warnings<'a>(&'a self, record: &'a Incoming) -> impl Iterator<Item = Warning> + 'a {
        let is_missing_still = || {
            let Some(content) = &record.content else { return false };
            self.missing.iter().any(|missing| missing.to == content.to && missing.numbers.last < content.sequence)
        };
        let fork = record.facts.as_ref().and_then(|facts| facts.sequence).map(|found| found.order);
        let is_given_up = !matches!(fork, Some(Order::Gap { .. }) | None);
        let shown = move |warning: &Warning| *warning != Warning::SequenceGap || is_given_up || is_missing_still();
        record.warnings.iter().copied().filter(shown)
    }
}
