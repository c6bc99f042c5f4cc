//! Events that programs outside were not told of.

use super::{Admin, AdminError};
use crate::gateway::view::integration::LetterView;
use crate::store::gateway::hook_letters;

impl Admin {
    /// What programs are still to be told, oldest first.
    pub async fn hook_letters(&self, limit: u32) -> Result<Vec<LetterView>, AdminError> {
        let letters = hook_letters::list(self.gateway.receiver.database.read(), limit).await?;
        Ok(letters.iter().map(Into::into).collect())
    }

    /// Begins anew with what was given up. Answers how many events that are.
    pub async fn retry_hooks(&self) -> Result<u64, AdminError> {
        self.change_hooks("hook.retried", true).await
    }

    /// Drops what was given up. Answers how many events that were.
    pub async fn drop_hooks(&self) -> Result<u64, AdminError> {
        self.change_hooks("hook.dropped", false).await
    }

    async fn change_hooks(&self, action: &'static str, again: bool) -> Result<u64, AdminError> {
        let database = &self.gateway.receiver.database;
        let mut transaction = database.write().await?;
        let count = if again {
            hook_letters::retry(&mut transaction, self.now()).await?
        } else {
            hook_letters::drop_dead(&mut transaction).await?
        };
        if count > 0 {
            self.log(&mut transaction, action, "hooks", "given-up", &count.to_string()).await?;
        }
        database.commit(transaction).await?;
        Ok(count)
    }
}
