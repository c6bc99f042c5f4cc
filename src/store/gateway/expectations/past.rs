//! What came before anybody expected it.

use jiff::civil::Date;
use sqlx::SqliteConnection;

use super::Kept;
use super::note::{Archived, insert};
use crate::store::gateway::search::Days;
use crate::store::gateway::search::received::{self, Filter};
use crate::store::sqlite::StoreError;

/// Files that are looked through at once.
const PAGE: usize = 2_000;
/// How often: nobody is held up for longer than a few seconds.
const PAGES: usize = 100;

/// Notes what came from this day on, the newest first, as the lists find it by a part of its name. Whether that was all of it.
pub async fn note(connection: &mut SqliteConnection, kept: &Kept, from: Date) -> Result<bool, StoreError> {
    let mut filter = Filter {
        name: Some(kept.expectation.part().to_owned()),
        days: Days { from: Some(from), until: None },
        ..Filter::default()
    };
    for _ in 0..PAGES {
        let page = received::list(connection, &filter, PAGE).await?;
        let files = page.rows.iter().filter_map(|row| {
            let (office, name) = (row.office.as_deref()?, row.file_name.as_deref()?);
            Some(Archived { number: row.number, office, name, at: row.received_at })
        });
        insert(connection, kept.number, &files.collect::<Vec<_>>()).await?;
        match page.next {
            Some(next) => filter.before = Some(next),
            None => return Ok(true),
        }
    }
    Ok(false)
}
