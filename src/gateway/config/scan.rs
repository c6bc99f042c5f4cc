//! Settings of the malware scanner.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;

use crate::config::Fault;
use crate::gateway::scan::{Place, Scanner};

/// `[scan]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct ScanSettings {
    clamd: String,
    /// Seconds of silence after which it is given up.
    pub timeout_seconds: u64,
    /// Whether what is sent is scanned, too.
    pub outgoing: bool,
}

impl ScanSettings {
    /// Where clamd listens, where there is one.
    pub fn place(&self) -> Option<Place> {
        let address = self.clamd.parse::<SocketAddr>().ok().filter(|address| address.ip().is_loopback());
        let path = Path::new(&self.clamd);
        address.map(Place::Address).or_else(|| path.is_absolute().then(|| Place::Socket(path.to_owned())))
    }

    /// The scanner, where there is one.
    pub fn scanner(&self) -> Option<Scanner> {
        let scanner = Scanner::new(self.place()?, Duration::from_secs(self.timeout_seconds));
        Some(scanner.also_outgoing(self.outgoing))
    }

    /// What is wrong with them.
    pub(super) fn faults(&self) -> Vec<Fault> {
        let checks = [
            (
                self.clamd.is_empty() || self.place().is_some(),
                "scan.clamd",
                "must be the whole path of a Unix socket, or ADDRESS:PORT of this machine (what is scanned goes there unencrypted)",
            ),
            ((1..=3_600).contains(&self.timeout_seconds), "scan.timeout_seconds", "must be 1 to 3600"),
        ];
        checks.into_iter().filter(|(valid, ..)| !valid).map(|(_, key, problem)| Fault::new(key, problem)).collect()
    }
}
