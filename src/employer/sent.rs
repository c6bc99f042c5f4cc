//! What was sent, as lists show it.

use std::path::Path;

use crate::domain::ids::MessageId;
use crate::wire::client::ClientError;

use super::alarm::Alarm;
use super::error::EmployerError;
use super::ledger::Ledger;
use super::record::Record;

/// A message that was sent, as the list shows it.
#[derive(Debug)]
pub struct Sent {
    /// What we know of it.
    pub record: Record,
    /// Whether the relay says that the union has fetched it. A claim until a receipt proves it.
    pub fetched: bool,
    /// What is wrong with it.
    pub trouble: Option<Trouble>,
}

/// What is wrong with a message that was sent before.
#[derive(Debug)]
pub enum Trouble {
    /// What the relay tells about it does not match what we know.
    Alarm(Alarm),
    /// The relay does not take it, and trying again will not change that.
    NotTaken(ClientError),
}

/// What was sent.
#[derive(Debug, Default)]
pub struct SentList {
    /// In the order of the numbers.
    pub items: Vec<Sent>,
    /// Messages that the relay has from us and this folder does not know: it was restored from an old copy, or somebody
    /// else has our key.
    pub unknown: Vec<MessageId>,
    /// Why the relay could not be asked; the list is what was known before, then.
    pub offline: Option<EmployerError>,
}

impl SentList {
    /// What a home folder knows by itself, when the relay could not even be asked for the keys. Blocks.
    pub fn known_before(folder: &Path, offline: EmployerError) -> Result<Self, EmployerError> {
        Ok(Self::from_before(Ledger::look_into(folder).records()?, offline))
    }

    pub(super) fn from_before(records: Vec<Record>, offline: EmployerError) -> Self {
        let items = records.into_iter().map(|record| Sent { record, fetched: false, trouble: None }).collect();
        Self { items, unknown: Vec::new(), offline: Some(offline) }
    }
}
