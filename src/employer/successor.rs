//! A new PC of a user who has sent from another before.

use std::path::PathBuf;
use std::sync::Arc;

use super::disk::LocalDisk;
use super::error::EmployerError;
use super::ledger::Ledger;
use super::pc::User;
use crate::wire::page::{MAX_LIMIT, PageQuery};

/// Marks what the relay has from this user so far as known, in a folder that has sent nothing itself: it is of the PC
/// before, and no sign that this folder is an old copy.
pub(super) async fn begin_after_others(user: &User) -> Result<(), EmployerError> {
    let folder = user.home().folder().to_owned();
    if Ledger::has_begun(&folder) {
        return Ok(());
    }
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
