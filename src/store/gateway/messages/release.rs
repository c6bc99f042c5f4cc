//! The way of a message out of quarantine.

use jiff::Timestamp;
use sqlx::SqliteConnection;

use crate::store::gateway::expectations::note::{Archived, note};
use crate::store::gateway::users::User;
use crate::store::sqlite::{StoreError, micros, moment};

/// What is known when a message is released from quarantine.
#[derive(Debug, Clone, Copy)]
pub struct Release<'a> {
    /// Its new path.
    pub path: &'a str,
    /// The signer, who may have been unknown when it came.
    pub user: &'a User,
    /// Since when the signer's PC was lost, if it came after that.
    pub suspect_since: Option<Timestamp>,
    /// When it is released.
    pub at: Timestamp,
}

/// Makes an archived message of a quarantined one. False when it is not in quarantine (any more).
pub async fn release(
    connection: &mut SqliteConnection,
    number: i64,
    release: &Release<'_>,
) -> Result<bool, StoreError> {
    let released: Option<(Option<String>, i64)> = sqlx::query_as(
        "UPDATE messages SET state = 'archived', verdict = 'accepted', path = $2, archived_at = $3, released_at = $3,
             office = $4, user_id = $5, suspect_since = COALESCE($6, suspect_since)
         WHERE number = $1 AND state = 'quarantined' RETURNING file_name, received_at",
    )
    .bind(number)
    .bind(release.path)
    .bind(micros(release.at))
    .bind(release.user.office.as_str())
    .bind(release.user.id.as_str())
    .bind(release.suspect_since.map(micros))
    .fetch_optional(&mut *connection)
    .await?;
    let Some((name, received_at)) = released else { return Ok(false) };
    if let Some(name) = &name {
        // It counts for what was due when it came.
        let office = release.user.office.as_str();
        note(connection, &[Archived { number, office, name, at: moment(received_at)? }]).await?;
    }
    Ok(true)
}
