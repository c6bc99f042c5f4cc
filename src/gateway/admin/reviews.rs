//! What staff note about received files beside the review: flag, comment, that they have looked.

use super::{Admin, AdminError};
use crate::domain::ids::MessageId;
use crate::domain::staff::StaffName;
use crate::store::gateway::reviews;

impl Admin {
    /// Somebody looks at a message; their first look is in the audit.
    pub async fn look_at(&self, id: MessageId, me: &StaffName) -> Result<(), AdminError> {
        let message = self.find(id).await?;
        let database = &self.gateway.receiver.database;
        let mut transaction = database.write().await?;
        if reviews::set_read(&mut transaction, message.number, me, self.now()).await? {
            let state = message.state.code();
            self.log(&mut transaction, "message.read", &id.to_string(), state, state).await?;
        }
        Ok(database.commit(transaction).await?)
    }

    /// Somebody takes the audit, or a part of it, away as a file.
    pub async fn note_export(&self) -> Result<(), AdminError> {
        let database = &self.gateway.receiver.database;
        let mut transaction = database.write().await?;
        self.log(&mut transaction, "audit.exported", "audit", "", "").await?;
        Ok(database.commit(transaction).await?)
    }

    /// Sets or takes away the flag.
    pub async fn flag(&self, id: MessageId, on: bool) -> Result<(), AdminError> {
        let message = self.find(id).await?;
        let database = &self.gateway.receiver.database;
        let mut transaction = database.write().await?;
        if reviews::set_flag(&mut transaction, message.number, on.then(|| self.now())).await? {
            let (before, after) = if on { ("", "flagged") } else { ("flagged", "") };
            self.log(&mut transaction, "message.flagged", &id.to_string(), before, after).await?;
        }
        Ok(database.commit(transaction).await?)
    }

    /// Writes a comment, for staff only. The audit has that one was written, not what.
    pub async fn comment(&self, id: MessageId, me: &StaffName, text: &str) -> Result<(), AdminError> {
        let message = self.find(id).await?;
        let database = &self.gateway.receiver.database;
        let mut transaction = database.write().await?;
        reviews::comment(&mut transaction, message.number, me, text, self.now()).await?;
        self.log(&mut transaction, "message.commented", &id.to_string(), "", "").await?;
        Ok(database.commit(transaction).await?)
    }
}
