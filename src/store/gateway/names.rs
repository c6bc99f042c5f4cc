//! What ids stand for, in the words of staff. All that a page names is looked up together, by a statement for each kind.

use std::collections::{BTreeSet, HashMap};

use sqlx::SqliteConnection;

use super::{corrupt, offices};
use crate::domain::ids::OfficeCode;
use crate::store::sqlite::StoreError;

/// What is to be named. What is none of ours, or is not there any more, has no name.
#[derive(Debug, Clone, Default)]
pub struct Ids<'a> {
    /// Of users.
    pub users: BTreeSet<&'a str>,
    /// Of received messages, of sent ones and of dispatches.
    pub files: BTreeSet<&'a str>,
    /// Codes of offices.
    pub offices: BTreeSet<&'a str>,
}

/// A user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// 利用者名, where it was told.
    pub name: Option<String>,
    /// The code of the office.
    pub office: String,
}

/// A file on its way to us or from us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Its name; of one in quarantine as it claims, if it could be read.
    pub name: Option<String>,
    /// The code of the office that it came from, or goes to.
    pub office: Option<String>,
    /// Whether we send it.
    pub is_sent: bool,
}

/// Names, by id.
#[derive(Debug, Clone, Default)]
pub struct Names {
    /// Of users.
    pub users: HashMap<String, User>,
    /// Of files.
    pub files: HashMap<String, File>,
    /// Of offices, those of these users and files among them.
    pub offices: HashMap<String, String>,
}

/// Looks them up.
pub async fn find(connection: &mut SqliteConnection, ids: &Ids<'_>) -> Result<Names, StoreError> {
    let mut names = Names::default();
    if !ids.users.is_empty() {
        let found = sqlx::query_as("SELECT id, office, name FROM users WHERE id IN (SELECT value FROM json_each($1))");
        let rows: Vec<(String, String, Option<String>)> =
            found.bind(listed(&ids.users)?).fetch_all(&mut *connection).await?;
        names.users = rows.into_iter().map(|(id, office, name)| (id, User { name, office })).collect();
    }
    if !ids.files.is_empty() {
        let rows: Vec<FileRow> = sqlx::query_as(FILES).bind(listed(&ids.files)?).fetch_all(&mut *connection).await?;
        for (id, office, name, kind) in rows {
            let file = File { name, office, is_sent: kind == SENT };
            // What is in quarantine may claim the id of another file.
            if kind == CLAIMED {
                names.files.entry(id).or_insert(file);
            } else {
                names.files.insert(id, file);
            }
        }
    }
    let of_users = names.users.values().map(|user| user.office.as_str());
    let of_files = names.files.values().filter_map(|file| file.office.as_deref());
    let codes: BTreeSet<&str> = ids.offices.iter().copied().chain(of_users).chain(of_files).collect();
    let codes: Vec<OfficeCode> = codes.into_iter().filter_map(|code| code.parse().ok()).collect();
    let found = offices::find_all(connection, &codes).await?;
    names.offices =
        found.into_iter().map(|office| (office.code.to_string(), office.name.as_str().to_owned())).collect();
    Ok(names)
}

/// Id, office, name, kind.
type FileRow = (String, Option<String>, Option<String>, i64);

/// Kinds of files in [`FILES`].
const CLAIMED: i64 = 0;
const SENT: i64 = 2;

const FILES: &str = "SELECT id, office, file_name, 0 FROM messages
         WHERE verdict = 'quarantined' AND id IN (SELECT value FROM json_each($1))
     UNION ALL SELECT id, office, file_name, 1 FROM messages
         WHERE verdict = 'accepted' AND id IN (SELECT value FROM json_each($1))
     UNION ALL SELECT s.id, s.office, d.file_name, 2 FROM sent s JOIN dispatches d ON d.number = s.dispatch
         WHERE s.id IN (SELECT value FROM json_each($1))
     UNION ALL SELECT id, NULL, file_name, 2 FROM dispatches WHERE id IN (SELECT value FROM json_each($1))";

fn listed(ids: &BTreeSet<&str>) -> Result<String, StoreError> {
    serde_json::to_string(ids).map_err(corrupt("ids"))
}
