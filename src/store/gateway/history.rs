//! Figures for charts: a value for each minute of two days, for each hour of thirteen months.
//!
//! Its size is bounded by numbers of rows and not by the clock, so that a clock that goes wrong for a while empties nothing: when a
//! series has more rows than it may have, those farthest from now go. What is written twice is there once.

use jiff::Timestamp;
use sqlx::{QueryBuilder, Sqlite, SqliteConnection, SqliteExecutor};

use crate::domain::trend::Point;
use crate::store::sqlite::{StoreError, moment};

/// Minutes that are kept of each series: 48 hours.
pub const MINUTES: i64 = 48 * 60;
/// Hours that are kept of each series: 13 months.
pub const HOURS: i64 = 397 * 24;

const MINUTE: i64 = 60_000_000;
const HOUR: i64 = 60 * MINUTE;

/// How the minutes of an hour become one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fold {
    /// Their mean.
    Mean,
    /// The highest.
    Highest,
    /// The lowest.
    Lowest,
    /// That of the last minute: for figures that only rise.
    Last,
}

/// How fine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grain {
    /// A value for each minute.
    Minute,
    /// A value for each hour.
    Hour,
}

/// Writes the values of a minute; written before, they are replaced.
pub async fn record(connection: &mut SqliteConnection, at: Timestamp, values: &[(u16, f64)]) -> Result<(), StoreError> {
    for (series, value) in values {
        sqlx::query(
            "INSERT INTO history_minutes (series, minute, value) VALUES ($1, $2, $3)
             ON CONFLICT (series, minute) DO UPDATE SET value = excluded.value",
        )
        .bind(series)
        .bind(at.as_microsecond().div_euclid(MINUTE))
        .bind(value)
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

/// Makes the values of all hours that are over and have minutes. A value that was made of more minutes than there are now stays.
pub async fn fold(connection: &mut SqliteConnection, series: &[(u16, Fold)], now: Timestamp) -> Result<(), StoreError> {
    for (series, fold) in series {
        let value = match fold {
            Fold::Mean => "avg(value)",
            Fold::Highest => "max(value)",
            Fold::Lowest => "min(value)",
            // SQLite takes a column that stands alone from the row in which it found the only `max` of the statement.
            Fold::Last => "value",
        };
        let mut query = QueryBuilder::<Sqlite>::new(
            "INSERT INTO history_hours (series, hour, value, minutes) SELECT series, hour, value, minutes FROM (
                 SELECT series, minute / 60 AS hour, max(minute), count(*) AS minutes, ",
        );
        query.push(value).push(" AS value FROM history_minutes WHERE series = ").push_bind(series);
        query.push(" AND minute / 60 < ").push_bind(now.as_microsecond().div_euclid(HOUR));
        query.push(
            " GROUP BY minute / 60) WHERE TRUE
             ON CONFLICT (series, hour) DO UPDATE SET value = excluded.value, minutes = excluded.minutes
             WHERE excluded.minutes >= history_hours.minutes",
        );
        query.build().execute(&mut *connection).await?;
    }
    Ok(())
}

/// Deletes what is more than there is room for, the farthest from now first. Answers how many rows.
pub async fn trim(connection: &mut SqliteConnection, series: &[u16], now: Timestamp) -> Result<u64, StoreError> {
    let mut gone = 0;
    for series in series {
        let minutes = sqlx::query(
            "DELETE FROM history_minutes WHERE series = $1 AND minute IN (
                 SELECT minute FROM history_minutes WHERE series = $1
                 ORDER BY abs(minute - $2), minute DESC LIMIT -1 OFFSET $3)",
        );
        let hours = sqlx::query(
            "DELETE FROM history_hours WHERE series = $1 AND hour IN (
                 SELECT hour FROM history_hours WHERE series = $1
                 ORDER BY abs(hour - $2), hour DESC LIMIT -1 OFFSET $3)",
        );
        for (statement, unit, room) in [(minutes, MINUTE, MINUTES), (hours, HOUR, HOURS)] {
            let done = statement.bind(series).bind(now.as_microsecond().div_euclid(unit)).bind(room);
            gone += done.execute(&mut *connection).await?.rows_affected();
        }
    }
    Ok(gone)
}

/// The values of a series from a moment on and before another one, in order: each at the beginning of its minute or hour.
pub async fn read(
    executor: impl SqliteExecutor<'_>,
    series: u16,
    grain: Grain,
    from: Timestamp,
    until: Timestamp,
) -> Result<Vec<Point>, StoreError> {
    let (statement, unit) = match grain {
        Grain::Minute => (
            "SELECT minute, value FROM history_minutes WHERE series = $1 AND minute >= $2 AND minute < $3 ORDER BY minute",
            MINUTE,
        ),
        Grain::Hour => {
            ("SELECT hour, value FROM history_hours WHERE series = $1 AND hour >= $2 AND hour < $3 ORDER BY hour", HOUR)
        }
    };
    // The first that begins at the moment or later; the last that begins before the other one.
    let place =
        |at: Timestamp| at.as_microsecond().div_euclid(unit) + i64::from(at.as_microsecond().rem_euclid(unit) > 0);
    let rows: Vec<(i64, f64)> =
        sqlx::query_as(statement).bind(series).bind(place(from)).bind(place(until)).fetch_all(executor).await?;
    rows.into_iter().map(|(place, value)| Ok((moment(place.saturating_mul(unit))?, value))).collect()
}

/// What a figure that only rises has risen by from one value to the next. A fall (a database that came back from a backup) counts
/// as nothing.
pub fn increases(points: &[Point]) -> Vec<Point> {
    points.windows(2).map(|pair| (pair[1].0, (pair[1].1 - pair[0].1).max(0.0))).collect()
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;
    use crate::store::gateway::MIGRATIONS;
    use crate::store::sqlite::Database;

    const START: Timestamp = Timestamp::constant(1_789_999_200, 0); // the beginning of an hour
    const SERIES: &[(u16, Fold)] = &[(1, Fold::Mean), (2, Fold::Highest), (3, Fold::Lowest), (4, Fold::Last)];

    fn minute(number: i64) -> Timestamp {
        START + SignedDuration::from_mins(number)
    }

    async fn database(folder: &std::path::Path) -> Database {
        Database::open(&folder.join("a.db"), &MIGRATIONS).await.unwrap()
    }

    async fn values(database: &Database, series: u16, grain: Grain) -> Vec<f64> {
        let points = read(database.read(), series, grain, Timestamp::MIN, Timestamp::MAX).await.unwrap();
        points.into_iter().map(|point| point.1).collect()
    }

    #[tokio::test]
    async fn hours_are_made_of_their_minutes_and_a_part_replaces_no_whole() {
        let folder = tempfile::tempdir().unwrap();
        let database = database(folder.path()).await;
        let mut transaction = database.write().await.unwrap();
        for number in 0..70_i32 {
            let value = f64::from(number);
            let all = SERIES.iter().map(|(series, _)| (*series, value)).collect::<Vec<_>>();
            // Twice is once.
            record(&mut transaction, minute(number.into()), &[(1, 7.0)]).await.unwrap();
            record(&mut transaction, minute(number.into()), &all).await.unwrap();
        }
        for _ in 0..2 {
            fold(&mut transaction, SERIES, minute(69)).await.unwrap();
        }
        database.commit(transaction).await.unwrap();
        for (series, expected) in [(1, 29.5), (2, 59.0), (3, 0.0), (4, 59.0)] {
            assert_eq!(values(&database, series, Grain::Hour).await, [expected], "{series}");
        }
        let mut transaction = database.write().await.unwrap();
        sqlx::raw_sql("DELETE FROM history_minutes WHERE value < 50").execute(&mut *transaction).await.unwrap();
        fold(&mut transaction, SERIES, minute(130)).await.unwrap();
        database.commit(transaction).await.unwrap();
        assert_eq!(values(&database, 1, Grain::Hour).await, [29.5, 64.5]);
        let part = read(database.read(), 1, Grain::Minute, minute(60), minute(62)).await.unwrap();
        assert_eq!(part, [(minute(60), 60.0), (minute(61), 61.0)]);
        assert_eq!(
            increases(&[(minute(0), 5.0), (minute(1), 7.0), (minute(2), 1.0)]),
            [(minute(1), 2.0), (minute(2), 0.0)]
        );
    }

    #[tokio::test]
    async fn its_size_is_bounded_and_a_wrong_clock_empties_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let database = database(folder.path()).await;
        let mut transaction = database.write().await.unwrap();
        for number in 0..MINUTES + 100 {
            record(&mut transaction, minute(number), &[(1, 1.0)]).await.unwrap();
        }
        let now = minute(MINUTES + 100);
        assert_eq!(trim(&mut transaction, &[1], now).await.unwrap(), 100);
        assert_eq!(trim(&mut transaction, &[1], now).await.unwrap(), 0);
        // The clock is ten years ahead for an hour, then ten years behind for another one.
        for years in [10, -10] {
            let wrong = now + SignedDuration::from_hours(years * 365 * 24);
            for number in 0..60 {
                let at = wrong + SignedDuration::from_mins(number);
                record(&mut transaction, at, &[(1, 2.0)]).await.unwrap();
                fold(&mut transaction, &[(1, Fold::Mean)], at).await.unwrap();
                trim(&mut transaction, &[1], at).await.unwrap();
            }
        }
        record(&mut transaction, now, &[(1, 1.0)]).await.unwrap();
        fold(&mut transaction, &[(1, Fold::Mean)], now).await.unwrap();
        trim(&mut transaction, &[1], now).await.unwrap();
        database.commit(transaction).await.unwrap();
        let from = now - SignedDuration::from_hours(48);
        let kept = read(database.read(), 1, Grain::Minute, from, now + SignedDuration::from_mins(1)).await.unwrap();
        assert!(kept.len() > 2_700, "{}", kept.len());
        assert!(values(&database, 1, Grain::Minute).await.len() <= 2_880);
        let hours = read(database.read(), 1, Grain::Hour, from, now).await.unwrap();
        assert!(hours.len() > 45 && hours.iter().all(|hour| (hour.1 - 1.0).abs() < 1e-9), "{hours:?}");
    }
}
