//! What can be wrong with a configuration: its text, and the files, folders and addresses that it names. Everything at once.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use super::config::Config;
use super::{identities, mail};
use crate::config::{Fault, Faults, examine};
use crate::domain::clock::Clock;
use crate::http::{Identity, ServerTls};
use crate::operations::places::{self, Service};
use crate::runtime::telemetry::chain;

/// The metric by which a running relay is known.
pub(super) const METRIC: &str = "kx_relay_build_info";

/// Everything that is wrong with the configuration in a file.
pub fn check(file: &Path, clock: &Arc<dyn Clock>) -> Vec<Fault> {
    let (config, mut faults) = match examine::<Config>(file) {
        Ok(examined) => (examined.settings, examined.faults),
        Err(Faults(faults)) => return faults,
    };
    let mut more = files(&config, clock);
    more.extend(secrets(&config).into_iter().filter_map(|(key, path)| places::secret(key, path)));
    more.extend(places::folder("data", &config.data));
    if let Some(service) = Service::of(&config.data, file) {
        more.extend(secrets(&config).into_iter().filter_map(|(key, path)| service.cannot_read(key, path)));
        more.extend(service.cannot_read("configuration", file));
        more.extend(service.cannot_write("data", &config.data));
    }
    more.extend(addresses(&config));
    let said: Vec<String> = faults.iter().map(|fault| fault.key.clone()).collect();
    faults.extend(more.into_iter().filter(|fault| !said.contains(&fault.key)));
    faults
}

/// Every file that nobody else may read, by the key that names it.
pub(super) fn secrets(config: &Config) -> Vec<(&'static str, &Path)> {
    let mut all = vec![
        ("vpn.key", config.vpn.key.as_path()),
        ("employer.key", config.employer.key.as_path()),
        ("receipts.key", config.receipts.key.as_path()),
    ];
    if config.enrolment.key != config.employer.key {
        all.push(("enrolment.key", &config.enrolment.key));
    }
    if !config.mail.credentials.as_os_str().is_empty() {
        all.push(("mail.credentials", &config.mail.credentials));
    }
    all
}

/// Where the relay listens, by key.
pub(super) fn listeners(config: &Config) -> [(&'static str, SocketAddr); 4] {
    [
        ("vpn.address", config.vpn.address),
        ("employer.address", config.employer.address),
        ("enrolment.address", config.enrolment.address),
        ("watch.address", config.watch.address),
    ]
}

fn files(config: &Config, clock: &Arc<dyn Clock>) -> Vec<Fault> {
    let mut faults = Vec::new();
    let (vpn, employer, enrolment) = (&config.vpn, &config.employer, &config.enrolment);
    for (key, certificate, private) in [
        ("vpn.certificate", &vpn.certificate, &vpn.key),
        ("employer.certificate", &employer.certificate, &employer.key),
        ("enrolment.certificate", &enrolment.certificate, &enrolment.key),
    ] {
        if key == "enrolment.certificate" && certificate == &employer.certificate && private == &employer.key {
            continue;
        }
        let identity = Identity::load(certificate, private);
        let usable = identity.and_then(|identity| ServerTls::new(identity, None, Arc::clone(clock)));
        faults.extend(usable.err().map(|error| Fault::new(key, chain(&error))));
    }
    let receipts = identities::receipts(&config.receipts);
    faults.extend(receipts.err().map(|error| Fault::new("receipts.certificate", chain(&error))));
    faults.extend(identities::roots(config).err().map(|error| Fault::new("employer.roots", chain(&error))));
    faults.extend(mail::mailer(config).err().map(|error| Fault::new("mail", chain(&error))));
    if !enrolment.app.as_os_str().is_empty() && !enrolment.app.is_dir() {
        faults.push(Fault::new("enrolment.app", format!("{} is not a folder", enrolment.app.display())));
    }
    faults
}

fn addresses(config: &Config) -> Vec<Fault> {
    let all = listeners(config);
    let is_ours = |at| places::listens(config.watch.address, METRIC, at);
    let wrong = all.iter().filter_map(|(key, address)| places::address(key, *address, is_ours));
    wrong.chain(places::twice(&all)).collect()
}
