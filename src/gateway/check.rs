//! What can be wrong with settings beyond their text: files that they name, the way to the relay, the scanner.

use std::error::Error;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::api;
use super::config::GatewaySettings;
use super::flows::{hooks, notices};
use super::keys::Keys;
use super::vpn::State;
use crate::config::{Fault, Faults};
use crate::domain::clock::Clock;
use crate::wire::client::{Settings, UnionClient};

/// Everything that would keep the gateway, or a part of it, from starting or from its work.
pub async fn check(settings: &GatewaySettings, clock: &Arc<dyn Clock>) -> Vec<Fault> {
    let mut faults = match Keys::load(settings) {
        Ok((keys, relay)) => {
            let mut faults = keys.check(clock.now()).err().map_or_else(Vec::new, |faults| faults.0);
            faults.extend(way(&relay).await);
            faults
        }
        Err(Faults(faults)) => faults,
    };
    if let Some(scanner) = settings.scan.scanner() {
        let asked = tokio::task::spawn_blocking(move || scanner.ping(&CancellationToken::new())).await;
        if let Ok(Err(unscanned)) = asked {
            faults.push(Fault::new("scan.clamd", format!("{}: {unscanned}", unscanned.code())));
        }
    }
    if let Some(folder) = settings.storage.database.parent()
        && folder.exists()
        && rustix::fs::access(folder, rustix::fs::Access::WRITE_OK).is_err()
    {
        faults.push(Fault::new("storage.database", format!("{} cannot be written to", folder.display())));
    }
    if settings.api.listen().is_some() {
        let wrong = api::check(&settings.api, Arc::clone(clock)).err();
        faults.extend(wrong.map(|error| Fault::new("api.certificate", chain(&error))));
    }
    faults.extend(hooks::check(&settings.hooks).err().map(|error| Fault::new("hooks", chain(&error))));
    faults.extend(notices::check(settings).err().map(|error| Fault::new("mail", chain(&error))));
    faults
}

/// What is wrong with the prescribed way to the relay.
async fn way(relay: &Settings) -> Option<Fault> {
    let client = match UnionClient::new(relay) {
        Ok(client) => client,
        Err(error) => return Some(Fault::new("relay", error.to_string())),
    };
    let reason = State::of(&client).await.reason()?;
    Some(Fault::new("relay", format!("{}: {}", reason.code(), reason.words())))
}

fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
