//! What can be wrong with a configuration beyond its text.

use std::sync::Arc;

use super::config::Config;
use super::identities;
use crate::config::Fault;
use crate::domain::clock::Clock;
use crate::http::{Identity, ServerTls};
use crate::relay::fault::chain;

/// Everything that would keep the relay from starting, as far as files go.
pub fn check(config: &Config, clock: &Arc<dyn Clock>) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (key, listener) in [("vpn.certificate", &config.vpn), ("employer.certificate", &config.employer)] {
        let identity = Identity::load(&listener.certificate, &listener.key);
        let usable = identity.and_then(|identity| ServerTls::new(identity, None, Arc::clone(clock)));
        faults.extend(usable.err().map(|error| Fault::new(key, chain(&error))));
    }
    let receipts = identities::receipts(&config.receipts);
    faults.extend(receipts.err().map(|error| Fault::new("receipts.certificate", chain(&error))));
    let nearest = config.data.ancestors().find(|folder| folder.exists());
    if nearest.is_none_or(|folder| folder.metadata().is_ok_and(|data| data.permissions().readonly())) {
        faults.push(Fault::new("data", "the folder cannot be made or written"));
    }
    faults
}
