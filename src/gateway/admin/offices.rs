//! Offices.

use super::{Admin, AdminError};
use crate::domain::ids::OfficeCode;
use crate::domain::person::OfficeName;
use crate::store::gateway::offices::{self, Office};

impl Admin {
    /// Registers an office.
    pub async fn add_office(&self, code: &OfficeCode, name: &OfficeName) -> Result<Office, AdminError> {
        let database = &self.gateway.receiver.database;
        let office = Office { code: code.clone(), name: name.clone(), created_at: self.now() };
        let mut transaction = database.write().await?;
        offices::insert(&mut transaction, &office).await?;
        self.log(&mut transaction, "office.added", code.as_str(), "", "registered").await?;
        database.commit(transaction).await?;
        Ok(office)
    }

    /// The offices after `after`, by code.
    pub async fn offices(&self, after: Option<&OfficeCode>, limit: u32) -> Result<Vec<Office>, AdminError> {
        Ok(offices::list(self.gateway.receiver.database.read(), after, limit).await?)
    }
}
