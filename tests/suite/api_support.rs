//! The gateway's API in this process, by real TLS, on the database of a [`GatewayWorld`].

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::Body;
use hyper::Method;
use kenpo_express::domain::clock::Clock;
use kenpo_express::domain::ids::{MessageId, UserId};
use kenpo_express::gateway::Gateway;
use kenpo_express::gateway::admin::Admin;
use kenpo_express::gateway::api;
use kenpo_express::pki::{Profile, Subject};
use kenpo_express::runtime::lifecycle::Shutdown;
use kenpo_express::runtime::task::Tasks;
use kenpo_express::store::gateway::certificates::{self, Purpose, Registered};
use kenpo_express::store::gateway::registry_changed;
use kenpo_express::store::gateway::tokens::Scope;
use kenpo_express::wire::tus;

use crate::gateway_support::{GatewayWorld, Sender};
use crate::support::http::{Answer, Client, request};
use crate::support::relay::{issue, office};

/// The API, and the gateway behind it.
pub(crate) struct ApiWorld {
    pub(crate) world: GatewayWorld,
    pub(crate) gateway: Gateway,
    pub(crate) address: SocketAddr,
    settings: String,
    shutdown: Shutdown,
}

impl ApiWorld {
    pub(crate) async fn start() -> Self {
        Self::with("").await
    }

    /// With these lines in `[api]`.
    pub(crate) async fn with(settings: &str) -> Self {
        let world = GatewayWorld::new().await;
        let server = Profile::TlsServer { names: vec!["127.0.0.1".to_owned(), "localhost".to_owned()] };
        let subject = Subject::Service("api".to_owned());
        let own = issue(&world.union.authority, subject, &server, world.clock_now());
        std::fs::write(world.folder.path().join("api.pem"), own.certificate().pem()).unwrap();
        std::fs::write(world.folder.path().join("api.key"), own.key().to_pem()).unwrap();
        std::fs::write(world.folder.path().join("ca.pem"), world.union.authority.certificate().pem()).unwrap();
        let settings = format!("[api]\n{settings}");
        let gateway = world.gateway(&settings).await;
        let shutdown = Shutdown::new();
        let address = serve(&gateway, &shutdown).await;
        Self { world, gateway, address, settings, shutdown }
    }

    /// Ends the API as a kill does, and starts it again.
    pub(crate) async fn restart(&mut self) {
        self.shutdown.abort();
        self.shutdown.finish(std::time::Duration::from_secs(5)).await;
        self.gateway = self.world.gateway(&self.settings).await;
        self.shutdown = Shutdown::new();
        self.address = serve(&self.gateway, &self.shutdown).await;
    }

    pub(crate) fn admin(&self) -> Admin {
        Admin::new(&self.gateway, "tanaka")
    }

    /// The text of a new token.
    pub(crate) async fn token(&self, name: &str, scopes: &[Scope]) -> String {
        let scopes: BTreeSet<Scope> = scopes.iter().copied().collect();
        self.admin().add_token(name, scopes, None).await.unwrap().token
    }

    /// Somebody with this token.
    pub(crate) fn client(&self, token: &str) -> Client {
        let root = self.world.union.authority.certificate();
        Client::new(self.address, root, None).within(Some(token.to_owned()))
    }

    /// Somebody with a new token for everything.
    pub(crate) async fn core(&self) -> Client {
        self.client(&self.token("core", &Scope::ALL).await)
    }

    /// A message of this content, received and archived.
    pub(crate) async fn receive(&self, sender: &mut Sender, content: &[u8]) -> MessageId {
        let id = self.world.send(sender, content);
        self.world.pull().await;
        id
    }

    /// An enabled user of the office `1234-A` whom files can be sealed for.
    pub(crate) async fn recipient(&self, id: &str) -> Sender {
        recipient(&self.world, id).await
    }
}

/// An enabled user of the office `1234-A` whom files can be sealed for.
pub(crate) async fn recipient(world: &GatewayWorld, id: &str) -> Sender {
    let sender = world.sender(id).await;
    let (union, user): (_, UserId) = (world.union.insurer.clone(), id.parse().unwrap());
    let subject = Subject::User { union, office: office(), user: user.clone() };
    let credential = issue(&world.union.authority, subject, &Profile::UserEncryption, world.clock_now());
    let ca = world.union.authority.certificate();
    let registered = Registered::new(credential.certificate(), &user, Purpose::Encryption, ca, world.clock.now());
    let mut transaction = world.receiver.database.write().await.unwrap();
    certificates::insert(&mut transaction, &registered).await.unwrap();
    registry_changed(&mut transaction).await.unwrap();
    world.receiver.database.commit(transaction).await.unwrap();
    sender
}

async fn serve(gateway: &Gateway, shutdown: &Shutdown) -> SocketAddr {
    let tasks = Tasks::new(Arc::clone(&gateway.receiver.clock), shutdown);
    let edges = kenpo_express::http::Metrics::new();
    api::start(&gateway.settings, &gateway.sender, "127.0.0.1:0".parse().unwrap(), &tasks, &edges).await.unwrap()
}

/// The creation of an upload.
pub(crate) fn create(name: &str, to: &str, length: usize) -> hyper::http::request::Builder {
    use base64::Engine;
    let encode = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
    request(Method::POST, "/api/v1/uploads")
        .header(tus::TUS_RESUMABLE, tus::VERSION)
        .header(tus::UPLOAD_LENGTH, length)
        .header(tus::UPLOAD_METADATA, format!("filename {},to {}", encode(name), encode(to)))
}

/// Bytes for an upload.
pub(crate) async fn append(client: &Client, path: &str, offset: usize, bytes: &[u8]) -> Answer {
    let asked = request(Method::PATCH, path)
        .header(tus::TUS_RESUMABLE, tus::VERSION)
        .header(tus::UPLOAD_OFFSET, offset)
        .header("content-type", tus::OFFSET_CONTENT_TYPE)
        .body(Body::from(bytes.to_vec()));
    client.send(asked.unwrap()).await.unwrap()
}
