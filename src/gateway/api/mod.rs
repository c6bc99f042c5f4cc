//! Where the union's core system comes in: HTTPS with tokens. `openapi.json` describes it, docs/integration.md explains it.

mod about;
pub mod authorize;
mod content;
mod events;
mod page;
mod people;
mod problem;
mod received;
pub mod routes;
mod sent;
mod uploads;
mod watch;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch as channel};

use super::config::{ApiSettings, GatewaySettings};
use super::flows::receive::Receiver;
use super::flows::send::Sender;
use super::flows::upload::Uploads;
use crate::domain::clock::Clock;
use crate::http::{Edge, Identity, IdentityError, Limits, Metrics, Observer, Peers, Rate, ServerTls};
use crate::runtime::lifecycle::Shutdown;
use crate::runtime::task::Tasks;
use crate::wire::client::UnionClient;
use authorize::Live;

/// What every handler shares.
#[derive(Debug)]
pub struct Api {
    /// The settings of the gateway.
    pub settings: Arc<GatewaySettings>,
    /// What came.
    pub receiver: Arc<Receiver<UnionClient>>,
    /// What goes.
    pub sender: Arc<Sender<UnionClient>>,
    /// Requests of each token.
    rate: Rate<i64>,
    /// Wrong tokens of each network.
    wrong: Rate<String>,
    /// Networks whose wrong tokens are in the log already.
    told: Rate<String>,
    /// Tokens that something is under way with.
    live: Live,
    /// The number of the newest event.
    newest: channel::Sender<i64>,
    /// Files that are decrypted at the same time.
    decrypting: Arc<Semaphore>,
    /// Files on their way in.
    uploads: Arc<Uploads>,
    /// What one end may ask.
    limits: Limits,
    /// When to stop.
    shutdown: Shutdown,
}

/// The state as handlers get it.
pub type App = Arc<Api>;

/// Why the API is not served. For whoever runs it to put right.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// Its certificate or key.
    #[error("api.certificate, api.key: these cannot be used")]
    Identity(#[from] IdentityError),
    /// The folder of uploads.
    #[error("api.uploads: the folder {} cannot be used", .0.display())]
    Folder(PathBuf, #[source] io::Error),
    /// An address that cannot be listened at.
    #[error("api.listen: cannot listen at {0}")]
    Listen(SocketAddr, #[source] io::Error),
}

/// Starts it at this address, and answers at which it listens. Requests are counted in `metrics`.
pub async fn start(
    settings: &Arc<GatewaySettings>,
    sender: &Arc<Sender<UnionClient>>,
    address: SocketAddr,
    tasks: &Tasks,
    metrics: &Metrics,
) -> Result<SocketAddr, ApiError> {
    let own = &settings.api;
    let tls = ServerTls::new(identity(own)?, None, Arc::clone(&sender.receiver.clock))?;
    let uploads = Uploads::open(sender, own, settings.storage.reserve_bytes)
        .map_err(|error| ApiError::Folder(own.uploads.clone(), error))?;
    let app = Arc::new(Api {
        settings: Arc::clone(settings),
        receiver: Arc::clone(&sender.receiver),
        sender: Arc::clone(sender),
        rate: Rate::new(own.requests_per_second),
        wrong: Rate::per_minute(own.wrong_tokens_per_minute),
        told: Rate::per_minute(1),
        live: Live::default(),
        newest: channel::Sender::new(0),
        decrypting: Arc::new(Semaphore::new(own.decrypt_parallel)),
        uploads: Arc::new(uploads),
        limits: Limits::default(),
        shutdown: tasks.shutdown().clone(),
    });
    watch::start(&app, &tls, tasks);
    let failed = |error| ApiError::Listen(address, error);
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    let observer = Observer::new("api", metrics.clone(), Rate::new(u32::MAX));
    let router = routes::router(&app, observer);
    let (metrics, peers) = (metrics.clone(), Peers::default());
    let edge = Edge { name: "api", tls: Some(tls), limits: app.limits.clone(), metrics, peers };
    edge.start(listener, router, tasks.shutdown());
    Ok(bound)
}

/// What is wrong with its certificate and key.
pub fn check(settings: &ApiSettings, clock: Arc<dyn Clock>) -> Result<(), IdentityError> {
    identity(settings).and_then(|identity| ServerTls::new(identity, None, clock)).map(drop)
}

fn identity(settings: &ApiSettings) -> Result<Identity, IdentityError> {
    Identity::load(&settings.certificate, &settings.key)
}

impl axum::extract::FromRef<App> for Limits {
    fn from_ref(app: &App) -> Self {
        app.limits.clone()
    }
}
