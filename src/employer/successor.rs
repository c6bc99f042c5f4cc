//! A new PC of a user who has sent from another before.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::disk::LocalDisk;
use super::error::EmployerError;
use super::ledger::Ledger;
use super::pc::User;
use crate::wire::enrolment::StreamPosition;
use crate::wire::page::{MAX_LIMIT, PageQuery};

/// Goes on behind the PC before, in the stream of messages to the union.
pub(super) async fn go_on_behind(folder: &Path, position: StreamPosition) -> Result<(), EmployerError> {
    let folder = folder.to_owned();
    let write = move || Ledger::open(&folder, Arc::new(LocalDisk))?.go_on_behind(position);
    let written = tokio::task::spawn_blocking(write).await;
    Ok(written.expect("work on the ledger does not panic")?)
}

/// Marks what the relay has from this user so far as known: what this folder has no record of is of the PC before, and no
/// sign that the folder is an old copy. The union has said where the stream goes on.
pub(super) async fn begin_after_others(user: &User) -> Result<(), EmployerError> {
    let folder = user.home().folder().to_owned();
    let client = user.client()?;
    let mut query = PageQuery { limit: Some(MAX_LIMIT), ..PageQuery::default() };
    loop {
        let page = client.sent(query).await?;
        query.after = page.next.or(query.after);
        if !page.more {
            break;
        }
    }
    let Some(seen) = query.after else { return Ok(()) };
    let mark = move |folder: PathBuf| Ledger::open(&folder, Arc::new(LocalDisk))?.set_seen(seen);
    let marked = tokio::task::spawn_blocking(move || mark(folder)).await;
    Ok(marked.expect("work on the ledger does not panic")?)
}
