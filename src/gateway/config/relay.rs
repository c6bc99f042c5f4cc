//! `[relay]`: where the relay is, and the way there.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use ipnet::IpNet;
use serde::Deserialize;

use crate::config::Fault;
use crate::gateway::vpn::Rules;
use crate::wire::client::{Guard, RelayUrl};

/// `[relay]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct RelaySettings {
    url: String,
    /// PEM certificates that vouch for the relay.
    pub ca: PathBuf,
    /// PEM certificates that the relay signs its receipts with.
    pub receipt_certificates: PathBuf,
    /// PEM certificate and key that we show.
    pub credential: PathBuf,
    /// Seconds until a connection must stand.
    pub connect_timeout_seconds: u64,
    /// Seconds of silence after which a request is given up.
    pub idle_timeout_seconds: u64,
    source_address: String,
    interface: String,
    networks: Vec<String>,
}

impl RelaySettings {
    /// Where the relay is.
    pub fn url(&self) -> RelayUrl {
        self.url.parse().expect("settings are checked when they are loaded")
    }

    /// Our own address on the way.
    pub fn source_address(&self) -> Option<IpAddr> {
        self.source_address.parse().ok()
    }

    /// The interface on the way.
    pub fn interface(&self) -> Option<String> {
        Some(self.interface.clone()).filter(|name| !name.is_empty())
    }

    /// What the relay's addresses are in; empty: anywhere.
    pub fn networks(&self) -> Vec<IpNet> {
        self.networks.iter().filter_map(|text| network(text)).collect()
    }

    /// Who is asked before each connection, where the way is prescribed.
    pub fn guard(&self) -> Option<Arc<dyn Guard>> {
        let (interface, source) = (self.interface(), self.source_address());
        let rules = Rules { interface, source, networks: self.networks() };
        rules.are_set().then(|| Arc::new(rules) as Arc<dyn Guard>)
    }

    /// Puts an address that leads nowhere in the place of one that is none, so that the rest can be looked at.
    pub(super) fn stand_in(&mut self) {
        if !self.has_url() {
            "https://localhost".clone_into(&mut self.url);
        }
    }

    fn has_url(&self) -> bool {
        self.url.parse::<RelayUrl>().is_ok()
    }

    pub(super) fn faults(&self) -> Vec<Fault> {
        let checks = [
            (self.has_url(), "relay.url", "must be https://HOST or https://HOST:PORT"),
            (
                self.source_address.is_empty() || self.source_address().is_some(),
                "relay.source_address",
                "must be an IP address or empty",
            ),
            (
                self.networks.iter().all(|text| network(text).is_some()),
                "relay.networks",
                "must be a list of networks such as 10.20.0.0/16, without bits of a host",
            ),
            (
                self.url.parse::<RelayUrl>().ok().and_then(|url| url.ip()).is_none_or(|address| {
                    let networks = self.networks();
                    networks.is_empty() || networks.iter().any(|network| network.contains(&address))
                }),
                "relay.networks",
                "must have the address of relay.url in it",
            ),
            (self.interface.len() < 16, "relay.interface", "must have at most 15 characters"),
            (self.connect_timeout_seconds > 0, "relay.connect_timeout_seconds", "must be 1 or more"),
            (self.idle_timeout_seconds > 0, "relay.idle_timeout_seconds", "must be 1 or more"),
        ];
        let wrong = checks.into_iter().filter(|(valid, ..)| !valid);
        wrong.map(|(_, key, problem)| Fault::new(key, problem)).collect()
    }
}

/// A network, or a single address.
fn network(text: &str) -> Option<IpNet> {
    let network: IpNet = text.parse().ok().or_else(|| Some(IpNet::from(text.parse::<IpAddr>().ok()?)))?;
    (network.trunc() == network).then_some(network)
}
