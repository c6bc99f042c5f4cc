//! What the union sends: listed, fetched, verified, handed to the person, and answered with receipts.
//!
//! ```text
//! at the relay ─▶ inbox/ID.part ─▶ opened, judged ─┬▶ received/ID.kxm + `verified` ─▶ DIR/name + `accepted`
//!                                                  │                              └▶ `returned`, with words
//!                                                  └▶ quarantine/ID.kxm, no receipt
//! ```
//!
//! Each step is durable before the next begins, and what the relay is told comes last: a crash anywhere leads to the same
//! file in the same place and to the same receipts. The sealed message stays until the relay has the last of them, and as
//! long as the settings say after that; the plaintext is in the person's folder only.

mod acknowledge;
mod error;
mod examine;
mod fetch;
mod hand_out;
mod incoming;
mod keep;
mod list;
mod local_name;
mod notices;
mod receive;
mod take_in;
pub(super) mod tray;
mod withdrawn;

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

pub use self::error::{InboxRefused, InboxTrouble};
pub use self::incoming::{Content, InboxState, Incoming, OwnReceipt};
pub use self::list::{Inbox, InboxItem};
pub use self::tray::Missing;

use self::keep::{NotTaken, next_receipt, sign};
use self::receive::Work;
use self::tray::{Keep, Tray};
use super::alarm::Alarm;
use super::app::App;
use super::error::EmployerError;
use super::ledger::LedgerError;
use super::union::Union;
use crate::domain::ids::MessageId;
use crate::message::receipt::{MAX_REASON, Receipt, Return, Stage};
use crate::message::words;
use crate::wire::delivery::InboxParcel;
use crate::wire::page::{MAX_LIMIT, PageQuery};

/// Every message that came here, as far as a home folder knows by itself. Blocks.
pub fn known(folder: &Path) -> Result<Vec<Incoming>, LedgerError> {
    Tray::look_into(folder)?.records()
}

/// What is to be handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// Whatever was not handed out yet.
    All,
    /// This message, again if need be.
    One(MessageId),
}

/// What was found out on the way.
#[derive(Debug, Default)]
struct Noticed {
    alarms: Vec<(MessageId, Alarm)>,
    troubles: Vec<(MessageId, u32, InboxTrouble)>,
}

impl App {
    /// What waits and what came. Receipts that are still here are sent.
    pub async fn inbox(&self) -> Result<Inbox, EmployerError> {
        match self.look().await {
            Ok(inbox) => Ok(inbox),
            Err(error @ EmployerError::Ledger(_)) => Err(error),
            Err(error) => Ok(Inbox::from_before(self.on_tray(Tray::records).await?, error)),
        }
    }

    async fn look(&self) -> Result<Inbox, EmployerError> {
        let noticed = if self.tray.writes() { self.settle(&self.union().await?).await? } else { Noticed::default() };
        let waiting = self.waiting().await?;
        self.list(|_| true, |_| true, waiting, noticed).await
    }

    /// Fetches what is wanted, verifies it and puts the files into the folder; last, the union gets our receipts. What is
    /// wrong with one message does not keep the others.
    pub async fn receive(&self, wanted: Wanted, folder: &Path) -> Result<Inbox, EmployerError> {
        let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
        if !folder.is_dir() {
            return Err(InboxRefused::NoFolder(folder).into());
        }
        let union = Arc::new(self.union().await?);
        let mut noticed = self.settle(&union).await?;
        let waiting = self.waiting().await?;
        let mut work = Work::new(self, union, folder, self.here().await?);
        match wanted {
            Wanted::All => work.all(&waiting, &mut noticed).await?,
            Wanted::One(id) => work.one(id, &waiting, &mut noticed).await?,
        }
        let handled = work.handled();
        let offline = match self.finish().await {
            Ok(troubles) => {
                noticed.troubles.extend(troubles);
                None
            }
            // The files are there, and our receipts go with the next start.
            Err(error @ EmployerError::Relay(_)) => Some(error),
            Err(error) => return Err(error),
        };
        let is_wanted = |id| wanted == Wanted::All || wanted == Wanted::One(id);
        let shown = |record: &Incoming| handled.contains(&(record.id, record.copy));
        Ok(Inbox { offline, ..self.list(shown, is_wanted, waiting, noticed).await? })
    }

    /// Sends a message back, with words for the union alone. What was handed out before is accepted, and stays so.
    pub async fn return_message(&self, id: MessageId, reason: &str) -> Result<Inbox, EmployerError> {
        let reason = reason.trim();
        let length = reason.chars().count();
        if length == 0 || length > MAX_REASON || reason.chars().any(char::is_control) {
            return Err(InboxRefused::Reason.into());
        }
        let union = Arc::new(self.union().await?);
        let mut noticed = self.settle(&union).await?;
        let waiting = self.waiting().await?;
        let here = self.here().await?;
        let known = here.get(&id).map_or(&[] as &[Incoming], Vec::as_slice);
        let incoming = match (best(known), waiting.iter().find(|parcel| parcel.id == id)) {
            (Some(incoming), _) => incoming.clone(),
            (None, Some(parcel)) => match self.take_in(parcel, known, &union).await {
                Ok(incoming) => incoming,
                Err(NotTaken::Stop(error)) => return Err(error),
                Err(NotTaken::Trouble(trouble)) => {
                    noticed.troubles.push((id, 0, trouble));
                    return self.list(|_| false, |other| other == id, waiting, noticed).await;
                }
            },
            (None, None) => known.first().ok_or(InboxRefused::Unknown(id))?.clone(),
        };
        let state = incoming.state();
        let key = (id, incoming.copy);
        if state == InboxState::Verified {
            self.keep_return(incoming, reason.to_owned(), &union).await?;
        }
        noticed.troubles.extend(self.finish().await?);
        match state {
            InboxState::Verified | InboxState::Quarantined => {
                self.list(|record| (record.id, record.copy) == key, |_| false, waiting, noticed).await
            }
            state => Err(InboxRefused::State { id, state }.into()),
        }
    }

    /// Fetches, opens, judges and keeps one message.
    async fn take_in(
        &self,
        parcel: &InboxParcel,
        known: &[Incoming],
        union: &Arc<Union>,
    ) -> Result<Incoming, NotTaken> {
        let arrived = self.bring(parcel.clone(), known.to_vec(), union).await?;
        self.put_away(vec![arrived]).await.pop().expect("one answer for each").1
    }

    async fn keep_return(&self, mut incoming: Incoming, reason: String, union: &Union) -> Result<(), EmployerError> {
        let (now, by) = (self.clock.now(), self.home.identity().from().to_string());
        let told = Return { message_id: incoming.id, reason: reason.clone() };
        let sealed = words::seal(&told, std::slice::from_ref(&union.encryption), &*self.random)?;
        let receipt = Receipt { words: Some(sealed), ..next_receipt(&incoming, Stage::Returned, by, now) };
        incoming.receipts.push(sign(receipt, &self.signing, now)?);
        incoming.reason = Some(reason);
        self.on_tray(move |tray| tray.update(&incoming)).await?;
        crate::failpoint!("inbox.returned");
        Ok(())
    }

    /// Goes on with what an earlier start left: receipts that are here still, and the union's new statements.
    async fn settle(&self, union: &Union) -> Result<Noticed, EmployerError> {
        let troubles = self.finish().await?;
        let alarms = self.take_statements(union).await?;
        Ok(Noticed { alarms, troubles })
    }

    /// Tells the relay what is here, and lets go of what is settled.
    async fn finish(&self) -> Result<Vec<(MessageId, u32, InboxTrouble)>, EmployerError> {
        let troubles = self.acknowledge().await?;
        let (now, settings) = (self.clock.now(), self.home.settings());
        let keep = Keep { received: settings.keep_received, quarantined: settings.keep_quarantined };
        self.on_tray(move |tray| tray.let_go(now, keep)).await?;
        Ok(troubles)
    }

    /// Everything that waits at the relay, each id once: what else it lists under one is for the next time.
    async fn waiting(&self) -> Result<Vec<InboxParcel>, EmployerError> {
        let (mut waiting, mut seen) = (Vec::new(), HashSet::new());
        let mut query = PageQuery { limit: Some(MAX_LIMIT), ..PageQuery::default() };
        loop {
            let page = self.client.inbox(query).await?;
            waiting.extend(page.items.into_iter().filter(|parcel: &InboxParcel| seen.insert(parcel.id)));
            query.after = page.next;
            if !page.more {
                break;
            }
        }
        if self.tray.writes() {
            let ids: Vec<_> = waiting.iter().map(|parcel| parcel.id).collect();
            self.on_tray(move |tray| tray.discard_parts_but(&ids)).await?;
        }
        Ok(waiting)
    }

    /// What is here, by id.
    async fn here(&self) -> Result<HashMap<MessageId, Vec<Incoming>>, EmployerError> {
        let mut here: HashMap<MessageId, Vec<Incoming>> = HashMap::new();
        for record in self.on_tray(Tray::records).await? {
            here.entry(record.id).or_default().push(record);
        }
        Ok(here)
    }

    async fn list(
        &self,
        shown: impl Fn(&Incoming) -> bool,
        shown_waiting: impl Fn(MessageId) -> bool,
        waiting: Vec<InboxParcel>,
        mut noticed: Noticed,
    ) -> Result<Inbox, EmployerError> {
        let records = self.on_tray(Tray::records).await?;
        let mut take_trouble = |id: MessageId, copy: u32| {
            let at = noticed.troubles.iter().position(|(of, number, _)| (*of, *number) == (id, copy))?;
            Some(noticed.troubles.swap_remove(at).2)
        };
        let mut items = Vec::new();
        for record in &records {
            // What was taken back must not be there any more.
            let listed = waiting.iter().any(|parcel| parcel.id == record.id);
            let taken_back = (listed && record.state() == InboxState::Withdrawn).then_some(InboxTrouble::TakenBack);
            let trouble = take_trouble(record.id, record.copy).or(taken_back);
            if shown(record) || trouble.is_some() {
                let mut item = InboxItem::here(record.clone());
                item.trouble = trouble.or(item.trouble);
                items.push(item);
            }
        }
        let mut unseen = 0;
        for parcel in waiting {
            if records.iter().any(|one| one.id == parcel.id) {
                continue;
            }
            unseen += 1;
            let id = parcel.id;
            if shown_waiting(id) {
                let fetched = self.tray.part_length(id).min(parcel.size);
                items.push(InboxItem { trouble: take_trouble(id, 0), ..InboxItem::waiting(parcel, fetched) });
            }
        }
        // What waits may be what is missing.
        let missing = if unseen == 0 { self.tray.missing() } else { Vec::new() };
        Ok(Inbox { items, missing, alarms: noticed.alarms, offline: None })
    }

    /// Does something with what came off the async threads.
    async fn on_tray<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Tray) -> Result<T, LedgerError> + Send + 'static,
    ) -> Result<T, EmployerError> {
        let tray = Arc::clone(&self.tray);
        let done = tokio::task::spawn_blocking(move || work(&tray)).await;
        Ok(done.expect("work on what came does not panic")?)
    }
}

/// The record that an id stands for: what is in quarantine gives way to what is not.
fn best(known: &[Incoming]) -> Option<&Incoming> {
    known.iter().rfind(|one| one.state() != InboxState::Quarantined)
}
