//! Up to where the relay's lists of what we sent and of what became of it are known here, and what stood there.

use jiff::Timestamp;
use sqlx::{SqliteConnection, SqliteExecutor};

use crate::store::sqlite::{StoreError, micros, moment};

/// A place in one of the relay's lists up to which everything is here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// The place.
    pub place: i64,
    /// What stood there, in words that nothing else has. A relay that came back from a backup gives the same places to other things.
    pub there: String,
}

/// Which of the lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum List {
    /// What we sent.
    Deliveries,
    /// What became of it.
    News,
}

/// What is known of the lists.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Marks {
    /// Up to where everything that we sent is here.
    pub deliveries: Option<Mark>,
    /// Up to where everything that became of it is here.
    pub news: Option<Mark>,
    /// When it was last found that the relay has forgotten something.
    pub forgot_at: Option<Timestamp>,
    /// When the relay last said of its lists what they themselves deny.
    pub denied_at: Option<Timestamp>,
}

/// All of it.
pub async fn all(executor: impl SqliteExecutor<'_>) -> Result<Marks, StoreError> {
    let row: Row = sqlx::query_as(
        "SELECT delivery_mark, delivery_there, news_mark, news_there, relay_forgot_at, relay_denied_at
         FROM gateway WHERE id = 1",
    )
    .fetch_one(executor)
    .await?;
    let mark = |(place, there)| Mark { place, there };
    Ok(Marks {
        deliveries: row.delivery_mark.zip(row.delivery_there).map(mark),
        news: row.news_mark.zip(row.news_there).map(mark),
        forgot_at: row.relay_forgot_at.map(moment).transpose()?,
        denied_at: row.relay_denied_at.map(moment).transpose()?,
    })
}

/// Up to where one of the lists is known.
pub async fn get(executor: impl SqliteExecutor<'_>, list: List) -> Result<Option<Mark>, StoreError> {
    let marks = all(executor).await?;
    Ok(match list {
        List::Deliveries => marks.deliveries,
        List::News => marks.news,
    })
}

/// Notes up to where one of the lists is known. False when it was known up to another place than `from`: somebody else was faster.
pub async fn set(
    connection: &mut SqliteConnection,
    list: List,
    from: Option<&Mark>,
    to: &Mark,
) -> Result<bool, StoreError> {
    let query = match list {
        List::Deliveries => {
            "UPDATE gateway SET delivery_mark = $2, delivery_there = $3 WHERE id = 1 AND delivery_mark IS NOT DISTINCT FROM $1"
        }
        List::News => {
            "UPDATE gateway SET news_mark = $2, news_there = $3 WHERE id = 1 AND news_mark IS NOT DISTINCT FROM $1"
        }
    };
    let query = sqlx::query(query).bind(from.map(|mark| mark.place)).bind(to.place).bind(&to.there);
    Ok(query.execute(connection).await?.rows_affected() == 1)
}

/// Nothing is known of the lists any more: they have become others. False when a mark has moved since `before`.
pub async fn forget(connection: &mut SqliteConnection, before: &Marks, at: Timestamp) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "UPDATE gateway SET delivery_mark = NULL, delivery_there = NULL, news_mark = NULL, news_there = NULL,
             relay_forgot_at = $3
         WHERE id = 1 AND delivery_mark IS NOT DISTINCT FROM $1 AND news_mark IS NOT DISTINCT FROM $2",
    )
    .bind(before.deliveries.as_ref().map(|mark| mark.place))
    .bind(before.news.as_ref().map(|mark| mark.place))
    .bind(micros(at))
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Notes that the relay said of its lists what they themselves deny.
pub async fn denied(connection: &mut SqliteConnection, at: Timestamp) -> Result<(), StoreError> {
    sqlx::query("UPDATE gateway SET relay_denied_at = $1 WHERE id = 1").bind(micros(at)).execute(connection).await?;
    Ok(())
}

#[derive(sqlx::FromRow)]
struct Row {
    delivery_mark: Option<i64>,
    delivery_there: Option<String>,
    news_mark: Option<i64>,
    news_there: Option<String>,
    relay_forgot_at: Option<i64>,
    relay_denied_at: Option<i64>,
}
