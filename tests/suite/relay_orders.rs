//! Orders of a union at the wire: one that comes behind a later one changes nothing.

use axum::body::Body;
use hyper::{Method, Request};
use kenpo_express::domain::clock::Clock;
use kenpo_express::domain::ids::RequestId;
use kenpo_express::message::keys::Credential;
use kenpo_express::runtime::clock::SystemRandom;
use kenpo_express::wire::Der;
use kenpo_express::wire::employer::{self, UNION, certificate_request};
use kenpo_express::wire::enrolment::{CertificateRequest, Device, Notice, PendingRequest, RequestState};
use kenpo_express::wire::page::Page;
use kenpo_express::wire::problem::{Code, Problem};
use kenpo_express::wire::union::{
    CERTIFICATE_REQUESTS, DisableUser, ORDER, OrderNumber, RequestAnswer, USERS, User, UserRegistration,
    request_answer, user_enrolment, user_link, user_notices,
};

use crate::support::enrolment::{change, login, login_key, pc, within};
use crate::support::http::{Answer, get, json, request};
use crate::support::relay::{RelayWorld, UnionWorld, office};

const USER: &str = "hanako-1";

fn der(credential: &Credential) -> Der {
    Der(credential.certificate().der().to_vec())
}

fn with(user: &[&Credential], devices: Vec<Device>) -> UserRegistration {
    let certificates = user.iter().map(|user| der(user)).collect();
    UserRegistration { office: office(), certificates, devices, login: None }
}

async fn order(relay: &RelayWorld, union: &UnionWorld, number: i64, mut order: Request<Body>) -> Answer {
    order.headers_mut().insert(ORDER, number.into());
    relay.vpn(&union.gateway).send(order).await.unwrap()
}

/// The later order that stands in the way.
fn overtaken(answer: &Answer) -> OrderNumber {
    assert_eq!(answer.code(), Code::OrderOvertaken);
    serde_json::from_slice::<Problem>(&answer.body).unwrap().order.unwrap()
}

async fn known(relay: &RelayWorld, union: &UnionWorld) -> User {
    let page: Page<User> = relay.vpn(&union.gateway).get(USERS).await.json();
    page.items.into_iter().find(|user| user.id.as_str() == USER).unwrap()
}

#[tokio::test]
async fn an_order_that_comes_behind_a_later_one_changes_nothing() {
    let relay = RelayWorld::start().await;
    let union = relay.union("06123456").await;
    let user = union.user(USER, relay.clock.now());
    let path = format!("{USERS}/{USER}");
    let register = || json(Method::PUT, &path, &with(&[&user], vec![]));
    let disable = || json(Method::POST, &format!("{path}/disable"), &DisableUser { at: relay.clock.now() });
    let enable = || request(Method::POST, &format!("{path}/enable")).body(Body::empty()).unwrap();
    for number in ["", "x", "0", "-1", "1.5"] {
        let mut nameless = register();
        nameless.headers_mut().insert(ORDER, number.parse().unwrap());
        let refused = relay.vpn(&union.gateway).send(nameless).await.unwrap();
        assert_eq!(refused.code(), Code::RequestMalformed, "{number:?}");
    }
    assert_eq!(order(&relay, &union, 10, register()).await.status, 204);
    assert_eq!(order(&relay, &union, 12, disable()).await.status, 200);

    let late = union.order(USER, &relay);
    let notice = Notice::CertificateExpiry { not_after: relay.clock.now() };
    let id = USER.parse().unwrap();
    for one in [
        register(),
        enable(),
        json(Method::PUT, &user_enrolment(&id), &late.order),
        request(Method::POST, &user_link(&id)).body(Body::empty()).unwrap(),
        json(Method::POST, &user_notices(&id), &notice),
    ] {
        let path = one.uri().to_string();
        assert_eq!(overtaken(&order(&relay, &union, 11, one).await), OrderNumber(12), "{path}");
        let user = known(&relay, &union).await;
        assert_eq!((user.enabled, user.order, user.enrolment), (false, OrderNumber(12), None), "{path}");
    }
    assert!(!relay.employer(&user).is_let_in().await && !relay.employer(&late.kit).is_let_in().await);
    assert!(relay.mails().is_empty());
    // The same again, whose confirmation was lost; and what is later takes effect.
    assert_eq!(order(&relay, &union, 12, disable()).await.status, 200);
    assert_eq!(order(&relay, &union, 13, enable()).await.status, 200);
    assert!(relay.employer(&user).is_let_in().await);
    assert_eq!(overtaken(&order(&relay, &union, 12, disable()).await), OrderNumber(13));
    assert!(relay.employer(&user).is_let_in().await);

    // Each user has a count of its own.
    let other = union.user("taro-2", relay.clock.now());
    let put = json(Method::PUT, &format!("{USERS}/taro-2"), &with(&[&other], vec![]));
    assert_eq!(order(&relay, &union, 1, put).await.status, 204);
}

#[tokio::test]
async fn a_late_answer_neither_lets_anybody_in_nor_hides_the_later_one() {
    let relay = RelayWorld::start().await;
    let union = relay.union("06123456").await;
    let enrolled = union.order(USER, &relay);
    let enrol = json(Method::PUT, &user_enrolment(&USER.parse().unwrap()), &enrolled.order);
    assert_eq!(order(&relay, &union, 1, enrol).await.status, 200);
    let kit = relay.employer(&enrolled.kit);
    let ask = async || {
        let id = RequestId::new(relay.clock.now(), &SystemRandom);
        let body = CertificateRequest { id, sealed: Der(b"sealed".to_vec()) };
        assert_eq!(kit.send(json(Method::POST, employer::CERTIFICATE_REQUESTS, &body)).await.unwrap().status, 200);
        id
    };
    let answered = async |id| kit.get(&certificate_request(id)).await.json::<RequestState>().answer;
    let (user, device) = (union.user(USER, relay.clock.now()), union.device(USER, &relay));
    let answer = |words: &[u8], registration| RequestAnswer { answer: Der(words.to_vec()), registration };
    let give = async |number, id, answer: &RequestAnswer| {
        order(&relay, &union, number, json(Method::POST, &request_answer(id), answer)).await
    };
    let issued = answer(b"issued", Some(with(&[&user], vec![Device { pc: pc(), certificate: der(&device) }])));

    // An answer with certificates, behind an order that changed the user: the request goes on waiting.
    let first = ask().await;
    let nothing = json(Method::PUT, &format!("{USERS}/{USER}"), &with(&[&union.user(USER, relay.clock.now())], vec![]));
    assert_eq!(order(&relay, &union, 5, nothing).await.status, 204);
    assert_eq!(overtaken(&give(4, first, &issued).await), OrderNumber(5));
    assert!(!relay.employer(&user).is_let_in().await && !relay.employer(&device).is_let_in().await);
    let page: Page<PendingRequest> = relay.vpn(&union.gateway).get(CERTIFICATE_REQUESTS).await.json();
    assert_eq!(page.items.iter().map(|request| request.id).collect::<Vec<_>>(), [first]);

    // "Wait", late: the app has its certificates.
    assert_eq!(give(7, first, &issued).await.status, 200);
    assert_eq!(overtaken(&give(6, first, &answer(b"wait", None)).await), OrderNumber(7));
    assert_eq!(answered(first).await, Some(Der(b"issued".to_vec())));
    // Words alone change nothing about the user: they are in nobody's way, and nothing is in theirs.
    let second = ask().await;
    assert_eq!(give(6, second, &answer(b"no", None)).await.status, 200);
    assert_eq!(answered(second).await, Some(Der(b"no".to_vec())));
    assert_eq!(known(&relay, &union).await.order, OrderNumber(7));
}

#[tokio::test]
async fn a_registration_can_start_the_login_again_once() {
    let relay = RelayWorld::start().await;
    let union = relay.union("06123456").await;
    let user = relay.user(&union, USER).await;
    let (client, before) = (relay.employer(&user), known(&relay, &union).await.order.0);
    let again = UserRegistration { login: Some(login_key(1).verifier()), ..with(&[&user], vec![]) };
    let put = || json(Method::PUT, &format!("{USERS}/{USER}"), &again);
    assert_eq!(order(&relay, &union, before + 1, put()).await.status, 204);
    assert_eq!(client.get(UNION).await.code(), Code::SessionMissing);
    let session = login(&client.clone().within(None), &login_key(1)).await.unwrap();
    assert!(session.must_change_password);
    let changed = client.clone().within(None).send(change(&session, &login_key(1), &login_key(2))).await.unwrap();
    assert_eq!(changed.status, 204);
    // Its confirmation was lost: it comes again, and the password that was chosen meanwhile stays.
    assert_eq!(order(&relay, &union, before + 1, put()).await.status, 204);
    assert_eq!(client.within(None).send(within(&session, get(UNION))).await.unwrap().status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_disabling_deletes_stands_in_no_file_any_more() {
    let relay = RelayWorld::start().await;
    let union = relay.union("06123456").await;
    let enrolled = relay.enrol(&union, USER).await;
    let database = relay.config.database();
    let holds = |words: &[u8]| {
        ["", "-wal"].iter().any(|suffix| {
            let file = format!("{}{suffix}", database.display());
            let bytes = std::fs::read(file).unwrap_or_default();
            bytes.windows(words.len()).any(|some| some == words)
        })
    };
    let secrets = [&enrolled.order.kit[..], &enrolled.order.download_verifier.as_bytes()[..]];
    assert!(secrets.iter().all(|secret| holds(secret)), "they are looked for in the right place");
    assert_eq!(relay.disable(&union, USER).await.status, 200);
    let gone = tokio::time::timeout(std::time::Duration::from_secs(20), async {
        while secrets.iter().any(|secret| holds(secret)) {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    });
    assert!(gone.await.is_ok(), "a deleted kit stays in the log");
}
