//! Follows changes that commands make to the database of a running server.

use crate::relay::fault::chain;
use crate::relay::state::State;
use crate::store::relay::registry;
use crate::store::sqlite::StoreError;

/// Reads the registry again when it has another version, and sends away who may not be here any more.
pub async fn follow(state: &State) -> Result<(), &'static str> {
    let failed = |error: StoreError| {
        tracing::error!(code = "registry.unreadable", error = chain(&error), "the registry cannot be read");
        "registry.unreadable"
    };
    let version = registry::version(state.database.read()).await.map_err(failed)?;
    if version == state.registry.version() {
        return Ok(());
    }
    let changed = state.registry.reload(&state.database).await.map_err(failed)?;
    state.send_away();
    state.send_away_users_of(&changed);
    tracing::info!(code = "registry.reloaded", version, "the registry was changed and read again");
    Ok(())
}
