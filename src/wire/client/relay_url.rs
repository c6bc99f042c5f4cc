//! Addresses that say which server, and nothing more.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use reqwest::Url;
use serde::{Deserialize, Serialize};

/// Where the relay is: `https://HOST[:PORT]`, nothing after it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RelayUrl(Url);

/// Text that names no relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a relay's address: expected https://HOST or https://HOST:PORT and nothing more")]
pub struct InvalidRelayUrl;

impl FromStr for RelayUrl {
    type Err = InvalidRelayUrl;

    fn from_str(text: &str) -> Result<Self, InvalidRelayUrl> {
        bare(text, "https").map(Self).ok_or(InvalidRelayUrl)
    }
}

impl RelayUrl {
    pub(super) const fn as_url(&self) -> &Url {
        &self.0
    }

    /// Whether it is on this machine.
    pub fn is_loopback(&self) -> bool {
        self.host() == "localhost" || self.ip().is_some_and(|address| address.is_loopback())
    }

    /// The name or address of the machine.
    pub fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }

    /// The address of the machine, where it is named by that.
    pub fn ip(&self) -> Option<IpAddr> {
        let address = self.host().trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        address.ok().map(|address| address.to_canonical())
    }
}

impl TryFrom<String> for RelayUrl {
    type Error = InvalidRelayUrl;

    fn try_from(text: String) -> Result<Self, InvalidRelayUrl> {
        text.parse()
    }
}

impl From<RelayUrl> for String {
    fn from(url: RelayUrl) -> Self {
        url.to_string()
    }
}

impl fmt::Display for RelayUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

/// `SCHEME://HOST[:PORT]` with nothing before or after it.
pub(super) fn bare(text: &str, scheme: &str) -> Option<Url> {
    let is_bare = |url: &Url| {
        url.scheme() == scheme
            && url.host_str().is_some()
            && url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none()
    };
    Url::parse(text).ok().filter(is_bare)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relay_is_named_by_scheme_host_and_port_alone() {
        for text in ["https://relay.example", "https://10.0.0.1:18440", "https://[::1]:1"] {
            assert_eq!(text.parse::<RelayUrl>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "relay.example",
            "http://relay.example",
            "https://relay.example/path",
            "https://relay.example/?q",
            "https://u:p@relay.example",
        ] {
            assert_eq!(text.parse::<RelayUrl>(), Err(InvalidRelayUrl), "{text}");
        }
    }
}
