//! Sealed messages on their way to the relay, side by side. What was sealed by an earlier run is judged again first, in a
//! transaction: whoever was disabled or whose certificate was revoked since does not get it.

use std::sync::Arc;

use jiff::Timestamp;

use super::Sender;
use super::trouble::Trouble;
use crate::domain::ids::UserId;
use crate::domain::sending::Sending;
use crate::domain::user::UserState;
use crate::failpoint;
use crate::gateway::relay::{self, Relay, is_outage};
use crate::store::gateway::events::Kind;
use crate::store::gateway::sent::{self, Sent};
use crate::store::gateway::sent_recipients::{self, Recipient};
use crate::store::gateway::{certificates, users};
use crate::store::sqlite::{Connection, StoreError};
use crate::wire::Der;
use crate::wire::client::{ClientError, Effort, FileSource, Progress};
use crate::wire::delivery::MAX_PLACE;
use crate::wire::problem::Code;
use crate::wire::tus::Metadata;

/// Tries of a message that the relay refuses for a cause that may pass.
const TRIES: u32 = 10;

/// How an upload ended.
pub(super) struct Uploaded {
    pub(super) sent: Sent,
    pub(super) result: Result<(), ClientError>,
}

/// What came of a group of uploads.
#[derive(Default)]
pub(super) struct Settled {
    pub(super) deposited: u64,
    pub(super) failed: u64,
    /// The relay fails as a whole.
    pub(super) outage: Option<ClientError>,
}

impl<R: Relay> Sender<R> {
    /// Judges anew whom messages are for that have their number already. Gives those that go on, with whom they go to.
    pub(super) async fn readmit(&self, found: Vec<Sent>) -> Result<Vec<(Sent, Vec<UserId>)>, StoreError> {
        if found.is_empty() {
            return Ok(Vec::new());
        }
        let (now, mut ready, mut stopped) = (self.receiver.clock.now(), Vec::new(), Vec::new());
        let mut transaction = self.receiver.database.write().await?;
        for message in found {
            let recipients = sent_recipients::of_message(&mut *transaction, message.number).await?;
            let (mut users, mut dropped, mut why) = (Vec::new(), Vec::new(), "recipients.none");
            for one in recipients.into_iter().filter(|one| one.dropped_at.is_none()) {
                match self.still_fit(&mut transaction, &one, now).await? {
                    Ok(()) => users.push(one.user),
                    Err(code) => {
                        why = code;
                        sent_recipients::drop_for(&mut transaction, message.number, &one.user, code, now).await?;
                        dropped.push(one.user);
                    }
                }
            }
            if !users.is_empty() {
                for user in dropped {
                    self.announce(&mut transaction, &message, Kind::SentLeftOut, Some(user)).await?;
                }
                ready.push((message, users));
            } else if self.end(&mut transaction, &message, Sending::Stopped, Some(why), "gateway").await? {
                stopped.push(message);
            }
        }
        self.receiver.database.commit(transaction).await?;
        self.let_go(&stopped).await?;
        Ok(ready)
    }

    /// Whether a recipient may still get what was sealed for a certificate of theirs.
    async fn still_fit(
        &self,
        connection: &mut Connection,
        recipient: &Recipient,
        now: Timestamp,
    ) -> Result<Result<(), &'static str>, StoreError> {
        match users::find(&mut *connection, &recipient.user).await?.map(|user| user.state) {
            Some(UserState::Enabled) => {}
            Some(_) => return Ok(Err("user.disabled")),
            None => return Ok(Err("user.unknown")),
        }
        let Some(name) = recipient.certificate else { return Ok(Ok(())) };
        let registered = certificates::find(connection, &[name]).await?.into_iter().next();
        Ok(match registered {
            None => Err("certificate.missing"),
            Some(one) => self
                .judge(&one, now)
                .await?
                .map(|_| ())
                .or_else(|unfit| if unfit.is_temporary() { Ok(()) } else { Err(unfit.code()) }),
        })
    }

    /// Deposits a message, or what the relay does not have of it yet.
    pub(super) async fn upload(self: Arc<Self>, sent: Sent, recipients: Vec<UserId>) -> Uploaded {
        let size = sent.sealed.map_or(0, |sealed| sealed.size);
        let file = FileSource { path: self.outbox.sealed(sent.id), size };
        let place = match sent::place(self.receiver.database.read(), sent.number).await {
            // Under a certificate of unusual length it does not fit into the header: then it is done without.
            Ok(place) => place.filter(|place| place.len() <= MAX_PLACE).map(Der),
            Err(error) => return Uploaded { sent, result: Err(ClientError::Local(std::io::Error::other(error))) },
        };
        let metadata = Metadata { message_id: sent.id, recipients, place };
        let meter = Arc::clone(&self.meter);
        let progress = Progress::new({
            let at = std::sync::atomic::AtomicU64::new(0);
            move |bytes| meter.moved(at.swap(bytes, std::sync::atomic::Ordering::SeqCst), bytes)
        });
        let (relay, random) = (&self.receiver.relay, self.receiver.random.as_ref());
        let mut result = relay.deposit(metadata.clone(), &file, &progress, EFFORT, random).await;
        // An upload was begun for others, of whom somebody was disabled since; or of another sealing of the message, by a gateway
        // that came back from a backup since.
        if result.as_ref().is_err_and(|error| error.code() == Some(Code::ParcelConflict))
            && relay.give_up_deposit(sent.id).await.is_ok()
        {
            result = relay.deposit(metadata, &file, &progress, EFFORT, random).await;
        }
        Uploaded { sent, result }
    }

    /// Notes how a group of uploads ended, in one transaction.
    pub(super) async fn settle(&self, group: Vec<Uploaded>) -> Result<Settled, StoreError> {
        failpoint!("send.deposited");
        let (mut settled, mut gone) = (Settled::default(), Vec::new());
        let mut transaction = self.receiver.database.write().await?;
        for Uploaded { sent: message, result } in group {
            let Err(error) = result else {
                self.receiver.breaker.succeeded();
                let now = self.receiver.clock.now();
                let to = message.state.deposit().unwrap_or(message.state);
                // When it is not sealed any more it was taken back meanwhile: then the relay hears of that.
                sent::change(&mut transaction, message.number, message.state, to, None, now).await?;
                settled.deposited += 1;
                let (metrics, size) = (&self.receiver.metrics, message.sealed.map_or(0, |sealed| sealed.size));
                metrics.transfers_total.with_label_values(&["out", "deposited"]).inc();
                metrics.transferred_bytes_total.with_label_values(&["out"]).inc_by(size);
                continue;
            };
            match trouble(&message, &error) {
                Some(trouble) => {
                    settled.failed += 1;
                    if self.pass_over(&mut transaction, &message, &trouble).await? {
                        gone.push(message);
                    }
                }
                None => settled.outage = Some(error),
            }
        }
        self.receiver.database.commit(transaction).await?;
        self.let_go(&gone).await?;
        Ok(settled)
    }

    /// Puts a message off that cannot go on now, or ends it. Whether it has ended.
    pub(super) async fn pass_over(
        &self,
        connection: &mut Connection,
        message: &Sent,
        trouble: &Trouble,
    ) -> Result<bool, StoreError> {
        let (to, code) = match trouble {
            Trouble::Wait(code) => {
                let now = self.receiver.clock.now();
                let pause = self.receiver.backoff.pause(message.tries + 1, self.receiver.random.as_ref());
                let next = now.saturating_add(pause).unwrap_or(now);
                sent::put_off(connection, message.number, next, code).await?;
                return Ok(false);
            }
            Trouble::Stopped(code) => (Sending::Stopped, *code),
            Trouble::Failed(code) => (Sending::Failed, *code),
            Trouble::Store(_) => return Ok(false),
        };
        tracing::warn!(code, id = %message.id, state = to.code(), "a message is not sent");
        self.receiver.metrics.sent_stopped_total.with_label_values(&[code]).inc();
        self.receiver.metrics.transfers_total.with_label_values(&["out", "stopped"]).inc();
        self.end(connection, message, to, Some(code), "gateway").await
    }
}

/// How hard an upload is tried within one run.
const EFFORT: Effort = Effort {
    failures: 3,
    first_pause: std::time::Duration::from_millis(250),
    longest_pause: std::time::Duration::from_secs(2),
    busy_patience: std::time::Duration::from_secs(30),
};

/// What a failed upload means for its message; nothing when it says nothing of it.
fn trouble(message: &Sent, error: &ClientError) -> Option<Trouble> {
    let code = error.code();
    let again = message.tries + 1 < TRIES;
    match (code, error) {
        (Some(Code::QuotaExceeded | Code::StorageFull | Code::UploadUnknown), _) => Some(Trouble::Wait(code?.as_str())),
        (Some(Code::RecipientRefused | Code::ParcelConflict), _) if again => Some(Trouble::Wait(code?.as_str())),
        (_, ClientError::Local(cause)) if cause.kind() == std::io::ErrorKind::NotFound => {
            Some(Trouble::Failed("outbox.gone"))
        }
        (_, ClientError::Local(_)) => Some(Trouble::Wait("disk.error")),
        // It may be this message that the relay fails on: the others are not held up by it.
        (Some(Code::Internal), _) if again => Some(Trouble::Wait("relay.internal")),
        _ if is_outage(error) => None,
        (Some(code), _) if !error.is_temporary() => Some(Trouble::Failed(code.as_str())),
        (Some(code), _) => Some(Trouble::Wait(code.as_str())),
        (None, _) => Some(Trouble::Wait(relay::code(error))),
    }
}
