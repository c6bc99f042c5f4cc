//! Messages to employers: one for each addressee of a dispatch.

mod change;
mod row;

use jiff::Timestamp;
use sqlx::{QueryBuilder, Sqlite, SqliteConnection, SqliteExecutor};

use super::{corrupt, search};
use crate::domain::address::Address;
use crate::domain::digest::{Sha256, Tag};
use crate::domain::ids::{MessageId, OfficeCode, UserId};
use crate::domain::sending::Sending;
use crate::domain::sequence::Link;
use crate::store::sqlite::{StoreError, groups, length, micros};
pub use change::{
    alarm, ask_and_tell_again, asked, change, change_all, let_go, lost, number, number_known, put_off, set_relay_times,
    set_statement, told, tried_again,
};
use row::{COLUMNS, Row};

/// A message to an addressee.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// Its place among all.
    pub number: i64,
    /// Its id.
    pub id: MessageId,
    /// The number of its dispatch.
    pub dispatch: i64,
    /// `To`.
    pub addressee: Address,
    /// The addressee's office.
    pub office: Option<OfficeCode>,
    /// The addressee, if it is one user.
    pub user: Option<UserId>,
    /// Where it stands.
    pub state: Sending,
    /// Why it was stopped or has failed.
    pub code: Option<String>,
    /// What does not fit with its receipts.
    pub alarm: Option<String>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// Its place in the addressee's stream, once it has one.
    pub link: Option<Link>,
    /// What names its sealed bytes, once there are some.
    pub sealed: Option<Sealed>,
    /// Whether its sealed bytes are in the outbox.
    pub kept: bool,
    /// When the relay had all of it, as it says.
    pub deposited_at: Option<Timestamp>,
    /// When it ends for those who have not fetched it, as the relay says.
    pub expires_at: Option<Timestamp>,
    /// When nothing more was to be done for it.
    pub ended_at: Option<Timestamp>,
    /// What we signed about its number, which nobody gets.
    pub statement: Option<Vec<u8>>,
    /// When the relay had that.
    pub told_at: Option<Timestamp>,
    /// How often it was tried in vain.
    pub tries: u32,
    /// When it may be tried again.
    pub next_try: Timestamp,
    /// Why the last try was in vain, as a code.
    pub problem: Option<String>,
}

/// What names the sealed bytes of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sealed {
    /// The signed message digest.
    pub digest: Sha256,
    /// The GCM tag.
    pub tag: Tag,
    /// Bytes.
    pub size: u64,
    /// The signing time.
    pub signed_at: Timestamp,
}

/// A message that is asked for.
#[derive(Debug, Clone)]
pub struct NewSent {
    /// Its id.
    pub id: MessageId,
    /// `To`.
    pub addressee: Address,
    /// The addressee's office.
    pub office: Option<OfficeCode>,
    /// Where it stands: held, released or stopped.
    pub state: Sending,
    /// Why it is stopped.
    pub code: Option<String>,
}

/// Which messages a list shows.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only in this state.
    pub state: Option<Sending>,
    /// Only to this office and its users.
    pub office: Option<OfficeCode>,
    /// Only of the dispatch of this number.
    pub dispatch: Option<i64>,
    /// Only those with an alarm.
    pub alarm: bool,
    /// Only older than this number.
    pub before: Option<i64>,
}

/// Adds messages of a dispatch, in order, and all that they are found and counted by.
pub async fn insert(
    connection: &mut SqliteConnection,
    dispatch: i64,
    messages: &[NewSent],
    at: Timestamp,
) -> Result<(), StoreError> {
    let mut numbers: Vec<i64> = Vec::with_capacity(messages.len());
    for group in groups(messages) {
        let mut query = QueryBuilder::<Sqlite>::new(
            "INSERT INTO sent (id, dispatch, addressee, office, user_id, state, code, created_at, ended_at) ",
        );
        query.push_values(group, |mut row, message| {
            let user = match &message.addressee {
                Address::User(_, user) => Some(user.as_str()),
                Address::Union(_) | Address::Office(..) => None,
            };
            row.push_bind(message.id.to_string())
                .push_bind(dispatch)
                .push_bind(message.addressee.to_string())
                .push_bind(message.office.as_ref().map(OfficeCode::as_str))
                .push_bind(user)
                .push_bind(message.state.code())
                .push_bind(message.code.as_deref())
                .push_bind(micros(at))
                .push_bind(message.state.has_ended().then(|| micros(at)));
        });
        query.push(" RETURNING number");
        let group: Vec<i64> = query.build_query_scalar().fetch_all(&mut *connection).await?;
        numbers.extend(group);
    }
    search::sent::note(connection, dispatch, &numbers, at).await
}

/// One message by its id.
pub async fn find(executor: impl SqliteExecutor<'_>, id: MessageId) -> Result<Option<Sent>, StoreError> {
    let mut query = select();
    query.push(" WHERE id = ").push_bind(id.to_string());
    let row: Option<Row> = query.build_query_as().fetch_optional(executor).await?;
    row.map(Row::parse).transpose()
}

/// One message by its number.
pub async fn get(executor: impl SqliteExecutor<'_>, number: i64) -> Result<Sent, StoreError> {
    let mut query = select();
    query.push(" WHERE number = ").push_bind(number);
    let row: Option<Row> = query.build_query_as().fetch_optional(executor).await?;
    row.ok_or(StoreError::Missing("message"))?.parse()
}

/// Those of these ids that are messages of ours.
pub async fn find_all(connection: &mut SqliteConnection, ids: &[MessageId]) -> Result<Vec<Sent>, StoreError> {
    let mut found = Vec::with_capacity(ids.len());
    for group in groups(ids) {
        let mut query = select();
        query.push(" WHERE id IN (");
        let mut list = query.separated(", ");
        for id in group {
            list.push_bind(id.to_string());
        }
        query.push(")");
        let rows: Vec<Row> = query.build_query_as().fetch_all(&mut *connection).await?;
        for row in rows {
            found.push(row.parse()?);
        }
    }
    Ok(found)
}

/// Messages, newest first.
pub async fn list(executor: impl SqliteExecutor<'_>, filter: &Filter, limit: u32) -> Result<Vec<Sent>, StoreError> {
    let mut query = select();
    query.push(" WHERE number < ").push_bind(filter.before.unwrap_or(i64::MAX));
    if let Some(state) = filter.state {
        query.push(" AND state = ").push_bind(state.code());
    }
    if let Some(office) = &filter.office {
        query.push(" AND office = ").push_bind(office.as_str().to_owned());
    }
    if let Some(dispatch) = filter.dispatch {
        query.push(" AND dispatch = ").push_bind(dispatch);
    }
    if filter.alarm {
        query.push(" AND alarm IS NOT NULL");
    }
    query.push(" ORDER BY number DESC LIMIT ").push_bind(limit);
    rows(executor, query).await
}

/// Every message of a dispatch, in order.
pub async fn of_dispatch(executor: impl SqliteExecutor<'_>, dispatch: i64) -> Result<Vec<Sent>, StoreError> {
    let mut query = select();
    query.push(" WHERE dispatch = ").push_bind(dispatch).push(" ORDER BY number");
    rows(executor, query).await
}

/// How many messages of a dispatch stand where.
pub async fn counts(executor: impl SqliteExecutor<'_>, dispatch: i64) -> Result<Vec<(Sending, u64)>, StoreError> {
    let rows: Vec<(String, i64)> =
        sqlx::query_as("SELECT state, count(*) FROM sent WHERE dispatch = $1 GROUP BY state")
            .bind(dispatch)
            .fetch_all(executor)
            .await?;
    rows.into_iter()
        .map(|(state, count)| {
            let state = state.parse().map_err(super::corrupt("state of a sent message"))?;
            Ok((state, u64::try_from(count).unwrap_or(0)))
        })
        .collect()
}

/// The newest place in the stream to an addressee, if it has one.
pub async fn newest(executor: impl SqliteExecutor<'_>, addressee: &Address) -> Result<Option<Link>, StoreError> {
    let mut query = select();
    query.push(" WHERE sequence IS NOT NULL AND addressee = ").push_bind(addressee.to_string());
    query.push(" ORDER BY sequence DESC LIMIT 1");
    let row: Option<Row> = query.build_query_as().fetch_optional(executor).await?;
    Ok(row.map(Row::parse).transpose()?.and_then(|sent| sent.link))
}

/// Which message has a place in the stream to an addressee.
pub async fn at_place(
    executor: impl SqliteExecutor<'_>,
    addressee: &Address,
    sequence: u64,
) -> Result<Option<MessageId>, StoreError> {
    let id: Option<String> = sqlx::query_scalar("SELECT id FROM sent WHERE addressee = $1 AND sequence = $2")
        .bind(addressee.to_string())
        .bind(length(sequence))
        .fetch_optional(executor)
        .await?;
    id.map(|id| id.parse().map_err(corrupt("message id"))).transpose()
}

/// What the relay keeps for us about a message's place, as long as we can deposit the message.
pub async fn place(executor: impl SqliteExecutor<'_>, number: i64) -> Result<Option<Vec<u8>>, StoreError> {
    let found: Option<Option<Vec<u8>>> =
        sqlx::query_scalar("SELECT place FROM sent WHERE number = $1").bind(number).fetch_optional(executor).await?;
    Ok(found.flatten())
}

/// When what was put off may be tried. What lies beyond the horizon was put off by a clock that has been set back since.
#[derive(Debug, Clone, Copy)]
pub struct Due {
    /// Now.
    pub now: Timestamp,
    /// As far as a pause that begins now can reach.
    pub horizon: Timestamp,
    /// What the relay has signed for, and was not asked for since, is asked for again.
    pub asked_before: Timestamp,
}

/// Messages in a state whose turn it is: of each addressee the first one that the relay does not have yet.
pub async fn to_send(
    executor: impl SqliteExecutor<'_>,
    state: Sending,
    due: Due,
    limit: u32,
) -> Result<Vec<Sent>, StoreError> {
    let mut query = QueryBuilder::<Sqlite>::new("SELECT ");
    query.push(COLUMNS).push(" FROM sent AS s WHERE state IN ('released', 'sealed') AND state = ");
    query.push_bind(state.code());
    query.push(" AND (next_try <= ").push_bind(micros(due.now));
    query.push(" OR next_try > ").push_bind(micros(due.horizon));
    query.push(
        ") AND NOT EXISTS (SELECT 1 FROM sent AS e WHERE e.state IN ('released', 'sealed') AND e.addressee = s.addressee
             AND e.number < s.number) ORDER BY number LIMIT ",
    );
    query.push_bind(limit);
    rows(executor, query).await
}

/// Messages of which the relay has to be told that nobody gets them.
pub async fn to_tell(executor: impl SqliteExecutor<'_>, due: Due, limit: u32) -> Result<Vec<Sent>, StoreError> {
    let mut query = select();
    query.push(" WHERE statement IS NOT NULL AND told_at IS NULL AND (next_try <= ").push_bind(micros(due.now));
    query.push(" OR next_try > ").push_bind(micros(due.horizon)).push(") ORDER BY number LIMIT ").push_bind(limit);
    rows(executor, query).await
}

/// Messages that the relay is asked for: those that it has taken, as it said, and not signed for; those that nobody has fetched for a
/// long time; after it came back from a backup all that are on their way.
pub async fn to_find(executor: impl SqliteExecutor<'_>, due: Due, limit: u32) -> Result<Vec<Sent>, StoreError> {
    let mut query = select();
    query.push(" WHERE asked_at = 0 OR (state = 'deposited' AND (next_try <= ").push_bind(micros(due.now));
    query.push(" OR next_try > ").push_bind(micros(due.horizon));
    query
        .push(")) OR (state = 'relayed' AND (coalesce(asked_at, deposited_at, 0) <= ")
        .push_bind(micros(due.asked_before));
    query.push(" OR asked_at > ").push_bind(micros(due.now)).push(")) ORDER BY number LIMIT ").push_bind(limit);
    rows(executor, query).await
}

/// Whether it is time to seal, deposit, tell or find anything.
pub async fn anything_to_do(executor: impl SqliteExecutor<'_>, due: Due) -> Result<bool, StoreError> {
    let found: i64 = sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM sent WHERE state IN ('released', 'sealed') AND (next_try <= $1 OR next_try > $2))
             OR EXISTS (SELECT 1 FROM sent WHERE state = 'deposited' AND (next_try <= $1 OR next_try > $2))
             OR EXISTS (SELECT 1 FROM sent WHERE state = 'relayed'
                 AND (coalesce(asked_at, deposited_at, 0) <= $3 OR asked_at > $1))
             OR EXISTS (SELECT 1 FROM sent WHERE asked_at = 0)
             OR EXISTS (SELECT 1 FROM sent WHERE statement IS NOT NULL AND told_at IS NULL
                 AND (next_try <= $1 OR next_try > $2))",
    )
    .bind(micros(due.now))
    .bind(micros(due.horizon))
    .bind(micros(due.asked_before))
    .fetch_one(executor)
    .await?;
    Ok(found != 0)
}

fn select() -> QueryBuilder<Sqlite> {
    let mut query = QueryBuilder::new("SELECT ");
    query.push(COLUMNS).push(" FROM sent");
    query
}

async fn rows(executor: impl SqliteExecutor<'_>, mut query: QueryBuilder<Sqlite>) -> Result<Vec<Sent>, StoreError> {
    let rows: Vec<Row> = query.build_query_as().fetch_all(executor).await?;
    rows.into_iter().map(Row::parse).collect()
}
