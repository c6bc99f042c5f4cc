//! What can be wrong with a configuration beyond its text.

use std::sync::Arc;

use super::config::Config;
use super::{identities, mail};
use crate::config::Fault;
use crate::domain::clock::Clock;
use crate::http::{Identity, ServerTls};
use crate::relay::fault::chain;

/// Everything that would keep the relay from starting, as far as files go.
pub fn check(config: &Config, clock: &Arc<dyn Clock>) -> Vec<Fault> {
    let mut faults = Vec::new();
    let (vpn, employer, enrolment) = (&config.vpn, &config.employer, &config.enrolment);
    for (key, certificate, private) in [
        ("vpn.certificate", &vpn.certificate, &vpn.key),
        ("employer.certificate", &employer.certificate, &employer.key),
        ("enrolment.certificate", &enrolment.certificate, &enrolment.key),
    ] {
        let identity = Identity::load(certificate, private);
        let usable = identity.and_then(|identity| ServerTls::new(identity, None, Arc::clone(clock)));
        faults.extend(usable.err().map(|error| Fault::new(key, chain(&error))));
    }
    let receipts = identities::receipts(&config.receipts);
    faults.extend(receipts.err().map(|error| Fault::new("receipts.certificate", chain(&error))));
    faults.extend(identities::roots(config).err().map(|error| Fault::new("employer.roots", chain(&error))));
    faults.extend(mail::mailer(config).err().map(|error| Fault::new("mail", chain(&error))));
    let nearest = config.data.ancestors().find(|folder| folder.exists());
    if nearest.is_none_or(|folder| folder.metadata().is_ok_and(|data| data.permissions().readonly())) {
        faults.push(Fault::new("data", "the folder cannot be made or written"));
    }
    faults
}
