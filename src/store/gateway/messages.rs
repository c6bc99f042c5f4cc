//! Messages that came and were kept: archived or in quarantine.

mod note;
mod release;
mod row;

use std::str::FromStr;

use jiff::Timestamp;
use sqlx::{QueryBuilder, Sqlite, SqliteConnection, SqliteExecutor};

use super::corrupt;
use crate::domain::address::Address;
use crate::domain::digest::{Sha256, Tag};
use crate::domain::file_name::FileName;
use crate::domain::ids::{MessageId, OfficeCode, UserId};
use crate::domain::verdict::Verdict;
use crate::store::sqlite::{StoreError, groups, length, micros};
pub use release::{Release, release};
use row::{COLUMNS, Row, codes, parse_tag};

/// Where a message stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Verified and archived; staff have not reviewed it.
    Archived,
    /// Staff accepted it (受付).
    Accepted,
    /// Staff returned it (差戻し).
    Returned,
    /// A check failed.
    Quarantined,
}

impl State {
    /// Every one there is.
    pub const ALL: [Self; 4] = [Self::Archived, Self::Accepted, Self::Returned, Self::Quarantined];

    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Archived => "archived",
            Self::Accepted => "accepted",
            Self::Returned => "returned",
            Self::Quarantined => "quarantined",
        }
    }
}

impl FromStr for State {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self, StoreError> {
        Self::ALL.into_iter().find(|known| known.code() == text).ok_or(StoreError::Corrupt("state of a message"))
    }
}

/// A message as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Its place among all; the caller takes it from [`next_number`].
    pub number: i64,
    /// The parcel's id; in an archived message also the signed one.
    pub id: MessageId,
    /// Where it stands.
    pub state: State,
    /// What we think of it.
    pub verdict: Verdict,
    /// Length of the sealed message in bytes.
    pub sealed_size: u64,
    /// The GCM tag at its end, if it has one.
    pub tag: Option<Tag>,
    /// Where the sealed bytes are, below the folder of the archive or of the quarantine.
    pub path: String,
    /// When the relay had it whole.
    pub deposited_at: Timestamp,
    /// When we had it whole.
    pub received_at: Timestamp,
    /// When it was durable in the archive.
    pub archived_at: Option<Timestamp>,
    /// What is in it, if it could be opened.
    pub content: Option<Content>,
    /// Since when its sender's PC was lost, if this came after that.
    pub suspect_since: Option<Timestamp>,
    /// When two persons released it from quarantine, if they did. Its verdict is theirs.
    pub released_at: Option<Timestamp>,
}

/// What a message says. Proven in an archived message, only a claim in a quarantined one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// The signer's office.
    pub office: Option<OfficeCode>,
    /// The signer.
    pub user: Option<UserId>,
    /// `From`.
    pub sender: Address,
    /// `To`.
    pub recipient: Address,
    /// The file name, unless it is one that is refused.
    pub file_name: Option<FileName>,
    /// `Content-Type`.
    pub content_type: String,
    /// The comment.
    pub comment: Option<String>,
    /// Bytes of the file.
    pub size: u64,
    /// The signature's message digest.
    pub digest: Vec<u8>,
    /// SHA-256 over the signature: what the next message names.
    pub signature_hash: Sha256,
    /// Number in the stream of this sender.
    pub sequence: u64,
    /// The signing time.
    pub signed_at: Timestamp,
}

/// What is known of an id that the relay lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Which message.
    pub number: i64,
    /// The id.
    pub id: MessageId,
    /// The GCM tag of the bytes that are here.
    pub tag: Option<Tag>,
    /// Their length.
    pub sealed_size: u64,
    /// Whether it is in the archive (or else in quarantine).
    pub archived: bool,
    /// Where the sealed bytes are, below the folder of the one or the other.
    pub path: String,
}

/// Which messages a list shows.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only in this state.
    pub state: Option<State>,
    /// Only of this office.
    pub office: Option<OfficeCode>,
    /// Only older than this number.
    pub before: Option<i64>,
}

/// The first number that is free.
pub async fn next_number(connection: &mut SqliteConnection) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar("SELECT COALESCE(MAX(number), 0) + 1 FROM messages").fetch_one(connection).await?)
}

/// Adds messages, and all that they are found and counted by.
pub async fn insert(connection: &mut SqliteConnection, messages: &[Message]) -> Result<(), StoreError> {
    for group in groups(messages) {
        let mut query = QueryBuilder::<Sqlite>::new("INSERT INTO messages (");
        query.push(COLUMNS).push(") ");
        query.push_values(group, |mut row, message| {
            let content = message.content.as_ref();
            let (reasons, warnings) = codes(&message.verdict);
            row.push_bind(message.number)
                .push_bind(message.id.to_string())
                .push_bind(message.state.code())
                .push_bind(message.verdict.code())
                .push_bind(reasons)
                .push_bind(warnings)
                .push_bind(length(message.sealed_size))
                .push_bind(message.tag.as_ref().map(|tag| tag.as_bytes().as_slice()))
                .push_bind(message.path.as_str())
                .push_bind(micros(message.deposited_at))
                .push_bind(micros(message.received_at))
                .push_bind(message.archived_at.map(micros))
                .push_bind(content.and_then(|c| c.office.as_ref()).map(OfficeCode::as_str))
                .push_bind(content.and_then(|c| c.user.as_ref()).map(UserId::as_str))
                .push_bind(content.map(|c| c.sender.to_string()))
                .push_bind(content.map(|c| c.recipient.to_string()))
                .push_bind(content.and_then(|c| c.file_name.as_ref()).map(FileName::as_str))
                .push_bind(content.map(|c| c.content_type.as_str()))
                .push_bind(content.and_then(|c| c.comment.as_deref()))
                .push_bind(content.map(|c| length(c.size)))
                .push_bind(content.map(|c| c.digest.as_slice()))
                .push_bind(content.map(|c| c.signature_hash.as_bytes().as_slice()))
                .push_bind(content.map(|c| length(c.sequence)))
                .push_bind(content.map(|c| micros(c.signed_at)))
                .push_bind(message.suspect_since.map(micros))
                .push_bind(message.released_at.map(micros));
        });
        query.build().execute(&mut *connection).await?;
    }
    note::note(connection, messages).await
}

/// What is here already of these ids. An id may be there several times: once archived, more often in quarantine.
pub async fn known(connection: &mut SqliteConnection, ids: &[MessageId]) -> Result<Vec<Known>, StoreError> {
    type KnownRow = (i64, String, Option<Vec<u8>>, i64, String);
    let mut found = Vec::new();
    for group in groups(ids) {
        // A partial index serves only a query that repeats its condition.
        for verdict in ["accepted", "quarantined"] {
            let mut query =
                QueryBuilder::<Sqlite>::new("SELECT number, id, tag, sealed_size, path FROM messages WHERE ");
            query.push(format_args!("verdict = '{verdict}' AND id IN ("));
            let mut list = query.separated(", ");
            for id in group {
                list.push_bind(id.to_string());
            }
            query.push(")");
            let rows: Vec<KnownRow> = query.build_query_as().fetch_all(&mut *connection).await?;
            for (number, id, tag, sealed_size, path) in rows {
                found.push(Known {
                    number,
                    id: id.parse().map_err(corrupt("message id"))?,
                    tag: parse_tag(tag)?,
                    sealed_size: u64::try_from(sealed_size).map_err(corrupt("size"))?,
                    archived: verdict == "accepted",
                    path,
                });
            }
        }
    }
    Ok(found)
}

/// One message: the archived one of that id, or else the newest in quarantine.
pub async fn find(connection: &mut SqliteConnection, id: MessageId) -> Result<Option<Message>, StoreError> {
    for verdict in ["accepted", "quarantined"] {
        let mut query = QueryBuilder::<Sqlite>::new("SELECT ");
        query.push(COLUMNS).push(format_args!(" FROM messages WHERE verdict = '{verdict}' AND id = "));
        query.push_bind(id.to_string()).push(" ORDER BY number DESC LIMIT 1");
        let row: Option<Row> = query.build_query_as().fetch_optional(&mut *connection).await?;
        if let Some(row) = row {
            return row.parse().map(Some);
        }
    }
    Ok(None)
}

/// A page of messages, newest first.
pub async fn list(executor: impl SqliteExecutor<'_>, filter: &Filter, limit: u32) -> Result<Vec<Message>, StoreError> {
    let mut query = QueryBuilder::<Sqlite>::new("SELECT ");
    query.push(COLUMNS).push(" FROM messages WHERE number < ").push_bind(filter.before.unwrap_or(i64::MAX));
    if let Some(state) = filter.state {
        query.push(" AND state = ").push_bind(state.code());
    }
    if let Some(office) = &filter.office {
        query.push(" AND office = ").push_bind(office.as_str());
    }
    query.push(" ORDER BY number DESC LIMIT ").push_bind(limit);
    let rows: Vec<Row> = query.build_query_as().fetch_all(executor).await?;
    rows.into_iter().map(Row::parse).collect()
}

/// Moves a message from one state to another. False when it is not in `from` (any more).
pub async fn change_state(
    connection: &mut SqliteConnection,
    number: i64,
    from: State,
    to: State,
) -> Result<bool, StoreError> {
    let done = sqlx::query("UPDATE messages SET state = $3 WHERE number = $1 AND state = $2")
        .bind(number)
        .bind(from.code())
        .bind(to.code())
        .execute(connection)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Writes the warnings of a verdict anew.
pub async fn set_warnings(connection: &mut SqliteConnection, number: i64, verdict: &Verdict) -> Result<(), StoreError> {
    sqlx::query("UPDATE messages SET warnings = $2 WHERE number = $1")
        .bind(number)
        .bind(codes(verdict).1)
        .execute(connection)
        .await?;
    Ok(())
}

/// Keeps why staff returned a message.
pub async fn set_return_reason(connection: &mut SqliteConnection, number: i64, words: &str) -> Result<(), StoreError> {
    sqlx::query("UPDATE messages SET return_reason = $2 WHERE number = $1")
        .bind(number)
        .bind(words)
        .execute(connection)
        .await?;
    Ok(())
}

/// Notes that somebody has taken the file out. Whether it was the first time.
pub async fn set_opened(connection: &mut SqliteConnection, number: i64, at: Timestamp) -> Result<bool, StoreError> {
    let done = sqlx::query("UPDATE messages SET opened_at = $2 WHERE number = $1 AND opened_at IS NULL")
        .bind(number)
        .bind(micros(at))
        .execute(connection)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Marks what a user's lost PC may have sent: archived messages that came at or after the loss. Gives their ids.
pub async fn mark_suspect(
    connection: &mut SqliteConnection,
    office: &OfficeCode,
    user: &UserId,
    lost_at: Timestamp,
) -> Result<Vec<String>, StoreError> {
    let ids = sqlx::query_scalar(
        "UPDATE messages SET suspect_since = $3 WHERE office = $1 AND user_id = $2 AND received_at >= $3
         AND verdict = 'accepted' RETURNING id",
    )
    .bind(office.as_str())
    .bind(user.as_str())
    .bind(micros(lost_at))
    .fetch_all(connection)
    .await?;
    Ok(ids)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::domain::verdict::{Reason, Warning};
    use crate::store::gateway::MIGRATIONS;
    use crate::store::sqlite::Database;

    fn message(number: i64, verdict: Verdict) -> Message {
        let accepted = verdict.is_accepted();
        Message {
            number,
            id: "0191e3c4-7a5b-7c3d-8e4f-a1b2c3d4e5f6".parse().unwrap(),
            state: if accepted { State::Archived } else { State::Quarantined },
            verdict,
            sealed_size: 1_234,
            tag: Some(Tag([7; 16])),
            path: "2026/11/22/09/x.p7m".to_owned(),
            deposited_at: Timestamp::from_second(1_000).unwrap(),
            received_at: Timestamp::from_second(2_000).unwrap(),
            archived_at: accepted.then(|| Timestamp::from_second(2_001).unwrap()),
            content: accepted.then(|| Content {
                office: Some("1234-A".parse().unwrap()),
                user: Some("yamada-1".parse().unwrap()),
                sender: "yamada-1@06123456.kx".parse().unwrap(),
                recipient: "union@06123456.kx".parse().unwrap(),
                file_name: Some("算定基礎届.csv".parse().unwrap()),
                content_type: "text/csv".to_owned(),
                comment: None,
                size: 99,
                digest: vec![1; 32],
                signature_hash: Sha256([2; 32]),
                sequence: 3,
                signed_at: Timestamp::from_second(900).unwrap(),
            }),
            suspect_since: None,
            released_at: None,
        }
    }

    #[tokio::test]
    async fn messages_read_back_and_an_id_is_archived_once() {
        let dir = tempfile::tempdir().unwrap();
        let database = Database::open(&dir.path().join("g.db"), &MIGRATIONS).await.unwrap();
        let good = message(1, Verdict::Accepted { warnings: BTreeSet::from([Warning::SequenceGap]) });
        let bad = message(2, Verdict::quarantined(Reason::ReplayDuplicate));
        let bare = message(3, Verdict::quarantined(Reason::FormatMalformed));
        let mut transaction = database.write().await.unwrap();
        assert_eq!(next_number(&mut transaction).await.unwrap(), 1);
        insert(&mut transaction, &[good.clone(), bad.clone(), bare.clone()]).await.unwrap();
        assert_eq!(next_number(&mut transaction).await.unwrap(), 4);
        assert_eq!(find(&mut transaction, good.id).await.unwrap(), Some(good.clone()));
        assert_eq!(known(&mut transaction, &[good.id]).await.unwrap().len(), 3);
        let all = list(&mut *transaction, &Filter::default(), 10).await.unwrap();
        assert_eq!(all, [bare, bad, good.clone()]);
        let filter = Filter { state: Some(State::Archived), office: "1234-A".parse().ok(), before: Some(2) };
        assert_eq!(list(&mut *transaction, &filter, 10).await.unwrap(), std::slice::from_ref(&good));
        assert!(change_state(&mut transaction, 1, State::Archived, State::Accepted).await.unwrap());
        assert!(!change_state(&mut transaction, 1, State::Archived, State::Returned).await.unwrap());
        let again = message(4, Verdict::Accepted { warnings: BTreeSet::new() });
        assert!(matches!(insert(&mut transaction, &[again]).await, Err(StoreError::Query(_))));
    }
}
