//! The relay's half of sending, in memory, with recipients that do what a test says.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use kenpo_express::domain::clock::Clock;
use kenpo_express::domain::ids::{MessageId, UserId};
use kenpo_express::message::format::trailing_tag;
use kenpo_express::runtime::clock::SystemClock;
use kenpo_express::wire::Der;
use kenpo_express::wire::client::ClientError;
use kenpo_express::wire::delivery::{
    Delivery, DeliveryEvent, DeliveryState, News, Recipient, Withdrawal, WithdrawalAnswer,
};
use kenpo_express::wire::page::{Cursor, Page, PageQuery};
use kenpo_express::wire::problem::{Code, Problem};
use kenpo_express::wire::tus::Metadata;
use kenpo_express::wire::union::Confirmation;

use crate::gateway_relay::relayed;

#[derive(Default)]
struct Inner {
    deliveries: Vec<(Delivery, Bytes)>,
    events: Vec<DeliveryEvent>,
    /// Why an upload is refused, by message, or all of them.
    refused: HashMap<MessageId, Code>,
    refuse_all: Option<Code>,
    /// Uploads that are under way, at most, at the same time.
    under_way: usize,
    most: usize,
    uploads: BTreeMap<MessageId, u32>,
    reminded: Vec<MessageId>,
    /// Deliveries whose time is over for those who have not fetched them.
    over: HashSet<MessageId>,
    before_deposit: Option<Box<dyn FnOnce() + Send>>,
    /// Bytes come, and the answer is lost.
    swallow_answers: u32,
    meeting: Option<Arc<tokio::sync::Barrier>>,
    /// The relay keeps its receipt back.
    silent: bool,
    /// Places that other unions' events have used up.
    used: i64,
    /// What it says of its newest places, whatever its lists have.
    newest: Option<(Option<Cursor>, Option<Cursor>)>,
}

/// What a relay has from the union.
#[derive(Clone, Default)]
pub(crate) struct FakeDeliveries(Arc<Mutex<Inner>>);

fn refused<T>(code: Code) -> Result<T, ClientError> {
    Err(ClientError::Refused(Problem::new(code)))
}

impl FakeDeliveries {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap()
    }

    pub(crate) fn refuse(&self, id: MessageId, code: Option<Code>) {
        let mut inner = self.lock();
        match code {
            Some(code) => drop(inner.refused.insert(id, code)),
            None => drop(inner.refused.remove(&id)),
        }
    }

    pub(crate) fn refuse_all(&self, code: Option<Code>) {
        self.lock().refuse_all = code;
    }

    pub(crate) fn swallow_answers(&self, count: u32) {
        self.lock().swallow_answers = count;
    }

    pub(crate) fn before_deposit(&self, act: impl FnOnce() + Send + 'static) {
        self.lock().before_deposit = Some(Box::new(act));
    }

    pub(crate) fn stay_silent(&self, silent: bool) {
        self.lock().silent = silent;
    }

    /// How often bytes of a message were sent here.
    pub(crate) fn uploads(&self, id: MessageId) -> u32 {
        self.lock().uploads.get(&id).copied().unwrap_or(0)
    }

    /// The most uploads that were ever under way at the same time.
    pub(crate) fn most(&self) -> usize {
        self.lock().most
    }

    pub(crate) fn reminded(&self) -> Vec<MessageId> {
        self.lock().reminded.clone()
    }

    pub(crate) fn all(&self) -> Vec<Delivery> {
        self.lock().deliveries.iter().map(|(delivery, _)| delivery.clone()).collect()
    }

    pub(crate) fn find(&self, id: MessageId) -> Option<Delivery> {
        self.all().into_iter().find(|delivery| delivery.id == id)
    }

    pub(crate) fn bytes(&self, id: MessageId) -> Bytes {
        self.lock().deliveries.iter().find(|(delivery, _)| delivery.id == id).unwrap().1.clone()
    }

    /// Forgets a delivery: the disk was lost.
    pub(crate) fn lose(&self, id: MessageId) {
        let mut inner = self.lock();
        inner.deliveries.retain(|(delivery, _)| delivery.id != id);
    }

    /// Deletes the bytes of a delivery; its row stays.
    pub(crate) fn delete(&self, id: MessageId) {
        self.change(id, |delivery| delivery.kept = false);
        self.tell(id, News::Deleted);
    }

    /// Keeps something else as what the union said to itself.
    pub(crate) fn keep_place(&self, id: MessageId, place: Option<Der>) {
        self.change(id, |delivery| delivery.place = place);
    }

    /// Puts news into the list as they are.
    pub(crate) fn tell(&self, id: MessageId, news: News) {
        self.tell_as_of(SystemClock.now(), id, news);
    }

    /// Puts news into the list with a time that the relay chooses.
    pub(crate) fn tell_as_of(&self, at: Timestamp, id: MessageId, news: News) {
        let mut inner = self.lock();
        let last = inner.events.last().map_or(NEWS, |event| event.cursor.0);
        let cursor = Cursor(last.max(inner.used) + 1);
        inner.events.push(DeliveryEvent { cursor, id, at, news });
    }

    /// Says of a delivery that it ends at another moment.
    pub(crate) fn end_at(&self, id: MessageId, at: Timestamp) {
        self.change(id, |delivery| delivery.expires_at = at);
    }

    /// Says of a delivery that the union took it back, and that this is what it said.
    pub(crate) fn say_withdrawn(&self, id: MessageId, statement: Option<Der>) {
        self.change(id, |delivery| (delivery.state, delivery.statement) = (DeliveryState::Withdrawn, statement));
    }

    /// What happens at other unions uses up the places of news up to this one.
    pub(crate) fn others_use(&self, place: i64) {
        self.lock().used = place;
    }

    /// Says that its newest places are these, or the truth.
    pub(crate) fn say_newest(&self, newest: Option<(Option<Cursor>, Option<Cursor>)>) {
        self.lock().newest = newest;
    }

    /// Its time is over, and nobody is told.
    pub(crate) fn expire_silently(&self, id: MessageId) {
        self.change(id, |delivery| delivery.state = DeliveryState::Expired);
    }

    /// So many withdrawals wait for each other.
    pub(crate) fn withdrawals_meet(&self, count: usize) {
        self.lock().meeting = Some(Arc::new(tokio::sync::Barrier::new(count)));
    }

    pub(crate) fn meeting(&self) -> Option<Arc<tokio::sync::Barrier>> {
        self.lock().meeting.clone()
    }

    fn change(&self, id: MessageId, change: impl FnOnce(&mut Delivery)) {
        let mut inner = self.lock();
        let found = inner.deliveries.iter_mut().find(|(delivery, _)| delivery.id == id).unwrap();
        change(&mut found.0);
    }

    pub(crate) fn fetch(&self, id: MessageId, user: &UserId) -> Bytes {
        let now = SystemClock.now();
        self.change(id, |delivery| {
            delivery.state = DeliveryState::Fetched;
            let one = delivery.recipients.iter_mut().find(|one| one.user == *user).unwrap();
            one.fetched_at.get_or_insert(now);
        });
        self.tell(id, News::Fetched { user: user.clone() });
        self.bytes(id)
    }

    pub(crate) fn acknowledge(&self, id: MessageId, user: &UserId, receipt: Option<Der>) {
        let now = SystemClock.now();
        self.change(id, |delivery| {
            let one = delivery.recipients.iter_mut().find(|one| one.user == *user).unwrap();
            one.acknowledged_at.get_or_insert(now);
            one.receipts.extend(receipt.clone());
        });
        self.tell(id, News::Acknowledged { user: user.clone() });
        if let Some(receipt) = receipt {
            self.tell(id, News::Receipt { user: user.clone(), receipt });
        }
    }

    pub(crate) fn expire(&self, id: MessageId) {
        self.change(id, |delivery| delivery.state = DeliveryState::Expired);
        self.tell(id, News::Expired { user: None });
    }

    /// Its time is over for a recipient, while another has fetched it.
    pub(crate) fn expire_for(&self, id: MessageId, user: &UserId) {
        self.lock().over.insert(id);
        self.tell(id, News::Expired { user: Some(user.clone()) });
    }

    /// The newest places of deliveries and events.
    pub(crate) fn newest(&self) -> (Option<Cursor>, Option<Cursor>) {
        let inner = self.lock();
        if let Some(newest) = inner.newest {
            return newest;
        }
        (inner.deliveries.iter().map(|(one, _)| one.cursor).max(), inner.events.iter().map(|one| one.cursor).max())
    }

    /// Everything as it is now, for a backup.
    pub(crate) fn backup(&self) -> (Vec<(Delivery, Bytes)>, Vec<DeliveryEvent>) {
        let inner = self.lock();
        (inner.deliveries.clone(), inner.events.clone())
    }

    /// Everything as it was then.
    pub(crate) fn restore(&self, (deliveries, events): (Vec<(Delivery, Bytes)>, Vec<DeliveryEvent>)) {
        let mut inner = self.lock();
        (inner.deliveries, inner.events) = (deliveries, events);
    }

    pub(crate) fn drop_user(&self, id: MessageId, user: &UserId) {
        self.tell(id, News::Dropped { user: user.clone() });
    }

    pub(crate) fn deposit(&self, metadata: &Metadata, sealed: Bytes, at: Timestamp) -> Result<(), ClientError> {
        let act = self.lock().before_deposit.take();
        if let Some(act) = act {
            act();
        }
        let mut inner = self.lock();
        let id = metadata.message_id;
        if let Some(code) = inner.refused.get(&id).copied().or(inner.refuse_all) {
            return refused(code);
        }
        *inner.uploads.entry(id).or_default() += 1;
        if let Some((known, bytes)) = inner.deliveries.iter().find(|(delivery, _)| delivery.id == id) {
            if known.state == DeliveryState::Withdrawn {
                return refused(Code::DeliveryEnded);
            }
            return if *bytes == sealed { Ok(()) } else { refused(Code::ParcelConflict) };
        }
        let tag = trailing_tag(&sealed[sealed.len() - 64..]);
        let receipt = relayed(id, tag, at);
        let recipient = |user: &UserId| Recipient {
            user: user.clone(),
            fetched_at: None,
            acknowledged_at: None,
            dropped_at: None,
            receipts: Vec::new(),
        };
        let delivery = Delivery {
            id,
            cursor: next_place(&inner),
            state: DeliveryState::Waiting,
            size: sealed.len() as u64,
            tag,
            deposited_at: at,
            expires_at: at + SignedDuration::from_hours(24 * 14),
            kept: true,
            relayed: Some(receipt.clone()),
            statement: None,
            place: metadata.place.clone(),
            recipients: metadata.recipients.iter().map(recipient).collect(),
        };
        inner.deliveries.push((delivery, sealed));
        let silent = inner.silent;
        let swallow = inner.swallow_answers > 0;
        inner.swallow_answers = inner.swallow_answers.saturating_sub(1);
        drop(inner);
        if !silent {
            self.tell(id, News::Relayed { receipt });
        }
        if swallow { Err(ClientError::Unreachable("the answer is lost".into())) } else { Ok(()) }
    }

    pub(crate) fn begin(&self) {
        let mut inner = self.lock();
        inner.under_way += 1;
        inner.most = inner.most.max(inner.under_way);
    }

    pub(crate) fn end(&self) {
        self.lock().under_way -= 1;
    }

    pub(crate) fn list(&self, query: PageQuery) -> Page<Delivery> {
        page(self.all(), query, |delivery| delivery.cursor)
    }

    pub(crate) fn delivery(&self, id: MessageId) -> Result<Delivery, ClientError> {
        self.find(id).map_or_else(|| refused(Code::ParcelUnknown), Ok)
    }

    pub(crate) fn events(&self, query: PageQuery) -> Page<DeliveryEvent> {
        page(self.lock().events.clone(), query, |event| event.cursor)
    }

    pub(crate) fn withdraw(&self, id: MessageId, order: &Withdrawal) -> Result<WithdrawalAnswer, ClientError> {
        let at = SystemClock.now();
        let known = self.find(id);
        let collected = known.as_ref().is_some_and(|delivery| delivery.state == DeliveryState::Fetched);
        if collected && !self.lock().over.contains(&id) {
            return refused(Code::DeliveryCollected);
        }
        let mut inner = self.lock();
        if let Some((delivery, _)) = inner.deliveries.iter_mut().find(|(delivery, _)| delivery.id == id) {
            if delivery.state == DeliveryState::Waiting {
                delivery.state = DeliveryState::Withdrawn;
            }
            delivery.kept &= collected;
            delivery.statement.get_or_insert(order.statement.clone());
        } else {
            let delivery = Delivery {
                id,
                cursor: next_place(&inner),
                state: DeliveryState::Withdrawn,
                size: 0,
                tag: None,
                deposited_at: at,
                expires_at: at,
                kept: false,
                relayed: None,
                statement: Some(order.statement.clone()),
                place: None,
                recipients: Vec::new(),
            };
            inner.deliveries.push((delivery, Bytes::new()));
        }
        drop(inner);
        if known.is_none_or(|delivery| delivery.state == DeliveryState::Waiting) {
            self.tell(id, News::Withdrawn);
        }
        Ok(WithdrawalAnswer { at, collected })
    }

    pub(crate) fn remind(&self, id: MessageId) -> Confirmation {
        self.lock().reminded.push(id);
        Confirmation { at: SystemClock.now() }
    }
}

/// After every delivery that there is.
fn next_place(inner: &Inner) -> Cursor {
    Cursor(inner.deliveries.iter().map(|(one, _)| one.cursor.0).max().unwrap_or(0) + 1)
}

/// The news' places are none of the list's.
const NEWS: i64 = 1_000;

fn page<T>(all: Vec<T>, query: PageQuery, cursor: impl Fn(&T) -> Cursor) -> Page<T> {
    let mut items: Vec<T> = all.into_iter().filter(|one| Some(cursor(one)) > query.after).collect();
    let limit = query.limit.unwrap_or(100) as usize;
    let more = items.len() > limit;
    items.truncate(limit);
    Page { next: items.last().map(&cursor), more, items }
}
