//! From settings to a running gateway.

use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;

use super::api::{self, ApiError};
use super::config::GatewaySettings;
use super::console::{self, ConsoleError};
use super::flows::handoff::Handoff;
use super::flows::hooks::{HookError, Hooks};
use super::flows::notices::{self, NoticeSettingsError, StaffNotices};
use super::flows::receive::{Beside, Limits, Receiver, Seen};
use super::flows::revocation;
use super::flows::send::{SendLimits, Sender};
use super::keeper::Keeper;
use super::keys::{KeyRing, Keys};
use super::metrics::GatewayMetrics;
use super::opened::Gateway;
use super::patience::{Backoff, Breaker};
use super::preview::Previewer;
use super::registry::Certificates;
use super::reload::Reload;
use super::tasks;
use super::vpn::Vpn;
use super::watch;
use crate::archive::Archive;
use crate::config::{Fault, Faults};
use crate::domain::clock::{Clock, Random};
use crate::domain::policy::Rules;
use crate::http;
use crate::runtime::files::Files;
use crate::runtime::lifecycle::Shutdown;
use crate::runtime::task::{Task, Tasks};
use crate::store::gateway::{MIGRATIONS, claim};
use crate::store::sqlite::{Database, StoreError};
use crate::stream::disk::Disk;
use crate::stream::spool::{Spool, make_folder};
use crate::wire::client::{self, SettingsError, UnionClient};

/// How long a stop waits for what is under way.
const GRACE: Duration = Duration::from_secs(30);

/// Why the gateway does not start. All of it is for whoever runs it to put right.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Files that the settings name.
    #[error(transparent)]
    Keys(#[from] Faults),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A folder.
    #[error("the folder {} cannot be used", .0.display())]
    Folder(PathBuf, #[source] io::Error),
    /// Renaming from one into the other must be one step.
    #[error("spool, archive and quarantine must be on one file system")]
    FileSystems,
    /// The connection to the relay.
    #[error("the connection to the relay cannot be set up")]
    Relay(#[from] SettingsError),
    /// How mails go out.
    #[error(transparent)]
    Mail(#[from] NoticeSettingsError),
    /// An address that cannot be listened at.
    #[error("cannot listen at {0}")]
    Listen(SocketAddr, #[source] io::Error),
    /// The API.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// The console.
    #[error(transparent)]
    Console(#[from] ConsoleError),
    /// Programs that are told of events.
    #[error(transparent)]
    Hooks(#[from] HookError),
}

/// A gateway that is running. It stops with the [`Shutdown`] it was started with.
#[derive(Debug)]
pub struct Running {
    /// The insides.
    pub gateway: Gateway,
    /// Where health and metrics are.
    pub watch_addr: Option<SocketAddr>,
    /// Where the union's core system comes in.
    pub api_addr: Option<SocketAddr>,
    /// Where staff come in.
    pub console_addr: Option<SocketAddr>,
    /// Everything that it does by itself.
    pub tasks: Tasks,
    /// The pull.
    pub pull: Task,
    /// What the relay is told about users.
    pub orders: Task,
    /// The push.
    pub push: Task,
    /// Certificates and keys: activated, it reads them again.
    pub keys: Task,
}

impl Gateway {
    /// Reads the keys, opens the database and the folders.
    pub async fn open(
        settings: GatewaySettings,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Result<Self, StartError> {
        let (keys, relay) = Keys::load(&settings)?;
        Self::with(settings, keys, &relay, clock, random).await
    }

    /// Like [`Self::open`], for what needs no old key of the union: those that cannot be read are left out, and told of.
    pub async fn open_without_old_keys(
        settings: GatewaySettings,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Result<(Self, Vec<Fault>), StartError> {
        let (keys, relay, unread) = Keys::load_present(&settings)?;
        Ok((Self::with(settings, keys, &relay, clock, random).await?, unread))
    }

    async fn with(
        settings: GatewaySettings,
        keys: Keys,
        relay: &client::Settings,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Result<Self, StartError> {
        let keys = KeyRing::new(keys);
        let storage = &settings.storage;
        let parent = storage.database.parent().unwrap_or(Path::new("."));
        make_folder(parent).map_err(|error| StartError::Folder(parent.to_owned(), error))?;
        let archive = Archive::open(&storage.archive, &storage.quarantine)
            .map_err(|error| StartError::Folder(storage.archive.clone(), error))?;
        let spool = Spool::open(&storage.spool).map_err(|error| StartError::Folder(storage.spool.clone(), error))?;
        let mut devices = Vec::new();
        for path in [&storage.spool, &storage.archive, &storage.quarantine] {
            devices.push(std::fs::metadata(path).map_err(|error| StartError::Folder(path.clone(), error))?.dev());
        }
        devices.dedup();
        if devices.len() > 1 {
            return Err(StartError::FileSystems);
        }
        let database = Database::open(&storage.database, &MIGRATIONS).await?;
        let mut transaction = database.write().await?;
        claim(&mut transaction, keys.union()).await?;
        database.commit(transaction).await?;
        let pull = &settings.pull;
        let backoff =
            Backoff { first: seconds(pull.retry_first_seconds), longest: seconds(pull.retry_longest_seconds) };
        let metrics = GatewayMetrics::begin();
        let receiver = Receiver {
            relay: UnionClient::new(relay)?,
            certificates: Certificates::new(database.clone(), keys.clone(), settings.revocation.required),
            database,
            archive,
            disk: Disk::new(spool.folder(), storage.reserve_bytes),
            lock: storage.spool.join("pull.lock"),
            spool,
            keys,
            clock,
            random,
            limits: Limits {
                parallel: pull.parallel,
                parallel_large: pull.parallel_large,
                batch: pull.batch,
                rules: Rules { max_size: pull.max_message_bytes, clock_skew_seconds: pull.clock_skew_seconds },
                user_validity: settings.certificates.validity(),
                keep_records: settings.storage.keep_records(),
            },
            backoff,
            breaker: Breaker::new(backoff),
            vpn: Vpn::default(),
            scanner: settings.scan.scanner().map(Arc::new),
            metrics,
            seen: Seen::default(),
            beside: Beside::new(pull.parallel_large),
        };
        let limits = SendLimits {
            parallel: settings.send.parallel,
            approval: settings.send.approval,
            max_size: settings.send.max_file_bytes,
        };
        let (receiver, storage) = (Arc::new(receiver), &settings.storage);
        let sender = Sender::open(Arc::clone(&receiver), &storage.outbox, storage.reserve_bytes, limits)
            .map_err(|error| StartError::Folder(storage.outbox.clone(), error))?;
        Ok(Self { settings: Arc::new(settings), receiver, sender: Arc::new(sender) })
    }

    /// Opens a gateway and starts what it does by itself: pulls by its timer and when something arrives, orders to the
    /// relay, health and metrics.
    pub async fn start(
        settings: GatewaySettings,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        shutdown: &Shutdown,
    ) -> Result<Running, StartError> {
        let files = Files::new(settings.files());
        let gateway = Self::open(settings, clock, random).await?;
        gateway.serve(files, shutdown).await
    }

    async fn serve(self, files: Files, shutdown: &Shutdown) -> Result<Running, StartError> {
        let receiver = &self.receiver;
        receiver.recover().map_err(|error| StartError::Folder(receiver.spool.folder().to_owned(), error))?;
        // Before anything is announced, so that the list goes with it.
        if let Err(error) = revocation::renew_daily(receiver).await {
            let detail = &error as &dyn std::error::Error;
            tracing::error!(code = "revocation.list", error = detail, "no revocation list can be made");
        }
        let all = Tasks::new(Arc::clone(&receiver.clock), shutdown);
        let orders = tasks::orders::start(receiver, &all);
        tasks::certificates::start(receiver, &orders, &all);
        tasks::compare::start(receiver, &orders, &all);
        tasks::upkeep::start(&self.sender, &all);
        tasks::requests::start(receiver, &orders, &all);
        let reload = Reload::new(receiver, &self.settings, files);
        reload.begin().await?;
        let keys = tasks::keys::start(reload, &orders, &all);
        let keeper = Arc::new(Keeper::new(receiver, self.settings.pull.plan()));
        let pull = tasks::pull::start(receiver, &keeper, &all);
        tasks::schedule::start(&keeper, &pull, &all);
        tasks::arrivals::start(receiver, &keeper, &pull, &all);
        let push = tasks::push::start(&self.sender, &all);
        let (soft, stop) = (shutdown.soft().clone(), self.sender.stop.clone());
        shutdown.spawn(async move {
            soft.cancelled().await;
            stop.cancel();
        });
        tasks::news::start(&self.sender, &push, &all);
        tasks::scanner::start(receiver, &pull, &all);
        tasks::vpn::start(receiver, vec![orders.clone(), pull.clone(), push.clone()], &all);
        let edges = http::Metrics::new();
        let api_addr = self.integrate(&all, &edges).await?;
        let lookout = watch::serve::look(receiver, &self.settings, &keeper, &all);
        let console_addr = match self.settings.console.listen() {
            Some(address) => Some(
                console::start(&self, (&lookout, &keeper), &Previewer::of_this_program(), address, &all, &edges)
                    .await?,
            ),
            None => None,
        };
        let watch_addr = watch::serve::serve(lookout, &self.settings, &all, edges)
            .await
            .map_err(|(address, error)| StartError::Listen(address, error))?;
        Ok(Running { gateway: self, watch_addr, api_addr, console_addr, tasks: all, pull, orders, push, keys })
    }

    /// The way to the union's core system: its folders, its programs, the API.
    async fn integrate(&self, tasks: &Tasks, edges: &http::Metrics) -> Result<Option<SocketAddr>, StartError> {
        let (settings, receiver) = (&self.settings, &self.receiver);
        if let Some(folder) = settings.handoff.folder() {
            let handoff = Handoff::open(&self.sender, folder.to_owned(), settings.storage.reserve_bytes)
                .map_err(|error| StartError::Folder(folder.to_owned(), error))?;
            tasks::handoff::start(handoff, receiver, settings.handoff.interval(), tasks);
        }
        if settings.hooks.is_on() {
            tasks::hooks::start(Hooks::open(receiver, &settings.hooks)?, receiver, tasks);
        }
        if settings.notices.staff.is_empty() {
            notices::nobody(&receiver.database).await?;
        } else {
            tasks::notices::start(StaffNotices::open(receiver, settings)?, receiver, tasks);
        }
        match settings.api.listen() {
            Some(address) => Ok(Some(api::start(settings, &self.sender, address, tasks, edges).await?)),
            None => Ok(None),
        }
    }
}

impl Running {
    /// Stops: nothing new is fetched, what has arrived is committed and acknowledged, large transfers are parked.
    pub async fn stop(self, shutdown: &Shutdown) {
        shutdown.finish(GRACE).await;
        self.gateway.receiver.database.close().await;
    }
}

fn seconds(seconds: u64) -> SignedDuration {
    SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX))
}
