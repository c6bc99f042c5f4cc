//! What the relay in memory answers.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use kenpo_express::domain::clock::{Clock, Random};
use kenpo_express::domain::ids::{MessageId, RequestId, UserId};
use kenpo_express::gateway::relay::{Chunks, Relay};
use kenpo_express::runtime::clock::SystemClock;
use kenpo_express::wire;
use kenpo_express::wire::Der;
use kenpo_express::wire::client::{ClientError, Effort, Fault, FileSource, Progress};
use kenpo_express::wire::delivery::{Delivery, DeliveryEvent, Withdrawal, WithdrawalAnswer};
use kenpo_express::wire::enrolment::{EnrolmentOrder, Notice, PendingRequest};
use kenpo_express::wire::page::{Page, PageQuery};
use kenpo_express::wire::tus::Metadata;
use kenpo_express::wire::union::{
    Acknowledgement, AcknowledgementOutcome, AcknowledgementResult, AcknowledgementResults, Confirmation, DisableUser,
    Handshake, OrderNumber, Parcel, ParcelState, RequestAnswer, UnionCertificates, User, UserRegistration,
};
use tokio::sync::Semaphore;

use super::{FakeRelay, Lie, Told};
use crate::support::soon::within;

pub(super) fn unreachable<T>() -> Result<T, ClientError> {
    Err(ClientError::Unreachable("the line is cut".into()))
}

/// How long it holds a question.
const HELD: Duration = Duration::from_secs(1);

/// Holds a question to which there is no answer yet.
async fn hold(query: PageQuery, is_empty: bool) {
    if is_empty && query.wait.is_some() {
        tokio::time::sleep(HELD).await;
    }
}

impl FakeRelay {
    fn page(&self, state: ParcelState, query: PageQuery) -> Result<Page<Parcel>, ClientError> {
        let mut inner = self.0.lock().unwrap();
        inner.is_there()?;
        let listed: Vec<Parcel> = match state {
            ParcelState::Waiting => {
                inner.listed_from.push(query.after);
                let waits = |parcel: &Parcel| inner.keep_listing || !inner.acknowledged.contains_key(&parcel.id);
                inner.parcels.iter().map(|(parcel, _)| parcel).filter(|parcel| waits(parcel)).cloned().collect()
            }
            ParcelState::Acknowledged => inner.kept(),
        };
        let mut items: Vec<Parcel> = listed.into_iter().filter(|parcel| Some(parcel.cursor) > query.after).collect();
        let limit = query.limit.unwrap_or(100) as usize;
        let more = items.len() > limit;
        items.truncate(limit);
        Ok(Page { next: items.last().map(|parcel| parcel.cursor), more, items })
    }
}

impl Relay for FakeRelay {
    type Content = FakeContent;

    async fn handshake(&self) -> Result<Handshake, ClientError> {
        self.0.lock().unwrap().asked += 1;
        self.is_there()?;
        Ok(Handshake {
            version: wire::VERSION.to_owned(),
            union: "06123456".parse().unwrap(),
            now: SystemClock.now(),
            last_seen: None,
            entrance: kenpo_express::wire::union::Entrance { url: "https://localhost:1".to_owned(), roots: vec![] },
            receipt_certificate: Der(Vec::new()),
            acknowledged: self.0.lock().unwrap().newest(),
            newest_delivery: self.1.newest().0,
            newest_event: self.1.newest().1,
        })
    }

    async fn parcels(&self, state: ParcelState, query: PageQuery) -> Result<Page<Parcel>, ClientError> {
        self.0.lock().unwrap().asked += 1;
        let page = self.page(state, query)?;
        if page.items.is_empty() && query.wait.is_some() {
            // The question is held until something comes, for as long as this relay likes.
            tokio::time::sleep(HELD).await;
            return self.page(state, query);
        }
        Ok(page)
    }

    async fn content(&self, id: MessageId, size: u64, offset: u64) -> Result<FakeContent, ClientError> {
        let mut inner = self.0.lock().unwrap();
        inner.asked += 1;
        inner.is_there()?;
        if let Some(act) = &inner.before_content {
            act();
        }
        inner.requests.push((id, offset));
        let lie = inner.lies.get_mut(&id).and_then(VecDeque::pop_front);
        let bytes = inner.parcels.iter().rfind(|(parcel, _)| parcel.id == id).unwrap().1.clone();
        let offset = usize::try_from(offset).unwrap();
        let rest = bytes.slice(offset.min(bytes.len())..);
        let (bytes, end) = match lie {
            // The real client compares the announced length with the list before the first byte.
            None if bytes.len() as u64 != size => return Err(ClientError::Protocol(Fault::Length)),
            None => (rest, None),
            Some(Lie::Cut(length)) => {
                (rest.slice(..length.min(rest.len())), Some(ClientError::Unreachable("cut".into())))
            }
            Some(Lie::Short(length)) => (rest.slice(..length.min(rest.len())), None),
            Some(Lie::Extra) => ([rest, Bytes::from_static(b"more")].concat().into(), None),
            Some(Lie::Silence) => return Err(ClientError::TimedOut),
            Some(Lie::Broken) => {
                let problem = wire::problem::Problem::new(wire::problem::Code::Internal);
                return Err(ClientError::Refused(problem));
            }
            Some(Lie::Gone) => {
                let problem = wire::problem::Problem::new(wire::problem::Code::ParcelUnknown);
                return Err(ClientError::Refused(problem));
            }
            Some(Lie::Other(value)) => (vec![value; rest.len()].into(), None),
        };
        let mut chunks: VecDeque<_> = bytes.chunks(64 * 1024).map(|chunk| Ok(Bytes::copy_from_slice(chunk))).collect();
        chunks.extend(end.map(Err));
        Ok(FakeContent { chunks, held: inner.held.get(&id).cloned() })
    }

    async fn acknowledge(&self, items: Vec<Acknowledgement>) -> Result<AcknowledgementResults, ClientError> {
        let mut inner = self.0.lock().unwrap();
        inner.asked += 1;
        inner.is_there()?;
        if inner.refuse_acknowledgements > 0 {
            inner.refuse_acknowledgements = inner.refuse_acknowledgements.saturating_sub(1);
            return unreachable();
        }
        if let Some(act) = inner.before_answer.take() {
            act();
        }
        let mut results = Vec::new();
        for item in items {
            if inner.refuse_receipts && item.receipt.is_some() {
                results.push(AcknowledgementResult { id: item.id, outcome: AcknowledgementOutcome::ReceiptRefused });
                continue;
            }
            let before = inner.acknowledged.insert(item.id, item.receipt.map(|der| der.0));
            let outcome = match before {
                None => {
                    inner.order.push(item.id);
                    AcknowledgementOutcome::Acknowledged
                }
                Some(_) => AcknowledgementOutcome::AlreadyAcknowledged,
            };
            results.push(AcknowledgementResult { id: item.id, outcome });
        }
        Ok(AcknowledgementResults { items: results, acknowledged: inner.newest() })
    }

    async fn put_certificates(&self, certificates: &UnionCertificates) -> Result<(), ClientError> {
        self.tell(Told::Certificates(certificates.revoked.is_some())).map(|_| ())
    }

    async fn put_user(
        &self,
        user: &UserId,
        number: OrderNumber,
        registration: &UserRegistration,
    ) -> Result<(), ClientError> {
        self.order(user, number, Told::Register(registration.clone())).map(|_| ())
    }

    async fn disable_user(
        &self,
        user: &UserId,
        number: OrderNumber,
        _: DisableUser,
    ) -> Result<Confirmation, ClientError> {
        self.order(user, number, Told::Disable)
    }

    async fn enable_user(&self, user: &UserId, number: OrderNumber) -> Result<Confirmation, ClientError> {
        self.order(user, number, Told::Enable)
    }

    async fn enrol(
        &self,
        user: &UserId,
        number: OrderNumber,
        order: &EnrolmentOrder,
    ) -> Result<Confirmation, ClientError> {
        self.order(user, number, Told::Enrol(user.clone(), order.clone()))
    }

    async fn mail_link(&self, user: &UserId, number: OrderNumber) -> Result<Confirmation, ClientError> {
        self.order(user, number, Told::Link)
    }

    async fn notify(&self, user: &UserId, number: OrderNumber, _: &Notice) -> Result<Confirmation, ClientError> {
        self.order(user, number, Told::Notice(user.clone()))
    }

    async fn certificate_requests(&self, query: PageQuery) -> Result<Page<PendingRequest>, ClientError> {
        self.is_there()?;
        let after = |request: &&PendingRequest| Some(request.cursor) > query.after;
        let items: Vec<PendingRequest> = self.0.lock().unwrap().pending.iter().filter(after).cloned().collect();
        hold(query, items.is_empty()).await;
        Ok(Page { next: items.last().map(|request| request.cursor), more: false, items })
    }

    async fn answer_request(
        &self,
        id: RequestId,
        _: OrderNumber,
        answer: &RequestAnswer,
    ) -> Result<Confirmation, ClientError> {
        let done = self.tell(Told::Answer(id, answer.clone()))?;
        self.0.lock().unwrap().pending.retain(|request| request.id != id);
        Ok(done)
    }

    async fn users(&self, _: PageQuery) -> Result<Page<User>, ClientError> {
        let mut inner = self.0.lock().unwrap();
        inner.is_there()?;
        let items = inner.users.clone();
        Ok(Page { next: items.last().map(|user| user.cursor), items, more: false })
    }

    async fn deposit(
        &self,
        metadata: Metadata,
        file: &FileSource,
        progress: &Progress,
        _: Effort,
        _: &dyn Random,
    ) -> Result<(), ClientError> {
        self.is_there()?;
        self.1.begin();
        let sealed = tokio::fs::read(&file.path).await;
        tokio::task::yield_now().await;
        let result = match sealed {
            Ok(sealed) => self.1.deposit(&metadata, sealed.into(), SystemClock.now()),
            Err(error) => Err(ClientError::Local(error)),
        };
        self.1.end();
        let _ = progress;
        result
    }

    async fn give_up_deposit(&self, _: MessageId) -> Result<(), ClientError> {
        self.is_there()
    }

    async fn deliveries(&self, query: PageQuery) -> Result<Page<Delivery>, ClientError> {
        self.is_there().map(|()| self.1.list(query))
    }

    async fn delivery(&self, id: MessageId) -> Result<Delivery, ClientError> {
        self.is_there().and_then(|()| self.1.delivery(id))
    }

    async fn delivery_content(&self, id: MessageId, _: u64, _: u64) -> Result<FakeContent, ClientError> {
        self.is_there()?;
        let bytes = self.1.bytes(id);
        Ok(FakeContent {
            chunks: bytes.chunks(64 * 1024).map(|chunk| Ok(Bytes::copy_from_slice(chunk))).collect(),
            held: None,
        })
    }

    async fn withdraw(&self, id: MessageId, order: &Withdrawal) -> Result<WithdrawalAnswer, ClientError> {
        if let Some(meeting) = self.1.meeting() {
            within("as many withdraw as are to meet", meeting.wait()).await;
        }
        self.is_there().and_then(|()| self.1.withdraw(id, order))
    }

    async fn remind(&self, id: MessageId) -> Result<Confirmation, ClientError> {
        self.is_there().map(|()| self.1.remind(id))
    }

    async fn delivery_events(&self, query: PageQuery) -> Result<Page<DeliveryEvent>, ClientError> {
        self.is_there()?;
        let page = self.1.events(query);
        hold(query, page.items.is_empty()).await;
        Ok(page)
    }
}

/// Bytes of a parcel, or what the relay makes of them.
#[derive(Debug)]
pub(crate) struct FakeContent {
    chunks: VecDeque<Result<Bytes, ClientError>>,
    held: Option<Arc<Semaphore>>,
}

impl Chunks for FakeContent {
    async fn chunk(&mut self) -> Result<Option<Bytes>, ClientError> {
        tokio::task::yield_now().await;
        if let Some(held) = self.held.as_ref().filter(|_| self.chunks.len() == 1) {
            drop(held.acquire().await.unwrap());
        }
        self.chunks.pop_front().transpose()
    }
}
