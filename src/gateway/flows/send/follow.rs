//! What became of what we have sent: the relay's news, page by page, each applied in ONE transaction with the place up to which
//! they were heard. News that come twice change nothing.

mod apply;
mod gap;
mod page;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio_util::sync::CancellationToken;

use super::Sender;
use super::check::Doubt;
use super::outcome::SendRunError;
use super::standing;
use crate::domain::sending::Sending;
use crate::failpoint;
use crate::gateway::relay::Relay;
use crate::store::gateway::events::Kind;
use crate::store::gateway::marks::{self, List};
use crate::store::gateway::sent::{self, Filter};
use crate::store::gateway::sent_recipients;
use crate::store::sqlite::StoreError;
use crate::wire::page::{Cursor, PageQuery};

/// News on a page.
const PAGE: u32 = 500;

/// Where news are heard.
#[derive(Debug, Clone, Copy)]
enum Place<'a> {
    /// In a run, of which there is one at a time among all processes, until it is stopped.
    Run(&'a CancellationToken),
    /// Beside the runs.
    Beside,
}

impl<R: Relay> Sender<R> {
    /// Hears everything that there is to be heard now, within a run. Answers how many news that were.
    pub(super) async fn hear_all(self: &Arc<Self>, stop: &CancellationToken) -> Result<u64, SendRunError> {
        let mut heard = 0;
        loop {
            let (count, more) = self.hear_page(None, Place::Run(stop)).await?;
            heard += count;
            if !more {
                return Ok(heard);
            }
        }
    }

    /// Hears one page beside the runs; with `wait` the relay may hold the answer for so many seconds until there is something.
    /// Answers how many news that were. News of what this database has forgotten are left for a run, which takes it over.
    pub async fn hear(self: &Arc<Self>, wait: Option<u32>) -> Result<u64, SendRunError> {
        // A relay that was away may have come back from a backup: what it tells anew lies behind what was heard.
        if !self.compared.load(Ordering::SeqCst) && self.compare_marks().await? {
            return Err(SendRunError::Forgotten);
        }
        let heard = self.hear_page(wait, Place::Beside).await;
        if heard.is_err() {
            self.compared.store(false, Ordering::SeqCst);
        }
        if matches!(heard, Err(SendRunError::Forgotten)) {
            self.owes.store(true, Ordering::SeqCst);
        }
        Ok(heard?.0)
    }

    /// Answers how many news there were, and whether there are more.
    async fn hear_page(self: &Arc<Self>, wait: Option<u32>, place: Place<'_>) -> Result<(u64, bool), SendRunError> {
        let database = &self.receiver.database;
        let mark = marks::get(database.read(), List::News).await?;
        let query = PageQuery { after: mark.as_ref().map(|mark| Cursor(mark.place)), limit: Some(PAGE), wait };
        let asked = self.receiver.clock.now();
        let page = self.receiver.relay.delivery_events(query).await?;
        self.receiver.breaker.answered();
        failpoint!("send.followed");
        let count = page.items.len() as u64;
        if let Some(last) = page.items.last() {
            // A relay that came back from a backup may have gone on beyond our mark before we asked: what it told up to there is not heard.
            if !self.still_has(List::News, mark.as_ref()).await? {
                self.owes.store(true, Ordering::SeqCst);
                return Err(SendRunError::Forgotten);
            }
            let next = standing::of_event(last);
            self.apply(mark.as_ref(), &next, page.items, place).await?;
            failpoint!("send.receipt-stored");
        }
        if !page.more {
            self.heard.up_to(asked);
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
            let now = self.receiver.clock.now();
            // Each user is told of, whatever else is wrong with the message.
            sent::alarm(&mut transaction, number, Doubt::Missing.code()).await?;
            sent_recipients::set_silent(&mut transaction, number, &user, now).await?;
            self.alarm(&mut transaction, &message, Some(user), Doubt::Missing).await?;
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
        tracing::error!(code, id = %message.id, "what is told of a message of ours does not fit");
        self.receiver.metrics.receipts_refused_total.with_label_values(&[code]).inc();
        self.note(connection, message, "gateway", "receipt.refused", code).await?;
        self.announce(connection, message, Kind::SentAlarm, user).await
    }

    /// How many messages have an alarm, at most `limit`.
    pub async fn alarms(&self, limit: u32) -> Result<usize, StoreError> {
        let filter = Filter { alarm: true, ..Filter::default() };
        Ok(sent::list(self.receiver.database.read(), &filter, limit).await?.len())
    }
}

/// Whether the sealed bytes may go: every recipient who can still have it has verified it, or nobody gets it.
fn has_arrived(state: Sending, recipients: &[sent_recipients::Recipient]) -> bool {
    let can = |one: &&sent_recipients::Recipient| one.dropped_at.is_none() && one.expired_at.is_none();
    let mut able = recipients.iter().filter(can).peekable();
    state.reached_nobody() || (able.peek().is_some() && able.all(|one| one.verified_at.is_some()))
}
