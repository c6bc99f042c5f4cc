//! Follows changes that commands make to the database of a running server.

use std::sync::atomic::{AtomicI64, Ordering};

use crate::relay::fault::chain;
use crate::relay::state::State;
use crate::store::relay::registry;
use crate::store::sqlite::StoreError;

/// Remembers the version that was read last.
#[derive(Debug, Default)]
pub struct Follower(AtomicI64);

impl Follower {
    /// Starts from a version that has been read already.
    pub fn new(version: i64) -> Self {
        Self(AtomicI64::new(version))
    }

    /// Reads the registry again when it has another version, and sends away who may not be here any more.
    pub async fn follow(&self, state: &State) -> Result<(), &'static str> {
        let failed = |error: StoreError| {
            tracing::error!(code = "registry.unreadable", error = chain(&error), "the registry cannot be read");
            "registry.unreadable"
        };
        let version = registry::version(state.database.read()).await.map_err(failed)?;
        if version == self.0.load(Ordering::Acquire) {
            return Ok(());
        }
        state.registry.reload(&state.database).await.map_err(failed)?;
        state.send_away();
        self.0.store(version, Ordering::Release);
        tracing::info!(code = "registry.reloaded", version, "the registry was changed and read again");
        Ok(())
    }
}
