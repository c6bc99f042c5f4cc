//! From settings to a running relay.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::net::TcpListener;

use super::bytes::{Directory, Key, ParcelStore};
use super::config::Config;
use super::deposit::Begun;
use super::identities::{self, Identities, UnusableIdentity};
use super::mail::{self, MailSettingsError};
use super::metrics::Metrics;
use super::page;
use super::registry::{EmployerAdmission, UnionAdmission};
use super::room::Promised;
use super::routes::{employer_routes, router, union_routes};
use super::state::{App, Arrivals, Entrances, Listed, Locks, State};
use super::tasks;
use super::watch::{Seen, Watch};
use crate::domain::clock::Clock;
use crate::http::{self, Admission, Edge, Observer, Peers, Rate, ServerTls, watch_router};
use crate::runtime::clock::SystemRandom;
use crate::runtime::lifecycle::Shutdown;
use crate::runtime::process::ProcessMetrics;
use crate::runtime::task::Tasks;
use crate::runtime::task_metrics::TaskMetrics;
use crate::store::relay::{MIGRATIONS, uploads};
use crate::store::sqlite::{Database, StoreError};
use crate::wire::Der;
use crate::wire::union::Entrance;

/// Why the relay does not start. All of it is for the operator to put right.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The folder of the parcels.
    #[error("the folder {} cannot be used", .0.display())]
    Folder(PathBuf, #[source] io::Error),
    /// A certificate or key.
    #[error(transparent)]
    Identity(#[from] UnusableIdentity),
    /// How mails go out.
    #[error(transparent)]
    Mail(#[from] MailSettingsError),
    /// An address that cannot be listened at.
    #[error("cannot listen at {0}")]
    Listen(SocketAddr, #[source] io::Error),
}

/// The relay.
#[derive(Debug)]
pub struct Relay;

/// A relay that is running. It stops with the [`Shutdown`] it was started with.
#[derive(Debug)]
pub struct Running {
    /// Where the unions' gateways come in.
    pub vpn_addr: SocketAddr,
    /// Where the employers' apps come in.
    pub employer_addr: SocketAddr,
    /// Where the enrolment page is.
    pub page_addr: SocketAddr,
    /// Where health and metrics are.
    pub watch_addr: SocketAddr,
    /// The insides, for the tasks to be run by hand.
    pub app: App,
    /// The background tasks.
    pub tasks: Tasks,
    identities: Arc<Identities>,
}

impl Relay {
    /// Opens the database, finishes what a crash left, and listens.
    ///
    /// The bytes of parcels are in the folder that is configured.
    pub async fn start(config: Config, clock: Arc<dyn Clock>, shutdown: &Shutdown) -> Result<Running, StartError> {
        let folder = config.parcel_folder();
        let bytes = Directory::open(&folder).map_err(|error| StartError::Folder(folder, error))?;
        Self::start_on(config, Arc::new(bytes), clock, shutdown).await
    }

    /// As [`Relay::start`], with the bytes of parcels in a storage of another kind.
    pub async fn start_on(
        config: Config,
        bytes: Arc<dyn ParcelStore>,
        clock: Arc<dyn Clock>,
        shutdown: &Shutdown,
    ) -> Result<Running, StartError> {
        let app = open(config, bytes, clock, shutdown).await?;
        app.registry.reload(&app.database).await?;
        take_up_uploads(&app).await?;

        let unions: Arc<dyn Admission> = Arc::new(UnionAdmission(Arc::clone(&app.registry)));
        let employers: Arc<dyn Admission> = Arc::new(EmployerAdmission(Arc::clone(&app.registry)));
        let (vpn, employer, page) = (&app.config.vpn, &app.config.employer, &app.config.enrolment);
        let vpn_tls = identities::tls("vpn", (&vpn.certificate, &vpn.key), Some(unions), &app.clock)?;
        let employer_tls =
            identities::tls("employer", (&employer.certificate, &employer.key), Some(employers), &app.clock)?;
        let page_tls = identities::tls("enrolment", (&page.certificate, &page.key), None, &app.clock)?;
        let identities = Identities::new(Arc::clone(&app), vpn_tls.clone(), employer_tls.clone(), page_tls.clone());
        let identities = Arc::new(identities);
        let edges = http::Metrics::new();
        let edge = |name, tls: Option<ServerTls>, peers: &Peers| Edge {
            name,
            tls,
            limits: app.config.limits.clone(),
            metrics: edges.clone(),
            peers: peers.clone(),
        };
        let observer = |name, rate| Observer::new(name, edges.clone(), Rate::new(rate));
        let vpn_router = router(union_routes(), observer("vpn", vpn.requests_per_second), Arc::clone(&app));
        let employer_router =
            router(employer_routes(), observer("employer", employer.requests_per_second), Arc::clone(&app));
        let page_router = page::router(observer("enrolment", u32::MAX), Arc::clone(&app));
        let background = Tasks::new(Arc::clone(&app.clock), shutdown);
        let seen = Arc::new(Seen::default());
        let watch = Watch {
            state: Arc::clone(&app),
            seen: Arc::clone(&seen),
            edges: edges.clone(),
            tasks: background.clone(),
            of_tasks: TaskMetrics::new(),
            process: ProcessMetrics::new(),
        };
        let vpn_listener = listen(vpn.address).await?;
        let employer_listener = listen(employer.address).await?;
        let page_listener = listen(page.address).await?;
        let watch_listener = listen(app.config.watch.address).await?;
        let entrances = Entrances {
            employer: Entrance {
                url: entrance(&employer.url, local(&employer_listener, employer.address)?),
                roots: identities::roots(&app.config)?.iter().map(|root| Der(root.der().to_vec())).collect(),
            },
            page: entrance(&page.url, local(&page_listener, page.address)?),
        };
        app.entrances.set(entrances).expect("a relay is started once");
        tasks::start(&app, &identities, &seen, &background);
        let running = Running {
            vpn_addr: local(&vpn_listener, vpn.address)?,
            employer_addr: local(&employer_listener, employer.address)?,
            page_addr: local(&page_listener, page.address)?,
            watch_addr: local(&watch_listener, app.config.watch.address)?,
            tasks: background,
            app: Arc::clone(&app),
            identities,
        };
        edge("vpn", Some(vpn_tls), &app.unions).start(vpn_listener, vpn_router, shutdown);
        edge("employer", Some(employer_tls), &app.employers).start(employer_listener, employer_router, shutdown);
        edge("enrolment", Some(page_tls), &Peers::default()).start(page_listener, page_router, shutdown);
        edge("watch", None, &Peers::default()).start(watch_listener, watch_router(Arc::new(watch)), shutdown);
        Ok(running)
    }
}

impl Running {
    /// Reads certificates and keys again, and the registry. Connections that are open go on, but for those of users whose union
    /// has other authorities now.
    pub async fn reload(&self) -> Result<(), StartError> {
        let identities = self.identities.reload();
        let changed = self.app.registry.reload(&self.app.database).await?;
        self.app.send_away();
        self.app.send_away_users_of(&changed);
        Ok(identities?)
    }

    /// Stops: no new connections, long polls end, running transfers get the configured time. Then closes the database.
    pub async fn stop(self, shutdown: &Shutdown) {
        shutdown.finish(Duration::from_secs(self.app.config.stop.grace_seconds)).await;
        self.app.database.close().await;
    }
}

async fn open(
    config: Config,
    bytes: Arc<dyn ParcelStore>,
    clock: Arc<dyn Clock>,
    shutdown: &Shutdown,
) -> Result<App, StartError> {
    let receipts = identities::receipts(&config.receipts)?;
    let mailer = mail::mailer(&config)?;
    let database = Database::open(&config.database(), &MIGRATIONS).await?;
    Ok(Arc::new(State {
        config,
        database,
        bytes,
        registry: Arc::default(),
        clock,
        random: Arc::new(SystemRandom),
        mailer,
        outbox: OnceLock::new(),
        sending: tokio::sync::Mutex::default(),
        entrances: OnceLock::new(),
        receipts: ArcSwap::from_pointee(receipts),
        arrivals: Arrivals::default(),
        events: Arrivals::default(),
        inboxes: Arrivals::default(),
        requests: Arrivals::default(),
        locks: Locks::default(),
        promised: Promised::default(),
        listed: Listed::default(),
        unions: Peers::default(),
        employers: Peers::default(),
        metrics: Metrics::begin(),
        shutdown: shutdown.clone(),
    }))
}

/// An upload whose last byte was there when the process ended becomes a parcel now; to the others goes the room that they
/// still need.
async fn take_up_uploads(app: &App) -> Result<(), StartError> {
    for upload in uploads::all(app.database.read()).await? {
        let key = Key { union: upload.insurer.clone(), id: upload.id };
        // What cannot be looked at now counts as nothing; the sender's next question says why.
        let there = app.bytes.size(&key).await.unwrap_or(0);
        app.promised.set(&key, upload.size.saturating_sub(there));
        let whole = there >= upload.size && app.bytes.durable_size(&key).await.is_ok();
        // When it fails, the cause is in the log, and the sender's next question tries again.
        if whole && app.complete(&upload, Begun::Before).await.is_ok() {
            tracing::info!(code = "upload.finished-late", union = %key.union, message = %key.id, "upload was complete");
        }
    }
    Ok(())
}

fn entrance(url: &str, address: SocketAddr) -> String {
    if url.is_empty() { format!("https://{address}") } else { url.to_owned() }
}

async fn listen(address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).await.map_err(|error| StartError::Listen(address, error))
}

fn local(listener: &TcpListener, asked: SocketAddr) -> Result<SocketAddr, StartError> {
    listener.local_addr().map_err(|error| StartError::Listen(asked, error))
}
