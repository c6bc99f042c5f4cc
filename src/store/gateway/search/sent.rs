//! Sent files, as staff look for them: one row for each addressee.

use jiff::Timestamp;
use sqlx::{FromRow, SqliteConnection};

use super::streams::{Page, Rows, Stream, page};
use super::words::{self, question};
use super::{Days, Numbers, Way};
use crate::domain::folding::fold;
use crate::domain::ids::{MessageId, OfficeCode, UserId};
use crate::domain::sending::Sending;
use crate::store::gateway::{corrupt, days};
use crate::store::sqlite::{StoreError, micros, moment};

/// Which sent files. Everything that is left open lets all through.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only in this state.
    pub state: Option<Sending>,
    /// Only to this office and its users.
    pub office: Option<OfficeCode>,
    /// Only to this user alone.
    pub user: Option<UserId>,
    /// Only of this dispatch, by its number.
    pub dispatch: Option<i64>,
    /// Only those that were asked for on these days.
    pub days: Days,
    /// Only those with an alarm.
    pub has_alarm: bool,
    /// Only those with a name that this is a part of; widths, kana, and capitals are all the same.
    pub name: Option<String>,
    /// Only those before this number.
    pub before: Option<i64>,
}

/// A sent file in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its place among all.
    pub number: i64,
    /// Its id.
    pub id: MessageId,
    /// The id of its dispatch: the same file to others.
    pub dispatch: MessageId,
    /// `To`.
    pub addressee: String,
    /// The addressee's office.
    pub office: Option<String>,
    /// The addressee, if it is one user.
    pub user: Option<String>,
    /// Where it stands.
    pub state: Sending,
    /// Why it was stopped or has failed.
    pub code: Option<String>,
    /// What does not fit with its receipts.
    pub alarm: Option<String>,
    /// The file's name.
    pub file_name: String,
    /// Bytes of the file.
    pub size: u64,
    /// Who sends.
    pub actor: String,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it ends for those who have not fetched it.
    pub expires_at: Option<Timestamp>,
}

const ALL: &str = "SELECT number FROM sent WHERE number < $1 AND number >= $2 ORDER BY number DESC LIMIT $3";
const BY_DISPATCH: &str =
    "SELECT number FROM sent WHERE dispatch = CAST($4 AS INTEGER) AND number < $1 AND number >= $2
     ORDER BY number DESC LIMIT $3";
const BY_USER: &str = "SELECT number FROM sent WHERE user_id = $4 AND number < $1 AND number >= $2
     ORDER BY number DESC LIMIT $3";
const BY_OFFICE: &str = "SELECT number FROM sent WHERE office = $4 AND number < $1 AND number >= $2
     ORDER BY number DESC LIMIT $3";
const BY_STATE: &str = "SELECT number FROM sent INDEXED BY sent_by_state
     WHERE state = $4 AND number < $1 AND number >= $2 ORDER BY number DESC LIMIT $3";
const ALARMED: &str = "SELECT number FROM sent INDEXED BY sent_alarmed
     WHERE alarm IS NOT NULL AND number < $1 AND number >= $2 ORDER BY number DESC LIMIT $3";
const BY_NAME: &str = "SELECT rowid FROM sent_words WHERE sent_words MATCH $4 AND rowid < $1 AND rowid >= $2
     ORDER BY rowid DESC LIMIT $3";

/// The rows of these numbers that pass the filters.
const ROWS: &str =
    "SELECT s.number, s.id, d.id AS dispatch_id, s.addressee, s.office, s.user_id, s.state, s.code, s.alarm,
         d.file_name, d.size, d.actor, s.created_at, s.expires_at
     FROM sent s CROSS JOIN dispatches d ON d.number = s.dispatch
     WHERE s.number IN (SELECT value FROM json_each($1))
         AND ($2 IS NULL OR s.state = $2) AND ($3 IS NULL OR s.office = $3) AND ($4 IS NULL OR s.user_id = $4)
         AND ($5 IS NULL OR s.dispatch = $5) AND ($6 IS NULL OR s.created_at >= $6)
         AND ($7 IS NULL OR s.created_at < $7) AND (NOT $8 OR s.alarm IS NOT NULL)";

/// A page, newest first.
pub async fn list(
    connection: &mut SqliteConnection,
    filter: &Filter,
    limit: usize,
) -> Result<Page<Listed>, StoreError> {
    let place = (Way::Older, filter.before.unwrap_or(i64::MAX));
    let bounds = filter.days.bounds(&mut *connection, Numbers::Sent, place).await?;
    let source = Source { filter, name: filter.name.as_deref().map(fold).filter(|name| !name.is_empty()) };
    page(connection, &source.streams(), bounds, limit, &source).await
}

/// Makes the messages of a dispatch findable, and counts them. In the transaction that adds them.
pub(in crate::store::gateway) async fn note(
    connection: &mut SqliteConnection,
    dispatch: i64,
    numbers: &[i64],
    at: Timestamp,
) -> Result<(), StoreError> {
    let name: String = sqlx::query_scalar("SELECT file_name FROM dispatches WHERE number = $1")
        .bind(dispatch)
        .fetch_one(&mut *connection)
        .await?;
    let names: Vec<(i64, &str)> = numbers.iter().map(|number| (*number, name.as_str())).collect();
    words::note(connection, Numbers::Sent, &names).await?;
    days::note_sent(connection, numbers, at).await
}

struct Source<'a> {
    filter: &'a Filter,
    name: Option<String>,
}

impl Source<'_> {
    /// What may be sparse first: the first that is found whole is followed.
    fn streams(&self) -> Vec<Stream> {
        let filter = self.filter;
        [
            Stream::with(BY_DISPATCH, filter.dispatch.map(|number| number.to_string())),
            Stream::with(BY_USER, filter.user.as_ref().map(ToString::to_string)),
            Stream::when(filter.has_alarm, ALARMED),
            Stream::with(BY_NAME, self.name.as_deref().and_then(question)),
            Stream::with(BY_OFFICE, filter.office.as_ref().map(ToString::to_string)),
            Stream::with(BY_STATE, filter.state.map(|state| state.code().to_owned())),
            Stream::when(true, ALL),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

impl Rows for Source<'_> {
    type Row = Listed;

    async fn rows(&self, connection: &mut SqliteConnection, numbers: &[i64]) -> Result<Vec<(i64, Listed)>, StoreError> {
        let filter = self.filter;
        let (from, until) = filter.days.moments();
        let rows: Vec<Row> = sqlx::query_as(ROWS)
            .bind(serde_json::to_string(numbers).map_err(corrupt("numbers"))?)
            .bind(filter.state.map(Sending::code))
            .bind(filter.office.as_ref().map(OfficeCode::as_str))
            .bind(filter.user.as_ref().map(UserId::as_str))
            .bind(filter.dispatch)
            .bind(from.map(micros))
            .bind(until.map(micros))
            .bind(filter.has_alarm)
            .fetch_all(connection)
            .await?;
        let fits = |row: &Row| self.name.as_ref().is_none_or(|part| fold(&row.file_name).contains(part));
        rows.into_iter().filter(fits).map(|row| Ok((row.number, row.parse()?))).collect()
    }
}

#[derive(FromRow)]
struct Row {
    number: i64,
    id: String,
    dispatch_id: String,
    addressee: String,
    office: Option<String>,
    user_id: Option<String>,
    state: String,
    code: Option<String>,
    alarm: Option<String>,
    file_name: String,
    size: i64,
    actor: String,
    created_at: i64,
    expires_at: Option<i64>,
}

impl Row {
    fn parse(self) -> Result<Listed, StoreError> {
        Ok(Listed {
            number: self.number,
            id: self.id.parse().map_err(corrupt("message id"))?,
            dispatch: self.dispatch_id.parse().map_err(corrupt("message id"))?,
            addressee: self.addressee,
            office: self.office,
            user: self.user_id,
            state: self.state.parse().map_err(corrupt("state of a sent message"))?,
            code: self.code,
            alarm: self.alarm,
            file_name: self.file_name,
            size: u64::try_from(self.size).map_err(corrupt("size"))?,
            actor: self.actor,
            created_at: moment(self.created_at)?,
            expires_at: self.expires_at.map(moment).transpose()?,
        })
    }
}
