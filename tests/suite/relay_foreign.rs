//! Whatever a union or a user asks of the relay, it reaches nothing that is another's. The routes are taken from the OpenAPI
//! documents: one without a row here fails.

use std::collections::BTreeSet;

use axum::body::Body;
use hyper::{Method, Request};
use kenpo_express::domain::clock::Clock;
use kenpo_express::domain::ids::{MessageId, RequestId};
use kenpo_express::message::keys::Credential;
use kenpo_express::message::receipt::Stage;
use kenpo_express::runtime::clock::SystemRandom;
use kenpo_express::wire::Der;
use kenpo_express::wire::employer::{self, SENT, SentParcel, UNION, UPLOADS, UnionInfo, sent, upload};
use kenpo_express::wire::enrolment::{CertificateRequest, Notice, PendingRequest, RequestState};
use kenpo_express::wire::page::Page;
use kenpo_express::wire::problem::Code;
use kenpo_express::wire::session::{Login, PinProof};
use kenpo_express::wire::tus::{self, Metadata};
use kenpo_express::wire::union::{
    ACKNOWLEDGEMENTS, Acknowledgement, AcknowledgementOutcome, AcknowledgementResults, Acknowledgements,
    CERTIFICATE_REQUESTS, CERTIFICATES, HANDSHAKE, Handshake, PARCELS, Parcel, RequestAnswer, USERS, User,
    parcel_content, request_answer,
};
use serde_json::Value;

use crate::relay_openapi::described;
use crate::support::enrolment::{login_key, pc};
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

/// Two unions, each with a user and a parcel, and an unfinished upload of the first one's user.
struct Two {
    relay: RelayWorld,
    own: UnionWorld,
    foreign: UnionWorld,
    user: Credential,
    colleague: Credential,
    stranger: Credential,
    parcel: MessageId,
    upload: MessageId,
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
        let kit = relay.enrol(&own, "saburo-4").await.kit;
        let stranger_kit = relay.enrol(&foreign, "saburo-4").await.kit;
        let request = RequestId::new(relay.clock.now(), &SystemRandom);
        let body = CertificateRequest { id: request, sealed: Der(vec![7]) };
        let ask = json(Method::POST, employer::CERTIFICATE_REQUESTS, &body);
        assert_eq!(relay.employer(&kit).send(ask).await.unwrap().status, 200);
        Self { relay, own, foreign, user, colleague, stranger, parcel, upload, request, kit, stranger_kit }
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
            route => panic!("{route:?} has no row here"),
        }
    }
    untouched(&two, &own, taken).await;
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
    let waiting: Page<PendingRequest> = own.get(CERTIFICATE_REQUESTS).await.json();
    assert_eq!(waiting.items.iter().map(|request| request.id).collect::<Vec<_>>(), [two.request]);
    assert_eq!(post(own, &format!("{USERS}/taro-2/link")).await, Code::EnrolmentUnknown);
    let receipts: SentParcel = two.relay.employer(&two.user).get(&sent(taken)).await.json();
    assert_eq!(receipts.receipts.len(), 1, "the relay's and no other");
}

#[tokio::test]
async fn nobody_reaches_what_is_another_users() {
    let two = Two::start().await;
    let bare = |method: Method, id: MessageId| tus_request(method, &upload(id)).body(Body::empty()).unwrap();
    let append = |id: MessageId| {
        tus_request(Method::PATCH, &upload(id))
            .header("content-type", tus::OFFSET_CONTENT_TYPE)
            .header(tus::UPLOAD_OFFSET, 0)
            .body(Body::from("x"))
            .unwrap()
    };
    for (credential, union) in [(&two.colleague, &two.own), (&two.stranger, &two.foreign)] {
        let client = two.relay.employer(credential);
        let code = async |request: Request<Body>| client.send(request).await.unwrap().code();
        for (method, path) in routes(&client).await {
            match (method.as_str(), path.as_str()) {
                // The same for everybody.
                ("GET", "/healthz" | "/openapi.json") | ("OPTIONS", UPLOADS) => (),
                ("GET", UNION) => {
                    let info: UnionInfo = client.get(UNION).await.json();
                    assert_eq!((info.union, info.certificates), (union.insurer.clone(), union.certificates()));
                }
                ("POST", UPLOADS) => {
                    for id in [two.parcel, two.upload] {
                        let answer = client.send(create(id, 700)).await.unwrap();
                        if union.insurer == two.own.insurer {
                            assert_eq!(answer.code(), Code::ParcelConflict);
                        } else {
                            assert_eq!(answer.status, 201, "the same id at another union is another parcel");
                        }
                    }
                }
                ("HEAD", "/employer/v1/uploads/{id}") if union.insurer == two.own.insurer => {
                    for id in [two.parcel, two.upload] {
                        assert_eq!(client.send(bare(Method::HEAD, id)).await.unwrap().status, 404);
                    }
                }
                ("PATCH", "/employer/v1/uploads/{id}") if union.insurer == two.own.insurer => {
                    assert_eq!(code(append(two.upload)).await, Code::UploadUnknown);
                    assert_eq!(code(append(two.parcel)).await, Code::UploadUnknown);
                }
                ("DELETE", "/employer/v1/uploads/{id}") if union.insurer == two.own.insurer => {
                    assert_eq!(code(bare(Method::DELETE, two.upload)).await, Code::UploadUnknown);
                    assert_eq!(code(bare(Method::DELETE, two.parcel)).await, Code::UploadUnknown);
                }
                // At another union the ids name what the stranger has made itself, or nothing yet.
                ("HEAD" | "PATCH" | "DELETE", "/employer/v1/uploads/{id}") => {
                    let id = message_id(two.relay.clock.as_ref());
                    let left = create(id, 500);
                    assert_eq!(two.relay.employer(&two.user).send(left).await.unwrap().status, 201);
                    let request = if method == "PATCH" { append(id) } else { bare(method.parse().unwrap(), id) };
                    assert_eq!(client.send(request).await.unwrap().status, 404, "{method}");
                }
                ("GET", SENT) => {
                    let page: Page<SentParcel> = client.get(SENT).await.json();
                    assert!(page.items.iter().all(|parcel| parcel.size == 700), "its own, if any");
                }
                ("GET", "/employer/v1/sent/{id}") => {
                    let id = message_id(two.relay.clock.as_ref());
                    assert_eq!(two.relay.employer(&two.user).send(create(id, 500)).await.unwrap().status, 201);
                    assert_eq!(code(get(&sent(id))).await, Code::ParcelUnknown);
                }
                // What is the PC's is not the user's.
                ("POST", "/employer/v1/pin/{pc}") => {
                    let blinded = serde_json::json!({ "blinded": "AAAA" });
                    assert_eq!(code(json(Method::POST, &employer::pin(pc()), &blinded)).await, Code::CallerOther);
                }
                ("POST", "/employer/v1/pin/{pc}/proof") => {
                    let body = PinProof { proof: "somebody-else's".to_owned() };
                    let answer = client.send(json(Method::POST, &employer::pin_proof(pc()), &body)).await.unwrap();
                    assert_eq!(answer.status, 204, "a token that names no try of its own changes nothing");
                }
                ("POST", employer::CERTIFICATE_REQUESTS) => {
                    let body = CertificateRequest { id: two.request, sealed: Der(vec![8]) };
                    let answer = client.send(json(Method::POST, &path, &body)).await.unwrap();
                    if union.insurer == two.own.insurer {
                        assert_eq!(answer.code(), Code::RequestConflict);
                    } else {
                        assert_eq!(answer.status, 200, "the same id at another union is another request");
                    }
                }
                ("GET", "/employer/v1/certificate-requests/{id}") => {
                    assert_eq!(code(get(&employer::certificate_request(two.request))).await, Code::RequestUnknown);
                }
                ("POST", employer::LOGIN) => {
                    let body = Login { key: login_key(1) };
                    assert_eq!(code(json(Method::POST, &path, &body)).await, Code::LoginFailed);
                }
                ("POST", employer::LOGOUT | employer::PASSWORD) => {
                    // Somebody else's session.
                    let stolen = two.relay.session_of(&two.user);
                    let bare = request(Method::POST, &path).header("authorization", format!("Bearer {stolen}"));
                    assert_eq!(code(bare.body(Body::empty()).unwrap()).await, Code::SessionMissing);
                }
                route => panic!("{route:?} has no row here"),
            }
        }
    }
    let own: SentParcel = two.relay.employer(&two.user).get(&sent(two.parcel)).await.json();
    assert_eq!(own.size, 500);
    let standing = two.relay.employer(&two.user).send(bare(Method::HEAD, two.upload)).await.unwrap();
    assert_eq!((standing.status.as_u16(), standing.header(tus::UPLOAD_OFFSET)), (200, Some("0")));
    let page: Page<Parcel> = two.relay.vpn(&two.own.gateway).get(PARCELS).await.json();
    assert!(page.items.iter().all(|parcel| parcel.size == 500));
}

/// A kit proves no user and no other kit.
#[tokio::test]
async fn a_kit_reaches_nothing_but_its_own_enrolment() {
    let two = Two::start().await;
    for credential in [&two.stranger_kit, &two.kit] {
        let client = two.relay.employer(credential);
        let own = std::ptr::eq(credential, &raw const two.kit);
        let code = async |request: Request<Body>| client.send(request).await.unwrap().code();
        for (method, path) in routes(&client).await {
            let concrete = path.replace("{id}", &two.parcel.to_string());
            match (method.as_str(), path.as_str()) {
                ("GET", "/healthz" | "/openapi.json" | UNION) | ("OPTIONS", UPLOADS) => (),
                ("POST", "/employer/v1/pin/{pc}") => {
                    let blinded = serde_json::json!({ "blinded": "AAAA" });
                    let counted = code(json(Method::POST, &employer::pin(pc()), &blinded)).await;
                    assert_eq!(counted, Code::PinMalformed, "a PC of its own");
                }
                ("POST", "/employer/v1/pin/{pc}/proof") => {
                    let body = PinProof { proof: "any".to_owned() };
                    let answer = code(json(Method::POST, &employer::pin_proof(pc()), &body)).await;
                    assert_eq!(answer, Code::CallerOther, "the kit proves no PIN");
                }
                ("POST", employer::CERTIFICATE_REQUESTS) => {
                    let body = CertificateRequest { id: two.request, sealed: Der(vec![8]) };
                    let answer = client.send(json(Method::POST, &path, &body)).await.unwrap();
                    if own {
                        assert_eq!(answer.code(), Code::RequestConflict, "other bytes");
                    } else {
                        assert_eq!(answer.status, 200, "the same id at another union is another request");
                    }
                }
                ("GET", "/employer/v1/certificate-requests/{id}") => {
                    let path = employer::certificate_request(two.request);
                    if own {
                        let state: RequestState = client.get(&path).await.json();
                        assert_eq!((state.id, state.answer), (two.request, None));
                    } else {
                        assert_eq!(code(get(&path)).await, Code::RequestUnknown);
                    }
                    let other = employer::certificate_request(RequestId::new(two.relay.clock.now(), &SystemRandom));
                    assert_eq!(code(get(&other)).await, Code::RequestUnknown);
                }
                ("POST", employer::LOGIN) => {
                    let body = Login { key: login_key(1) };
                    assert_eq!(code(json(Method::POST, &path, &body)).await, Code::CallerOther);
                }
                ("HEAD", _) => {
                    let head = tus_request(Method::HEAD, &concrete).body(Body::empty()).unwrap();
                    assert_eq!(client.send(head).await.unwrap().status, 403);
                }
                (method, _) => {
                    let bare = tus_request(method.parse().unwrap(), &concrete).body(Body::empty()).unwrap();
                    assert_eq!(code(bare).await, Code::CallerOther, "{method} {path}");
                }
            }
        }
    }
    let page: Page<PendingRequest> = two.relay.vpn(&two.own.gateway).get(CERTIFICATE_REQUESTS).await.json();
    assert_eq!(page.items.iter().map(|request| request.sealed.0.clone()).collect::<Vec<_>>(), [vec![7]]);
}

/// Everything but the way in needs a session, whatever the certificate.
#[tokio::test]
async fn a_certificate_alone_reaches_only_the_login() {
    let two = Two::start().await;
    let client = two.relay.employer(&two.user).within(None);
    for (method, path) in routes(&client).await {
        let path = path.replace("{id}", &two.parcel.to_string()).replace("{pc}", &pc().to_string());
        match (method.as_str(), path.as_str()) {
            ("GET", "/healthz" | "/openapi.json") | ("OPTIONS", UPLOADS) => (),
            ("POST", employer::LOGIN) => {
                let body = Login { key: login_key(1) };
                let answer = client.send(json(Method::POST, &path, &body)).await.unwrap();
                assert_eq!(answer.code(), Code::LoginFailed);
            }
            ("HEAD", _) => {
                let head = tus_request(Method::HEAD, &path).body(Body::empty()).unwrap();
                assert_eq!(client.send(head).await.unwrap().status, 401);
            }
            ("POST", path) if path.ends_with("/proof") => {
                let body = PinProof { proof: "any".to_owned() };
                let answer = client.send(json(Method::POST, path, &body)).await.unwrap();
                assert_eq!(answer.status, 204, "proves a PIN before there is a session");
            }
            (method, path) => {
                let bare = tus_request(method.parse().unwrap(), path).body(Body::empty()).unwrap();
                let expected = if path.contains("/pin/") { Code::CallerOther } else { Code::SessionMissing };
                assert_eq!(client.send(bare).await.unwrap().code(), expected, "{method} {path}");
            }
        }
    }
}
