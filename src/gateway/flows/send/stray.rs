//! Our own copies of dispatches that were never made: whoever was killed between the two left one behind.

use std::collections::HashSet;
use std::io;
use std::time::SystemTime;

use jiff::SignedDuration;

use super::{SendError, Sender};
use crate::domain::ids::MessageId;
use crate::gateway::relay::Relay;
use crate::store::gateway::dispatches;

/// Nobody takes as long from a copy to its row.
const AGE: SignedDuration = SignedDuration::from_hours(24);

impl<R: Relay> Sender<R> {
    /// Removes copies without a dispatch that are a day old. Answers how many.
    pub async fn remove_strays(&self) -> Result<usize, SendError> {
        let before = self.receiver.clock.now().checked_sub(AGE).map(SystemTime::from);
        let Ok(before) = before else { return Ok(0) };
        let folder = self.outbox.folder().to_owned();
        let old = tokio::task::spawn_blocking(move || -> io::Result<Vec<MessageId>> {
            let mut found = Vec::new();
            for entry in std::fs::read_dir(folder)? {
                let path = entry?.path();
                let is_copy = path.extension().is_some_and(|extension| extension == "staged");
                let id = path.file_stem().and_then(|stem| stem.to_str()?.parse().ok());
                if let Some(id) = id.filter(|_| is_copy)
                    && path.metadata().and_then(|metadata| metadata.modified()).is_ok_and(|at| at < before)
                {
                    found.push(id);
                }
            }
            Ok(found)
        });
        let old = old.await.map_err(|_| SendError::Internal)??;
        let mut reader = self.receiver.database.reader().await?;
        let known: HashSet<MessageId> = dispatches::known(&mut reader, &old).await?;
        drop(reader);
        let strays: Vec<_> =
            old.into_iter().filter(|id| !known.contains(id)).map(|id| self.outbox.staged(id)).collect();
        let count = strays.len();
        let removed = tokio::task::spawn_blocking(move || strays.iter().try_for_each(std::fs::remove_file));
        removed.await.map_err(|_| SendError::Internal)??;
        if count > 0 {
            tracing::info!(code = "outbox.strays", count, "copies of dispatches that were never made are removed");
        }
        Ok(count)
    }
}
