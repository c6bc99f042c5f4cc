//! Programs that are told of events: a command, an address.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use jiff::SignedDuration;
use kenpo_express::domain::clock::Clock;
use kenpo_express::gateway::config::GatewaySettings;
use kenpo_express::gateway::flows::hooks::Hooks;
use kenpo_express::http::{Edge, Identity, Limits, Metrics, Peers, ServerTls};
use kenpo_express::pki::{Profile, Subject};
use kenpo_express::runtime::lifecycle::Shutdown;
use kenpo_express::secret::mac::hmac_sha256;
use kenpo_express::store::gateway::events::{self, Kind, NewEvent};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::gateway_relay::FakeRelay;
use crate::gateway_support::GatewayWorld;
use crate::support::relay::issue;

const KEY: &str = "a-key-of-more-than-32-characters-4711";

/// Whoever is posted to: what it heard, and what it answers.
#[derive(Clone, Default)]
struct Listener {
    heard: Arc<Mutex<Vec<(HeaderMap, String)>>>,
    status: Arc<Mutex<u16>>,
}

async fn hear(State(listener): State<Listener>, headers: HeaderMap, body: String) -> StatusCode {
    listener.heard.lock().unwrap().push((headers, body));
    StatusCode::from_u16(*listener.status.lock().unwrap()).unwrap()
}

impl Listener {
    async fn start(world: &GatewayWorld, shutdown: &Shutdown) -> (Self, SocketAddr) {
        let this = Self { status: Arc::new(Mutex::new(200)), ..Self::default() };
        let profile = Profile::TlsServer { names: vec!["127.0.0.1".to_owned()] };
        let own = issue(&world.union.authority, Subject::Service("core".to_owned()), &profile, world.clock_now());
        let identity = Identity::from_pem(own.certificate().pem().as_bytes(), own.key().to_pem().as_bytes()).unwrap();
        let clock: Arc<dyn Clock> = world.clock.clone();
        let tls = Some(ServerTls::new(identity, None, clock).unwrap());
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let router = Router::new().route("/kx/events", post(hear)).with_state(this.clone());
        let edge =
            Edge { name: "core", tls, limits: Limits::default(), metrics: Metrics::new(), peers: Peers::default() };
        edge.start(socket, router, shutdown);
        (this, address)
    }

    fn answer(&self, status: u16) {
        *self.status.lock().unwrap() = status;
    }

    fn take(&self) -> Vec<(HeaderMap, String)> {
        std::mem::take(&mut *self.heard.lock().unwrap())
    }
}

async fn settings(world: &GatewayWorld, more: &str) -> Arc<GatewaySettings> {
    std::fs::write(world.folder.path().join("ca.pem"), world.union.authority.certificate().pem()).unwrap();
    std::fs::write(world.folder.path().join("hooks.key"), format!("{KEY}\n")).unwrap();
    world.gateway(&format!("[hooks]\nca = 'ca.pem'\nsecret = 'hooks.key'\n{more}")).await.settings
}

async fn hooks(world: &GatewayWorld, more: &str) -> Hooks<FakeRelay> {
    Hooks::open(&world.receiver, &settings(world, more).await.hooks).unwrap()
}

async fn run(hooks: &Hooks<FakeRelay>) -> Result<(), &'static str> {
    hooks.run(&CancellationToken::new(), &CancellationToken::new()).await
}

fn kind(body: &str) -> String {
    serde_json::from_str::<Value>(body).unwrap()["kind"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn an_address_is_told_under_a_signature_until_it_has_heard() {
    let (world, shutdown) = (GatewayWorld::new().await, Shutdown::new());
    let (listener, address) = Listener::start(&world, &shutdown).await;
    let more = format!("url = 'https://{address}/kx/events'\ntries = 3\nretry_first_seconds = 10");
    let hooks = hooks(&world, &more).await;
    let mut hanako = world.sender("hanako-1").await;
    world.send(&mut hanako, b"before");
    world.pull().await;
    run(&hooks).await.unwrap();
    assert!(listener.take().is_empty(), "what was before it was switched on is not told");

    let id = world.send(&mut hanako, b"content");
    world.pull().await;
    run(&hooks).await.unwrap();
    let heard = listener.take();
    assert_eq!(heard.len(), 1);
    let (headers, body) = &heard[0];
    let event: Value = serde_json::from_str(body).unwrap();
    assert_eq!((&event["kind"], &event["subject"]), (&"received.archived".into(), &id.to_string().into()));
    assert_eq!((&event["union"], &event["user"]), (&"06123456".into(), &"hanako-1".into()));
    assert_eq!(headers["kx-event-id"].to_str().unwrap(), event["id"]);
    assert!(!body.contains("算定") && event.as_object().unwrap().len() == 7, "ids and codes only: {body}");
    let signature = headers["kx-signature"].to_str().unwrap();
    let (time, code) = signature.strip_prefix("t=").unwrap().split_once(",v1=").unwrap();
    let expected = hmac_sha256(KEY.as_bytes(), &[format!("{time}.{body}").as_bytes()]);
    assert_eq!((code, time.parse().ok()), (hex::encode(expected).as_str(), Some(world.clock_now().as_second())));

    // It is deaf for a while: told again with the same id, and in the end given up.
    listener.answer(503);
    world.send(&mut hanako, b"more");
    world.pull().await;
    assert_eq!(run(&hooks).await, Err("hooks.not-told"));
    run(&hooks).await.unwrap();
    assert_eq!(listener.take().len(), 1, "not before its time");
    listener.answer(204);
    world.clock.advance(SignedDuration::from_hours(2));
    run(&hooks).await.unwrap();
    let again = listener.take();
    assert_eq!(again.len(), 1);
    run(&hooks).await.unwrap();
    assert!(listener.take().is_empty(), "heard is heard");

    listener.answer(500);
    world.send(&mut hanako, b"never");
    world.pull().await;
    for _ in 0..5 {
        let _ = run(&hooks).await;
        world.clock.advance(SignedDuration::from_hours(2));
    }
    assert_eq!(listener.take().len(), 3, "bounded");
    let admin = world.admin("tanaka").await;
    let dead = admin.hook_letters(10).await.unwrap();
    assert_eq!((dead.len(), dead[0].tries, dead[0].problem.as_deref()), (1, 3, Some("url.status-500")));
    assert!(dead[0].next_try.is_none() && admin.status().await.unwrap().hooks_given_up == 1);
    listener.answer(200);
    assert_eq!(admin.retry_hooks().await.unwrap(), 1);
    run(&hooks).await.unwrap();
    assert_eq!((listener.take().len(), admin.hook_letters(10).await.unwrap().len()), (1, 0));
    shutdown.finish(std::time::Duration::from_secs(1)).await;
}

#[tokio::test]
async fn an_address_that_nobody_vouches_for_is_told_nothing() {
    let (world, shutdown) = (GatewayWorld::new().await, Shutdown::new());
    let (listener, address) = Listener::start(&world, &shutdown).await;
    let other = GatewayWorld::new().await;
    let more = format!("url = 'https://{address}/kx/events'");
    let strange = hooks(&other, &more).await;
    run(&strange).await.unwrap();
    let mut hanako = other.sender("hanako-1").await;
    other.send(&mut hanako, b"content");
    other.pull().await;
    assert_eq!(run(&strange).await, Err("hooks.not-told"));
    assert!(listener.take().is_empty());
    let letters = other.admin("tanaka").await.hook_letters(10).await.unwrap();
    assert_eq!(letters[0].problem.as_deref(), Some("url.unreachable"));
    shutdown.finish(std::time::Duration::from_secs(1)).await;
}

async fn happen(world: &GatewayWorld, count: usize) {
    let event = |number: usize| NewEvent {
        at: world.clock_now(),
        kind: Kind::SentRelayed,
        subject: number.to_string(),
        office: None,
        user: None,
    };
    let database = &world.receiver.database;
    let mut transaction = database.write().await.unwrap();
    events::insert(&mut transaction, &(0..count).map(event).collect::<Vec<_>>()).await.unwrap();
    database.commit(transaction).await.unwrap();
}

#[tokio::test]
async fn one_that_is_deaf_keeps_the_other_from_nothing() {
    let (world, shutdown) = (GatewayWorld::new().await, Shutdown::new());
    let (listener, address) = Listener::start(&world, &shutdown).await;
    let hooks = hooks(&world, &format!("command = ['/bin/false']\nurl = 'https://{address}/kx/events'")).await;
    run(&hooks).await.unwrap();
    happen(&world, 250).await;
    assert_eq!(run(&hooks).await, Err("hooks.not-told"));
    assert_eq!(listener.take().len(), 250, "all in one run, though the command hears nothing");
    shutdown.finish(std::time::Duration::from_secs(1)).await;
}

#[tokio::test]
async fn what_a_wrong_clock_has_put_off_is_told_when_it_is_right_again() {
    let (world, shutdown) = (GatewayWorld::new().await, Shutdown::new());
    let (listener, address) = Listener::start(&world, &shutdown).await;
    let hooks = hooks(&world, &format!("url = 'https://{address}/kx/events'")).await;
    run(&hooks).await.unwrap();
    happen(&world, 1).await;
    listener.answer(503);
    let years = SignedDuration::from_hours(24 * 365 * 10);
    world.clock.advance(years);
    assert_eq!(run(&hooks).await, Err("hooks.not-told"));
    listener.answer(200);
    world.clock.advance(-years);
    run(&hooks).await.unwrap();
    assert_eq!(listener.take().len(), 2, "it is not put off for ten years");
    shutdown.finish(std::time::Duration::from_secs(1)).await;
}

#[tokio::test]
async fn a_command_is_run_for_the_kinds_that_were_asked_for() {
    let world = GatewayWorld::new().await;
    let out: PathBuf = world.folder.path().join("told");
    let script = format!("read -r line && echo \"$line\" >> {}", out.display());
    let more = format!("command = ['/bin/sh', '-c', '''{script}''']\nkinds = ['received.quarantined']");
    let hooks = hooks(&world, &more).await;
    run(&hooks).await.unwrap();
    let mut hanako = world.sender("hanako-1").await;
    world.send(&mut hanako, b"content");
    let mut stranger = crate::gateway_support::Sender::new("taro-1", world.union.user("taro-1", world.clock_now()));
    world.send(&mut stranger, b"strange");
    world.pull().await;
    run(&hooks).await.unwrap();
    let told = std::fs::read_to_string(&out).unwrap();
    assert_eq!(told.lines().map(kind).collect::<Vec<_>>(), ["received.quarantined"]);
}

#[tokio::test]
async fn settings_that_cannot_be_are_said_at_once() {
    let world = GatewayWorld::new().await;
    let load = |more: &str| {
        let text = format!("insurer = '06123456'\n[relay]\nurl = 'https://127.0.0.1:1'\n[hooks]\n{more}");
        kenpo_express::config::load_from::<GatewaySettings>(&text, world.folder.path(), std::iter::empty())
    };
    for (more, key) in [
        ("command = ['notify']", "hooks.command"),
        ("url = 'http://core.example/'", "hooks.url"),
        ("url = 'https://core.example/'", "hooks.secret"),
        ("kinds = ['received.lost']", "hooks.kinds"),
    ] {
        assert!(load(more).unwrap_err().to_string().contains(key), "{more}");
    }
    std::fs::write(world.folder.path().join("short"), "short").unwrap();
    let settings = load("url = 'https://core.example/'\nsecret = 'short'").unwrap();
    assert!(Hooks::open(&world.receiver, &settings.hooks).is_err(), "a key that can be guessed");
}
