//! When the gateway pulls: the plan, what keeps it from running, and up to where it has been followed.

use jiff::Timestamp;
use jiff::civil::Date;
use sqlx::{SqliteConnection, SqliteExecutor};

use crate::domain::calendar::OwnHolidays;
use crate::domain::schedule::{Blackout, Pause, Plan, STEP_BACK, Schedule, Window};
use crate::store::sqlite::{StoreError, micros, moment};

/// The schedule as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Goes up with every change.
    pub version: i64,
    /// The plan that was set; none: what the settings say.
    pub plan: Option<Plan>,
    /// The union's own days off.
    pub holidays: OwnHolidays,
    /// When nothing runs.
    pub blackouts: Vec<Window>,
    /// A rest that staff ordered.
    pub pause: Option<Pause>,
    /// Up to where everything that was planned has been dealt with; none before the first run.
    pub mark: Option<Timestamp>,
    /// When anybody changed it last.
    pub changed_at: Option<Timestamp>,
}

impl Kept {
    /// With the plan of the settings where none was set.
    pub fn schedule(self, default: &Plan) -> Schedule {
        let Self { plan, holidays, blackouts, pause, .. } = self;
        Schedule { plan: plan.unwrap_or_else(|| default.clone()), holidays, blackouts, pause }
    }
}

/// Number of changes so far, by any process.
pub async fn version(executor: impl SqliteExecutor<'_>) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar("SELECT version FROM schedule WHERE id = 1").fetch_one(executor).await?)
}

/// All of it.
pub async fn load(connection: &mut SqliteConnection) -> Result<Kept, StoreError> {
    let row: Row = sqlx::query_as(
        "SELECT version, plan, pause_since, pause_until, pause_reason, pause_by, mark, changed_at
         FROM schedule WHERE id = 1",
    )
    .fetch_one(&mut *connection)
    .await?;
    let plan = row.plan.as_deref().map(serde_json::from_str).transpose().map_err(super::corrupt("plan"))?;
    let pause = match (row.pause_since, row.pause_reason, row.pause_by) {
        (Some(since), Some(reason), Some(by)) => {
            Some(Pause { since: moment(since)?, until: row.pause_until.map(moment).transpose()?, reason, by })
        }
        _ => None,
    };
    Ok(Kept {
        version: row.version,
        plan,
        holidays: holidays(&mut *connection).await?,
        blackouts: blackouts(&mut *connection).await?,
        pause,
        mark: row.mark.map(moment).transpose()?,
        changed_at: row.changed_at.map(moment).transpose()?,
    })
}

#[derive(sqlx::FromRow)]
struct Row {
    version: i64,
    plan: Option<String>,
    pause_since: Option<i64>,
    pause_until: Option<i64>,
    pause_reason: Option<String>,
    pause_by: Option<String>,
    mark: Option<i64>,
    changed_at: Option<i64>,
}

/// Notes that a running gateway has to read it again.
async fn changed(connection: &mut SqliteConnection, at: Timestamp) -> Result<(), StoreError> {
    sqlx::query("UPDATE schedule SET version = version + 1, changed_at = $1 WHERE id = 1")
        .bind(micros(at))
        .execute(connection)
        .await?;
    Ok(())
}

/// Sets the plan, which counts from `at` on; none: what the settings say.
pub async fn set_plan(connection: &mut SqliteConnection, plan: Option<&Plan>, at: Timestamp) -> Result<(), StoreError> {
    let text = plan.map(serde_json::to_string).transpose().map_err(super::corrupt("plan"))?;
    sqlx::query("UPDATE schedule SET plan = $1, mark = $2 WHERE id = 1")
        .bind(text)
        .bind(micros(at))
        .execute(&mut *connection)
        .await?;
    changed(connection, at).await
}

/// Sets the rest that staff ordered, or ends it.
pub async fn set_pause(
    connection: &mut SqliteConnection,
    pause: Option<&Pause>,
    at: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE schedule SET pause_since = $1, pause_until = $2, pause_reason = $3, pause_by = $4 WHERE id = 1",
    )
    .bind(pause.map(|pause| micros(pause.since)))
    .bind(pause.and_then(|pause| pause.until).map(micros))
    .bind(pause.map(|pause| pause.reason.as_str()))
    .bind(pause.map(|pause| pause.by.as_str()))
    .execute(&mut *connection)
    .await?;
    changed(connection, at).await
}

/// Notes up to where everything that was planned has been dealt with. No change that anybody has to read again. It is never moved back
/// (another process may have set a plan that counts from a later moment on), unless the clock, which shows `now`, was set back.
pub async fn set_mark(connection: &mut SqliteConnection, mark: Timestamp, now: Timestamp) -> Result<(), StoreError> {
    let latest = now.saturating_add(STEP_BACK).unwrap_or(now);
    sqlx::query("UPDATE schedule SET mark = $1 WHERE id = 1 AND (mark IS NULL OR mark < $1 OR mark > $2)")
        .bind(micros(mark))
        .bind(micros(latest))
        .execute(connection)
        .await?;
    Ok(())
}

/// The union's own days off, in their order.
pub async fn holidays(executor: impl SqliteExecutor<'_>) -> Result<OwnHolidays, StoreError> {
    let rows: Vec<(String, String)> =
        sqlx::query_as("SELECT day, name FROM own_holidays ORDER BY day").fetch_all(executor).await?;
    rows.into_iter().map(|(day, name)| Ok((day.parse().map_err(super::corrupt("day"))?, name))).collect()
}

/// Adds a day off, or gives it another name.
pub async fn put_holiday(
    connection: &mut SqliteConnection,
    day: Date,
    name: &str,
    at: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO own_holidays (day, name) VALUES ($1, $2) ON CONFLICT (day) DO UPDATE SET name = $2")
        .bind(day.to_string())
        .bind(name)
        .execute(&mut *connection)
        .await?;
    changed(connection, at).await
}

/// Takes a day off away. False when it was none.
pub async fn remove_holiday(connection: &mut SqliteConnection, day: Date, at: Timestamp) -> Result<bool, StoreError> {
    let done =
        sqlx::query("DELETE FROM own_holidays WHERE day = $1").bind(day.to_string()).execute(&mut *connection).await?;
    changed(connection, at).await?;
    Ok(done.rows_affected() == 1)
}

/// The windows in which nothing runs, in the order in which they were made.
async fn blackouts(executor: impl SqliteExecutor<'_>) -> Result<Vec<Window>, StoreError> {
    let rows: Vec<(i64, String, String)> =
        sqlx::query_as("SELECT number, blackout, name FROM blackouts ORDER BY number").fetch_all(executor).await?;
    rows.into_iter()
        .map(|(number, text, name)| {
            let blackout = serde_json::from_str(&text).map_err(super::corrupt("blackout"))?;
            Ok(Window { number, blackout, name })
        })
        .collect()
}

/// Adds a window, and says its number.
pub async fn add_blackout(
    connection: &mut SqliteConnection,
    blackout: &Blackout,
    name: &str,
    at: Timestamp,
) -> Result<i64, StoreError> {
    let text = serde_json::to_string(blackout).map_err(super::corrupt("blackout"))?;
    let number = sqlx::query_scalar("INSERT INTO blackouts (blackout, name) VALUES ($1, $2) RETURNING number")
        .bind(text)
        .bind(name)
        .fetch_one(&mut *connection)
        .await?;
    changed(connection, at).await?;
    Ok(number)
}

/// Takes a window away, and says what it was.
pub async fn remove_blackout(
    connection: &mut SqliteConnection,
    number: i64,
    at: Timestamp,
) -> Result<Option<Blackout>, StoreError> {
    let text: Option<String> = sqlx::query_scalar("DELETE FROM blackouts WHERE number = $1 RETURNING blackout")
        .bind(number)
        .fetch_optional(&mut *connection)
        .await?;
    changed(connection, at).await?;
    text.map(|text| serde_json::from_str(&text).map_err(super::corrupt("blackout"))).transpose()
}
