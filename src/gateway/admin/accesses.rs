//! What auditors ask: who looked at the inside of which file.

use super::{Admin, AdminError};
use crate::domain::schedule::jst;
use crate::gateway::listing::Listing;
use crate::store::gateway::accesses::{self, Access, Filter};
use crate::store::gateway::search::Page;

/// Rows that are read at once for an export.
const PAGE: usize = 500;
/// Rows of an export. Who needs more asks for a shorter time.
const MOST: usize = 100_000;

impl Admin {
    /// A page of accesses, newest first.
    pub async fn accesses(&self, filter: &Filter, limit: usize) -> Result<Page<Access>, AdminError> {
        let mut reader = self.gateway.receiver.database.reader().await?;
        Ok(accesses::list(&mut reader, filter, limit).await?)
    }

    /// All of them as a CSV file for Excel, newest first, with an entry in the audit that they were taken out.
    pub async fn export_accesses(&self, filter: &Filter) -> Result<Vec<u8>, AdminError> {
        let heading = ["日時", "操作者", "操作", "事業所", "利用者", "ファイル名", "ID"];
        let (mut listing, mut rows) = (Listing::new(&heading), 0);
        let mut filter = filter.clone();
        while rows < MOST {
            let page = self.accesses(&filter, PAGE).await?;
            for access in &page.rows {
                listing.row(&[
                    jst(access.at).strftime("%Y/%m/%d %H:%M:%S").to_string(),
                    access.actor.clone(),
                    access.action.clone(),
                    access.office.clone().unwrap_or_default(),
                    access.user.clone().unwrap_or_default(),
                    access.file_name.clone().unwrap_or_default(),
                    access.message.to_string(),
                ]);
            }
            rows += page.rows.len();
            filter.before = page.next;
            if page.next.is_none() {
                break;
            }
        }
        let database = &self.gateway.receiver.database;
        let mut transaction = database.write().await?;
        self.log(&mut transaction, "accesses.exported", "accesses", "", &format!("rows:{rows}")).await?;
        database.commit(transaction).await?;
        Ok(listing.into_bytes())
    }
}
