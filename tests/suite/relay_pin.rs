//! PINs at the relay: counted before they are evaluated, gone when they must be.

use std::sync::Arc;

use hyper::Method;
use kenpo_express::domain::clock::Clock;
use kenpo_express::message::keys::Credential;
use kenpo_express::runtime::clock::SystemRandom;
use kenpo_express::secret::pin::{Attempt, PublicKey};
use kenpo_express::wire::Der;
use kenpo_express::wire::employer::{pin, pin_proof};
use kenpo_express::wire::enrolment::{Device, PcId};
use kenpo_express::wire::page::Page;
use kenpo_express::wire::problem::Code;
use kenpo_express::wire::session::{PinAnswer, PinProof, PinTry};
use kenpo_express::wire::union::{USERS, User, UserRegistration};

use crate::support::enrolment::{change, login, login_key, pc};
use crate::support::http::{Client, json};
use crate::support::relay::{RelayWorld, UnionWorld, office};

async fn try_pin(client: &Client, pc: PcId) -> Result<(PublicKey, u32), Code> {
    one_try(client, pc).await.map(|PinAnswer { evaluation, tries_left, .. }| (evaluation.key, tries_left))
}

async fn one_try(client: &Client, pc: PcId) -> Result<PinAnswer, Code> {
    let attempt = Attempt::begin("0123".parse().unwrap(), &SystemRandom);
    let body = PinTry { blinded: attempt.blinded().clone() };
    let answer = client.send(json(Method::POST, &pin(pc), &body)).await.unwrap();
    if answer.status.is_success() { Ok(answer.json()) } else { Err(answer.code()) }
}

/// Takes a try off the count, as the owner of this credential.
async fn prove(client: &Client, pc: PcId, proof: &str) -> hyper::StatusCode {
    let body = PinProof { proof: proof.to_owned() };
    client.send(json(Method::POST, &pin_proof(pc), &body)).await.unwrap().status
}

/// Registers a PC as the gateway does, with the user's certificate.
async fn register(relay: &RelayWorld, union: &UnionWorld, user: &str, own: &Credential, pcs: &[(PcId, &Credential)]) {
    let der = |credential: &Credential| Der(credential.certificate().der().to_vec());
    let device = |(pc, credential): &(PcId, &Credential)| Device { pc: *pc, certificate: der(credential) };
    let devices = pcs.iter().map(device).collect();
    let registration = UserRegistration { office: office(), certificates: vec![der(own)], devices, login: None };
    let put = json(Method::PUT, &format!("{USERS}/{user}"), &registration);
    assert_eq!(relay.vpn(&union.gateway).send(put).await.unwrap().status, 204);
}

async fn evaluations(relay: &RelayWorld) -> u32 {
    let metrics = relay.watch("/metrics").await;
    let line = metrics.lines().find(|line| line.starts_with("kx_relay_pin_evaluations_total ")).unwrap();
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

async fn pin_locked(relay: &RelayWorld, union: &UnionWorld) -> bool {
    let page: Page<User> = relay.vpn(&union.gateway).get(USERS).await.json();
    page.items[0].pin_locked
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_at_once_get_five_evaluations() {
    let relay = RelayWorld::start().await;
    let union = relay.union("06123456").await;
    let enrolled = relay.enrol(&union, "hanako-1").await;
    let (client, pc) = (Arc::new(relay.employer(&enrolled.kit)), pc());
    let mut lines = Vec::new();
    for _ in 0..50 {
        lines.push(client.connect().await.unwrap());
    }
    let attempt = Attempt::begin("0000".parse().unwrap(), &SystemRandom);
    let body = PinTry { blinded: attempt.blinded().clone() };
    let tasks: Vec<_> = lines
        .into_iter()
        .map(|mut line| {
            let body = body.clone();
            tokio::spawn(async move {
                let mut evaluated = 0;
                for _ in 0..20 {
                    let answer = line.send(json(Method::POST, &pin(pc), &body)).await.unwrap();
                    if answer.status.is_success() {
                        evaluated += 1;
                    } else {
                        assert_eq!(answer.code(), Code::PinLocked);
                    }
                }
                evaluated
            })
        })
        .collect();
    let mut evaluated = 0;
    for task in tasks {
        evaluated += task.await.unwrap();
    }
    assert_eq!((evaluated, evaluations(&relay).await), (5, 5));
    assert!(pin_locked(&relay, &union).await);
}

#[tokio::test]
async fn tries_count_across_a_crash_and_a_new_enrolment_begins_anew() {
    let mut relay = RelayWorld::start().await;
    let union = relay.union("06123456").await;
    let enrolled = relay.enrol(&union, "hanako-1").await;
    let pc = pc();
    let (key, left) = try_pin(&relay.employer(&enrolled.kit), pc).await.unwrap();
    assert_eq!(left, 4);
    relay.crash().await;
    relay.resume().await;
    for left in [3, 2, 1, 0] {
        assert_eq!(try_pin(&relay.employer(&enrolled.kit), pc).await.unwrap(), (key.clone(), left));
    }
    assert_eq!(try_pin(&relay.employer(&enrolled.kit), pc).await.unwrap_err(), Code::PinLocked);
    let again = relay.enrol(&union, "hanako-1").await;
    assert!(!relay.employer(&enrolled.kit).is_let_in().await, "the kit before");
    let (other, left) = try_pin(&relay.employer(&again.kit), pc).await.unwrap();
    assert!(other != key && left == 4, "another key: what lay under the old one stays shut");
}

#[tokio::test]
async fn a_login_proves_the_pin_and_a_pc_asks_for_its_own_only() {
    let relay = RelayWorld::start().await;
    let union = relay.union("06123456").await;
    let enrolled = relay.enrol(&union, "hanako-1").await;
    let (own, other) = (pc(), pc());
    let kit = relay.employer(&enrolled.kit);
    let (key, _) = try_pin(&kit, own).await.unwrap();
    let (user, device) = (union.user("hanako-1", relay.clock.now()), union.device("hanako-1", &relay));
    register(&relay, &union, "hanako-1", &user, &[(own, &device)]).await;
    let device = relay.employer(&device);
    assert_eq!(try_pin(&kit, own).await.unwrap_err(), Code::CallerOther, "a copy of the kit and a PC in use");
    assert_eq!(try_pin(&device, other).await.unwrap_err(), Code::CallerOther);
    assert_eq!(try_pin(&relay.employer(&user), own).await.unwrap_err(), Code::CallerOther, "the user's certificate");
    for left in [3, 2, 1, 0] {
        assert_eq!(try_pin(&device, own).await.unwrap(), (key.clone(), left));
    }
    // The fifth was right.
    let session = login(&relay.employer(&user), &enrolled.initial).await.unwrap();
    assert_eq!(try_pin(&device, own).await.unwrap().1, 4);
    // What somebody else may do within the session proves nothing about this try.
    let changed = relay.employer(&user).send(change(&session, &enrolled.initial, &login_key(2))).await.unwrap();
    assert_eq!(changed.status, 204);
    assert_eq!(try_pin(&device, own).await.unwrap().1, 3);
    // A second PC waits with its PIN while the first is registered anew; what is not registered any more is gone.
    let (second, _) = try_pin(&kit, other).await.unwrap();
    let (new_user, new_device) = (union.user("hanako-1", relay.clock.now()), union.device("hanako-1", &relay));
    register(&relay, &union, "hanako-1", &new_user, &[(other, &new_device)]).await;
    let new_device = relay.employer(&new_device);
    assert_eq!(try_pin(&new_device, other).await.unwrap().0, second);
    assert!(!device.is_let_in().await && !relay.employer(&user).is_let_in().await);
    register(&relay, &union, "hanako-1", &user, &[(own, &union.device("hanako-1", &relay))]).await;
    assert_ne!(try_pin(&kit, other).await.unwrap().0, second);
}

#[tokio::test]
async fn a_right_try_is_taken_off_and_nobody_elses() {
    let relay = RelayWorld::start().await;
    let union = relay.union("06123456").await;
    let enrolled = relay.enrol(&union, "hanako-1").await;
    let (own, kit) = (pc(), relay.employer(&enrolled.kit));
    try_pin(&kit, own).await.unwrap();
    let (user, device) = (union.user("hanako-1", relay.clock.now()), union.device("hanako-1", &relay));
    register(&relay, &union, "hanako-1", &user, &[(own, &device)]).await;
    let (owner, device) = (relay.employer(&user), relay.employer(&device));
    // Somebody with a copy of the folder tries while the owner works: the owner's right PINs give him no try back.
    for stolen in [3, 1] {
        assert_eq!(one_try(&device, own).await.unwrap().tries_left, stolen);
        let right = one_try(&device, own).await.unwrap();
        for _ in 0..2 {
            assert_eq!(prove(&owner, own, &right.proof).await, 204, "also when it is handed in again");
        }
        if stolen == 3 {
            assert_eq!(one_try(&device, own).await.unwrap().tries_left, 2);
        }
    }
    // Many right ones in a row never lock it, also before a login and after a wrong password.
    for _ in 0..7 {
        let right = one_try(&device, own).await.unwrap();
        assert_eq!(right.tries_left, 0);
        let wrong = login(&owner, &login_key(9)).await.unwrap_err();
        assert!(matches!(wrong, Code::LoginFailed | Code::LoginLocked));
        assert_eq!(prove(&owner, own, &right.proof).await, 204);
    }
    let last = one_try(&device, own).await.unwrap();
    assert_eq!(one_try(&device, own).await.unwrap_err(), Code::PinLocked);
    // Another user's certificate takes nothing off.
    relay.enrol(&union, "taro-1").await;
    let stranger = union.user("taro-1", relay.clock.now());
    register(&relay, &union, "taro-1", &stranger, &[]).await;
    assert_eq!(prove(&relay.employer(&stranger), own, &last.proof).await, 204);
    assert_eq!(one_try(&device, own).await.unwrap_err(), Code::PinLocked);
}

#[tokio::test]
async fn disabled_is_shut_for_good() {
    let relay = RelayWorld::start().await;
    let union = relay.union("06123456").await;
    let enrolled = relay.enrol(&union, "hanako-1").await;
    let own = pc();
    let kit = relay.employer(&enrolled.kit);
    try_pin(&kit, own).await.unwrap();
    let (user, device) = (union.user("hanako-1", relay.clock.now()), union.device("hanako-1", &relay));
    register(&relay, &union, "hanako-1", &user, &[(own, &device)]).await;
    let mut line = relay.employer(&device).connect().await.unwrap();
    assert_eq!(line.send(crate::support::http::get("/healthz")).await.unwrap().status, 200);
    let began = std::time::Instant::now();
    assert_eq!(relay.disable(&union, "hanako-1").await.status, 200);
    for credential in [&enrolled.kit, &device, &user] {
        assert!(!relay.employer(credential).is_let_in().await);
    }
    assert!(line.is_closed().await);
    assert!(began.elapsed() < std::time::Duration::from_secs(1), "{:?}", began.elapsed());
    // Let in again, nothing of before comes back.
    let enable = crate::support::http::request(Method::POST, "/union/v1/users/hanako-1/enable");
    let enable = enable.body(axum::body::Body::empty()).unwrap();
    assert_eq!(relay.vpn(&union.gateway).send(enable).await.unwrap().status, 200);
    assert_eq!(try_pin(&relay.employer(&device), own).await.unwrap_err(), Code::PinLocked);
    assert!(!kit.is_let_in().await);
}

/// What the union sends when a PIN is forgotten.
#[tokio::test]
async fn without_certificates_and_pcs_nobody_comes_in() {
    let relay = RelayWorld::start().await;
    let union = relay.union("06123456").await;
    let enrolled = relay.enrol(&union, "hanako-1").await;
    let (own, second) = (pc(), pc());
    let kit = relay.employer(&enrolled.kit);
    let (key, _) = try_pin(&kit, own).await.unwrap();
    let (waiting, _) = try_pin(&kit, second).await.unwrap();
    let (user, device) = (union.user("hanako-1", relay.clock.now()), union.device("hanako-1", &relay));
    register(&relay, &union, "hanako-1", &user, &[(own, &device)]).await;
    let session = login(&relay.employer(&user), &enrolled.initial).await.unwrap();
    let nothing = UserRegistration { office: office(), certificates: Vec::new(), devices: Vec::new(), login: None };
    let put = json(Method::PUT, &format!("{USERS}/hanako-1"), &nothing);
    assert_eq!(relay.vpn(&union.gateway).send(put).await.unwrap().status, 204);
    for credential in [&enrolled.kit, &device, &user] {
        assert!(!relay.employer(credential).is_let_in().await);
    }
    let page: Page<User> = relay.vpn(&union.gateway).get(USERS).await.json();
    assert_eq!((page.items[0].enabled, &page.items[0].enrolment), (true, &None));
    // Nor does anything of before come back with the same certificates.
    register(&relay, &union, "hanako-1", &user, &[(own, &device)]).await;
    let change = change(&session, &enrolled.initial, &login_key(2));
    assert_eq!(relay.employer(&user).send(change).await.unwrap().code(), Code::SessionMissing);
    assert_eq!(try_pin(&relay.employer(&device), own).await.unwrap_err(), Code::PinLocked);
    assert!(!relay.employer(&enrolled.kit).is_let_in().await);
    let again = relay.enrol(&union, "hanako-1").await;
    let kit = relay.employer(&again.kit);
    let (third, left) = try_pin(&kit, second).await.unwrap();
    assert!(third != waiting && third != key && left == 4);
}

#[tokio::test]
async fn what_is_no_pin_and_too_many_pcs() {
    let relay = RelayWorld::start().await;
    let union = relay.union("06123456").await;
    let enrolled = relay.enrol(&union, "hanako-1").await;
    let kit = relay.employer(&enrolled.kit);
    for (blinded, code) in [("AAAA", Code::PinMalformed), ("", Code::PinMalformed), ("!", Code::RequestMalformed)] {
        let body = serde_json::json!({ "blinded": blinded });
        assert_eq!(kit.send(json(Method::POST, &pin(pc()), &body)).await.unwrap().code(), code, "{blinded}");
    }
    let pcs: Vec<PcId> = (0..9).map(|_| pc()).collect();
    let mut keys = Vec::new();
    for pc in &pcs {
        let (key, left) = try_pin(&kit, *pc).await.unwrap();
        assert_eq!(left, 4, "however many wait, the next one is served");
        keys.push(key);
    }
    for (pc, key) in pcs.iter().zip(&keys).skip(1) {
        assert_eq!(try_pin(&kit, *pc).await.unwrap(), (key.clone(), 3), "the newest eight stay");
    }
    assert_ne!(try_pin(&kit, pcs[0]).await.unwrap().0, keys[0], "the oldest was dropped");
    let body = serde_json::json!({ "blinded": "AAAA" });
    let nobody = kit.send(json(Method::POST, "/employer/v1/pin/not-a-pc", &body)).await.unwrap();
    assert_eq!(nobody.code(), Code::RouteUnknown);
}
