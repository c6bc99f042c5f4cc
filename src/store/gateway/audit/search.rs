//! The audit as auditors search it: the newest first, and always along an index.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use sqlx::{QueryBuilder, Sqlite, SqliteConnection};

use super::{Recorded, Row, recorded};
use crate::domain::ids::OfficeCode;
use crate::store::sqlite::{StoreError, micros, moment};

/// Which entries.
#[derive(Debug, Clone, Default)]
pub struct Search {
    /// What this one did, as the audit calls them.
    pub actor: Option<String>,
    /// Any of these actions; every one when there is none.
    pub actions: Vec<String>,
    /// About this alone.
    pub subject: Option<String>,
    /// About files and users of this office alone.
    pub office: Option<OfficeCode>,
    /// Not before this.
    pub from: Option<Timestamp>,
    /// Before this.
    pub until: Option<Timestamp>,
    /// Only what comes after this place in the list.
    pub after: Option<Place>,
    /// Only what was there when the entry of this number was written, that one among it.
    pub up_to: Option<i64>,
}

/// A place in the list: it stays where it is when entries are added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    at: i64,
    number: i64,
}

impl Place {
    /// Of an entry.
    pub fn of(entry: &Recorded) -> Self {
        Self { at: micros(entry.at), number: entry.number }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.at, self.number)
    }
}

/// Text that is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a place in the audit")]
pub struct NoPlace;

impl FromStr for Place {
    type Err = NoPlace;

    fn from_str(text: &str) -> Result<Self, NoPlace> {
        let (at, number) = text.split_once('-').ok_or(NoPlace)?;
        let [at, number] = [at, number].map(|part| part.parse::<i64>().ok().filter(|part| *part >= 0));
        let place = Self { at: at.ok_or(NoPlace)?, number: number.ok_or(NoPlace)? };
        moment(place.at).map(|_| place).map_err(|_| NoPlace)
    }
}

/// The newest entries that fit.
pub async fn search(
    connection: &mut SqliteConnection,
    search: &Search,
    limit: u32,
) -> Result<Vec<Recorded>, StoreError> {
    let mut found = Vec::new();
    for actions in search.parts() {
        let rows: Vec<Row> =
            search.statement(SELECT, actions, limit).build_query_as().fetch_all(&mut *connection).await?;
        for row in rows {
            found.push(recorded(row)?);
        }
    }
    found.sort_by_key(|entry| std::cmp::Reverse((entry.at, entry.number)));
    found.truncate(limit as usize);
    Ok(found)
}

/// The number of the newest entry; 0 when there is none.
pub async fn newest_number(connection: &mut SqliteConnection) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar("SELECT coalesce(max(number), 0) FROM audit").fetch_one(connection).await?)
}

/// How the database goes about it: the lines of its plans.
pub async fn plan(connection: &mut SqliteConnection, search: &Search) -> Result<Vec<String>, StoreError> {
    type Step = (i64, i64, i64, String);
    let mut lines = Vec::new();
    for actions in search.parts() {
        let mut statement = search.statement(&format!("EXPLAIN QUERY PLAN {SELECT}"), actions, 50);
        let rows: Vec<Step> = statement.build_query_as().fetch_all(&mut *connection).await?;
        lines.extend(rows.into_iter().map(|(.., step)| step));
    }
    Ok(lines)
}

const SELECT: &str = "SELECT number, at, actor, action, subject, before, after, origin FROM audit WHERE ";

impl Search {
    /// What is asked for at once. Of a subject there is little, whatever was done, and an office's index has the action in it; else each
    /// action has its own way along the index, which ends as soon as the page is full.
    fn parts(&self) -> Vec<&[String]> {
        if self.actions.is_empty() || self.subject.is_some() || self.office.is_some() {
            return vec![&self.actions];
        }
        self.actions.chunks(1).collect()
    }

    fn statement(&self, select: &str, actions: &[String], limit: u32) -> QueryBuilder<Sqlite> {
        let mut query = QueryBuilder::new(select);
        let end = self.after.map_or(i64::MAX, |place| place.at);
        query.push("at <= ").push_bind(end);
        if let Some(place) = self.after {
            query.push(" AND (at < ").push_bind(place.at).push(" OR +number < ").push_bind(place.number).push(")");
        }
        if let Some(number) = self.up_to {
            query.push(" AND +number <= ").push_bind(number);
        }
        if let Some(from) = self.from {
            query.push(" AND at >= ").push_bind(micros(from));
        }
        if let Some(until) = self.until {
            query.push(" AND at < ").push_bind(micros(until));
        }
        if let Some(actor) = &self.actor {
            query.push(" AND actor = ").push_bind(actor.clone());
        }
        if let Some(subject) = &self.subject {
            query.push(" AND subject = ").push_bind(subject.clone());
        }
        if let Some(office) = &self.office {
            query.push(" AND office = ").push_bind(office.to_string());
        }
        match actions {
            [] => (),
            [one] => {
                query.push(" AND action = ").push_bind(one.clone());
            }
            several => {
                query.push(" AND +action IN (");
                let mut list = query.separated(", ");
                for action in several {
                    list.push_bind(action.clone());
                }
                query.push(")");
            }
        }
        query.push(" ORDER BY at DESC, number DESC LIMIT ").push_bind(limit);
        query
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_and_written() {
        let place = Place { at: 1_700_000_000_000_000, number: 7 };
        assert_eq!(place.to_string().parse(), Ok(place));
        for text in ["", "7", "-1-2", "1--2", "a-b", "9223372036854775807-1", "1-2; DROP TABLE audit"] {
            assert!(text.parse::<Place>().is_err(), "{text}");
        }
    }
}
