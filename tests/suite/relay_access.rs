//! Who comes in at the relay's listeners, and who does not.

use std::time::Duration;

use axum::body::Body;
use hyper::Method;
use jiff::SignedDuration;
use kenpo_express::domain::clock::Clock;
use kenpo_express::pki::{Profile, Subject};
use kenpo_express::relay::admin;
use kenpo_express::wire::Der;
use kenpo_express::wire::employer::{UNION, UPLOADS};
use kenpo_express::wire::page::Page;
use kenpo_express::wire::problem::Code;
use kenpo_express::wire::tus::{self, Metadata};
use kenpo_express::wire::union::{PARCELS, USERS, User, UserRegistration};

use crate::support::http::{Answer, Client, get, json, request};
use crate::support::relay::{RelayWorld, UnionWorld, issue, message_id};

async fn refusals(relay: &RelayWorld, listener: &str, reason: &str) -> bool {
    let line = format!(r#"kx_http_handshakes_refused_total{{listener="{listener}",reason="{reason}"}} "#);
    relay.watch("/metrics").await.contains(&line)
}

fn tus_request(method: Method, path: &str) -> hyper::http::request::Builder {
    request(method, path).header(tus::TUS_RESUMABLE, tus::VERSION)
}

#[tokio::test]
async fn each_listener_lets_in_its_own_and_nobody_else() {
    let relay = RelayWorld::start().await;
    let union = relay.union("06123456").await;
    let user = relay.user(&union, "hanako-1").await;
    let now = relay.clock.now();
    assert!(relay.vpn(&union.gateway).is_let_in().await);
    assert!(relay.employer(&user).is_let_in().await);

    assert!(!relay.vpn(&user).is_let_in().await, "a user at the VPN side");
    assert!(!relay.vpn(&union.signing).is_let_in().await, "another certificate of the union");
    assert!(!relay.employer(&union.gateway).is_let_in().await, "a gateway at the employers' side");
    assert!(!relay.employer(&union.user("hanako-1", now)).is_let_in().await, "issued, not registered");
    assert!(!relay.employer(&union.user("taro-2", now)).is_let_in().await, "a user who is not registered");
    let stranger = UnionWorld::new("06123456", now);
    assert!(!relay.employer(&stranger.user("hanako-1", now)).is_let_in().await, "another authority");
    assert!(!relay.vpn(&stranger.gateway).is_let_in().await, "a union that is not registered");
    for (listener, address) in [("vpn", relay.running().vpn_addr), ("employer", relay.running().employer_addr)] {
        assert!(!Client::new(address, relay.operator.certificate(), None).is_let_in().await);
        for reason in ["unknown", "no-certificate"] {
            assert!(refusals(&relay, listener, reason).await, "{listener} {reason}");
        }
    }
}

#[tokio::test]
async fn certificates_count_within_their_time_only() {
    let relay = RelayWorld::start().await;
    let union = relay.union("06123456").await;
    let user = relay.user(&union, "hanako-1").await;
    let mut line = relay.employer(&user).connect().await.unwrap();
    let mut gateway = relay.vpn(&union.gateway).connect().await.unwrap();
    relay.clock.advance(SignedDuration::from_hours(24 * 366));
    // Refused, or sent away already by the task that looks for such.
    let out = |answer: std::io::Result<Answer>| answer.map_or(Code::CallerUnknown, |answer| answer.code());
    assert_eq!(out(line.send(get(UNION)).await), Code::CallerUnknown);
    assert_eq!(out(gateway.send(get(PARCELS)).await), Code::CallerUnknown);
    assert!(!relay.employer(&user).is_let_in().await);
    assert!(!relay.vpn(&union.gateway).is_let_in().await);
    assert!(refusals(&relay, "employer", "expired").await);
    relay.clock.advance(SignedDuration::from_hours(-24 * 400));
    assert!(!relay.employer(&user).is_let_in().await);
    assert!(refusals(&relay, "employer", "not-yet-valid").await);
}

#[tokio::test]
async fn a_disabled_user_is_out_at_once_and_everywhere() {
    let relay = RelayWorld::start().await;
    let union = relay.union("06123456").await;
    let (lost, other) = (relay.user(&union, "hanako-1").await, relay.user(&union, "taro-2").await);
    let mut idle = relay.employer(&lost).connect().await.unwrap();
    assert_eq!(idle.send(get(UNION)).await.unwrap().status, 200);
    let mut stays = relay.employer(&other).connect().await.unwrap();
    assert_eq!(stays.send(get(UNION)).await.unwrap().status, 200);

    // An upload is running when the user is disabled.
    let id = message_id(relay.clock.as_ref());
    let (feed, body) = tokio::sync::mpsc::channel::<Result<bytes::Bytes, std::io::Error>>(1);
    let body = futures_util::stream::unfold(body, |mut body| async { body.recv().await.map(|item| (item, body)) });
    let running = tus_request(Method::POST, UPLOADS)
        .header(tus::UPLOAD_LENGTH, 3_000_000)
        .header(tus::UPLOAD_METADATA, Metadata::to_union(id).to_header())
        .header("content-type", tus::OFFSET_CONTENT_TYPE)
        .body(Body::from_stream(body))
        .unwrap();
    let client = relay.employer(&lost);
    let running = tokio::spawn(async move { client.send(running).await });
    feed.send(Ok(bytes::Bytes::from(vec![0; 1_000_000]))).await.unwrap();
    feed.send(Ok(bytes::Bytes::from(vec![0; 1_000_000]))).await.unwrap();

    assert_eq!(relay.disable(&union, "hanako-1").await.status, 200);
    let ended = tokio::time::timeout(Duration::from_secs(20), running).await.unwrap().unwrap();
    // The answer, when the line stood long enough to read it.
    assert!(ended.is_err() || ended.unwrap().code() == Code::UserDisabled);
    assert!(tokio::time::timeout(Duration::from_secs(20), idle.is_closed()).await.unwrap());
    assert!(!relay.employer(&lost).is_let_in().await);
    assert!(refusals(&relay, "employer", "disabled").await);
    assert_eq!(stays.send(get(UNION)).await.unwrap().status, 200);

    let page: Page<User> = relay.vpn(&union.gateway).get(USERS).await.json();
    let states: Vec<_> = page.items.iter().map(|user| (user.id.as_str(), user.enabled)).collect();
    assert_eq!(states, [("hanako-1", false), ("taro-2", true)]);
    // Registered again, the user is still disabled.
    assert_eq!(relay.put_user(&union, "hanako-1", &[lost.certificate()]).await.status, 204);
    assert!(!relay.employer(&lost).is_let_in().await);
    let enable = request(Method::POST, "/union/v1/users/hanako-1/enable").body(Body::empty()).unwrap();
    assert_eq!(relay.vpn(&union.gateway).send(enable).await.unwrap().status, 200);
    assert!(relay.employer(&lost).is_let_in().await);
}

#[tokio::test]
async fn every_request_asks_the_registry_again() {
    let relay = RelayWorld::start().await;
    let union = relay.union("06123456").await;
    let user = relay.user(&union, "hanako-1").await;
    let mut line = relay.employer(&user).connect().await.unwrap();
    assert_eq!(line.send(get(UNION)).await.unwrap().status, 200);
    // Written to the registry alone: nobody is sent away, so that the request itself must be refused.
    let app = &relay.running().app;
    let mut transaction = app.database.write().await.unwrap();
    let who = "hanako-1".parse().unwrap();
    let now = relay.clock.now();
    let disabled =
        kenpo_express::store::relay::users::set_enabled(&mut transaction, &union.insurer, &who, Some(now), now);
    disabled.await.unwrap();
    app.database.commit(transaction).await.unwrap();
    app.registry.reload_user(&app.database, &union.insurer, &who).await.unwrap();
    assert_eq!(line.send(get(UNION)).await.unwrap().code(), Code::UserDisabled);
}

#[tokio::test]
async fn a_running_server_follows_the_operators_commands() {
    let relay = RelayWorld::start().await;
    let union = relay.union("06123456").await;
    let user = relay.user(&union, "hanako-1").await;
    let added = UnionWorld::new("06654321", relay.clock.now());
    let new = kenpo_express::store::relay::unions::NewUnion {
        insurer: added.insurer.clone(),
        name: "Another union".to_owned(),
        clients: vec![added.gateway.certificate().clone()],
        authorities: vec![added.authority.certificate().clone()],
    };
    let database = admin::open(&relay.config).await.unwrap();
    admin::add_union(&database, &new, relay.clock.now()).await.unwrap();
    admin::disable_union(&database, &union.insurer).await.unwrap();
    let stolen = kenpo_express::store::relay::unions::NewUnion { insurer: union.insurer.clone(), ..new };
    assert!(admin::add_union(&database, &stolen, relay.clock.now()).await.is_err());
    database.close().await;
    let follow = relay.running().tasks.find("follow-registry").unwrap();
    follow.activate();
    let client = relay.vpn(&added.gateway);
    tokio::time::timeout(Duration::from_secs(20), async { while !client.is_let_in().await {} }).await.unwrap();
    assert!(!relay.vpn(&union.gateway).is_let_in().await);
    assert!(!relay.employer(&user).is_let_in().await);
}

#[tokio::test]
async fn certificates_of_users_must_be_the_unions_own() {
    let relay = RelayWorld::start().await;
    let (union, other) = (relay.union("06123456").await, relay.union("06654321").await);
    let now = relay.clock.now();
    let hanako = relay.user(&union, "hanako-1").await;
    let foreign = other.user("hanako-1", now);
    // Issued by the right authority, but naming nobody of the union's.
    let service = issue(
        &relay.operator,
        Subject::Service("relay".to_owned()),
        &Profile::TlsServer { names: vec!["127.0.0.1".to_owned()] },
        now,
    );
    for (user, certificate) in [
        ("hanako-1", foreign.certificate()),
        ("taro-2", hanako.certificate()),
        ("taro-2", union.signing.certificate()),
        ("taro-2", service.certificate()),
        ("taro-2", UnionWorld::new("06123456", now).user("taro-2", now).certificate()),
    ] {
        let refused = relay.put_user(&union, user, &[certificate]).await;
        assert_eq!((refused.status.as_u16(), refused.code()), (422, Code::CertificateRefused));
    }
    let broken = UserRegistration {
        office: "1234-A".parse().unwrap(),
        certificates: vec![Der(vec![0x30, 0])],
        devices: vec![],
        login: None,
    };
    let put = json(Method::PUT, "/union/v1/users/taro-2", &broken);
    assert_eq!(relay.vpn(&union.gateway).send(put).await.unwrap().code(), Code::CertificateRefused);
    assert_eq!(relay.disable(&union, "nobody").await.code(), Code::UserUnknown);
    // A new certificate takes the place of the old one.
    let renewed = union.user("hanako-1", now);
    assert_eq!(relay.put_user(&union, "hanako-1", &[renewed.certificate()]).await.status, 204);
    assert!(relay.employer(&renewed).is_let_in().await);
    assert!(!relay.employer(&hanako).is_let_in().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reading_the_registry_meanwhile_never_undoes_a_confirmed_change() {
    let relay = RelayWorld::start().await;
    let union = relay.union("06123456").await;
    let user = relay.user(&union, "hanako-1").await;
    let app = std::sync::Arc::clone(&relay.running().app);
    let who = "hanako-1".parse().unwrap();
    let now = relay.clock.now();
    for round in 0..60 {
        let disabled = (round % 2 == 0).then_some(now);
        let reads: Vec<_> = (0..8)
            .map(|_| {
                let app = std::sync::Arc::clone(&app);
                tokio::spawn(async move { app.registry.reload(&app.database).await })
            })
            .collect();
        let mut transaction = app.database.write().await.unwrap();
        let set =
            kenpo_express::store::relay::users::set_enabled(&mut transaction, &union.insurer, &who, disabled, now);
        set.await.unwrap();
        app.database.commit(transaction).await.unwrap();
        app.registry.reload_user(&app.database, &union.insurer, &who).await.unwrap();
        for read in reads {
            read.await.unwrap().unwrap();
        }
        let known = app.registry.user(user.certificate().fingerprint(), now);
        assert_eq!(known.is_err(), disabled.is_some(), "round {round}");
    }
}
