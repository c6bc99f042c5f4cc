//! A relay in memory that lies on request: what tests make it do, and what they learn of it.

mod answers;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, LazyLock, Mutex};

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use kenpo_express::domain::clock::Clock;
use kenpo_express::domain::digest::Tag;
use kenpo_express::domain::ids::{MessageId, RequestId, UserId};
use kenpo_express::message::format::trailing_tag;
use kenpo_express::message::keys::Credential;
use kenpo_express::message::receipt::{Receipt, Stage};
use kenpo_express::pki::{Authority, KeyKind, Profile, Request, Subject, new_key};
use kenpo_express::runtime::clock::{SystemClock, SystemRandom};
use kenpo_express::wire;
use kenpo_express::wire::Der;
use kenpo_express::wire::client::ClientError;
use kenpo_express::wire::enrolment::{EnrolmentOrder, PendingRequest};
use kenpo_express::wire::page::Cursor;
use kenpo_express::wire::union::{Confirmation, OrderNumber, Parcel, RequestAnswer, User, UserRegistration};
use tokio::sync::Semaphore;

use crate::send_relay::FakeDeliveries;

/// What a relay does instead of sending the bytes.
#[derive(Debug, Clone)]
pub(crate) enum Lie {
    /// The line breaks after so many bytes.
    Cut(usize),
    /// It ends after so many bytes, as if that were all.
    Short(usize),
    /// More bytes than were announced.
    Extra,
    /// No answer in time.
    Silence,
    /// An error of the server.
    Broken,
    /// The bytes of another parcel of the same length.
    Other(u8),
    /// It has no such parcel.
    Gone,
}

#[derive(Default)]
struct Inner {
    before_content: Option<Arc<dyn Fn() + Send + Sync>>,
    before_answer: Option<Box<dyn FnOnce() + Send>>,
    refuse_receipts: bool,
    parcels: Vec<(Parcel, Bytes)>,
    lies: HashMap<MessageId, VecDeque<Lie>>,
    held: HashMap<MessageId, Arc<Semaphore>>,
    acknowledged: BTreeMap<MessageId, Option<Vec<u8>>>,
    /// The order of the acknowledgements.
    order: Vec<MessageId>,
    requests: Vec<(MessageId, u64)>,
    /// From where on the list of what waits was asked for.
    listed_from: Vec<Option<Cursor>>,
    away: bool,
    /// Questions and answers about parcels, also those that got none.
    asked: u64,
    /// Everything that was tried while it was away.
    in_vain: u64,
    keep_listing: bool,
    refuse_acknowledgements: u32,
    next_cursor: i64,
    told: Vec<Told>,
    refused: Option<(&'static str, wire::problem::Code)>,
    pending: Vec<PendingRequest>,
    numbers: HashMap<UserId, OrderNumber>,
    users: Vec<User>,
}

/// What the gateway told the relay about users and certificates.
#[derive(Debug, Clone)]
pub(crate) enum Told {
    Register(UserRegistration),
    Disable,
    Enable,
    Enrol(UserId, EnrolmentOrder),
    Link,
    Notice(UserId),
    Answer(RequestId, RequestAnswer),
    /// Whether a revocation list came with them.
    Certificates(bool),
}

impl Told {
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Register(..) => "register",
            Self::Disable => "disable",
            Self::Enable => "enable",
            Self::Enrol(..) => "enrol",
            Self::Link => "link",
            Self::Notice(..) => "notice",
            Self::Answer(..) => "answer",
            Self::Certificates(..) => "certificates",
        }
    }
}

impl Inner {
    fn is_there(&mut self) -> Result<(), ClientError> {
        self.in_vain += u64::from(self.away);
        if self.away { answers::unreachable() } else { Ok(()) }
    }

    fn newest(&self) -> Option<Cursor> {
        self.kept().last().map(|parcel| parcel.cursor)
    }

    /// What was acknowledged, with its place in that order.
    fn kept(&self) -> Vec<Parcel> {
        let place = |(number, id): (i64, &MessageId)| {
            let parcel = &self.parcels.iter().rfind(|(parcel, _)| parcel.id == *id)?.0;
            Some(Parcel { cursor: Cursor(number), ..parcel.clone() })
        };
        (1..).zip(&self.order).filter_map(place).collect()
    }
}

/// A relay in memory.
#[derive(Clone, Default)]
pub(crate) struct FakeRelay(Arc<Mutex<Inner>>, pub(crate) FakeDeliveries);

impl FakeRelay {
    fn is_there(&self) -> Result<(), ClientError> {
        self.0.lock().unwrap().is_there()
    }

    fn tell(&self, told: Told) -> Result<Confirmation, ClientError> {
        let mut inner = self.0.lock().unwrap();
        inner.is_there()?;
        if let Some((_, code)) = inner.refused.filter(|(kind, _)| *kind == told.kind()) {
            return Err(ClientError::Refused(wire::problem::Problem::new(code)));
        }
        inner.told.push(told);
        Ok(Confirmation { at: SystemClock.now() })
    }

    /// Refuses an order that a later one has overtaken, as far as the test has set a number.
    fn order(&self, user: &UserId, number: OrderNumber, told: Told) -> Result<Confirmation, ClientError> {
        let newest = self.0.lock().unwrap().numbers.get(user).copied();
        if let Some(newest) = newest.filter(|newest| number < *newest) {
            let problem = wire::problem::Problem::new(wire::problem::Code::OrderOvertaken);
            return Err(ClientError::Refused(wire::problem::Problem { order: Some(newest), ..problem }));
        }
        let done = self.tell(told)?;
        self.0.lock().unwrap().numbers.insert(user.clone(), number);
        Ok(done)
    }

    /// The newest order about a user, as this relay says.
    pub(crate) fn number(&self, user: &UserId) -> OrderNumber {
        self.0.lock().unwrap().numbers.get(user).copied().unwrap_or_default()
    }

    /// Orders about a user have gone as far as this already.
    pub(crate) fn has_taken(&self, user: &UserId, number: OrderNumber) {
        self.0.lock().unwrap().numbers.insert(user.clone(), number);
    }

    /// What it says of the users.
    pub(crate) fn list(&self, users: Vec<User>) {
        self.0.lock().unwrap().users = users;
    }

    /// What was told since this was last asked.
    pub(crate) fn told(&self) -> Vec<Told> {
        std::mem::take(&mut self.0.lock().unwrap().told)
    }

    /// Refuses one kind of order, or none.
    pub(crate) fn refuse(&self, kind: Option<(&'static str, wire::problem::Code)>) {
        self.0.lock().unwrap().refused = kind;
    }

    /// Lists a request for certificates until it is answered.
    pub(crate) fn request(&self, id: RequestId, user: &UserId, sealed: &[u8]) {
        let mut inner = self.0.lock().unwrap();
        inner.next_cursor += 1;
        let cursor = Cursor(inner.next_cursor);
        let received_at = SystemClock.now();
        let request = PendingRequest { id, cursor, user: user.clone(), sealed: Der(sealed.to_vec()), received_at };
        inner.pending.push(request);
    }

    pub(crate) fn lie(&self, id: MessageId, lies: impl IntoIterator<Item = Lie>) {
        self.0.lock().unwrap().lies.entry(id).or_default().extend(lies);
    }

    /// Keeps the last piece of a parcel back until [`Self::let_go`].
    pub(crate) fn hold(&self, id: MessageId) {
        self.0.lock().unwrap().held.insert(id, Arc::new(Semaphore::new(0)));
    }

    pub(crate) fn let_go(&self, id: MessageId) {
        self.0.lock().unwrap().held[&id].add_permits(1);
    }

    /// Not to be reached, or there again.
    pub(crate) fn away(&self, away: bool) {
        self.0.lock().unwrap().away = away;
    }

    /// How often anything about parcels was asked since this was last called.
    pub(crate) fn asked(&self) -> u64 {
        std::mem::take(&mut self.0.lock().unwrap().asked)
    }

    /// How often anything at all was tried while it was away, since this was last called.
    pub(crate) fn in_vain(&self) -> u64 {
        std::mem::take(&mut self.0.lock().unwrap().in_vain)
    }

    /// Does something whenever bytes are asked for.
    pub(crate) fn before_content(&self, act: impl Fn() + Send + Sync + 'static) {
        self.0.lock().unwrap().before_content = Some(Arc::new(act));
    }

    /// Does something once, between the next acknowledgement and the answer to it.
    pub(crate) fn before_answer(&self, act: impl FnOnce() + Send + 'static) {
        self.0.lock().unwrap().before_answer = Some(Box::new(act));
    }

    /// Takes no receipt.
    pub(crate) fn refuse_receipts(&self, refuse: bool) {
        self.0.lock().unwrap().refuse_receipts = refuse;
    }

    /// Goes on listing what was acknowledged.
    pub(crate) fn keep_listing(&self) {
        self.0.lock().unwrap().keep_listing = true;
    }

    pub(crate) fn refuse_acknowledgements(&self, times: u32) {
        self.0.lock().unwrap().refuse_acknowledgements = times;
    }

    pub(crate) fn acknowledged(&self, id: MessageId) -> bool {
        self.0.lock().unwrap().acknowledged.contains_key(&id)
    }

    /// The receipt that came with the acknowledgement, if one did.
    pub(crate) fn receipt(&self, id: MessageId) -> Option<Vec<u8>> {
        self.0.lock().unwrap().acknowledged.get(&id).cloned().flatten()
    }

    /// Offsets that the content of a parcel was asked from.
    pub(crate) fn requests(&self, id: MessageId) -> Vec<u64> {
        self.0.lock().unwrap().requests.iter().filter(|(of, _)| *of == id).map(|(_, offset)| *offset).collect()
    }

    /// From where on the list of what waits was asked for, each time.
    pub(crate) fn listed_from(&self) -> Vec<Option<Cursor>> {
        self.0.lock().unwrap().listed_from.clone()
    }

    /// Lists a parcel, from its end or, with changes, as a lie.
    pub(crate) fn deposit(&self, id: MessageId, sender: &UserId, sealed: &[u8], at: Timestamp) {
        self.deposit_with(id, sender, sealed, at, |_| ());
    }

    /// Many new parcels with the same bytes.
    pub(crate) fn deposit_all(&self, ids: &[MessageId], sender: &UserId, sealed: &[u8], at: Timestamp) {
        let (mut inner, bytes) = (self.0.lock().unwrap(), Bytes::copy_from_slice(sealed));
        for id in ids {
            inner.next_cursor += 1;
            let parcel = listed(*id, inner.next_cursor, sender, sealed, at);
            inner.parcels.push((parcel, bytes.clone()));
        }
    }

    pub(crate) fn deposit_with(
        &self,
        id: MessageId,
        sender: &UserId,
        sealed: &[u8],
        at: Timestamp,
        change: impl FnOnce(&mut Parcel),
    ) {
        let mut inner = self.0.lock().unwrap();
        inner.next_cursor += 1;
        let mut parcel = listed(id, inner.next_cursor, sender, sealed, at);
        change(&mut parcel);
        inner.acknowledged.remove(&id);
        inner.parcels.retain(|(before, bytes)| before.id != id || bytes == sealed);
        inner.parcels.push((parcel, Bytes::copy_from_slice(sealed)));
    }
}

/// What the relay signs with: one for all tests.
pub(crate) fn signer() -> &'static Credential {
    static SIGNER: LazyLock<Credential> = LazyLock::new(|| {
        let (now, random) = (SystemClock.now(), &SystemRandom);
        let operator = Authority::create_operator("operator", now, random).unwrap();
        let key = new_key(KeyKind::P256).unwrap();
        let request = Request::new(Subject::Service("relay".to_owned()), &key).unwrap();
        let validity = SignedDuration::from_hours(24 * 365);
        let profile = Profile::ReceiptSigning;
        Credential::new(operator.issue(&request, &profile, validity, now, random).unwrap(), key).unwrap()
    });
    &SIGNER
}

/// The relay's receipt.
pub(crate) fn relayed(message_id: MessageId, tag: Option<Tag>, at: Timestamp) -> Der {
    let receipt = Receipt {
        message_id,
        stage: Stage::Relayed,
        tag,
        digest: None,
        at,
        by: "relay".to_owned(),
        words: None,
        previous: None,
        contiguous: None,
    };
    Der(receipt.sign(signer(), at).unwrap().der().to_vec())
}

/// A parcel as an honest relay lists it.
fn listed(id: MessageId, cursor: i64, sender: &UserId, sealed: &[u8], at: Timestamp) -> Parcel {
    let tag = trailing_tag(&sealed[sealed.len().saturating_sub(64)..]);
    Parcel {
        id,
        cursor: Cursor(cursor),
        sender: sender.clone(),
        size: sealed.len() as u64,
        tag,
        deposited_at: at,
        relayed: relayed(id, tag, at),
    }
}
