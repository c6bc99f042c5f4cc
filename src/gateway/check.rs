//! What can be wrong with a configuration: its text, and the files, folders and addresses that it names. Everything at once.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use rustix::fs::Access;
use tokio_util::sync::CancellationToken;

use super::config::GatewaySettings;
use super::flows::handoff::PARTS;
use super::flows::{hooks, notices};
use super::keys::Keys;
use super::vpn::State;
use super::{api, console};
use crate::config::{Fault, Faults};
use crate::domain::clock::ManualClock;
use crate::operations::doctor;
use crate::operations::places::{self, Service};
use crate::runtime::telemetry::chain;
use crate::store::gateway::{MIGRATIONS, owner};
use crate::store::sqlite::{self, MigrationState, StoreError, migration_state};
use crate::wire::client::{self, UnionClient};

/// The metric by which a running gateway is known.
pub(super) const METRIC: &str = "kx_gateway_build_info";

/// Everything that is wrong with the configuration in a file, with the prescribed way to the relay, and with the scanner.
pub(super) async fn check(file: &Path, now: Timestamp) -> Vec<Fault> {
    let at = file.to_owned();
    let looked = tokio::task::spawn_blocking(move || {
        let faults = on_this_machine(&at, now);
        let settings = GatewaySettings::examine(&at).ok().map(|(settings, _)| settings);
        let relay = settings.as_ref().and_then(|settings| Keys::load(settings).ok()).map(|(_, relay)| relay);
        let asked = settings.as_ref().and_then(|settings| settings.scan.scanner());
        let asked = asked.and_then(|scanner| scanner.ping(&CancellationToken::new()).err());
        let scanner = asked.map(|error| Fault::new("scan.clamd", format!("{}: {error}", error.code())));
        (faults, relay, scanner)
    });
    let (mut faults, relay, scanner) = looked.await.expect("looking does not panic");
    if let Some(relay) = relay.filter(|_| faults.iter().all(|fault| fault.key != "relay.url")) {
        faults.extend(way(&relay).await);
    }
    faults.extend(scanner);
    if let Ok((settings, _)) = GatewaySettings::examine(file) {
        faults.extend(database(&settings).await);
    }
    faults
}

/// A database that the gateway would not start with.
async fn database(settings: &GatewaySettings) -> Option<Fault> {
    const KEY: &str = "storage.database";
    let path = &settings.storage.database;
    if !path.try_exists().is_ok_and(|exists| exists) {
        return None;
    }
    match migration_state(path, &MIGRATIONS).await {
        // Damage is the doctor's.
        Err(error @ StoreError::Newer { .. }) => return Some(Fault::new(KEY, error.to_string())),
        Ok(MigrationState::UpToDate) => {}
        _ => return None,
    }
    let mut connection = sqlite::look(path).await.ok()?;
    let owner = owner(&mut connection).await.ok().flatten()?;
    let problem = || format!("{} is the database of another union ({owner})", path.display());
    (owner != settings.insurer().as_str()).then(|| Fault::new(KEY, problem()))
}

/// What is wrong with the prescribed way to the relay.
async fn way(relay: &client::Settings) -> Option<Fault> {
    let client = match UnionClient::new(relay) {
        Ok(client) => client,
        Err(error) => return Some(Fault::new("relay", error.to_string())),
    };
    let reason = State::of(&client).await.reason()?;
    Some(Fault::new("relay", format!("{}: {}", reason.code(), reason.words())))
}

fn on_this_machine(file: &Path, now: Timestamp) -> Vec<Fault> {
    let (settings, mut faults) = match GatewaySettings::examine(file) {
        Ok(examined) => examined,
        Err(Faults(faults)) => return faults,
    };
    let union = Some(settings.insurer()).filter(|_| faults.iter().all(|fault| fault.key != "insurer"));
    let mut more = Keys::examine(&settings, union.as_ref(), now);
    more.extend(secrets(&settings).into_iter().filter_map(|(key, path)| places::secret(key, path)));
    more.extend(folders(&settings));
    if let Some(service) = service(&settings) {
        more.extend(secrets(&settings).into_iter().filter_map(|(key, path)| service.cannot_read(key, path)));
        more.extend(service.cannot_read("configuration", file));
        // Groups that the service has beside its own are not known here: those of the handoff are for the core system's account.
        let folders = all_folders(&settings).into_iter().filter(|(key, _)| *key != doctor::HANDOFF);
        more.extend(folders.filter_map(|(key, path)| service.cannot_write(key, &path)));
    }
    more.extend(api(&settings, now));
    more.extend(console(&settings, now));
    more.extend(hooks(&settings));
    more.extend(mail(&settings));
    more.extend(addresses(&settings));
    let said: Vec<String> = faults.iter().map(|fault| fault.key.clone()).collect();
    faults.extend(more.into_iter().filter(|fault| !said.contains(&fault.key)));
    faults
}

/// Every file that nobody else may read, by the key that names it.
pub(super) fn secrets(settings: &GatewaySettings) -> Vec<(&'static str, &Path)> {
    let (keys, hooks) = (&settings.keys, &settings.hooks);
    let lists = [("keys.signing", &keys.signing), ("keys.encryption", &keys.encryption)];
    let lists = lists.into_iter().flat_map(|(key, paths)| paths.iter().map(move |path| (key, path.as_path())));
    let single = [
        ("relay.credential", Some(settings.relay.credential.as_path())),
        ("keys.ca_key", keys.ca_key()),
        ("api.key", settings.api.listen().map(|_| settings.api.key.as_path())),
        ("console.key", settings.console.listen().map(|_| settings.console.key.as_path())),
        ("hooks.secret", hooks.url().and_then(|_| hooks.secret())),
        ("mail.credentials", Some(settings.mail.credentials.as_path()).filter(|path| !path.as_os_str().is_empty())),
    ];
    let single = single.into_iter().filter_map(|(key, path)| Some((key, path?)));
    lists.chain(single).collect()
}

/// The account that the gateway runs as, as far as root can tell.
pub(super) fn service(settings: &GatewaySettings) -> Option<Service> {
    let data = settings.storage.database.parent().unwrap_or(Path::new("."));
    Service::of(data, settings.file.as_deref().unwrap_or(Path::new(".")))
}

/// Every folder that is written to, by the key that names it.
pub(super) fn all_folders(settings: &GatewaySettings) -> Vec<(&'static str, PathBuf)> {
    let storage = &settings.storage;
    let always = [
        ("storage.spool", Some(storage.spool.as_path())),
        ("storage.archive", Some(storage.archive.as_path())),
        ("storage.quarantine", Some(storage.quarantine.as_path())),
        ("storage.outbox", Some(storage.outbox.as_path())),
        ("storage.database", storage.database.parent()),
        ("api.uploads", settings.api.listen().map(|_| settings.api.uploads.as_path())),
    ];
    let always = always.into_iter().filter_map(|(key, path)| Some((key, path?.to_owned())));
    // The folder itself may be somebody else's.
    let handoff = settings.handoff.folder().into_iter().flat_map(|folder| PARTS.map(|part| folder.join(part)));
    always.chain(handoff.map(|folder| (doctor::HANDOFF, folder))).collect()
}

fn folders(settings: &GatewaySettings) -> Vec<Fault> {
    let folders = all_folders(settings);
    let wrong = folders.iter().filter_map(|(key, path)| places::folder(key, path));
    let together: Vec<(&str, &Path)> = folders[..3].iter().map(|(key, path)| (*key, path.as_path())).collect();
    wrong.chain(places::one_file_system(&together)).collect()
}

fn api(settings: &GatewaySettings, now: Timestamp) -> Option<Fault> {
    settings.api.listen()?;
    let wrong = api::check(&settings.api, Arc::new(ManualClock::new(now))).err()?;
    Some(Fault::new("api.certificate", chain(&wrong)))
}

fn console(settings: &GatewaySettings, now: Timestamp) -> Option<Fault> {
    settings.console.listen()?;
    let wrong = console::check(&settings.console, Arc::new(ManualClock::new(now))).err()?;
    Some(Fault::new("console.certificate", chain(&wrong)))
}

fn hooks(settings: &GatewaySettings) -> Vec<Fault> {
    let program = settings.hooks.command.first().map(Path::new).filter(|program| program.is_absolute());
    let cannot_run = program.filter(|program| rustix::fs::access(*program, Access::EXEC_OK).is_err());
    let program = cannot_run.map(|program| Fault::new("hooks.command", format!("{} cannot be run", program.display())));
    let post = hooks::check(&settings.hooks).err().map(|error| Fault::new("hooks", chain(&error)));
    program.into_iter().chain(post).collect()
}

fn mail(settings: &GatewaySettings) -> Option<Fault> {
    let folder = settings.file.as_deref().and_then(Path::parent).unwrap_or(Path::new("."));
    let way = notices::mailer(&settings.mail, folder).err().map(|error| chain(&error));
    let wrong = way.or_else(|| notices::check(settings).err().map(|error| chain(&error)))?;
    Some(Fault::new("mail", wrong))
}

fn addresses(settings: &GatewaySettings) -> Vec<Fault> {
    let all = settings.listeners();
    // Without an address for health nobody can tell whose the others are.
    let is_ours = |at| settings.metrics.listen().is_none_or(|watch| places::listens(watch, METRIC, at));
    let wrong = all.iter().filter_map(|(key, address)| places::address(key, *address, is_ours));
    wrong.chain(places::twice(&all)).collect()
}
