//! The staff console: pages for the union's staff, made by the server and served by HTTPS on the union's own network.
//!
//! ```text
//! request → protect (headers) → gate (language, same origin, session, duty, form) → a page's handler → Admin, store
//! ```
//!
//! A page is a file here with its handlers and a template in `templates/console/`. [`routes`] lists them all with whom each is for;
//! `words` has what people read, in both languages; a handler that cannot do what was asked answers a `Fault`, which the
//! gate turns into a page. Nothing is done here that the command line does not do: both stand on
//! [`Admin`] and the store.

mod account;
mod asked;
mod assets;
mod audit;
mod consents;
mod dashboard;
mod expected;
mod fault;
mod fields;
mod frame;
mod gate;
mod id;
mod lang;
mod late;
mod live;
mod named;
mod people;
mod protect;
mod quarantine;
mod received;
pub mod routes;
mod schedule;
mod sending;
mod session;
mod settings;
mod sign_in;
mod text;
mod throttle;
mod upkeep;
mod words;

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use super::admin::Admin;
use super::config::ConsoleSettings;
use super::keeper::Keeper;
use super::opened::Gateway;
use super::preview::Previewer;
use super::watch::Lookout;
use crate::domain::clock::Clock;
use crate::domain::staff::StaffName;
use crate::http::{Edge, Identity, IdentityError, Limits, Metrics, Observer, Peers, Rate, ServerTls};
use crate::runtime::lifecycle::Shutdown;
use crate::runtime::task::{Task, Tasks};
use crate::wire::client::UnionClient;
use throttle::Throttle;

/// Passwords that are stretched at the same time: each takes 64 MiB and a processor.
const STRETCHING: usize = 2;
/// Files that are decrypted at the same time to be downloaded.
const DECRYPTING: usize = 2;
/// Wrong tries that cost an account nothing, and an address.
const FREE: (u32, u32) = (5, 20);

/// What every handler shares.
#[derive(Debug)]
pub struct Console {
    gateway: Gateway,
    lookout: Arc<Lookout<UnionClient>>,
    keeper: Arc<Keeper<UnionClient>>,
    /// The pull that runs in this process.
    pull: Option<Task>,
    stretching: Semaphore,
    decrypting: Arc<Semaphore>,
    previewer: Previewer,
    accounts: Throttle,
    networks: Throttle,
    limits: Limits,
    shutdown: Shutdown,
}

/// The state as handlers get it.
type App = Arc<Console>;

/// Why the console is not served. For whoever runs it to put right.
#[derive(Debug, thiserror::Error)]
pub enum ConsoleError {
    /// Its certificate or key.
    #[error("console.certificate, console.key: these cannot be used")]
    Identity(#[from] IdentityError),
    /// An address that cannot be listened at.
    #[error("console.listen: cannot listen at {0}")]
    Listen(SocketAddr, #[source] std::io::Error),
}

/// Starts it at this address, and answers at which it listens. Files are shown by `previewer`.
pub async fn start(
    gateway: &Gateway,
    (lookout, keeper): (&Arc<Lookout<UnionClient>>, &Arc<Keeper<UnionClient>>),
    previewer: &Previewer,
    address: SocketAddr,
    tasks: &Tasks,
    metrics: &Metrics,
) -> Result<SocketAddr, ConsoleError> {
    let own = &gateway.settings.console;
    let tls = ServerTls::new(identity(own)?, None, Arc::clone(&gateway.receiver.clock))?;
    let app = Arc::new(Console {
        gateway: gateway.clone(),
        lookout: Arc::clone(lookout),
        keeper: Arc::clone(keeper),
        pull: tasks.find("pull"),
        stretching: Semaphore::new(STRETCHING),
        decrypting: Arc::new(Semaphore::new(DECRYPTING)),
        previewer: previewer.clone(),
        accounts: Throttle::new(FREE.0),
        networks: Throttle::new(FREE.1),
        limits: Limits::default(),
        shutdown: tasks.shutdown().clone(),
    });
    upkeep::start(&app, &tls, tasks);
    let failed = |error| ConsoleError::Listen(address, error);
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    let router = routes::router(&app, Observer::new("console", metrics.clone(), Rate::new(u32::MAX)));
    let limits = app.limits.clone();
    let edge = Edge { name: "console", tls: Some(tls), limits, metrics: metrics.clone(), peers: Peers::default() };
    edge.start(listener, router, tasks.shutdown());
    Ok(bound)
}

/// What is wrong with its certificate and key.
pub fn check(settings: &ConsoleSettings, clock: Arc<dyn Clock>) -> Result<(), IdentityError> {
    identity(settings).and_then(|identity| ServerTls::new(identity, None, clock)).map(drop)
}

fn identity(settings: &ConsoleSettings) -> Result<Identity, IdentityError> {
    Identity::load(&settings.certificate, &settings.key)
}

impl Console {
    /// Whoever looks, for what is only read.
    fn reading(&self) -> Admin {
        Admin::new(&self.gateway, "console")
    }

    /// Somebody of the staff, from where they are.
    fn admin(&self, name: &StaffName, origin: &str) -> Admin {
        Admin::new(&self.gateway, &format!("staff:{name}")).known_as(vec![name.to_string()]).coming_from(origin)
    }
}
