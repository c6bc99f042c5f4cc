//! News become states, receipts and events.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::super::Sender;
use super::super::check::{self, Before, Doubt};
use super::super::outcome::SendRunError;
use super::page::{Heard, Read, Subject};
use super::{Place, has_arrived};
use crate::domain::ids::{MessageId, UserId};
use crate::domain::sending::{Progress, Sending};
use crate::gateway::relay::Relay;
use crate::message::receipt::{Receipt, SignedReceipt, Stage};
use crate::store::gateway::events::Kind;
use crate::store::gateway::marks::{self, List, Mark as ListMark};
use crate::store::gateway::sent::{self, Sent};
use crate::store::gateway::sent_receipts::{self, SentReceipt};
use crate::store::gateway::sent_recipients::{self, Mark, Recipient};
use crate::store::sqlite::{Connection, StoreError};
use crate::wire::Der;
use crate::wire::delivery::{DeliveryEvent, News};

impl<R: Relay> Sender<R> {
    /// Applies a page of news that comes after `mark`, unless somebody else did so meanwhile.
    pub(super) async fn apply(
        self: &Arc<Self>,
        mark: Option<&ListMark>,
        next: &ListMark,
        events: Vec<DeliveryEvent>,
        place: Place<'_>,
    ) -> Result<(), SendRunError> {
        let mut subjects = self.subjects(&events, place).await?;
        let heard = self.read_receipts(events, &subjects).await?;
        let database = &self.receiver.database;
        let mut transaction = database.write().await?;
        if !marks::set(&mut transaction, List::News, mark, next).await? {
            return Ok(());
        }
        self.refresh(&mut transaction, &mut subjects).await?;
        for one in heard {
            if let Some(subject) = subjects.get_mut(&one.event.id) {
                self.apply_one(&mut transaction, subject, one).await?;
            } else {
                // The relay's list does not have it either, or it does not open: that was told when it was looked for.
                tracing::error!(code = "delivery.unknown", id = %one.event.id, "news of what we never sent");
            }
        }
        database.commit(transaction).await?;
        let arrived = |subject: &Subject| has_arrived(subject.message.state, &subject.recipients);
        let settled: Vec<Sent> = subjects
            .into_values()
            .filter(|subject| arrived(subject) && subject.message.alarm.is_none())
            .map(|subject| subject.message)
            .collect();
        Ok(self.let_go(&settled).await?)
    }

    /// As the messages stand now that nobody else can change them.
    async fn refresh(
        &self,
        connection: &mut Connection,
        subjects: &mut HashMap<MessageId, Subject>,
    ) -> Result<(), StoreError> {
        for subject in subjects.values_mut() {
            subject.message = sent::get(&mut *connection, subject.message.number).await?;
        }
        Ok(())
    }

    async fn apply_one(
        &self,
        connection: &mut Connection,
        subject: &mut Subject,
        Heard { event, read }: Heard,
    ) -> Result<(), StoreError> {
        let at = event.at;
        match (event.news, read) {
            (News::Relayed { receipt }, Read::Relayed(checked)) => {
                self.relayed(connection, subject, &receipt, checked, at).await
            }
            (News::Receipt { user, receipt }, Read::User(read)) => {
                self.receipt(connection, subject, &user, &receipt, read, at).await
            }
            (News::Fetched { user }, _) => {
                if self.mark(connection, subject, &user, Mark::Fetched, at).await? {
                    self.hear_of(connection, subject, Progress::Fetched).await?;
                    self.announce(connection, &subject.message, Kind::SentFetched, Some(user)).await?;
                }
                Ok(())
            }
            (News::Acknowledged { user }, _) => {
                self.mark(connection, subject, &user, Mark::Acknowledged, at).await.map(|_| ())
            }
            (News::Dropped { user }, _) => self.dropped(connection, subject, &user, at).await,
            (News::Expired { user: Some(user) }, _) => self.missed(connection, subject, &user, at).await,
            (News::Expired { user: None }, _) => self.expired(connection, subject).await,
            // Whoever ordered it hears of it when the relay confirms; this is the same once more, or for another process.
            (News::Withdrawn, _) => match subject.message.state {
                Sending::Recalling => {
                    self.confirmed(connection, &subject.message).await?;
                    subject.message.state = Sending::Recalled;
                    Ok(())
                }
                _ => Ok(()),
            },
            (News::Reminded { .. } | News::Deleted | News::Relayed { .. } | News::Receipt { .. }, _) => Ok(()),
        }
    }

    async fn relayed(
        &self,
        connection: &mut Connection,
        subject: &mut Subject,
        receipt: &Der,
        checked: Result<(), Doubt>,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        // Of one that is only known to have been taken back nobody knows what the relay had.
        if subject.knows(receipt) || subject.message.sealed.is_none() {
            return Ok(());
        }
        // A second one, under which the chains would begin anew.
        let checked = if subject.relayed.is_some() { Err(Doubt::Order) } else { checked };
        if checked.is_err() && subject.is_full() {
            return Ok(());
        }
        self.keep(connection, subject, None, Stage::Relayed.code(), receipt, checked, at).await?;
        match checked {
            Ok(()) => {
                let hash = SignedReceipt::from_der(receipt.0.clone()).hash();
                subject.relayed = Some(Before { stage: Stage::Relayed, hash });
                sent::set_relay_times(connection, subject.message.number, at, None).await?;
                self.hear_of(connection, subject, Progress::Relayed).await?;
                self.announce(connection, &subject.message, Kind::SentRelayed, None).await
            }
            Err(doubt) => self.refuse(connection, subject, None, doubt).await,
        }
    }

    async fn receipt(
        &self,
        connection: &mut Connection,
        subject: &mut Subject,
        user: &UserId,
        der: &Der,
        read: Result<(Receipt, Option<String>), Doubt>,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        if subject.knows(der) {
            return Ok(());
        }
        let is_recipient = subject.recipients.iter().any(|one| one.user == *user);
        let checked = read.and_then(|(receipt, reason)| {
            if !is_recipient {
                return Err(Doubt::Recipient);
            }
            check::fits(&receipt, &subject.message, subject.before(user))?;
            Ok((receipt, reason))
        });
        if checked.is_err() && subject.is_full() {
            return Ok(());
        }
        let stage = checked.as_ref().map_or("", |(receipt, _)| receipt.stage.code());
        let outcome = checked.as_ref().map(|_| ()).map_err(|doubt| *doubt);
        self.keep(connection, subject, Some(user), stage, der, outcome, at).await?;
        let (receipt, reason) = match checked {
            Ok(checked) => checked,
            Err(doubt) => return self.refuse(connection, subject, Some(user.clone()), doubt).await,
        };
        let stage = receipt.stage;
        self.look_for_gap(connection, subject, user, receipt.contiguous, at).await?;
        let hash = SignedReceipt::from_der(der.0.clone()).hash();
        subject.chains.insert(user.clone(), Before { stage, hash });
        let (mark, progress, kind) = match stage {
            Stage::Relayed | Stage::Verified => (Mark::Verified, Progress::Verified, Kind::SentVerified),
            Stage::Accepted => (Mark::Accepted, Progress::Accepted, Kind::SentAccepted),
            Stage::Returned => (Mark::Returned, Progress::Returned, Kind::SentReturned),
        };
        self.mark(connection, subject, user, mark, at).await?;
        if let Some(reason) = reason {
            sent_recipients::set_reason(connection, subject.message.number, user, &reason).await?;
        }
        self.hear_of(connection, subject, progress).await?;
        self.announce(connection, &subject.message, kind, Some(user.clone())).await
    }

    async fn refuse(
        &self,
        connection: &mut Connection,
        subject: &mut Subject,
        user: Option<UserId>,
        doubt: Doubt,
    ) -> Result<(), StoreError> {
        sent::alarm(connection, subject.message.number, doubt.code()).await?;
        subject.message.alarm.get_or_insert_with(|| doubt.code().to_owned());
        self.alarm(connection, &subject.message, user, doubt).await
    }

    #[expect(clippy::too_many_arguments, reason = "they are the columns of one row")]
    async fn keep(
        &self,
        connection: &mut Connection,
        subject: &mut Subject,
        user: Option<&UserId>,
        stage: &str,
        der: &Der,
        checked: Result<(), Doubt>,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        subject.known.push(der.0.clone());
        let receipt = SentReceipt {
            message: subject.message.number,
            user: user.cloned(),
            stage: stage.to_owned(),
            at,
            der: der.0.clone(),
            refused: checked.err().map(|doubt| doubt.code().to_owned()),
        };
        sent_receipts::insert(connection, &receipt).await
    }

    async fn mark(
        &self,
        connection: &mut Connection,
        subject: &mut Subject,
        user: &UserId,
        mark: Mark,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        if let Some(one) = subject.recipients.iter_mut().find(|one| one.user == *user) {
            let place = match mark {
                Mark::Fetched => &mut one.fetched_at,
                Mark::Acknowledged => &mut one.acknowledged_at,
                Mark::Dropped => &mut one.dropped_at,
                Mark::Expired => &mut one.expired_at,
                Mark::Verified => &mut one.verified_at,
                Mark::Accepted => &mut one.accepted_at,
                Mark::Returned => &mut one.returned_at,
            };
            place.get_or_insert(at);
        }
        sent_recipients::mark(connection, subject.message.number, user, mark, at).await
    }

    /// Goes on with the message's state. What the relay has said that nobody gets it cannot have given out.
    async fn hear_of(
        &self,
        connection: &mut Connection,
        subject: &mut Subject,
        progress: Progress,
    ) -> Result<(), StoreError> {
        if subject.message.state.reached_nobody() && progress != Progress::Relayed {
            return self.disbelieve(connection, subject, None, Doubt::Collected).await;
        }
        let (message, now) = (&mut subject.message, self.receiver.clock.now());
        let to = message.state.hear(progress);
        if to != message.state && sent::change(connection, message.number, message.state, to, None, now).await? {
            if message.state == Sending::Recalling {
                // Too late: somebody has it. The statement would be a lie.
                sent::told(connection, message.number, None).await?;
                message.statement = None;
            }
            message.state = to;
        }
        Ok(())
    }

    /// The relay says that nobody fetched it in time. Its word alone ends nothing before that time.
    async fn expired(&self, connection: &mut Connection, subject: &mut Subject) -> Result<(), StoreError> {
        if subject.message.state.expire().is_err() {
            return Ok(());
        }
        if !self.is_over(subject.message.expires_at) {
            return self.disbelieve(connection, subject, None, Doubt::Early).await;
        }
        self.ended(connection, subject, Sending::Expired, None).await
    }

    /// What the relay says of itself does not fit. However often it says so, people hear of the first thing that does not.
    async fn disbelieve(
        &self,
        connection: &mut Connection,
        subject: &mut Subject,
        user: Option<UserId>,
        doubt: Doubt,
    ) -> Result<(), StoreError> {
        if subject.message.alarm.is_some() { Ok(()) } else { self.refuse(connection, subject, user, doubt).await }
    }

    /// Others have fetched it, and this recipient did not in time: the union explains the number to whoever is concerned.
    async fn missed(
        &self,
        connection: &mut Connection,
        subject: &mut Subject,
        user: &UserId,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let waits = |one: &Recipient| one.user == *user && one.fetched_at.is_none() && one.expired_at.is_none();
        if subject.message.state.reached_nobody() || !subject.recipients.iter().any(waits) {
            return Ok(());
        }
        if !self.is_over(subject.message.expires_at) {
            return self.disbelieve(connection, subject, Some(user.clone()), Doubt::Early).await;
        }
        self.mark(connection, subject, user, Mark::Expired, at).await?;
        if subject.message.statement.is_none() {
            self.state_about(connection, &subject.message).await?;
            subject.message = sent::get(&mut *connection, subject.message.number).await?;
        }
        Ok(())
    }

    /// A recipient was disabled, as our registry has it too. When nobody is left who could fetch it, it ends.
    async fn dropped(
        &self,
        connection: &mut Connection,
        subject: &mut Subject,
        user: &UserId,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let is_news = subject.recipients.iter().any(|one| one.user == *user && one.dropped_at.is_none());
        if is_news && !self.is_shut_out(connection, user, subject.message.created_at).await? {
            return self.disbelieve(connection, subject, Some(user.clone()), Doubt::Dropped).await;
        }
        self.mark(connection, subject, user, Mark::Dropped, at).await?;
        let nobody = !subject.recipients.is_empty()
            && subject.recipients.iter().all(|one| one.dropped_at.is_some() && one.fetched_at.is_none());
        if nobody {
            self.ended(connection, subject, Sending::Stopped, Some("user.disabled")).await?;
        }
        Ok(())
    }

    async fn ended(
        &self,
        connection: &mut Connection,
        subject: &mut Subject,
        to: Sending,
        code: Option<&str>,
    ) -> Result<(), StoreError> {
        let allowed = match to {
            Sending::Expired => subject.message.state.expire(),
            _ => subject.message.state.stop(),
        };
        if allowed == Ok(to) && self.end(connection, &subject.message, to, code, "gateway").await? {
            subject.message.state = to;
        }
        Ok(())
    }
}
