//! Whatever a union or a user asks of the relay, it reaches nothing that is another's. The routes are taken from the OpenAPI
//! documents: one without a row here fails.

mod employers;

use std::collections::BTreeSet;

use axum::body::Body;
use hyper::{Method, Request};
use kenpo_express::domain::clock::Clock;
use kenpo_express::domain::ids::{MessageId, RequestId};
use kenpo_express::message::keys::Credential;
use kenpo_express::message::receipt::Stage;
use kenpo_express::runtime::clock::SystemRandom;
use kenpo_express::wire::Der;
use kenpo_express::wire::delivery::{self, DELIVERIES, Delivery, DeliveryEvent, EVENTS, INBOX, InboxParcel};
use kenpo_express::wire::employer::{self, SentParcel, UNION, UPLOADS, UnionInfo, sent};
use kenpo_express::wire::enrolment::{CertificateRequest, Notice, PendingRequest};
use kenpo_express::wire::page::Page;
use kenpo_express::wire::problem::Code;
use kenpo_express::wire::tus::{self, Metadata};
use kenpo_express::wire::union::{
    ACKNOWLEDGEMENTS, Acknowledgement, AcknowledgementOutcome, AcknowledgementResults, Acknowledgements,
    CERTIFICATE_REQUESTS, CERTIFICATES, HANDSHAKE, Handshake, PARCELS, Parcel, RequestAnswer, USERS, User,
    parcel_content, request_answer,
};
use serde_json::Value;

use crate::relay_delivery_support::{creation, part, taking_back, whole};
use crate::relay_openapi::described;
use crate::support::http::{Client, get, json, request};
use crate::support::relay::{RelayWorld, UnionWorld, message_id, parcel};

fn tus_request(method: Method, path: &str) -> hyper::http::request::Builder {
    request(method, path).header(tus::TUS_RESUMABLE, tus::VERSION)
}

fn create(id: MessageId, size: usize) -> Request<Body> {
    tus_request(Method::POST, UPLOADS)
        .header(tus::UPLOAD_LENGTH, size)
        .header(tus::UPLOAD_METADATA, Metadata::to_union(id).to_header())
        .header("content-type", tus::OFFSET_CONTENT_TYPE)
        .body(Body::from(parcel(size).0))
        .unwrap()
}

/// Two unions, each with a user; a parcel and an unfinished upload of the first one's user, and a delivery, an unfinished upload and a
/// withdrawal for this user.
struct Two {
    relay: RelayWorld,
    own: UnionWorld,
    foreign: UnionWorld,
    user: Credential,
    colleague: Credential,
    stranger: Credential,
    parcel: MessageId,
    upload: MessageId,
    delivery: MessageId,
    begun: MessageId,
    withdrawn: MessageId,
    /// Of the colleague's kit, for certificates.
    request: RequestId,
    kit: Credential,
    stranger_kit: Credential,
}

impl Two {
    async fn start() -> Self {
        let relay = RelayWorld::start().await;
        let (own, foreign) = (relay.union("06123456").await, relay.union("06654321").await);
        let user = relay.user(&own, "hanako-1").await;
        let colleague = relay.user(&own, "taro-2").await;
        let stranger = relay.user(&foreign, "hanako-1").await;
        let (parcel, upload) = (message_id(relay.clock.as_ref()), message_id(relay.clock.as_ref()));
        assert_eq!(relay.employer(&user).send(create(parcel, 500)).await.unwrap().status, 201);
        let unfinished = tus_request(Method::POST, UPLOADS)
            .header(tus::UPLOAD_LENGTH, 500)
            .header(tus::UPLOAD_METADATA, Metadata::to_union(upload).to_header())
            .body(Body::empty());
        assert_eq!(relay.employer(&user).send(unfinished.unwrap()).await.unwrap().status, 201);
        let [delivery, begun, withdrawn] = [(); 3].map(|()| message_id(relay.clock.as_ref()));
        let to = ["hanako-1"];
        let gateway = relay.vpn(&own.gateway);
        for deposit in [whole(delivery, &to, 500), creation(begun, &to, 500).body(Body::empty()).unwrap()] {
            assert_eq!(gateway.send(deposit).await.unwrap().status, 201);
        }
        assert_eq!(gateway.send(taking_back(withdrawn, &to)).await.unwrap().status, 200);
        let kit = relay.enrol(&own, "saburo-4").await.kit;
        let stranger_kit = relay.enrol(&foreign, "saburo-4").await.kit;
        let request = RequestId::new(relay.clock.now(), &SystemRandom);
        let body = CertificateRequest { id: request, sealed: Der(vec![7]) };
        let ask = json(Method::POST, employer::CERTIFICATE_REQUESTS, &body);
        assert_eq!(relay.employer(&kit).send(ask).await.unwrap().status, 200);
        Self {
            relay,
            own,
            foreign,
            user,
            colleague,
            stranger,
            parcel,
            upload,
            delivery,
            begun,
            withdrawn,
            request,
            kit,
            stranger_kit,
        }
    }
}

/// The routes that a listener says it has.
async fn routes(client: &Client) -> BTreeSet<(String, String)> {
    described(&client.get("/openapi.json").await.json::<Value>())
}

async fn post(client: &Client, path: &str) -> Code {
    client.send(request(Method::POST, path).body(Body::empty()).unwrap()).await.unwrap().code()
}

#[tokio::test]
async fn no_union_reaches_what_is_another_unions() {
    let two = Two::start().await;
    let (own, foreign) = (two.relay.vpn(&two.own.gateway), two.relay.vpn(&two.foreign.gateway));
    let taken = message_id(two.relay.clock.as_ref());
    assert_eq!(two.relay.employer(&two.user).send(create(taken, 300)).await.unwrap().status, 201);
    let acknowledge = |id| {
        let receipt = two.foreign.receipt(id, Stage::Verified, two.relay.clock.now());
        let items = vec![Acknowledgement { id, receipt: Some(receipt) }];
        json(Method::POST, ACKNOWLEDGEMENTS, &Acknowledgements { items })
    };
    let items = vec![Acknowledgement { id: taken, receipt: None }];
    let results: AcknowledgementResults =
        own.send(json(Method::POST, ACKNOWLEDGEMENTS, &Acknowledgements { items })).await.unwrap().json();
    assert_eq!(results.items[0].outcome, AcknowledgementOutcome::Acknowledged);
    // Shut out by its own union: no other one lets it in again.
    assert_eq!(two.relay.disable(&two.own, "taro-2").await.status, 200);
    // Listed for its own union, so that it is remembered.
    let page: Page<Parcel> = own.get(PARCELS).await.json();
    assert_eq!(page.items.len(), 1);
    for (method, path) in routes(&foreign).await {
        match (method.as_str(), path.as_str()) {
            // The same for everybody.
            ("GET", "/healthz" | "/openapi.json") => (),
            ("GET", HANDSHAKE) => {
                let hello: Handshake = foreign.get(HANDSHAKE).await.json();
                assert_eq!((hello.union, hello.acknowledged), (two.foreign.insurer.clone(), None));
            }
            ("GET", PARCELS) => {
                for state in ["waiting", "acknowledged"] {
                    let page: Page<Parcel> = foreign.get(&format!("{PARCELS}?state={state}")).await.json();
                    assert!(page.items.is_empty(), "{state}");
                }
            }
            ("GET", "/union/v1/parcels/{id}/content") => {
                for id in [two.parcel, two.upload, taken] {
                    assert_eq!(foreign.get(&parcel_content(id)).await.code(), Code::ParcelUnknown);
                }
            }
            ("POST", ACKNOWLEDGEMENTS) => {
                for id in [two.parcel, two.upload, taken] {
                    let results: AcknowledgementResults = foreign.send(acknowledge(id)).await.unwrap().json();
                    assert_eq!(results.items[0].outcome, AcknowledgementOutcome::Unknown);
                }
            }
            ("PUT", CERTIFICATES) => {
                let put = json(Method::PUT, CERTIFICATES, &two.foreign.certificates());
                assert_eq!(foreign.send(put).await.unwrap().status, 204);
            }
            ("GET", USERS) => {
                let users: Page<User> = foreign.get(USERS).await.json();
                assert!(users.items.iter().all(|user| user.id.as_str() != "taro-2"));
            }
            ("PUT", "/union/v1/users/{user}") => {
                let same_name = two.foreign.user("jiro-3", two.relay.clock.now());
                let put = two.relay.put_user(&two.foreign, "jiro-3", &[same_name.certificate()]).await;
                assert_eq!(put.status, 204, "a user of its own");
                let stolen = two.relay.put_user(&two.foreign, "jiro-3", &[two.user.certificate()]).await;
                assert_eq!(stolen.code(), Code::CertificateRefused);
            }
            ("POST", "/union/v1/users/{user}/disable") => {
                assert_eq!(two.relay.disable(&two.foreign, "taro-2").await.code(), Code::UserUnknown);
                assert_eq!(two.relay.disable(&two.foreign, "hanako-1").await.status, 200, "its own of that name");
            }
            ("POST", "/union/v1/users/{user}/enable") => {
                assert_eq!(post(&foreign, &format!("{USERS}/taro-2/enable")).await, Code::UserUnknown);
            }
            ("PUT", "/union/v1/users/{user}/enrolment") => {
                // For a user of its own with a kit of the other's union, and for the other's user of that name: its own.
                let stolen = two.own.order("jiro-3", &two.relay).order;
                assert_eq!(two.relay.order(&two.foreign, "jiro-3", &stolen).await.code(), Code::CertificateRefused);
                let own = two.foreign.order("jiro-3", &two.relay).order;
                assert_eq!(two.relay.order(&two.foreign, "jiro-3", &own).await.status, 200);
            }
            ("POST", "/union/v1/users/{user}/link") => {
                assert_eq!(post(&foreign, &format!("{USERS}/taro-2/link")).await, Code::UserUnknown);
            }
            ("POST", "/union/v1/users/{user}/notices") => {
                let notice = Notice::CertificateExpiry { not_after: two.relay.clock.now() };
                let post = json(Method::POST, &format!("{USERS}/taro-2/notices"), &notice);
                assert_eq!(foreign.send(post).await.unwrap().code(), Code::UserUnknown);
            }
            ("GET", CERTIFICATE_REQUESTS) => {
                let page: Page<PendingRequest> = foreign.get(CERTIFICATE_REQUESTS).await.json();
                assert!(page.items.is_empty());
            }
            ("POST", "/union/v1/certificate-requests/{id}/answer") => {
                let answer = RequestAnswer { answer: Der(vec![1]), registration: None };
                let post = json(Method::POST, &request_answer(two.request), &answer);
                assert_eq!(foreign.send(post).await.unwrap().code(), Code::RequestUnknown);
            }
            route if is_of_deliveries(&route) => of_deliveries(&two, &foreign, route).await,
            route => panic!("{route:?} has no row here"),
        }
    }
    untouched(&two, &own, taken).await;
}

fn is_of_deliveries((_, path): &(&str, &str)) -> bool {
    [delivery::UPLOADS, DELIVERIES, EVENTS].iter().any(|known| path.starts_with(known))
}

/// What another union sends: uploads, deliveries, what became of them.
async fn of_deliveries(two: &Two, foreign: &Client, route: (&str, &str)) {
    let code = async |request: Request<Body>| foreign.send(request).await.unwrap().code();
    let theirs = [two.delivery, two.begun, two.withdrawn];
    let bare = |method: Method, path: &str| tus_request(method, path).body(Body::empty()).unwrap();
    match route {
        ("OPTIONS", delivery::UPLOADS) => (),
        ("POST", delivery::UPLOADS) => {
            for id in theirs {
                let refused = code(whole(id, &["taro-2"], 700)).await;
                assert_eq!(refused, Code::RecipientRefused, "another union's user");
            }
        }
        ("HEAD", "/union/v1/uploads/{id}") => {
            for id in theirs {
                let answer = foreign.send(bare(Method::HEAD, &delivery::upload(id))).await.unwrap();
                assert_eq!(answer.status, 404);
            }
        }
        ("PATCH", "/union/v1/uploads/{id}") => {
            for id in theirs {
                assert_eq!(code(part(id, 0, b"x")).await, Code::UploadUnknown);
            }
        }
        ("DELETE", "/union/v1/uploads/{id}") => {
            for id in theirs {
                assert_eq!(code(bare(Method::DELETE, &delivery::upload(id))).await, Code::UploadUnknown);
            }
        }
        ("GET", DELIVERIES) => {
            let page: Page<Delivery> = foreign.get(DELIVERIES).await.json();
            assert!(page.items.is_empty());
        }
        ("GET", EVENTS) => {
            let page: Page<DeliveryEvent> = foreign.get(EVENTS).await.json();
            assert!(page.items.is_empty());
        }
        ("GET", "/union/v1/deliveries/{id}") => {
            for id in theirs {
                assert_eq!(code(get(&delivery::delivery(id))).await, Code::ParcelUnknown);
            }
        }
        ("GET", "/union/v1/deliveries/{id}/content") => {
            for id in theirs {
                assert_eq!(code(get(&delivery::delivery_content(id))).await, Code::ParcelUnknown);
            }
        }
        ("POST", "/union/v1/deliveries/{id}/reminder") => {
            for id in theirs {
                assert_eq!(post(foreign, &delivery::reminder(id)).await, Code::ParcelUnknown);
            }
        }
        // At another union the ids name what never came there. Other routes come before this one, so that it is empty.
        ("PUT", "/union/v1/deliveries/{id}/withdrawal") => {
            let id = message_id(two.relay.clock.as_ref());
            let own = two.relay.vpn(&two.own.gateway);
            assert_eq!(own.send(whole(id, &["hanako-1"], 500)).await.unwrap().status, 201);
            assert_eq!(foreign.send(taking_back(id, &["hanako-1"])).await.unwrap().status, 200, "its own of that name");
            let here: Delivery = own.get(&delivery::delivery(id)).await.json();
            assert_eq!(here.state, delivery::DeliveryState::Waiting);
            assert_eq!(own.send(taking_back(id, &[])).await.unwrap().status, 200);
        }
        route => panic!("{route:?} has no row here"),
    }
}

/// Nothing has changed for the one whose things were asked for.
async fn untouched(two: &Two, own: &Client, taken: MessageId) {
    assert!(two.relay.employer(&two.user).is_let_in().await);
    assert!(!two.relay.employer(&two.colleague).is_let_in().await);
    let info: UnionInfo = two.relay.employer(&two.user).get(UNION).await.json();
    assert_eq!((info.union, info.certificates), (two.own.insurer.clone(), two.own.certificates()));
    let page: Page<Parcel> = own.get(PARCELS).await.json();
    assert_eq!(page.items.iter().map(|parcel| parcel.id).collect::<Vec<_>>(), [two.parcel]);
    let users: Page<User> = own.get(USERS).await.json();
    let states: Vec<_> = users.items.iter().map(|user| (user.id.as_str(), user.enabled)).collect();
    assert_eq!(states, [("hanako-1", true), ("taro-2", false), ("saburo-4", true)]);
    let deliveries: Page<Delivery> = own.get(DELIVERIES).await.json();
    let states: Vec<_> = deliveries.items.iter().map(|delivery| (delivery.id, delivery.state)).take(2).collect();
    let (waits, is_withdrawn) = (delivery::DeliveryState::Waiting, delivery::DeliveryState::Withdrawn);
    assert_eq!(states, [(two.delivery, waits), (two.withdrawn, is_withdrawn)]);
    let head = tus_request(Method::HEAD, &delivery::upload(two.begun)).body(Body::empty()).unwrap();
    assert_eq!(own.send(head).await.unwrap().status, 200);
    let inbox: Page<InboxParcel> = two.relay.employer(&two.user).get(INBOX).await.json();
    assert_eq!(inbox.items.iter().map(|parcel| parcel.id).collect::<Vec<_>>(), [two.delivery]);
    let waiting: Page<PendingRequest> = own.get(CERTIFICATE_REQUESTS).await.json();
    assert_eq!(waiting.items.iter().map(|request| request.id).collect::<Vec<_>>(), [two.request]);
    assert_eq!(post(own, &format!("{USERS}/taro-2/link")).await, Code::EnrolmentUnknown);
    let receipts: SentParcel = two.relay.employer(&two.user).get(&sent(taken)).await.json();
    assert_eq!(receipts.receipts.len(), 1, "the relay's and no other");
}
