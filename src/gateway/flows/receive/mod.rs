//! The pull: from the relay's list to the archive, and only then the acknowledgement.
//!
//! ```text
//! list → fetch + open + scan (small ones side by side, large ones streaming) → judge + place (group, synced together)
//!      → commit (ONE transaction) → acknowledge
//! ```
//!
//! The stages run beside each other, with bounded queues between them; a stage takes whatever is ready as one group. A
//! crash anywhere loses nothing and stores nothing twice: what has no row is fetched again, what has a row and is not
//! acknowledged stands in the line of acknowledgements.

mod acknowledge;
mod again;
mod beside;
mod commit;
mod fetch;
mod item;
mod judge;
mod large;
mod list;
mod order;
mod pipeline;
mod run;
mod settle;
mod small;
mod trouble;
mod waiting;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::super::keys::KeyRing;
use super::super::metrics::GatewayMetrics;
use super::super::patience::{Backoff, Breaker};
use super::super::registry::Certificates;
use super::super::relay::{self, Relay};
use super::super::scan::Scanner;
use super::super::vpn::Vpn;
use crate::archive::Archive;
use crate::domain::clock::{Clock, Random};
use crate::domain::policy::Rules;
use crate::store::gateway::audit::{self, Entry};
use crate::store::gateway::runs::{self, NewRun, Tally};
use crate::store::gateway::{schedule, set_relay_mark};
use crate::store::sqlite::{Database, StoreError};
use crate::stream::disk::Disk;
use crate::stream::spool::Spool;
use crate::wire::client::ClientError;
use crate::wire::page::Cursor;

pub use beside::Beside;
pub use order::{Cause, Order};
use run::Run;

/// Numbers that bound a run.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Small parcels side by side.
    pub parallel: usize,
    /// Large parcels side by side.
    pub parallel_large: usize,
    /// Messages of one group, at most.
    pub batch: usize,
    /// The rules for the verdict.
    pub rules: Rules,
    /// How long a user's new certificates are valid.
    pub user_validity: SignedDuration,
    /// How long answered requests and confirmed orders are kept.
    pub keep_records: SignedDuration,
}

/// Everything that a pull works with.
#[derive(Debug)]
pub struct Receiver<R> {
    /// The relay.
    pub relay: R,
    /// The database.
    pub database: Database,
    /// Archive and quarantine.
    pub archive: Archive,
    /// Files on their way.
    pub spool: Spool,
    /// Their disk.
    pub disk: Disk,
    /// The union's keys.
    pub keys: KeyRing,
    /// Registered certificates.
    pub certificates: Certificates,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub random: Arc<dyn Random>,
    /// Bounds.
    pub limits: Limits,
    /// When to try again.
    pub backoff: Backoff,
    /// Whether the relay answers.
    pub breaker: Breaker,
    /// The way to the relay, as it was seen last.
    pub vpn: Vpn,
    /// The malware scanner, where there is one.
    pub scanner: Option<Arc<Scanner>>,
    /// What is counted.
    pub metrics: GatewayMetrics,
    /// The file whose lock a run holds, so that two processes never pull at the same time.
    pub lock: PathBuf,
    /// The highest place in the relay's list that any run has seen.
    pub seen: Seen,
    /// Large parcels, which may outlive the run that listed them.
    pub beside: Beside,
}

/// The highest place in the relay's list that any run has seen: a long poll waits for what comes after it.
#[derive(Debug, Default)]
pub struct Seen(AtomicI64);

impl Seen {
    /// Notes a place.
    pub fn advance(&self, to: Cursor) {
        self.0.fetch_max(to.0, Ordering::SeqCst);
    }

    /// The highest one.
    pub fn get(&self) -> Cursor {
        Cursor(self.0.load(Ordering::SeqCst))
    }
}

/// What a run came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Its number in the history.
    pub run: i64,
    /// `done`, `stopped`, or the code of what ended it early.
    pub result: &'static str,
    /// What it did.
    #[serde(flatten)]
    pub tally: Tally,
}

impl Report {
    /// Whether the run came to the end of the relay's list.
    pub fn is_done(&self) -> bool {
        self.result == "done"
    }
}

/// Why a run ended early.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Environment: the relay.
    #[error("the relay does not work with us")]
    Relay(#[from] ClientError),
    /// Environment: after many failures the relay is left alone for a while.
    #[error("the relay has failed again and again; the next try is at {until}")]
    BreakerOpen {
        /// When the next try may be.
        until: Timestamp,
    },
    /// Configuration: the relay knows our certificate as another union's.
    #[error("the relay takes us for another union")]
    OtherUnion,
    /// Configuration: the relay speaks another version of the contract.
    #[error("the relay speaks another version of the contract")]
    OtherVersion,
    /// Environment: the database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Environment: the disk.
    #[error("a file of ours cannot be read or written")]
    Disk(#[from] io::Error),
    /// Us: a task of the run has panicked.
    #[error("a task of the run failed")]
    Internal,
}

impl RunError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Relay(error) => relay::code(error),
            Self::BreakerOpen { .. } => relay::BREAKER_OPEN,
            Self::OtherUnion => "relay.other-union",
            Self::OtherVersion => "relay.other-version",
            Self::Store(_) => "database",
            Self::Disk(_) => "disk",
            Self::Internal => "internal",
        }
    }
}

impl<R: Relay> Receiver<R> {
    /// Puts in order what a crash may have left: nothing but temporaries has to go. Partly fetched files, files without a
    /// row and rows without acknowledgement are gone on with by the next run.
    pub fn recover(&self) -> io::Result<()> {
        let Some(_alone) = beside::try_lock(&self.lock)? else {
            // Another process is pulling: the temporaries are its own.
            return Ok(());
        };
        let removed = self.spool.sweep()?;
        if removed > 0 {
            tracing::info!(code = "spool.swept", removed, "temporary files of an earlier process were removed");
        }
        Ok(())
    }

    /// Does one run, unless the stop is asked for first. Waits for another process that is pulling. One that a person asked
    /// for ends when all that it listed has landed; the others leave large parcels to come in beside the runs that follow.
    pub async fn run(
        self: &Arc<Self>,
        order: impl Into<Order> + Send,
        stop: &CancellationToken,
    ) -> Result<Report, StoreError> {
        let order = order.into();
        let locked = self.beside.lock(self.lock.clone()).await;
        let (number, cause) = (self.begin(&order).await?, order.cause);
        self.beside.begins(number);
        let (lock, locked) = match locked {
            Ok(lock) => (Some(lock), Ok(())),
            Err(error) => (None, Err(error)),
        };
        let run = Arc::new(Run::new(Arc::clone(self), number, cause, stop.child_token(), lock));
        let result = match locked {
            Ok(()) => pipeline::run(&run, stop).await,
            Err(error) => Err(error),
        };
        self.finish(&run, result, stop).await
    }

    /// Writes down that a run begins, with who asked for it and what of the plan is dealt with by it.
    async fn begin(&self, order: &Order) -> Result<i64, StoreError> {
        let (now, cause) = (self.clock.now(), order.cause.code());
        let new = NewRun { cause, planned_at: order.planned_at, actor: order.actor.as_deref() };
        let mut transaction = self.database.write().await?;
        let number = runs::start(&mut transaction, new, now).await?;
        if let Some(mark) = order.mark(now) {
            schedule::set_mark(&mut transaction, mark, now).await?;
        }
        if let Some(actor) = &order.actor {
            let entry = Entry {
                at: now,
                actor: actor.clone(),
                action: "pull.ordered",
                subject: format!("run {number}"),
                before: String::new(),
                after: cause.to_owned(),
            };
            audit::insert_from(&mut transaction, &[entry], &order.origin).await?;
        }
        self.database.commit(transaction).await?;
        Ok(number)
    }

    async fn finish(
        &self,
        run: &Run<R>,
        result: Result<Option<Cursor>, RunError>,
        stop: &CancellationToken,
    ) -> Result<Report, StoreError> {
        let code = match &result {
            Ok(_) if stop.is_cancelled() => "stopped",
            Ok(_) => "done",
            Err(error) => {
                let detail = error as &dyn std::error::Error;
                tracing::warn!(code = error.code(), error = detail, run = run.number, "the pull ended early");
                error.code()
            }
        };
        let tally = run.write_down().await?;
        let now = self.clock.now();
        let mut transaction = self.database.write().await?;
        runs::end(&mut transaction, run.number, code, now).await?;
        if let Ok(Some(mark)) = result {
            set_relay_mark(&mut transaction, mark.0).await?;
        }
        self.database.commit(transaction).await?;
        self.metrics.pull_runs_total.with_label_values(&[code]).inc();
        let Tally { listed, archived, quarantined, repeated, waiting, bytes, again } = tally;
        tracing::info!(
            code = "pull.ended",
            run = run.number,
            cause = run.cause.code(),
            result = code,
            listed,
            archived,
            quarantined,
            repeated,
            waiting,
            bytes,
            again,
            "a pull has ended"
        );
        Ok(Report { run: run.number, result: code, tally })
    }
}
