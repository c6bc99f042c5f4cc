//! Received files, as staff look for them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sqlx::{FromRow, SqliteConnection, SqliteExecutor};

use super::streams::{Page, Rows, Stream, page};
use super::words::question;
use super::{Days, Numbers, Way};
use crate::domain::folding::fold;
use crate::domain::ids::{MessageId, OfficeCode, UserId};
use crate::domain::staff::StaffName;
use crate::store::gateway::messages::State;
use crate::store::gateway::{corrupt, counters};
use crate::store::sqlite::{StoreError, micros, moment};

/// Which received files. Everything that is left open lets all through.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only in this state. Those in quarantine come only when they are asked for.
    pub state: Option<State>,
    /// Only of this office.
    pub office: Option<OfficeCode>,
    /// Only of this user.
    pub user: Option<UserId>,
    /// Only those that came on these days.
    pub days: Days,
    /// Only those that somebody, or nobody, has taken out or looked at. What never passed the checks cannot be, and is neither.
    pub is_opened: Option<bool>,
    /// Only those with, or without, a flag.
    pub is_flagged: Option<bool>,
    /// Only those with a name that this is a part of; widths, kana, and capitals are all the same.
    pub name: Option<String>,
    /// Who asks: what this account has read is marked so.
    pub reader: Option<StaffName>,
    /// Only those that who asks had not read by then: those that are read while somebody goes through a list stay in it.
    pub unread_at: Option<Timestamp>,
    /// Of a list, only those before this number.
    pub before: Option<i64>,
}

/// A received file in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its place among all.
    pub number: i64,
    /// Its id.
    pub id: MessageId,
    /// Where it stands.
    pub state: State,
    /// Codes of why it is in quarantine.
    pub reasons: Vec<String>,
    /// Codes of what is to be known of it.
    pub warnings: Vec<String>,
    /// The sender's office, as far as the sender is known.
    pub office: Option<String>,
    /// The sender's id, as far as the sender is known.
    pub user: Option<String>,
    /// `From`, as the message says it.
    pub sender: Option<String>,
    /// The file's name, if it has one that is not refused.
    pub file_name: Option<String>,
    /// Bytes of the file, if it could be opened.
    pub size: Option<u64>,
    /// Whether the sender wrote something beside it.
    pub has_comment: bool,
    /// When we had it.
    pub received_at: Timestamp,
    /// When somebody first took it out or looked at it.
    pub opened_at: Option<Timestamp>,
    /// Since when it has a flag.
    pub flagged_at: Option<Timestamp>,
    /// Since when its sender's PC was lost, if it came after that.
    pub suspect_since: Option<Timestamp>,
    /// Whether who asks has read it.
    pub is_read_by_reader: bool,
}

/// How many received files stand where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Standing {
    /// To be reviewed.
    pub archived: u64,
    /// 受付.
    pub accepted: u64,
    /// 差戻し.
    pub returned: u64,
    /// In quarantine, and nobody has decided.
    pub quarantined: u64,
    /// Not in quarantine, and not taken out or looked at by anybody.
    pub unopened: u64,
    /// With a flag.
    pub flagged: u64,
}

/// A statement for each side of a number: what is older, what is newer.
type Sides = [&'static str; 2];

const ALL: Sides = [
    "SELECT number FROM messages WHERE number < $1 AND number >= $2 ORDER BY number DESC LIMIT $3",
    "SELECT number FROM messages WHERE number > $1 AND number <= $2 ORDER BY number LIMIT $3",
];
const BY_USER: Sides = [
    "SELECT number FROM messages WHERE user_id = $4 AND number < $1 AND number >= $2 ORDER BY number DESC LIMIT $3",
    "SELECT number FROM messages WHERE user_id = $4 AND number > $1 AND number <= $2 ORDER BY number LIMIT $3",
];
const BY_OFFICE: Sides = [
    "SELECT number FROM messages WHERE office = $4 AND number < $1 AND number >= $2 ORDER BY number DESC LIMIT $3",
    "SELECT number FROM messages WHERE office = $4 AND number > $1 AND number <= $2 ORDER BY number LIMIT $3",
];
const BY_STATE: Sides = [
    "SELECT number FROM messages WHERE state = $4 AND number < $1 AND number >= $2 ORDER BY number DESC LIMIT $3",
    "SELECT number FROM messages WHERE state = $4 AND number > $1 AND number <= $2 ORDER BY number LIMIT $3",
];
const UNOPENED: Sides = [
    "SELECT number FROM messages INDEXED BY messages_unopened
     WHERE opened_at IS NULL AND verdict = 'accepted' AND number < $1 AND number >= $2 ORDER BY number DESC LIMIT $3",
    "SELECT number FROM messages INDEXED BY messages_unopened
     WHERE opened_at IS NULL AND verdict = 'accepted' AND number > $1 AND number <= $2 ORDER BY number LIMIT $3",
];
const FLAGGED: Sides = [
    "SELECT number FROM messages INDEXED BY messages_flagged
     WHERE flagged_at IS NOT NULL AND number < $1 AND number >= $2 ORDER BY number DESC LIMIT $3",
    "SELECT number FROM messages INDEXED BY messages_flagged
     WHERE flagged_at IS NOT NULL AND number > $1 AND number <= $2 ORDER BY number LIMIT $3",
];
const BY_NAME: Sides = [
    "SELECT rowid FROM received_words WHERE received_words MATCH $4 AND rowid < $1 AND rowid >= $2
     ORDER BY rowid DESC LIMIT $3",
    "SELECT rowid FROM received_words WHERE received_words MATCH $4 AND rowid > $1 AND rowid <= $2
     ORDER BY rowid LIMIT $3",
];
/// Goes by what somebody has read in a row, number by number: half a second for a million.
const UNREAD: Sides = [
    "SELECT number FROM messages WHERE number < $1 AND number >= $2 AND NOT EXISTS (
         SELECT 1 FROM message_readers r WHERE r.message = number AND r.staff = $4 AND r.at < CAST($5 AS INTEGER))
     ORDER BY number DESC LIMIT $3",
    "SELECT number FROM messages WHERE number > $1 AND number <= $2 AND NOT EXISTS (
         SELECT 1 FROM message_readers r WHERE r.message = number AND r.staff = $4 AND r.at < CAST($5 AS INTEGER))
     ORDER BY number LIMIT $3",
];

/// Looks at what is beside a row: each ends after as many candidates as a page.
const LOOKS: usize = 8;

/// The rows of these numbers that pass the filters.
const ROWS: &str = "SELECT number, id, state, reasons, warnings, office, user_id, sender, file_name, size,
         comment IS NOT NULL AS has_comment, received_at, opened_at, flagged_at, suspect_since,
         EXISTS (SELECT 1 FROM message_readers r WHERE r.message = number AND r.staff = $9) AS is_read
     FROM messages
     WHERE number IN (SELECT value FROM json_each($1))
         AND CASE WHEN $2 IS NULL THEN state <> 'quarantined' ELSE state = $2 END
         AND ($3 IS NULL OR office = $3) AND ($4 IS NULL OR user_id = $4)
         AND ($5 IS NULL OR received_at >= $5) AND ($6 IS NULL OR received_at < $6)
         AND ($7 IS NULL OR (verdict = 'accepted' AND (opened_at IS NOT NULL) = $7)) AND ($8 IS NULL OR (flagged_at IS NOT NULL) = $8)
         AND ($10 IS NULL OR NOT EXISTS (
             SELECT 1 FROM message_readers r WHERE r.message = number AND r.staff = $9 AND r.at < $10))";

/// A page, newest first.
pub async fn list(
    connection: &mut SqliteConnection,
    filter: &Filter,
    limit: usize,
) -> Result<Page<Listed>, StoreError> {
    look(connection, filter, (Way::Older, filter.before.unwrap_or(i64::MAX)), limit).await
}

/// The nearest one on this side of a number.
pub async fn beside(
    connection: &mut SqliteConnection,
    filter: &Filter,
    (way, number): (Way, i64),
) -> Result<Option<Listed>, StoreError> {
    let mut beyond = number;
    for _ in 0..LOOKS {
        let found = look(&mut *connection, filter, (way, beyond), 1).await?;
        match (found.rows.into_iter().next(), found.next) {
            (None, Some(next)) => beyond = next,
            (found, _) => return Ok(found),
        }
    }
    Ok(None)
}

async fn look(
    connection: &mut SqliteConnection,
    filter: &Filter,
    (way, beyond): (Way, i64),
    limit: usize,
) -> Result<Page<Listed>, StoreError> {
    let bounds = filter.days.bounds(&mut *connection, Numbers::Received, (way, beyond)).await?;
    let source = Source { filter, name: filter.name.as_deref().map(fold).filter(|name| !name.is_empty()) };
    page(connection, &source.streams(way), bounds, limit, &source).await
}

/// How many stand where, as it is kept.
pub async fn standing(executor: impl SqliteExecutor<'_>) -> Result<Standing, StoreError> {
    let all: BTreeMap<String, i64> = counters::all(executor).await?;
    let count = |name: &str| all.get(name).and_then(|value| u64::try_from(*value).ok()).unwrap_or(0);
    Ok(Standing {
        archived: count("received.archived"),
        accepted: count("received.accepted"),
        returned: count("received.returned"),
        quarantined: count("received.quarantined"),
        unopened: count("received.unopened"),
        flagged: count("received.flagged"),
    })
}

struct Source<'a> {
    filter: &'a Filter,
    name: Option<String>,
}

impl Source<'_> {
    /// What may be sparse first: the first that is found whole is followed.
    fn streams(&self, way: Way) -> Vec<Stream> {
        let filter = self.filter;
        let of = |[older, newer]: Sides| if way == Way::Older { older } else { newer };
        let unread = filter.reader.as_ref().zip(filter.unread_at);
        [
            Stream::with(of(BY_USER), filter.user.as_ref().map(ToString::to_string)),
            Stream::with(of(BY_NAME), self.name.as_deref().and_then(question)),
            Stream::with(of(BY_OFFICE), filter.office.as_ref().map(ToString::to_string)),
            Stream::when(filter.is_flagged == Some(true), of(FLAGGED)),
            Stream::when(filter.is_opened == Some(false), of(UNOPENED)),
            Stream::with(of(BY_STATE), filter.state.map(|state| state.code().to_owned())),
            Stream::with_both(of(UNREAD), unread.map(|(reader, at)| [reader.to_string(), micros(at).to_string()])),
            Stream::when(true, of(ALL)),
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
            .bind(filter.state.map(State::code))
            .bind(filter.office.as_ref().map(OfficeCode::as_str))
            .bind(filter.user.as_ref().map(UserId::as_str))
            .bind(from.map(micros))
            .bind(until.map(micros))
            .bind(filter.is_opened)
            .bind(filter.is_flagged)
            .bind(filter.reader.as_ref().map(StaffName::as_str))
            .bind(filter.unread_at.map(micros))
            .fetch_all(connection)
            .await?;
        // The words say that a name may fit; only the name says that it does.
        let fits = |row: &Row| match (&self.name, &row.file_name) {
            (Some(part), Some(name)) => fold(name).contains(part),
            (Some(_), None) => false,
            (None, _) => true,
        };
        rows.into_iter().filter(fits).map(|row| Ok((row.number, row.parse()?))).collect()
    }
}

#[derive(FromRow)]
struct Row {
    number: i64,
    id: String,
    state: String,
    reasons: String,
    warnings: String,
    office: Option<String>,
    user_id: Option<String>,
    sender: Option<String>,
    file_name: Option<String>,
    size: Option<i64>,
    has_comment: bool,
    received_at: i64,
    opened_at: Option<i64>,
    flagged_at: Option<i64>,
    suspect_since: Option<i64>,
    is_read: bool,
}

impl Row {
    fn parse(self) -> Result<Listed, StoreError> {
        let codes = |text: &str| text.split_whitespace().map(str::to_owned).collect();
        Ok(Listed {
            number: self.number,
            id: self.id.parse().map_err(corrupt("message id"))?,
            state: self.state.parse()?,
            reasons: codes(&self.reasons),
            warnings: codes(&self.warnings),
            office: self.office,
            user: self.user_id,
            sender: self.sender,
            file_name: self.file_name,
            size: self.size.map(|size| u64::try_from(size).map_err(corrupt("size"))).transpose()?,
            has_comment: self.has_comment,
            received_at: moment(self.received_at)?,
            opened_at: self.opened_at.map(moment).transpose()?,
            flagged_at: self.flagged_at.map(moment).transpose()?,
            suspect_since: self.suspect_since.map(moment).transpose()?,
            is_read_by_reader: self.is_read,
        })
    }
}
