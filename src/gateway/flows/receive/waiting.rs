//! Parcels that cannot be taken now: said, written down, tried again later.

use super::item::Ticket;
use super::run::Run;
use super::trouble::Trouble;
use super::{Cause, RunError};
use crate::domain::ids::MessageId;
use crate::gateway::patience::BreakerState;
use crate::gateway::relay::{self, Relay};
use crate::store::gateway::{acknowledgements, waiting};
use crate::wire::problem::Code;
use crate::wire::union::Parcel;

impl<R: Relay> Run<R> {
    /// Whether a parcel that waits is to be left alone still.
    pub(super) fn is_waiting(&self, parcel: &Parcel) -> bool {
        let Some(waiting) = self.waited.get(&parcel.id) else { return false };
        let mut shared = self.lock();
        shared.still_listed.insert(parcel.id);
        let early = self.cause != Cause::Command && waiting.next_try > self.receiver.clock.now();
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
                tracing::info!(code = "parcel.gone", id = %ticket.parcel.id, "the relay has this parcel no more");
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
        shared.waits.push(waiting::Waiting {
            id: parcel.id,
            cause: cause.to_owned(),
            size: parcel.size,
            first_seen: before.map_or(now, |waiting| waiting.first_seen),
            last_try: now,
            next_try,
            tries,
        });
    }

    /// Writes down what is not written yet. After a whole list also forgets what waited and is not listed any more.
    pub(super) async fn flush(&self, complete: bool) -> Result<(), RunError> {
        let (waits, acknowledged, gone) = {
            let mut shared = self.lock();
            let listed = std::mem::take(&mut shared.still_listed);
            let gone = self.waited.keys().copied().filter(|id| complete && !listed.contains(id));
            let gone: Vec<MessageId> = gone.collect();
            (std::mem::take(&mut shared.waits), std::mem::take(&mut shared.acknowledged), gone)
        };
        if waits.is_empty() && acknowledged.is_empty() && gone.is_empty() {
            return Ok(());
        }
        let mut transaction = self.receiver.database.write().await?;
        waiting::remove(&mut transaction, &gone).await?;
        for waiting in &waits {
            waiting::put(&mut transaction, waiting).await?;
        }
        acknowledgements::remove(&mut transaction, &acknowledged).await?;
        self.receiver.database.commit(transaction).await?;
        Ok(())
    }
}
