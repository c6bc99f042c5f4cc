//! What became of what we have sent: the relay's news, page by page, each applied in ONE transaction with the place up to which
//! they were heard. News that come twice change nothing.

mod apply;
mod page;

use std::sync::Arc;

use super::Sender;
use super::check::Doubt;
use super::run::SendRunError;
use crate::domain::sending::Sending;
use crate::failpoint;
use crate::gateway::relay::{Relay, is_outage};
use crate::store::gateway::events::Kind;
use crate::store::gateway::sent::{self, Filter};
use crate::store::gateway::{news_mark, sent_recipients};
use crate::store::sqlite::StoreError;
use crate::wire::page::{Cursor, PageQuery};
use crate::wire::problem::Code;

/// News on a page.
const PAGE: u32 = 500;
/// Messages that are looked for at once.
const AT_ONCE: u32 = 50;

/// Where news are heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// In a run, of which there is one at a time among all processes.
    Run,
    /// Beside the runs.
    Beside,
}

impl<R: Relay> Sender<R> {
    /// Hears everything that there is to be heard now, within a run. Answers how many news that were.
    pub(super) async fn hear_all(self: &Arc<Self>) -> Result<u64, SendRunError> {
        let mut heard = 0;
        loop {
            let (count, more) = self.hear_page(None, Place::Run).await?;
            heard += count;
            if !more {
                return Ok(heard);
            }
        }
    }

    /// Hears one page beside the runs; with `wait` the relay may hold the answer for so many seconds until there is something.
    /// Answers how many news that were. News of what this database has forgotten are left for a run, which takes it over.
    pub async fn hear(self: &Arc<Self>, wait: Option<u32>) -> Result<u64, SendRunError> {
        Ok(self.hear_page(wait, Place::Beside).await?.0)
    }

    /// Answers how many news there were, and whether there are more.
    async fn hear_page(self: &Arc<Self>, wait: Option<u32>, place: Place) -> Result<(u64, bool), SendRunError> {
        let database = &self.receiver.database;
        let mark = news_mark(database.read()).await?;
        let query = PageQuery { after: mark.map(Cursor), limit: Some(PAGE), wait };
        let page = self.receiver.relay.delivery_events(query).await?;
        self.receiver.breaker.answered();
        failpoint!("send.followed");
        let count = page.items.len() as u64;
        if let Some(next) = page.next {
            self.apply(mark, next, page.items, place).await?;
            failpoint!("send.receipt-stored");
        }
        if !page.more {
            self.find_silent().await?;
        }
        Ok((count, page.more))
    }

    /// An app that says that it has a message for good, and does not say under its user's signature that it has verified it.
    async fn find_silent(&self) -> Result<(), StoreError> {
        let database = &self.receiver.database;
        let silent = sent_recipients::silent(database.read()).await?;
        if silent.is_empty() {
            return Ok(());
        }
        let mut transaction = database.write().await?;
        for (number, user) in silent {
            let message = sent::get(&mut *transaction, number).await?;
            if sent::alarm(&mut transaction, number, Doubt::Missing.code()).await? {
                self.alarm(&mut transaction, &message, Some(user), Doubt::Missing).await?;
            }
        }
        database.commit(transaction).await
    }

    /// Tells of something that does not fit: event, audit, metric, log.
    pub(super) async fn alarm(
        &self,
        connection: &mut crate::store::sqlite::Connection,
        message: &sent::Sent,
        user: Option<crate::domain::ids::UserId>,
        doubt: Doubt,
    ) -> Result<(), StoreError> {
        let code = doubt.code();
        tracing::error!(code, id = %message.id, "a receipt for a message of ours does not fit");
        self.receiver.metrics.receipts_refused_total.with_label_values(&[code]).inc();
        self.note(connection, message, "gateway", "receipt.refused", code).await?;
        self.announce(connection, message, Kind::SentAlarm, user).await
    }

    /// What the relay has taken and not signed for: either it knows it after all, or it has lost it and gets it again.
    pub(super) async fn look_for_lost(&self) -> Result<(), SendRunError> {
        let database = &self.receiver.database;
        for message in sent::to_find(database.read(), self.due(), AT_ONCE).await? {
            let answer = self.receiver.relay.delivery(message.id).await;
            let mut transaction = database.write().await?;
            let now = self.receiver.clock.now();
            match answer {
                Err(error) if error.code() == Some(Code::ParcelUnknown) && message.kept => {
                    tracing::warn!(code = "delivery.lost", id = %message.id, "the relay has lost a message before it signed");
                    let to = message.state.lose().unwrap_or(message.state);
                    sent::change(&mut transaction, message.number, message.state, to, None, now).await?;
                }
                Err(error) if is_outage(&error) && error.code() != Some(Code::Internal) => return Err(error.into()),
                _ => {
                    let pause = self.receiver.backoff.pause(message.tries + 1, self.receiver.random.as_ref());
                    let next = now.saturating_add(pause).unwrap_or(now);
                    sent::put_off(&mut transaction, message.number, next, "receipt.awaited").await?;
                }
            }
            database.commit(transaction).await?;
        }
        Ok(())
    }

    /// How many messages have an alarm, at most `limit`.
    pub async fn alarms(&self, limit: u32) -> Result<usize, StoreError> {
        let filter = Filter { alarm: true, ..Filter::default() };
        Ok(sent::list(self.receiver.database.read(), &filter, limit).await?.len())
    }
}

/// Whether the sealed bytes may go: every recipient who can still have it has verified it, or nobody gets it.
fn has_arrived(state: Sending, recipients: &[sent_recipients::Recipient]) -> bool {
    let mut able = recipients.iter().filter(|one| one.dropped_at.is_none()).peekable();
    state.reached_nobody() || (able.peek().is_some() && able.all(|one| one.verified_at.is_some()))
}
