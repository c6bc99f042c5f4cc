//! Parcels that cannot be taken now: said, written down, tried again later.

use std::collections::BTreeMap;

use super::RunError;
use super::item::Ticket;
use super::run::Run;
use super::trouble::Trouble;
use crate::domain::ids::MessageId;
use crate::gateway::patience::BreakerState;
use crate::gateway::relay::{self, Relay};
use crate::store::gateway::{acknowledgements, waiting};
use crate::wire::problem::Code;
use crate::wire::union::Parcel;

/// Waiting parcels that are written in one transaction: others want to write too.
const AT_ONCE: usize = 500;

impl<R: Relay> Run<R> {
    /// Whether a parcel that waits is to be left alone still.
    pub(super) fn is_waiting(&self, parcel: &Parcel) -> bool {
        let Some(waiting) = self.waited.get(&parcel.id) else { return false };
        let mut shared = self.lock();
        shared.still_listed.insert(parcel.id);
        let early = !self.cause.is_a_persons() && waiting.next_try > self.receiver.clock.now();
        if early {
            shared.tally.waiting += 1;
        }
        early
    }

    /// Puts a parcel off that could not be fetched.
    pub(super) fn put_off(&self, ticket: &Ticket, trouble: Trouble) {
        match trouble {
            Trouble::Stopped => {}
            Trouble::Wait(cause) => self.wait(&ticket.parcel, cause),
            Trouble::Relay(error) if error.code() == Some(Code::ParcelUnknown) => {
                // It was listed a moment ago. If it is listed again, somebody should look at it.
                self.wait(&ticket.parcel, "parcel.gone");
            }
            Trouble::Relay(error) => {
                self.wait(&ticket.parcel, relay::code(&error));
                // One parcel that does not come holds up nobody; a relay that does not answer ends the run.
                if matches!(self.receiver.breaker.state(), BreakerState::Open { .. }) {
                    self.fail(RunError::Relay(error));
                }
            }
        }
    }

    /// Notes that a parcel waits, and when it is tried next.
    pub(super) fn wait(&self, parcel: &Parcel, cause: &'static str) {
        let now = self.receiver.clock.now();
        let before = self.waited.get(&parcel.id);
        let tries = before.map_or(0, |waiting| waiting.tries) + 1;
        // Whether the disk has room costs nothing to ask.
        let next_try = if cause == "disk.low" {
            now
        } else {
            let pause = self.receiver.backoff.pause(tries, self.receiver.random.as_ref());
            now.saturating_add(pause).unwrap_or(now)
        };
        tracing::warn!(code = cause, id = %parcel.id, tries, "a parcel is left at the relay for now");
        let mut shared = self.lock();
        shared.tally.waiting += 1;
        let waiting = waiting::Waiting {
            id: parcel.id,
            cause: cause.to_owned(),
            size: parcel.size,
            first_seen: before.map_or(now, |waiting| waiting.first_seen),
            last_try: now,
            next_try,
            tries,
        };
        shared.waits.insert(parcel.id, waiting);
    }

    /// Writes down what waits once so much has come together.
    pub(super) async fn flush_many(&self) -> Result<(), RunError> {
        if self.lock().waits.len() < AT_ONCE { Ok(()) } else { self.flush(false).await }
    }

    /// Writes down what is not written yet. After a whole list also forgets what waited and is not listed any more.
    pub(super) async fn flush(&self, complete: bool) -> Result<(), RunError> {
        let gone: Vec<MessageId> = if complete {
            let listed = std::mem::take(&mut self.lock().still_listed);
            self.waited.keys().copied().filter(|id| !listed.contains(id)).collect()
        } else {
            Vec::new()
        };
        let mut gone = gone.chunks(AT_ONCE);
        loop {
            let (waits, acknowledged) = {
                let mut shared = self.lock();
                (first(&mut shared.waits), std::mem::take(&mut shared.acknowledged))
            };
            let gone = gone.next().unwrap_or_default();
            if waits.is_empty() && acknowledged.is_empty() && gone.is_empty() {
                return Ok(());
            }
            let mut transaction = self.receiver.database.write().await?;
            waiting::remove(&mut transaction, gone).await?;
            for waiting in waits.values() {
                waiting::put(&mut transaction, waiting).await?;
            }
            acknowledgements::remove(&mut transaction, &acknowledged).await?;
            self.receiver.database.commit(transaction).await?;
        }
    }
}

/// Takes the first ones out.
fn first(waits: &mut BTreeMap<MessageId, waiting::Waiting>) -> BTreeMap<MessageId, waiting::Waiting> {
    let rest = waits.keys().nth(AT_ONCE).copied().map(|next| waits.split_off(&next));
    std::mem::replace(waits, rest.unwrap_or_default())
}
