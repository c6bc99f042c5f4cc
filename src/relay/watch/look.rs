//! Looks at the relay every few seconds, and shows what it sees.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Mutex;

use jiff::{SignedDuration, Timestamp};
use tokio::task::spawn_blocking;

use super::gauges::Gauges;
use crate::domain::trend::{self, Point};
use crate::message::keys::Certificate;
use crate::relay::fault::chain;
use crate::relay::state::State;
use crate::store::relay::{deliveries, figures, outbox, parcels, uploads};
use crate::store::sqlite::StoreError;

/// Minutes of free space that are remembered: six hours.
const MINUTES: usize = 360;
const MINUTE: SignedDuration = SignedDuration::from_mins(1);

/// What was seen.
#[derive(Debug, Default)]
pub(in crate::relay) struct Seen {
    /// The metrics that show it.
    pub(super) gauges: Gauges,
    free: Mutex<VecDeque<Point>>,
}

/// Looks up all figures, and shows them.
pub(in crate::relay) async fn look(state: &State, seen: &Seen) -> Result<(), &'static str> {
    let database = figures_of(state, &seen.gauges).await.map_err(|error| {
        tracing::error!(code = "store.failed", error = chain(&error), "the relay cannot see how it is");
        "store.failed"
    });
    show_room(state, seen).await;
    show_certificates(state, &seen.gauges).await;
    seen.gauges.looked_timestamp_seconds.set(epoch(state.clock.now()));
    database
}

async fn figures_of(state: &State, gauges: &Gauges) -> Result<(), StoreError> {
    let (read, now) = (state.database.read(), state.clock.now());
    let age = |since: Option<Timestamp>| since.map_or(0, |since| now.duration_since(since).as_secs().max(0));
    let waiting = parcels::waiting_in_all(read).await?;
    gauges.parcels_waiting.set(whole(waiting.items));
    gauges.parcels_waiting_bytes.set(whole(waiting.bytes));
    gauges.oldest_waiting_seconds.set(age(waiting.oldest));
    let waiting = deliveries::waiting_in_all(read).await?;
    gauges.deliveries_waiting.set(whole(waiting.items));
    gauges.deliveries_waiting_bytes.set(whole(waiting.bytes));
    gauges.deliveries_oldest_waiting_seconds.set(age(waiting.oldest));
    gauges.uploads_open.set(uploads::count(read).await?);
    let (waiting, in_trouble) = outbox::count(read).await?;
    gauges.mails_waiting.set(waiting);
    gauges.mails_in_trouble.set(in_trouble);
    let figures = figures::read(read, now).await?;
    gauges.mails_oldest_waiting_seconds.set(age(figures.mails_since));
    gauges.users.with_label_values(&["enabled"]).set(whole(figures.users_enabled));
    gauges.users.with_label_values(&["disabled"]).set(whole(figures.users_disabled));
    gauges.sessions.set(whole(figures.sessions));
    gauges.unions_enabled.set(whole(figures.unions_enabled));
    gauges.union_silent_seconds.set(age(figures.union_silent_since));
    Ok(())
}

/// How much room there is, and how long it lasts. A storage that has no end has no such figures.
async fn show_room(state: &State, seen: &Seen) {
    let Ok(Some(room)) = state.bytes.room().await else { return };
    let (now, room, reserve) = (state.clock.now(), float(room), float(state.config.parcels.disk_reserve_bytes));
    let points: Vec<Point> = {
        let mut free = seen.free.lock().expect("nothing panics while it holds the free space of the last hours");
        // Two looks within a minute say the same; by a clock that was set back all of them lie ahead.
        if free.back().is_none_or(|last| now.duration_since(last.0).abs() >= MINUTE) {
            free.push_back((now, room));
        }
        while free.len() > MINUTES {
            free.pop_front();
        }
        free.iter().copied().collect()
    };
    let lasts = trend::used_up_after(room - reserve, trend::slope(&points));
    seen.gauges.disk_free_bytes.set(room);
    seen.gauges.disk_reserve_bytes.set(reserve);
    seen.gauges.disk_full_in_seconds.set(lasts.map_or(f64::INFINITY, |lasts| lasts.as_secs_f64()));
}

async fn show_certificates(state: &State, gauges: &Gauges) {
    let now = state.clock.now();
    for (usage, end) in ends(state).await {
        let left = end.duration_since(now).as_secs_f64();
        gauges.certificate_left_seconds.with_label_values(&[usage]).set(left);
    }
}

/// When the relay's own certificates end, by what they are for. Of listeners those in the files, which are in use unless a key does
/// not belong to them.
pub(super) async fn ends(state: &State) -> Vec<(&'static str, Timestamp)> {
    let config = &state.config;
    let files = [
        ("vpn", config.vpn.certificate.clone()),
        ("employer", config.employer.certificate.clone()),
        ("enrolment", config.enrolment.certificate.clone()),
    ];
    let read = spawn_blocking(move || {
        let ends = files.into_iter().filter_map(|(usage, path)| Some((usage, end(&path)?)));
        ends.collect::<Vec<_>>()
    });
    let mut ends = read.await.unwrap_or_default();
    ends.push(("receipts", state.receipts.load().certificate().not_after()));
    ends
}

fn end(chain: &Path) -> Option<Timestamp> {
    let own = Certificate::all_from_pem(&std::fs::read(chain).ok()?).ok()?.into_iter().next()?;
    Some(own.not_after())
}

fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[expect(clippy::cast_precision_loss, reason = "a gauge shows no sixteen digits")]
fn float(number: u64) -> f64 {
    number as f64
}

fn epoch(at: Timestamp) -> f64 {
    at.duration_since(Timestamp::UNIX_EPOCH).as_secs_f64()
}
