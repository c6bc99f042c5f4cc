//! A console that sends: its gateway's files go to a relay in memory, which has a door for reminders.

use std::sync::Arc;

use axum::extract::Path;
use axum::routing::post;
use axum::{Json, Router};
use kenpo_express::domain::ids::MessageId;
use kenpo_express::gateway::flows::send::Sender as Push;
use kenpo_express::http::{Edge, Identity, Limits, Metrics, Peers, ServerTls};
use kenpo_express::pki::{Profile, Subject};
use kenpo_express::runtime::lifecycle::Shutdown;
use kenpo_express::store::gateway::dispatches::{self, Dispatch};
use kenpo_express::store::gateway::sent::{self, Sent};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::console_support::{Browser, ConsoleWorld, between, text};
use crate::gateway_relay::FakeRelay;
use crate::gateway_support::{GatewayWorld, sender};
use crate::support::relay::issue;

pub(crate) struct Desk {
    pub(crate) console: ConsoleWorld,
    push: Arc<Push<FakeRelay>>,
    shutdown: Shutdown,
}

impl Desk {
    pub(crate) async fn start() -> Self {
        Self::with(false, 1 << 30).await
    }

    /// Where it may take a second person, for files of so many bytes.
    pub(crate) async fn with(approval: bool, max_size: u64) -> Self {
        let world = GatewayWorld::new().await;
        let shutdown = Shutdown::new();
        let relay = door(&world, &shutdown).await;
        let mut gateway = world.gateway_towards(&relay, "", approval).await;
        Arc::get_mut(&mut gateway.sender).expect("nobody else has it yet").limits.max_size = max_size;
        let push = Arc::new(sender(&world.receiver, world.folder.path(), approval));
        let console = ConsoleWorld::over(world, gateway).await;
        Self { console, push, shutdown }
    }

    /// What there is to send is sent, and what became of it is heard.
    pub(crate) async fn push(&self) {
        self.push.run(&CancellationToken::new()).await.unwrap();
    }

    pub(crate) async fn dispatches(&self) -> Vec<Dispatch> {
        dispatches::newest(self.console.world.receiver.database.read(), None, 100).await.unwrap()
    }

    pub(crate) async fn messages(&self, dispatch: &Dispatch) -> Vec<Sent> {
        sent::of_dispatch(self.console.world.receiver.database.read(), dispatch.number).await.unwrap()
    }

    /// Sends files from the page for these addressees, as a browser without script does.
    pub(crate) async fn send(&self, browser: &mut Browser, to: &str, files: &[(&str, &[u8])]) -> Sent1 {
        let path = format!("/sent/files?{to}");
        let page = text(&browser.get(&path).await);
        let key = between(&page, "name=\"key\" value=\"", "\"").unwrap_or_else(|| panic!("no form: {page}"));
        Sent1 { answer: self.send_again(browser, &path, &key, files).await, path, key }
    }

    /// The same form once more.
    pub(crate) async fn send_again(
        &self,
        browser: &mut Browser,
        path: &str,
        key: &str,
        files: &[(&str, &[u8])],
    ) -> crate::support::http::Answer {
        let csrf = browser.csrf.clone();
        let mut fields: Vec<(&str, Option<&str>, &[u8])> = vec![
            ("csrf", None, csrf.as_bytes()),
            ("key", None, key.as_bytes()),
            ("comment", None, "11月分".as_bytes()),
        ];
        fields.extend(files.iter().map(|(name, content)| ("file", Some(*name), *content)));
        browser.form(path, &fields).await
    }
}

/// A form that was sent.
pub(crate) struct Sent1 {
    pub(crate) answer: crate::support::http::Answer,
    pub(crate) path: String,
    pub(crate) key: String,
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.shutdown.abort();
    }
}

/// The door of the relay in memory through which reminders are asked for.
async fn door(world: &GatewayWorld, shutdown: &Shutdown) -> String {
    let server = Profile::TlsServer { names: vec!["127.0.0.1".to_owned()] };
    let own = issue(&world.union.authority, Subject::Service("relay".to_owned()), &server, world.clock_now());
    let file = |name| world.folder.path().join(name);
    std::fs::write(file("relay.pem"), own.certificate().pem()).unwrap();
    std::fs::write(file("relay.key"), own.key().to_pem()).unwrap();
    let identity = Identity::load(&file("relay.pem"), &file("relay.key")).unwrap();
    let clock: Arc<dyn kenpo_express::domain::clock::Clock> = Arc::<_>::clone(&world.clock) as _;
    let tls = Some(ServerTls::new(identity, None, clock).unwrap());
    let relay = world.relay.1.clone();
    let remind = move |Path(id): Path<MessageId>| async move { Json(relay.remind(id)) };
    let router = Router::new().route("/union/v1/deliveries/{id}/reminder", post(remind));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let edge = Edge { name: "relay", tls, limits: Limits::default(), metrics: Metrics::new(), peers: Peers::default() };
    edge.start(listener, router, shutdown);
    format!("https://{address}")
}
