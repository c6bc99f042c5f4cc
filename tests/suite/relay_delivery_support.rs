//! A union that sends, and users who receive.

use axum::body::Body;
use hyper::{Method, Request};
use jiff::SignedDuration;
use kenpo_express::domain::clock::Clock;
use kenpo_express::domain::ids::{MessageId, UserId};
use kenpo_express::message::keys::Credential;
use kenpo_express::message::receipt::{Receipt, Stage};
use kenpo_express::relay::Config;
use kenpo_express::relay::tasks::end_deliveries;
use kenpo_express::wire::Der;
use kenpo_express::wire::delivery::{
    ACKNOWLEDGEMENTS, Delivery, DeliveryEvent, EVENTS, INBOX, InboxParcel, News, UPLOADS, WITHDRAWALS, Withdrawal,
    Withdrawn, delivery, inbox_content, upload, withdrawal,
};
use kenpo_express::wire::page::Page;
use kenpo_express::wire::tus::{self, Metadata};
use kenpo_express::wire::union::{Acknowledgement, AcknowledgementOutcome, AcknowledgementResults, Acknowledgements};

use crate::support::http::{Answer, Client, json, request};
use crate::support::relay::{RelayWorld, UnionWorld, message_id, parcel};

pub(crate) struct World {
    pub(crate) relay: RelayWorld,
    pub(crate) union: UnionWorld,
    pub(crate) hanako: Credential,
    pub(crate) taro: Credential,
}

pub(crate) fn users(ids: &[&str]) -> Vec<UserId> {
    ids.iter().map(|id| id.parse().unwrap()).collect()
}

pub(crate) fn creation(id: MessageId, to: &[&str], size: usize) -> hyper::http::request::Builder {
    request(Method::POST, UPLOADS)
        .header(tus::TUS_RESUMABLE, tus::VERSION)
        .header(tus::UPLOAD_LENGTH, size)
        .header(tus::UPLOAD_METADATA, Metadata { message_id: id, recipients: users(to), place: None }.to_header())
}

pub(crate) fn whole(id: MessageId, to: &[&str], size: usize) -> Request<Body> {
    let create = creation(id, to, size).header("content-type", tus::OFFSET_CONTENT_TYPE);
    create.body(Body::from(parcel(size).0)).unwrap()
}

pub(crate) fn part(id: MessageId, offset: usize, bytes: &[u8]) -> Request<Body> {
    request(Method::PATCH, &upload(id))
        .header(tus::TUS_RESUMABLE, tus::VERSION)
        .header("content-type", tus::OFFSET_CONTENT_TYPE)
        .header(tus::UPLOAD_OFFSET, offset)
        .body(Body::from(bytes.to_vec()))
        .unwrap()
}

impl World {
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| ()).await
    }

    pub(crate) async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        let relay = RelayWorld::start_with(change).await;
        let union = relay.union("06123456").await;
        let (hanako, taro) = (relay.user(&union, "hanako-1").await, relay.user(&union, "taro-2").await);
        Self { relay, union, hanako, taro }
    }

    pub(crate) fn gateway(&self) -> Client {
        self.relay.vpn(&self.union.gateway)
    }

    pub(crate) fn app(&self, user: &Credential) -> Client {
        self.relay.employer(user)
    }

    pub(crate) fn id(&self) -> MessageId {
        message_id(self.relay.clock.as_ref())
    }

    /// Deposits a message in one request.
    pub(crate) async fn deposit(&self, to: &[&str], size: usize) -> MessageId {
        let id = self.id();
        let answer = self.gateway().send(whole(id, to, size)).await.unwrap();
        assert_eq!(answer.status, 201, "{answer:?}");
        id
    }

    pub(crate) async fn delivery(&self, id: MessageId) -> Delivery {
        self.gateway().get(&delivery(id)).await.json()
    }

    pub(crate) async fn inbox(&self, user: &Credential) -> Vec<MessageId> {
        let page: Page<InboxParcel> = self.app(user).get(INBOX).await.json();
        page.items.iter().map(|parcel| parcel.id).collect()
    }

    pub(crate) async fn fetch(&self, user: &Credential, id: MessageId) -> Answer {
        self.app(user).get(&inbox_content(id)).await
    }

    /// Everything that became of a message, in a few words each.
    pub(crate) async fn news(&self, id: MessageId) -> Vec<String> {
        let page: Page<DeliveryEvent> = self.gateway().get(&format!("{EVENTS}?limit=1000")).await.json();
        assert!(!page.more);
        page.items.into_iter().filter(|event| event.id == id).map(|event| words(&event.news)).collect()
    }

    /// A receipt of a user.
    pub(crate) fn receipt(&self, user: &Credential, id: MessageId, stage: Stage) -> Der {
        let now = self.relay.clock.now();
        let receipt = Receipt {
            message_id: id,
            stage,
            tag: None,
            digest: None,
            at: now,
            by: format!("hanako-1@{}.kx", self.union.insurer),
            words: None,
            previous: None,
            contiguous: Some(1),
        };
        Der(receipt.sign(user, now).unwrap().der().to_vec())
    }

    pub(crate) async fn acknowledge(
        &self,
        user: &Credential,
        items: Vec<(MessageId, Option<Der>)>,
    ) -> Vec<AcknowledgementOutcome> {
        let items = items.into_iter().map(|(id, receipt)| Acknowledgement { id, receipt }).collect();
        let post = json(Method::POST, ACKNOWLEDGEMENTS, &Acknowledgements { items });
        let results: AcknowledgementResults = self.app(user).send(post).await.unwrap().json();
        results.items.into_iter().map(|result| result.outcome).collect()
    }

    pub(crate) async fn withdraw(&self, id: MessageId, to: &[&str]) -> Answer {
        self.gateway().send(taking_back(id, to)).await.unwrap()
    }

    /// The statements that a user is shown.
    pub(crate) async fn withdrawals(&self, user: &Credential) -> Vec<(MessageId, Vec<u8>)> {
        let page: Page<Withdrawn> = self.app(user).get(WITHDRAWALS).await.json();
        page.items.into_iter().map(|withdrawn| (withdrawn.id, withdrawn.statement.0)).collect()
    }

    /// So many days later, with what the clock brings.
    pub(crate) async fn days_later(&self, days: i64) {
        self.relay.clock.advance(SignedDuration::from_hours(24 * days) + SignedDuration::from_secs(1));
        assert_eq!(end_deliveries(&self.relay.running().app).await, Ok(()));
    }
}

pub(crate) fn taking_back(id: MessageId, to: &[&str]) -> Request<Body> {
    let order = Withdrawal { recipients: users(to), statement: Der(format!("statement about {id}").into_bytes()) };
    json(Method::PUT, &withdrawal(id), &order)
}

fn words(news: &News) -> String {
    match news {
        News::Relayed { .. } => "relayed".to_owned(),
        News::Fetched { user } => format!("fetched {user}"),
        News::Acknowledged { user } => format!("acknowledged {user}"),
        News::Receipt { user, .. } => format!("receipt {user}"),
        News::Reminded { user } => format!("reminded {user}"),
        News::Dropped { user } => format!("dropped {user}"),
        News::Withdrawn => "withdrawn".to_owned(),
        News::Expired { user: None } => "expired".to_owned(),
        News::Expired { user: Some(user) } => format!("expired {user}"),
        News::Deleted => "deleted".to_owned(),
    }
}
