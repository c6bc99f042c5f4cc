//! Parcels that cannot be taken now: said, written down, tried again later.

use std::collections::BTreeMap;

use super::RunError;
use super::item::{Ticket, Waited};
use super::run::Run;
use super::trouble::Trouble;
use crate::domain::ids::MessageId;
use crate::gateway::patience::BreakerState;
use crate::gateway::relay::{self, Relay};
use crate::gateway::scan::Unscanned;
use crate::store::gateway::acknowledgements;
use crate::store::gateway::waiting::{self, Waiting};
use crate::wire::problem::Code;
use crate::wire::union::Parcel;

/// The cause of parcels that are not fetched because nobody could scan them.
pub(super) const SCANNER_AWAY: &str = Unscanned::Away.code();

/// Waiting parcels that are written in one transaction: others want to write too.
const AT_ONCE: usize = 500;

impl<R: Relay> Run<R> {
    /// Whether a parcel is to be left alone still. What was put off a moment ago and is not written yet is.
    pub(super) fn is_early(&self, id: MessageId, waiting: Option<&Waiting>) -> bool {
        let early = |waiting: &Waiting| !self.receiver.backoff.is_due(waiting.next_try, self.receiver.clock.now());
        self.lock().waits.contains_key(&id) || waiting.is_some_and(early)
    }

    /// Puts a parcel off that could not be fetched.
    pub(super) fn put_off(&self, ticket: &Ticket, trouble: Trouble) {
        match trouble {
            Trouble::Stopped => {}
            Trouble::Wait(cause) => self.wait(&ticket.parcel, ticket.waited, cause),
            Trouble::Relay(error) if error.code() == Some(Code::ParcelUnknown) => {
                // It was listed a moment ago. If it is listed again, somebody should look at it.
                self.wait(&ticket.parcel, ticket.waited, "parcel.gone");
            }
            Trouble::Relay(error) => {
                self.wait(&ticket.parcel, ticket.waited, relay::code(&error));
                // One parcel that does not come holds up nobody; a relay that does not answer ends the run.
                if matches!(self.receiver.breaker.state(), BreakerState::Open { .. }) {
                    self.fail(RunError::Relay(error));
                }
            }
        }
    }

    /// Notes that a parcel waits, and when it is tried next.
    pub(super) fn wait(&self, parcel: &Parcel, waited: Waited, cause: &'static str) {
        let now = self.receiver.clock.now();
        let tries = waited.tries.saturating_add(1);
        // Whether the disk has room, or the scanner is there, costs nothing to ask.
        let next_try = if ["disk.low", SCANNER_AWAY].contains(&cause) {
            now
        } else {
            let pause = self.receiver.backoff.pause(tries, self.receiver.random.as_ref());
            now.saturating_add(pause).unwrap_or(now)
        };
        tracing::warn!(code = cause, id = %parcel.id, tries, "a parcel is left at the relay for now");
        let waiting = Waiting {
            id: parcel.id,
            cause: cause.to_owned(),
            size: parcel.size,
            first_seen: waited.since.unwrap_or(now),
            last_try: now,
            next_try,
            tries,
        };
        self.lock().waits.insert(parcel.id, waiting);
    }

    /// Writes down what waits once so much has come together.
    pub(super) async fn flush_many(&self) -> Result<(), RunError> {
        let many = {
            let shared = self.lock();
            shared.waits.len().max(shared.still_listed.len()) >= AT_ONCE
        };
        if many { self.flush().await } else { Ok(()) }
    }

    /// Writes down what is not written yet.
    pub(super) async fn flush(&self) -> Result<(), RunError> {
        loop {
            let (waits, listed, acknowledged) = {
                let mut shared = self.lock();
                let rest = shared.still_listed.len().saturating_sub(AT_ONCE);
                let listed = shared.still_listed.split_off(rest);
                (first(&mut shared.waits), listed, std::mem::take(&mut shared.acknowledged))
            };
            if waits.is_empty() && listed.is_empty() && acknowledged.is_empty() {
                return Ok(());
            }
            let newest = self.receiver.beside.newest();
            let mut transaction = self.receiver.database.write().await?;
            waiting::listed(&mut transaction, &listed, newest).await?;
            for waiting in waits.values() {
                waiting::put(&mut transaction, waiting, newest).await?;
            }
            acknowledgements::remove(&mut transaction, &acknowledged).await?;
            self.receiver.database.commit(transaction).await?;
        }
    }

    /// After a whole list: forgets what waited and is not listed any more.
    pub(super) async fn forget_unlisted(&self) -> Result<(), RunError> {
        self.flush().await?;
        let mut transaction = self.receiver.database.write().await?;
        waiting::remove_unlisted(&mut transaction, self.number).await?;
        Ok(self.receiver.database.commit(transaction).await?)
    }
}

/// Takes the first ones out.
fn first(waits: &mut BTreeMap<MessageId, Waiting>) -> BTreeMap<MessageId, Waiting> {
    let rest = waits.keys().nth(AT_ONCE).copied().map(|next| waits.split_off(&next));
    std::mem::replace(waits, rest.unwrap_or_default())
}
