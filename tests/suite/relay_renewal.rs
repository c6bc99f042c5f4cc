//! Certificates, keys and authorities that change while the relay runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::routing::get as route_get;
use jiff::Timestamp;
use kenpo_express::domain::clock::Clock;
use kenpo_express::http::{Admission, Edge, Identity, Limits, Metrics, Path as ToAuthority, Peers, Refusal, ServerTls};
use kenpo_express::message::keys::Certificate;
use kenpo_express::pki::{Authority, Profile, Subject};
use kenpo_express::relay::admin;
use kenpo_express::runtime::clock::SystemRandom;
use kenpo_express::runtime::lifecycle::Shutdown;
use kenpo_express::store::relay::unions::NewUnion;
use kenpo_express::wire::Der;
use kenpo_express::wire::employer::UNION;
use kenpo_express::wire::union::{CERTIFICATES, HANDSHAKE, Handshake, PARCELS};

use crate::support::http::{Client, get, json};
use crate::support::relay::{RelayWorld, UnionWorld, issue};
use crate::support::soon::soon;

#[tokio::test]
async fn a_new_server_certificate_is_used_without_a_restart() {
    let relay = RelayWorld::start().await;
    let union = relay.union("06123456").await;
    let mut open = relay.vpn(&union.gateway).connect().await.unwrap();
    let successor = Authority::create_operator("Successor", relay.clock.now(), &SystemRandom).unwrap();
    let profile = Profile::TlsServer { names: vec!["127.0.0.1".to_owned()] };
    let renewed = issue(&successor, Subject::Service("relay".to_owned()), &profile, relay.clock.now());
    let client = Client::new(relay.running().vpn_addr, successor.certificate(), Some(&union.gateway));
    assert!(!client.is_let_in().await);
    std::fs::write(&relay.config.vpn.certificate, renewed.certificate().pem()).unwrap();
    assert!(relay.running().reload().await.is_err(), "a certificate without its key");
    assert!(relay.vpn(&union.gateway).is_let_in().await);
    std::fs::write(&relay.config.vpn.key, renewed.key().to_pem()).unwrap();
    let receipts = issue(&successor, Subject::Service("relay".to_owned()), &Profile::ReceiptSigning, relay.clock.now());
    std::fs::write(&relay.config.receipts.certificate, receipts.certificate().pem()).unwrap();
    std::fs::write(&relay.config.receipts.key, receipts.key().to_pem()).unwrap();
    relay.running().reload().await.unwrap();
    assert!(client.is_let_in().await);
    let hello: Handshake = client.get(HANDSHAKE).await.json();
    assert_eq!(hello.receipt_certificate, Der(receipts.certificate().der().to_vec()));
    assert_eq!(open.send(get(PARCELS)).await.unwrap().status, 200);
}

#[tokio::test]
async fn files_that_change_are_noticed() {
    let relay = RelayWorld::start().await;
    let union = relay.union("06123456").await;
    let successor = Authority::create_operator("Successor", relay.clock.now(), &SystemRandom).unwrap();
    let profile = Profile::TlsServer { names: vec!["127.0.0.1".to_owned()] };
    let renewed = issue(&successor, Subject::Service("relay".to_owned()), &profile, relay.clock.now());
    let client = Client::new(relay.running().vpn_addr, successor.certificate(), Some(&union.gateway));
    let follow = relay.running().tasks.find("follow-identities").unwrap();
    let look = async || {
        let runs = follow.status().runs;
        follow.activate();
        soon("it looks at its files", async || follow.status().runs > runs).await;
    };
    // One of the pair is there first: what was there before stays.
    std::fs::write(&relay.config.vpn.key, renewed.key().to_pem()).unwrap();
    look().await;
    assert!(relay.vpn(&union.gateway).is_let_in().await && !client.is_let_in().await);
    std::fs::write(&relay.config.vpn.certificate, renewed.certificate().pem()).unwrap();
    look().await;
    assert!(client.is_let_in().await);
}

#[tokio::test]
async fn a_withdrawn_authority_ends_the_connections_that_rest_on_it() {
    let relay = RelayWorld::start().await;
    let (union, other) = (relay.union("06123456").await, relay.union("06654321").await);
    let (user, colleague) = (relay.user(&union, "hanako-1").await, relay.user(&other, "taro-2").await);
    let mut line = relay.employer(&user).connect().await.unwrap();
    let mut others = relay.employer(&colleague).connect().await.unwrap();
    assert_eq!(line.send(get(UNION)).await.unwrap().status, 200);
    assert_eq!(others.send(get(UNION)).await.unwrap().status, 200);
    let replaced = UnionWorld::new("06123456", relay.clock.now());
    let new = kenpo_express::store::relay::unions::NewUnion {
        insurer: union.insurer.clone(),
        name: "A union".to_owned(),
        clients: vec![union.gateway.certificate().clone()],
        authorities: vec![replaced.authority.certificate().clone()],
    };
    admin::add_union(&relay.running().app.database, &new, relay.clock.now()).await.unwrap();
    relay.running().reload().await.unwrap();
    assert!(tokio::time::timeout(Duration::from_secs(20), line.is_closed()).await.unwrap());
    assert!(!relay.employer(&user).is_let_in().await);
    assert_eq!(others.send(get(UNION)).await.unwrap().status, 200);
}

#[tokio::test]
async fn a_withdrawn_authority_is_also_noticed_when_the_union_writes_first() {
    let relay = RelayWorld::start().await;
    let union = relay.union("06123456").await;
    let user = relay.user(&union, "hanako-1").await;
    let mut line = relay.employer(&user).connect().await.unwrap();
    assert_eq!(line.send(get(UNION)).await.unwrap().status, 200);
    let new = NewUnion {
        insurer: union.insurer.clone(),
        name: "A union".to_owned(),
        clients: vec![union.gateway.certificate().clone()],
        authorities: vec![UnionWorld::new("06123456", relay.clock.now()).authority.certificate().clone()],
    };
    admin::add_union(&relay.running().app.database, &new, relay.clock.now()).await.unwrap();
    // Before the running server has looked, the union changes its own certificates: the same rows are read for that.
    let put = json(hyper::Method::PUT, CERTIFICATES, &union.certificates());
    assert_eq!(relay.vpn(&union.gateway).send(put).await.unwrap().status, 204);
    relay.running().reload().await.unwrap();
    assert!(tokio::time::timeout(Duration::from_secs(5), line.is_closed()).await.unwrap());
}

/// Lets somebody in during the handshake, and never again.
#[derive(Debug, Default)]
struct Withdrawn(AtomicUsize);

impl Admission for Withdrawn {
    fn admit(&self, _: &Certificate, _: Timestamp) -> Result<ToAuthority, Refusal> {
        match self.0.fetch_add(1, Ordering::SeqCst) {
            0 => Ok(ToAuthority::None),
            _ => Err(Refusal::Untrusted),
        }
    }
}

#[tokio::test]
async fn who_is_shut_out_during_the_handshake_does_not_come_in() {
    let relay = RelayWorld::start().await;
    let union = relay.union("06123456").await;
    let identity = Identity::load(&relay.config.vpn.certificate, &relay.config.vpn.key).unwrap();
    let clock: Arc<dyn Clock> = Arc::<kenpo_express::domain::clock::ManualClock>::clone(&relay.clock);
    let edge = Edge {
        name: "test",
        tls: Some(ServerTls::new(identity, Some(Arc::new(Withdrawn::default())), clock).unwrap()),
        limits: Limits::default(),
        metrics: Metrics::new(),
        peers: Peers::default(),
    };
    let (metrics, shutdown) = (edge.metrics.clone(), Shutdown::new());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = Client::new(listener.local_addr().unwrap(), relay.operator.certificate(), Some(&union.gateway));
    edge.start(listener, Router::new().route("/healthz", route_get(|| async { "alive" })), &shutdown);
    assert!(!client.is_let_in().await);
    assert_eq!(metrics.handshakes_refused_total.with_label_values(&["test", "untrusted"]).get(), 1);
    shutdown.finish(Duration::from_secs(1)).await;
}
