//! What came and went each day, kept while it comes and goes: for the dashboard, and to find the rows of a day by their numbers.

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use sqlx::{SqliteConnection, SqliteExecutor};

use super::corrupt;
use crate::domain::schedule::jst;
use crate::store::sqlite::{StoreError, length};

/// The day that days are counted from.
const EPOCH: Date = Date::constant(1970, 1, 1);

/// Whose numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Numbers {
    /// Those of received messages, by when we had them.
    Received,
    /// Those of sent messages, by when they were asked for.
    Sent,
}

/// What came on one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Received {
    /// Messages that were archived when they came.
    pub archived: u64,
    /// Messages that went to quarantine.
    pub quarantined: u64,
    /// Sealed bytes of both.
    pub bytes: u64,
}

/// A day, counted since 1970.
pub(super) fn number_of(day: Date) -> i64 {
    day.duration_since(EPOCH).as_hours() / 24
}

/// The day that a moment is in, in Japan.
pub(super) fn day_of(at: Timestamp) -> i64 {
    number_of(jst(at).date())
}

/// A message that came.
#[derive(Debug, Clone, Copy)]
pub(super) struct Arrival {
    pub(super) number: i64,
    pub(super) at: Timestamp,
    pub(super) is_archived: bool,
    pub(super) bytes: u64,
}

/// Adds messages that came.
pub(super) async fn note_received(
    connection: &mut SqliteConnection,
    arrivals: impl Iterator<Item = Arrival>,
) -> Result<(), StoreError> {
    let mut days: BTreeMap<i64, (i64, i64, Received)> = BTreeMap::new();
    for Arrival { number, at, is_archived, bytes } in arrivals {
        let (first, last, sum) = days.entry(day_of(at)).or_insert((number, number, Received::default()));
        (*first, *last) = ((*first).min(number), (*last).max(number));
        *(if is_archived { &mut sum.archived } else { &mut sum.quarantined }) += 1;
        sum.bytes += bytes;
    }
    for (day, (first, last, sum)) in days {
        sqlx::query(
            "INSERT INTO received_days (day, first, last, archived, quarantined, bytes) VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (day) DO UPDATE SET first = min(received_days.first, excluded.first),
                 last = max(received_days.last, excluded.last), archived = received_days.archived + excluded.archived,
                 quarantined = received_days.quarantined + excluded.quarantined,
                 bytes = received_days.bytes + excluded.bytes",
        )
        .bind(day)
        .bind(first)
        .bind(last)
        .bind(length(sum.archived))
        .bind(length(sum.quarantined))
        .bind(length(sum.bytes))
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

/// Adds messages that are to be sent.
pub(super) async fn note_sent(
    connection: &mut SqliteConnection,
    numbers: &[i64],
    at: Timestamp,
) -> Result<(), StoreError> {
    let (Some(first), Some(last)) = (numbers.iter().min(), numbers.iter().max()) else { return Ok(()) };
    sqlx::query(
        "INSERT INTO sent_days (day, first, last, files) VALUES ($1, $2, $3, $4)
         ON CONFLICT (day) DO UPDATE SET first = min(sent_days.first, excluded.first),
             last = max(sent_days.last, excluded.last), files = sent_days.files + excluded.files",
    )
    .bind(day_of(at))
    .bind(first)
    .bind(last)
    .bind(length(numbers.len() as u64))
    .execute(connection)
    .await?;
    Ok(())
}

/// What came on each of these days; days on which nothing came are left out.
pub async fn received(
    executor: impl SqliteExecutor<'_>,
    from: Date,
    until: Date,
) -> Result<BTreeMap<Date, Received>, StoreError> {
    let rows: Vec<(i64, i64, i64, i64)> = sqlx::query_as(
        "SELECT day, archived, quarantined, bytes FROM received_days WHERE day >= $1 AND day <= $2 ORDER BY day",
    )
    .bind(number_of(from))
    .bind(number_of(until))
    .fetch_all(executor)
    .await?;
    let count = |rows: i64| u64::try_from(rows).map_err(corrupt("count"));
    rows.into_iter()
        .map(|(day, archived, quarantined, bytes)| {
            let sum = Received { archived: count(archived)?, quarantined: count(quarantined)?, bytes: count(bytes)? };
            Ok((date(day)?, sum))
        })
        .collect()
}

/// How many messages were to be sent on each of these days; days without any are left out.
pub async fn sent(
    executor: impl SqliteExecutor<'_>,
    from: Date,
    until: Date,
) -> Result<BTreeMap<Date, u64>, StoreError> {
    let rows: Vec<(i64, i64)> =
        sqlx::query_as("SELECT day, files FROM sent_days WHERE day >= $1 AND day <= $2 ORDER BY day")
            .bind(number_of(from))
            .bind(number_of(until))
            .fetch_all(executor)
            .await?;
    rows.into_iter().map(|(day, files)| Ok((date(day)?, u64::try_from(files).map_err(corrupt("count"))?))).collect()
}

/// The lowest and the highest number of these days. Others may lie between them, when a clock was set.
pub(super) async fn span(
    executor: impl SqliteExecutor<'_>,
    numbers: Numbers,
    from: Option<Date>,
    until: Option<Date>,
) -> Result<Option<(i64, i64)>, StoreError> {
    let sql = match numbers {
        Numbers::Received => "SELECT min(first), max(last) FROM received_days WHERE day >= $1 AND day <= $2",
        Numbers::Sent => "SELECT min(first), max(last) FROM sent_days WHERE day >= $1 AND day <= $2",
    };
    let found: (Option<i64>, Option<i64>) = sqlx::query_as(sql)
        .bind(from.map_or(i64::MIN, number_of))
        .bind(until.map_or(i64::MAX, number_of))
        .fetch_one(executor)
        .await?;
    Ok(found.0.zip(found.1))
}

fn date(day: i64) -> Result<Date, StoreError> {
    EPOCH.checked_add(SignedDuration::from_hours(day * 24)).map_err(corrupt("day"))
}
