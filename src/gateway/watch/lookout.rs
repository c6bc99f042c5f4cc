//! Looks at the gateway every few seconds: takes a picture of it, and has it shown, kept and judged.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use arc_swap::ArcSwapOption;
use jiff::{SignedDuration, Timestamp};

use super::alerts;
use super::gauges::Gauges;
use super::picture::{Disk, Ends, Lists, Own, Picture, Totals};
use super::rules::Thresholds;
use super::series::{DISK_FREE, SERIES};
use crate::domain::schedule::{Outlook, jst};
use crate::domain::trend;
use crate::gateway::flows::receive::Receiver;
use crate::gateway::keys::Keys;
use crate::message::keys::Certificate;
use crate::runtime::task::Snapshot as Task;
use crate::store::gateway::expectations::{self, Overview};
use crate::store::gateway::figures::{self, People};
use crate::store::gateway::history::{self, Grain};
use crate::store::gateway::{alerts as alerts_store, counters, keys_problem};
use crate::store::sqlite::StoreError;

/// Between two looks at every user.
const PEOPLE: SignedDuration = SignedDuration::from_mins(10);
/// Between two looks at every office.
const OFFICES: SignedDuration = SignedDuration::from_mins(1);
/// What the slope of the free space is made of.
const HOURS: SignedDuration = SignedDuration::from_hours(6);
const DAY: SignedDuration = SignedDuration::from_hours(24);
const MINUTE: i64 = 60;
const HOUR: i64 = 3_600;

/// What others know and the database does not: how to ask for it.
pub struct Senses {
    /// What the gateway does by itself.
    pub tasks: Box<dyn Fn() -> Vec<Task> + Send + Sync>,
    /// Whether the way to the relay is the prescribed one, or why not; none where none is prescribed.
    pub vpn: Box<dyn Fn() -> Option<Result<(), &'static str>> + Send + Sync>,
    /// Since when a pull is due, given when the last one came to its end (or else the gateway began) and what time it is.
    pub due: Box<dyn Fn(Timestamp, Timestamp) -> Option<Timestamp> + Send + Sync>,
    /// How late the newest run of the schedule began.
    pub lateness: Box<dyn Fn() -> Option<SignedDuration> + Send + Sync>,
    /// What is to be expected of the schedule, given what time it is and how far is to be looked ahead; none before it was read.
    pub outlook: Box<dyn Fn(Timestamp, SignedDuration) -> Option<Outlook> + Send + Sync>,
}

impl fmt::Debug for Senses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Senses")
    }
}

/// Who looks.
#[derive(Debug)]
pub struct Lookout<R> {
    receiver: Arc<Receiver<R>>,
    thresholds: Thresholds,
    senses: Senses,
    /// The metrics that it shows.
    pub gauges: Gauges,
    began_at: Timestamp,
    picture: ArcSwapOption<Picture>,
    is_mute: AtomicBool,
    memory: Mutex<Memory>,
}

/// What is not looked up each time.
#[derive(Debug, Default)]
struct Memory {
    people: Option<(Timestamp, People)>,
    expected: Option<(Timestamp, Vec<Overview>)>,
    minute: Option<i64>,
    hour: Option<i64>,
    lasts: Option<SignedDuration>,
}

impl<R> Lookout<R> {
    /// Has not looked yet.
    pub fn new(receiver: &Arc<Receiver<R>>, thresholds: Thresholds, senses: Senses) -> Self {
        Self {
            receiver: Arc::clone(receiver),
            thresholds,
            senses,
            gauges: Gauges::new(),
            began_at: receiver.clock.now(),
            picture: ArcSwapOption::empty(),
            is_mute: AtomicBool::new(false),
            memory: Mutex::default(),
        }
    }

    /// What it looks at.
    pub(super) fn receiver(&self) -> &Receiver<R> {
        &self.receiver
    }

    /// Whether the way to the relay is the prescribed one now, or why not; none where none is prescribed.
    pub(super) fn vpn(&self) -> Option<Result<(), &'static str>> {
        (self.senses.vpn)()
    }

    /// The newest picture; none before the first look.
    pub fn picture(&self) -> Option<Arc<Picture>> {
        self.picture.load_full()
    }

    /// Whether what it saw last could not be written down: then nothing is judged, and nothing can be received either.
    pub(super) fn is_mute(&self) -> bool {
        self.is_mute.load(Ordering::SeqCst)
    }

    /// Takes a picture, shows it, keeps its figures and judges it.
    pub async fn look(&self) -> Result<(), &'static str> {
        let looked = self.look_around().await;
        self.is_mute.store(looked.is_err(), Ordering::SeqCst);
        looked.map_err(|error| {
            let detail = &error as &dyn std::error::Error;
            tracing::error!(code = "database", error = detail, "the gateway cannot see how it is");
            "database"
        })
    }

    async fn look_around(&self) -> Result<(), StoreError> {
        let now = self.receiver.clock.now();
        let mut picture = self.take(now).await?;
        // Shown first: what follows writes, and may wait long for that or fail.
        self.show(&picture);
        self.keep(&mut picture).await?;
        self.show(&picture);
        let database = &self.receiver.database;
        alerts::evaluate(database, &picture, &self.thresholds).await?;
        self.gauges.show_alerts(&alerts_store::firing(database.read()).await?);
        self.gauges.show_end(now);
        Ok(())
    }

    fn show(&self, picture: &Picture) {
        self.gauges.show(picture);
        self.picture.store(Some(Arc::new(picture.clone())));
    }

    async fn take(&self, now: Timestamp) -> Result<Picture, StoreError> {
        let receiver = &self.receiver;
        let mut reader = receiver.database.reader().await?;
        let figures = figures::read(&mut reader, now.checked_sub(DAY).unwrap_or(now)).await?;
        let is_new = |at: Timestamp, than| now.duration_since(at).abs() < than;
        let known = self.memory().people.clone().filter(|(at, _)| is_new(*at, PEOPLE));
        let (looked_at, people) = match known {
            Some(known) => known,
            None => (now, figures::people(&mut reader, now).await?),
        };
        let known = self.memory().expected.clone().filter(|(at, _)| is_new(*at, OFFICES));
        let (counted_at, expected) = match known {
            Some(known) => known,
            None => (now, expectations::overview(&mut reader, jst(now).date()).await?),
        };
        let counters = counters::all(&mut *reader).await?;
        let keys_refused = keys_problem(&mut *reader).await?.is_some();
        drop(reader);
        let counter = |name| counters.get(name).and_then(|count| u64::try_from(*count).ok()).unwrap_or(0);
        let keys = receiver.keys.current();
        let made = figures.revocation_list_at.map_or(Own::Missing, Own::Made);
        let mut memory = self.memory();
        memory.people = Some((looked_at, people.clone()));
        memory.expected = Some((counted_at, expected.clone()));
        // Never done, the first one was due when the gateway began.
        let since = figures.pulled_at.unwrap_or(self.began_at);
        Ok(Picture {
            at: now,
            totals: Totals {
                archived: counter(counters::ARCHIVED),
                quarantined: counter(counters::QUARANTINED),
                archived_bytes: counter(counters::ARCHIVED_BYTES),
                differing: counter(counters::DIFFERING),
            },
            users: people.users,
            expected,
            pull_due: (self.senses.due)(since, now),
            lateness: (self.senses.lateness)(),
            outlook: (self.senses.outlook)(now, self.thresholds.schedule),
            breaker: receiver.breaker.state(),
            silent_since: receiver.breaker.silent_since(),
            relay_clock: relay_clock(receiver.metrics.relay_clock_difference_seconds.get()),
            vpn: (self.senses.vpn)(),
            disk: Disk { free: receiver.disk.free().ok(), reserve: receiver.disk.reserve(), lasts: memory.lasts },
            ends: Ends { employers: people.first_end, employers_ended: people.ended, ..ends(&keys) },
            lists: Lists {
                own: keys.authority.as_ref().map(|_| made),
                stale: keys.revocation.iter().filter(|list| !list.is_current(now)).count() as u64,
            },
            keys_refused,
            tasks: (self.senses.tasks)(),
            figures,
        })
    }

    /// Writes the figures down once in a minute, and looks how long the disk lasts; makes hours of minutes once in an hour.
    async fn keep(&self, picture: &mut Picture) -> Result<(), StoreError> {
        let now = picture.at;
        let (minute, hour) = (now.as_second().div_euclid(MINUTE), now.as_second().div_euclid(HOUR));
        let (is_new_minute, is_new_hour) = {
            let memory = self.memory();
            (memory.minute != Some(minute), memory.hour != Some(hour))
        };
        if !is_new_minute {
            return Ok(());
        }
        let database = &self.receiver.database;
        let values: Vec<(u16, f64)> =
            SERIES.iter().filter_map(|series| Some((series.number, series.value(picture)?))).collect();
        let mut transaction = database.write().await?;
        history::record(&mut transaction, now, &values).await?;
        if is_new_hour {
            let folds: Vec<_> = SERIES.iter().map(|series| (series.number, series.fold)).collect();
            history::fold(&mut transaction, &folds, now).await?;
            let numbers: Vec<u16> = SERIES.iter().map(|series| series.number).collect();
            history::trim(&mut transaction, &numbers, now).await?;
        }
        database.commit(transaction).await?;
        let from = now.checked_sub(HOURS).unwrap_or(now);
        let until = now.saturating_add(SignedDuration::from_mins(1)).unwrap_or(now);
        let points = history::read(database.read(), DISK_FREE, Grain::Minute, from, until).await?;
        picture.disk.lasts = picture.disk.free.and_then(|free| {
            let left = super::series::float(free) - super::series::float(picture.disk.reserve);
            trend::used_up_after(left, trend::slope(&points))
        });
        let mut memory = self.memory();
        (memory.minute, memory.hour, memory.lasts) = (Some(minute), Some(hour), picture.disk.lasts);
        Ok(())
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().expect("nothing panics while it holds what was seen before")
    }
}

/// A difference of exactly nothing was never measured.
fn relay_clock(seconds: f64) -> Option<SignedDuration> {
    (seconds != 0.0).then(|| SignedDuration::try_from_secs_f64(seconds).ok()).flatten()
}

fn ends(keys: &Keys) -> Ends {
    let newest = |credentials: &[crate::message::keys::Credential]| {
        credentials.first().map(|credential| credential.certificate().not_after())
    };
    let own = [newest(&keys.signing), newest(&keys.encryption), Some(keys.tls.not_after())];
    Ends {
        own: own.into_iter().flatten().min(),
        authority: Some(keys.ca.not_after()),
        // Old ones are kept beside the one in use.
        relay: keys.relay_receipt.iter().map(Certificate::not_after).max(),
        employers: None,
        employers_ended: 0,
    }
}
