//! The one moment at which a message takes its number: its sealed bytes are durable, and ONE transaction for a group gives each
//! its place in the stream. From there on exactly these bytes are sent under that number, however often we start again.

use std::fs::File;
use std::sync::Arc;

use super::Sender;
use super::recipients::Unfit;
use super::seal::Fresh;
use super::trouble::Trouble;
use crate::domain::ids::{MessageId, UserId};
use crate::failpoint;
use crate::gateway::relay::Relay;
use crate::store::gateway::audit::{self, Entry};
use crate::store::gateway::events::Kind;
use crate::store::gateway::sent::{self, Sent};
use crate::store::gateway::{registry_version, sent_recipients};
use crate::store::sqlite::{Connection, StoreError};

/// What came of a group.
#[derive(Default)]
pub(super) struct Numbered {
    /// To be deposited, for these users.
    pub(super) ready: Vec<(Sent, Vec<UserId>)>,
    /// What the registry was then.
    pub(super) version: i64,
    /// Not numbered, for a cause of their own.
    pub(super) troubles: Vec<(Sent, Trouble)>,
}

impl<R: Relay> Sender<R> {
    /// Users of an office for whom nothing can be sealed: that is told, and the others get it.
    async fn leave_out(
        &self,
        connection: &mut Connection,
        message: &Sent,
        left_out: &[(UserId, Unfit)],
    ) -> Result<(), StoreError> {
        let rows: Vec<_> = left_out.iter().map(|(user, unfit)| (user.clone(), unfit.code())).collect();
        sent_recipients::leave_out(connection, message.number, &rows, self.receiver.clock.now()).await?;
        for (user, code) in rows {
            tracing::warn!(code, id = %message.id, %user, "a user of the office is left out");
            self.announce(connection, message, Kind::SentLeftOut, Some(user)).await?;
        }
        Ok(())
    }

    /// Numbers a group. What does not fit any more (the registry has changed, the message was taken back) is thrown away; where
    /// its turn is still to come, it comes again.
    pub(super) async fn number(self: &Arc<Self>, group: Vec<Fresh>) -> Result<Numbered, StoreError> {
        let mut done = Numbered::default();
        let (mut files, mut fresh): (Vec<(MessageId, File)>, Vec<_>) = (Vec::new(), Vec::new());
        for one in group {
            files.push((one.turn.sent.id, one.file));
            fresh.push((one.turn, one.link, one.sealed, one.place));
        }
        let outbox = self.outbox.clone();
        let kept = tokio::task::spawn_blocking(move || outbox.keep(&files)).await;
        if let Err(error) = kept.unwrap_or_else(|_| Err(std::io::Error::other("a task has failed"))) {
            let code = match Trouble::from(error) {
                Trouble::Wait(code) => code,
                _ => "disk.error",
            };
            for (turn, ..) in fresh {
                self.outbox.give_up(turn.sent.id);
                done.troubles.push((turn.sent, Trouble::Wait(code)));
            }
            return Ok(done);
        }
        failpoint!("send.sealed");
        let (mut entries, mut void) = (Vec::new(), Vec::new());
        let mut transaction = self.receiver.database.write().await?;
        let now = self.receiver.clock.now();
        let version = registry_version(&mut *transaction).await?;
        done.version = version;
        for (mut turn, link, sealed, place) in fresh {
            if turn.recipients.version != version {
                // Something has changed in the registry, mostly about others: what was sealed for the same people is not thrown away.
                if let Ok(now) = self.recipients(&turn.sent.addressee).await?
                    && now.is_like(&turn.recipients)
                {
                    turn.recipients = now;
                }
            }
            let newest = sent::newest(&mut *transaction, &turn.sent.addressee).await?;
            let stands = turn.recipients.version == version && turn.recipients.are_valid(now) && newest == turn.newest;
            if !(stands && sent::number(&mut transaction, turn.sent.number, &link, &sealed, &place).await?) {
                void.push(turn.sent.id);
                continue;
            }
            let users: Vec<_> =
                turn.recipients.all.iter().map(|one| (one.user.clone(), Some(one.certificate.fingerprint()))).collect();
            sent_recipients::insert(&mut transaction, turn.sent.number, &users).await?;
            self.leave_out(&mut transaction, &turn.sent, &turn.recipients.left_out).await?;
            entries.push(Entry {
                at: now,
                actor: "gateway".to_owned(),
                action: "sent.sealed",
                subject: turn.sent.id.to_string(),
                before: turn.sent.state.code().to_owned(),
                after: format!("sealed sequence:{} recipients:{}", link.sequence, users.len()),
            });
            let state = turn.sent.state.number().unwrap_or(turn.sent.state);
            let sent = Sent { state, link: Some(link), sealed: Some(sealed), kept: true, tries: 0, ..turn.sent };
            done.ready.push((sent, users.into_iter().map(|(user, _)| user).collect()));
        }
        audit::insert(&mut transaction, &entries).await?;
        self.receiver.database.commit(transaction).await?;
        failpoint!("send.numbered");
        for id in void {
            self.outbox.give_up(id);
        }
        Ok(done)
    }
}
