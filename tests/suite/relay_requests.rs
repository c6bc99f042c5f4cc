//! Requests for certificates through the relay, and what an answer brings about.

use std::time::Duration;

use hyper::Method;
use jiff::SignedDuration;
use kenpo_express::domain::clock::Clock;
use kenpo_express::domain::ids::RequestId;
use kenpo_express::pki::RevocationList;
use kenpo_express::runtime::clock::SystemRandom;
use kenpo_express::wire::Der;
use kenpo_express::wire::employer::{self, UNION, UnionInfo, certificate_request};
use kenpo_express::wire::enrolment::{CertificateRequest, Device, PcId, PendingRequest, RequestState};
use kenpo_express::wire::page::Page;
use kenpo_express::wire::problem::Code;
use kenpo_express::wire::union::{
    CERTIFICATE_REQUESTS, CERTIFICATES, RequestAnswer, UnionCertificates, UserRegistration, request_answer,
};

use crate::support::enrolment::{change, login, login_key, pc, within};
use crate::support::http::{Answer, Client, get, json};
use crate::support::relay::{RelayWorld, UnionWorld, office};

async fn post(client: &Client, id: RequestId, sealed: &[u8]) -> Answer {
    let body = CertificateRequest { id, sealed: Der(sealed.to_vec()) };
    client.send(json(Method::POST, employer::CERTIFICATE_REQUESTS, &body)).await.unwrap()
}

async fn answer(relay: &RelayWorld, union: &UnionWorld, id: RequestId, answer: &RequestAnswer) -> Answer {
    relay.vpn(&union.gateway).send(json(Method::POST, &request_answer(id), answer)).await.unwrap()
}

fn plain(bytes: &[u8]) -> RequestAnswer {
    RequestAnswer { answer: Der(bytes.to_vec()), registration: None }
}

fn der(credential: &kenpo_express::message::keys::Credential) -> Der {
    Der(credential.certificate().der().to_vec())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_the_first_request_to_the_replacement_of_the_pc() {
    let mut relay = RelayWorld::start().await;
    let union = relay.union("06123456").await;
    let enrolled = relay.enrol(&union, "hanako-1").await;
    let new_id = || RequestId::new(kenpo_express::runtime::clock::SystemClock.now(), &SystemRandom);
    let id = new_id();
    // The union waits already.
    let waiting = relay.vpn(&union.gateway);
    let waiting = tokio::spawn(async move { waiting.get(&format!("{CERTIFICATE_REQUESTS}?wait=30")).await });
    let kit = relay.employer(&enrolled.kit);
    let state: RequestState = post(&kit, id, b"sealed").await.json();
    assert_eq!((state.id, state.answer), (id, None));
    let page: Page<PendingRequest> =
        tokio::time::timeout(Duration::from_secs(20), waiting).await.unwrap().unwrap().json();
    assert_eq!((page.items.len(), page.items[0].id, page.items[0].user.as_str()), (1, id, "hanako-1"));
    assert_eq!(page.items[0].sealed, Der(b"sealed".to_vec()));
    assert_eq!(post(&kit, id, b"sealed").await.status, 200, "again");
    assert_eq!(post(&kit, id, b"other").await.code(), Code::RequestConflict);
    relay.crash().await;
    relay.resume().await;

    // The app waits, and the union answers with certificates.
    let (client, path) = (relay.employer(&enrolled.kit), format!("{}?wait=30", certificate_request(id)));
    let app = tokio::spawn(async move { client.get(&path).await });
    let (first, user, device) = (pc(), union.user("hanako-1", relay.clock.now()), union.device("hanako-1", &relay));
    let registration = |pc: PcId, user: &_, device: &_| UserRegistration {
        office: office(),
        certificates: vec![der(user)],
        devices: vec![Device { pc, certificate: der(device) }],
        login: None,
    };
    let issued = RequestAnswer { registration: Some(registration(first, &user, &device)), ..plain(b"issued") };
    let malformed = RequestAnswer {
        registration: Some(UserRegistration {
            certificates: vec![Der(vec![0x30, 3])],
            ..registration(first, &user, &device)
        }),
        ..plain(b"issued")
    };
    assert_eq!(answer(&relay, &union, id, &malformed).await.code(), Code::CertificateRefused);
    let swapped = RequestAnswer { registration: Some(registration(first, &device, &user)), ..plain(b"issued") };
    assert_eq!(answer(&relay, &union, id, &swapped).await.code(), Code::CertificateRefused);
    assert_eq!(answer(&relay, &union, id, &plain(b"")).await.code(), Code::RequestMalformed);
    assert!(!relay.employer(&user).is_let_in().await, "nothing of what was refused");
    for _ in 0..2 {
        assert_eq!(answer(&relay, &union, id, &issued).await.status, 200);
    }
    let state: RequestState = tokio::time::timeout(Duration::from_secs(20), app).await.unwrap().unwrap().json();
    assert_eq!(state.answer, Some(Der(b"issued".to_vec())));
    let page: Page<PendingRequest> = relay.vpn(&union.gateway).get(CERTIFICATE_REQUESTS).await.json();
    assert!(page.items.is_empty());
    let session = login(&relay.employer(&user), &enrolled.initial).await.unwrap();
    let changed = relay.employer(&user).send(change(&session, &enrolled.initial, &login_key(2))).await.unwrap();
    assert_eq!(changed.status, 204);
    let ask = within(&session, get(&certificate_request(id)));
    assert_eq!(relay.employer(&user).send(ask).await.unwrap().status, 200, "a renewal asks within a session");
    assert_eq!(relay.employer(&device).get(&certificate_request(id)).await.status, 200);

    // A second PC with the same kit waits, then takes the place of the first.
    let second = new_id();
    assert_eq!(post(&relay.employer(&enrolled.kit), second, b"sealed").await.status, 200);
    assert_eq!(answer(&relay, &union, second, &plain(b"wait")).await.status, 200);
    let (new_user, new_device) = (union.user("hanako-1", relay.clock.now()), union.device("hanako-1", &relay));
    let replaced = RequestAnswer {
        registration: Some(UserRegistration {
            login: Some(login_key(1).verifier()),
            ..registration(pc(), &new_user, &new_device)
        }),
        ..plain(b"replaced")
    };
    assert_eq!(answer(&relay, &union, second, &replaced).await.status, 200);
    assert!(!relay.employer(&user).is_let_in().await && !relay.employer(&device).is_let_in().await);
    let state: RequestState = relay.employer(&enrolled.kit).get(&certificate_request(second)).await.json();
    assert_eq!(state.answer, Some(Der(b"replaced".to_vec())), "the later answer");
    assert!(login(&relay.employer(&new_user), &enrolled.initial).await.unwrap().must_change_password);
    // The answer of before, late: nothing of it comes back.
    assert_eq!(answer(&relay, &union, id, &issued).await.status, 200);
    assert!(!relay.employer(&user).is_let_in().await);
    assert_eq!(answer(&relay, &union, new_id(), &plain(b"x")).await.code(), Code::RequestUnknown);
}

#[tokio::test]
async fn requests_have_bounds() {
    let relay = RelayWorld::start().await;
    let union = relay.union("06123456").await;
    let kit = relay.employer(&relay.enrol(&union, "hanako-1").await.kit);
    let id = || RequestId::new(relay.clock.now(), &SystemRandom);
    assert_eq!(post(&kit, id(), b"").await.code(), Code::RequestMalformed);
    assert_eq!(post(&kit, id(), "x".repeat(70_000).as_bytes()).await.code(), Code::RequestTooLarge);
    for _ in 0..16 {
        assert_eq!(post(&kit, id(), b"x").await.status, 200);
    }
    assert_eq!(post(&kit, id(), b"x").await.code(), Code::TooManyRequests);
    let path = format!("{}?wait=61", certificate_request(id()));
    assert_eq!(kit.get(&path).await.code(), Code::RequestMalformed);
    assert_eq!(kit.get(&certificate_request(id())).await.code(), Code::RequestUnknown);
}

#[tokio::test]
async fn a_user_asks_fifty_times_a_day_and_the_oldest_answers_go() {
    let relay = RelayWorld::start().await;
    let union = relay.union("06123456").await;
    let kit = relay.employer(&relay.enrol(&union, "hanako-1").await.kit);
    let id = || RequestId::new(relay.clock.now(), &SystemRandom);
    let asked = async |kit: &Client| {
        let id = id();
        let status = post(kit, id, b"x").await.status;
        if status == 200 {
            assert_eq!(answer(&relay, &union, id, &plain(b"no")).await.status, 200);
        }
        (id, status.as_u16())
    };
    let (first, _) = asked(&kit).await;
    let (second, _) = asked(&kit).await;
    for _ in 2..50 {
        assert_eq!(asked(&kit).await.1, 200);
    }
    let refused = post(&kit, id(), b"x").await;
    assert_eq!((refused.status.as_u16(), refused.code()), (429, Code::TooManyRequests));
    assert_eq!(post(&kit, first, b"x").await.status, 200, "the same again is none more");
    relay.clock.advance(SignedDuration::from_hours(24));
    for _ in 0..2 {
        assert_eq!(asked(&kit).await.1, 200, "the next day");
    }
    assert_eq!(kit.get(&certificate_request(first)).await.code(), Code::RequestUnknown);
    assert_eq!(kit.get(&certificate_request(second)).await.status, 200, "fifty answers are kept");
    for _ in 2..50 {
        asked(&kit).await;
    }
    assert_eq!(asked(&kit).await.1, 429);
    // Whoever has used up the day with a copy of the kit has not used up that of the next one.
    relay.clock.advance(SignedDuration::from_secs(1));
    let kit = relay.employer(&relay.enrol(&union, "hanako-1").await.kit);
    assert_eq!(asked(&kit).await.1, 200);
}

#[tokio::test]
async fn the_newest_revocation_list_is_handed_on() {
    let relay = RelayWorld::start().await;
    let union = relay.union("06123456").await;
    let kit = relay.enrol(&union, "hanako-1").await.kit;
    let list = |world: &UnionWorld, number: u64| {
        let now = relay.clock.now();
        let next = now.checked_add(SignedDuration::from_hours(24)).unwrap();
        world.authority.crl(number, &[], now, next).unwrap()
    };
    let put = async |list: Option<Vec<u8>>| {
        let all = UnionCertificates { revoked: list.map(Der), ..union.certificates() };
        relay.vpn(&union.gateway).send(json(Method::PUT, CERTIFICATES, &all)).await.unwrap()
    };
    let handed_on = async || {
        let info: UnionInfo = relay.employer(&kit).get(UNION).await.json();
        info.certificates
            .revoked
            .map(|list| RevocationList::read(&list.0, union.authority.certificate()).unwrap().number())
    };
    assert_eq!(handed_on().await, None);
    assert_eq!(put(Some(list(&union, 7).der().to_vec())).await.status, 204);
    assert_eq!(handed_on().await, Some(7));
    assert_eq!(put(Some(list(&union, 6).der().to_vec())).await.status, 204);
    assert_eq!(put(None).await.status, 204);
    assert_eq!(handed_on().await, Some(7), "never an older one, never none");
    let stranger = UnionWorld::new("06123456", relay.clock.now());
    for bad in [list(&stranger, 9).der().to_vec(), vec![0x30, 0], Vec::new()] {
        assert_eq!(put(Some(bad)).await.code(), Code::CertificateRefused);
    }
    assert_eq!(handed_on().await, Some(7));
}
