//! `employer.toml`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::SignedDuration;
use serde::Deserialize;

use crate::config::{self, Fault, Faults};
use crate::wire::client::{Proxy, RelayUrl};

/// What the app is told about its surroundings.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the relay is, if it has moved since the kit was made.
    pub relay: Option<RelayUrl>,
    /// Bytes of the disk that stay free.
    pub reserve: u64,
    /// How long sealed messages of the union are kept after the last receipt.
    pub keep_received: SignedDuration,
    /// How long sealed messages that failed a check are kept after the relay was told of them.
    pub keep_quarantined: SignedDuration,
    /// How long a connection may take to stand.
    pub connect_timeout: Duration,
    /// How long the relay may be silent.
    pub idle_timeout: Duration,
    /// The way out.
    pub proxy: ProxyChoice,
}

/// Whether a proxy is used, and who says so.
#[derive(Debug, Clone)]
pub enum ProxyChoice {
    /// None.
    Direct,
    /// The one of the settings, for whatever relay.
    Settings(Proxy),
    /// The one of the environment; for a relay on this machine it is not used.
    Environment(Proxy),
}

impl Settings {
    /// Reads them from a file, if there is one, with the environment over it.
    pub fn load(file: &Path) -> Result<Self, Faults> {
        let written: Written = if file.exists() {
            config::load(file)?
        } else {
            config::load_from("", file.parent().unwrap_or(Path::new(".")), std::env::vars())?
        };
        written.parse(|name| std::env::var(name).ok()).map_err(Faults)
    }
}

/// The file as it is written.
#[derive(Debug, Deserialize)]
struct Written {
    relay: String,
    outbox: Outbox,
    received: Received,
    network: Network,
}

#[derive(Debug, Deserialize)]
struct Outbox {
    reserve_mib: u32,
}

#[derive(Debug, Deserialize)]
struct Received {
    keep_days: u32,
    quarantine_days: u32,
}

#[derive(Debug, Deserialize)]
struct Network {
    connect_timeout_seconds: u32,
    idle_timeout_seconds: u32,
    proxy: String,
    proxy_credentials: PathBuf,
}

impl config::Settings for Written {
    const TEMPLATE: &'static str = include_str!("../../config/employer.toml");
    const ENV_PREFIX: &'static str = "KX_EMPLOYER";

    fn rebase(&mut self, folder: &Path) {
        if !self.network.proxy_credentials.as_os_str().is_empty() {
            self.network.proxy_credentials = folder.join(&self.network.proxy_credentials);
        }
    }

    fn faults(&self) -> Vec<Fault> {
        self.parse(|_| None).err().unwrap_or_default()
    }
}

impl Written {
    fn parse(&self, variable: impl Fn(&str) -> Option<String>) -> Result<Settings, Vec<Fault>> {
        let mut faults = Vec::new();
        let relay = match self.relay.as_str() {
            "" => None,
            text => text.parse().map_err(|error| faults.push(fault("relay", error))).ok(),
        };
        let network = &self.network;
        let connect_timeout = seconds("network.connect_timeout_seconds", network.connect_timeout_seconds, &mut faults);
        let idle_timeout = seconds("network.idle_timeout_seconds", network.idle_timeout_seconds, &mut faults);
        let proxy = network.way_out(variable).unwrap_or_else(|fault| {
            faults.push(fault);
            ProxyChoice::Direct
        });
        if !faults.is_empty() {
            return Err(faults);
        }
        let reserve = u64::from(self.outbox.reserve_mib) << 20;
        let days = |days: u32| SignedDuration::from_hours(24 * i64::from(days));
        let keep_received = days(self.received.keep_days);
        let keep_quarantined = days(self.received.quarantine_days);
        Ok(Settings { relay, reserve, keep_received, keep_quarantined, connect_timeout, idle_timeout, proxy })
    }
}

impl Network {
    fn way_out(&self, variable: impl Fn(&str) -> Option<String>) -> Result<ProxyChoice, Fault> {
        let said = |names: [&str; 2]| names.into_iter().find_map(&variable).filter(|value| !value.is_empty());
        match self.proxy.as_str() {
            "none" => Ok(ProxyChoice::Direct),
            "" => {
                let Some(proxy) = said(["HTTPS_PROXY", "https_proxy"]) else { return Ok(ProxyChoice::Direct) };
                let except = said(["NO_PROXY", "no_proxy"]);
                let proxy = Proxy::from_environment(&proxy, except.as_deref());
                let proxy = proxy.map_err(|error| fault("HTTPS_PROXY", error))?;
                self.with_credentials(proxy).map(ProxyChoice::Environment)
            }
            text => {
                let proxy = text.parse::<Proxy>().map_err(|error| fault("network.proxy", error))?;
                self.with_credentials(proxy).map(ProxyChoice::Settings)
            }
        }
    }

    fn with_credentials(&self, proxy: Proxy) -> Result<Proxy, Fault> {
        const KEY: &str = "network.proxy_credentials";
        if self.proxy_credentials.as_os_str().is_empty() {
            return Ok(proxy);
        }
        let text = std::fs::read_to_string(&self.proxy_credentials);
        let text = zeroize::Zeroizing::new(text.map_err(|error| fault(KEY, error))?);
        proxy.with_credentials(&text).map_err(|_| fault(KEY, "expected NAME:PASSWORD on the first line"))
    }
}

fn fault(key: &str, problem: impl std::fmt::Display) -> Fault {
    Fault::new(key, problem.to_string())
}

fn seconds(key: &str, number: u32, faults: &mut Vec<Fault>) -> Duration {
    if number == 0 {
        faults.push(Fault::new(key, "must be 1 or more"));
    }
    Duration::from_secs(number.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, variable: impl Fn(&str) -> Option<String>) -> Result<Settings, Faults> {
        let written: Written = config::load_from(text, Path::new("."), std::iter::empty())?;
        written.parse(variable).map_err(Faults)
    }

    #[test]
    fn all_faults_are_named() {
        let text = "relay = 'http://x'\n[network]\nidle_timeout_seconds = 0\nproxy = 'n:p@proxy'";
        let text = read(text, |_| None).unwrap_err().to_string();
        for expected in ["relay: not a relay's", "idle_timeout_seconds: must be", "network.proxy: not a proxy's"] {
            assert!(text.contains(expected), "{text}");
        }
    }

    #[test]
    fn nothing_has_to_be_said() {
        let settings = read("", |_| None).unwrap();
        assert!(settings.relay.is_none() && matches!(settings.proxy, ProxyChoice::Direct));
        assert_eq!((settings.reserve, settings.idle_timeout), (64 << 20, Duration::from_mins(1)));
    }

    #[test]
    fn the_settings_go_before_the_environment() {
        let variable = |name: &str| (name == "https_proxy").then(|| "http://env.example:1".to_owned());
        let choice = |text: &str| read(text, variable).unwrap().proxy;
        assert!(matches!(choice(""), ProxyChoice::Environment(proxy) if proxy.to_string() == "http://env.example:1"));
        assert!(matches!(choice("[network]\nproxy = 'http://p.example:2'"), ProxyChoice::Settings(_)));
        assert!(matches!(choice("[network]\nproxy = 'none'"), ProxyChoice::Direct));
    }
}
