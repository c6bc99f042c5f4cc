//! Users, kits and certificates without a session: none reaches what is another's.

use axum::body::Body;
use hyper::{Method, Request};
use kenpo_express::domain::clock::Clock;
use kenpo_express::domain::ids::{MessageId, RequestId};
use kenpo_express::runtime::clock::SystemRandom;
use kenpo_express::wire::Der;
use kenpo_express::wire::delivery::{self, INBOX, InboxParcel, NOTICES, NoticeChoice, WITHDRAWALS, Withdrawn};
use kenpo_express::wire::employer::{self, SENT, SentParcel, UNION, UPLOADS, UnionInfo, sent, upload};
use kenpo_express::wire::enrolment::{CertificateRequest, PendingRequest, RequestState};
use kenpo_express::wire::page::Page;
use kenpo_express::wire::problem::Code;
use kenpo_express::wire::session::{Login, PinProof};
use kenpo_express::wire::tus;
use kenpo_express::wire::union::{
    Acknowledgement, AcknowledgementOutcome, AcknowledgementResults, Acknowledgements, CERTIFICATE_REQUESTS, PARCELS,
    Parcel,
};

use super::{Two, create, routes, tus_request};
use crate::support::enrolment::{login_key, pc};
use crate::support::http::{Client, get, json, request};
use crate::support::relay::message_id;

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
                route if is_of_deliveries(&route) => of_deliveries(&two, &client, route).await,
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
    is_untouched(&two).await;
}

/// What the user has is as it was.
async fn is_untouched(two: &Two) {
    let own: SentParcel = two.relay.employer(&two.user).get(&sent(two.parcel)).await.json();
    assert_eq!(own.size, 500);
    let choice: NoticeChoice = two.relay.employer(&two.user).get(NOTICES).await.json();
    assert_eq!(choice, NoticeChoice::default());
    let inbox: Page<InboxParcel> = two.relay.employer(&two.user).get(INBOX).await.json();
    let waiting: Vec<_> = inbox.items.iter().map(|parcel| (parcel.id, parcel.fetched_at)).collect();
    assert_eq!(waiting, [(two.delivery, None)]);
    let standing = two
        .relay
        .employer(&two.user)
        .send(tus_request(Method::HEAD, &upload(two.upload)).body(Body::empty()).unwrap())
        .await
        .unwrap();
    assert_eq!((standing.status.as_u16(), standing.header(tus::UPLOAD_OFFSET)), (200, Some("0")));
    let page: Page<Parcel> = two.relay.vpn(&two.own.gateway).get(PARCELS).await.json();
    assert!(page.items.iter().all(|parcel| parcel.size == 500));
}

fn is_of_deliveries((_, path): &(&str, &str)) -> bool {
    [INBOX, delivery::ACKNOWLEDGEMENTS, WITHDRAWALS, NOTICES].iter().any(|known| path.starts_with(known))
}

/// What the union sends to another user.
async fn of_deliveries(two: &Two, client: &Client, route: (&str, &str)) {
    let code = async |request: Request<Body>| client.send(request).await.unwrap().code();
    match route {
        ("GET", INBOX) => {
            let page: Page<InboxParcel> = client.get(INBOX).await.json();
            assert!(page.items.is_empty());
        }
        ("GET", "/employer/v1/inbox/{id}/content") => {
            for id in [two.delivery, two.begun, two.withdrawn] {
                assert_eq!(code(get(&delivery::inbox_content(id))).await, Code::ParcelUnknown);
            }
        }
        ("POST", delivery::ACKNOWLEDGEMENTS) => {
            for id in [two.delivery, two.begun, two.withdrawn, two.parcel] {
                let items = vec![Acknowledgement { id, receipt: None }];
                let post = json(Method::POST, delivery::ACKNOWLEDGEMENTS, &Acknowledgements { items });
                let results: AcknowledgementResults = client.send(post).await.unwrap().json();
                assert_eq!(results.items[0].outcome, AcknowledgementOutcome::Unknown);
            }
        }
        ("GET", WITHDRAWALS) => {
            let page: Page<Withdrawn> = client.get(WITHDRAWALS).await.json();
            assert!(page.items.is_empty());
        }
        ("GET" | "PUT", NOTICES) => {
            let none = NoticeChoice { received: false, sent: false };
            assert_eq!(client.send(json(Method::PUT, NOTICES, &none)).await.unwrap().status, 204);
            assert_eq!(client.get(NOTICES).await.json::<NoticeChoice>(), none, "its own");
        }
        route => panic!("{route:?} has no row here"),
    }
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
