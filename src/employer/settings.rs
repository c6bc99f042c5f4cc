//! `employer.toml`.

use std::path::Path;
use std::time::Duration;

use serde::Deserialize;

use crate::config::{self, Fault, Faults};
use crate::domain::address::Address;
use crate::domain::ids::{InsurerNumber, OfficeCode, UserId};
use crate::wire::client::RelayUrl;

/// What the app is told about its surroundings.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the relay is.
    pub relay: RelayUrl,
    /// The union that files go to.
    pub union: InsurerNumber,
    /// The user's office.
    pub office: OfficeCode,
    /// Who we are.
    pub user: UserId,
    /// Bytes of the disk that sealing leaves free.
    pub reserve: u64,
    /// How long a connection may take to stand.
    pub connect_timeout: Duration,
    /// How long the relay may be silent.
    pub idle_timeout: Duration,
}

impl Settings {
    /// Reads them from a file, with the environment over it.
    pub fn load(file: &Path) -> Result<Self, Faults> {
        let written: Written = config::load(file)?;
        written.parse().map_err(Faults)
    }

    /// Our address.
    pub fn from(&self) -> Address {
        Address::User(self.union.clone(), self.user.clone())
    }

    /// Where everything that we send goes.
    pub fn to(&self) -> Address {
        Address::Union(self.union.clone())
    }
}

/// The file as it is written.
#[derive(Debug, Deserialize)]
struct Written {
    relay: String,
    union: String,
    office: String,
    user: String,
    outbox: Outbox,
    network: Network,
}

#[derive(Debug, Deserialize)]
struct Outbox {
    reserve_mib: u32,
}

#[derive(Debug, Deserialize)]
struct Network {
    connect_timeout_seconds: u32,
    idle_timeout_seconds: u32,
}

impl config::Settings for Written {
    const TEMPLATE: &'static str = include_str!("../../config/employer.toml");
    const ENV_PREFIX: &'static str = "KX_EMPLOYER";

    fn rebase(&mut self, _folder: &Path) {}

    fn faults(&self) -> Vec<Fault> {
        self.parse().err().unwrap_or_default()
    }
}

impl Written {
    fn parse(&self) -> Result<Settings, Vec<Fault>> {
        let mut faults = Vec::new();
        let relay = value("relay", &self.relay, &mut faults);
        let union = value("union", &self.union, &mut faults);
        let office = value("office", &self.office, &mut faults);
        let user = value("user", &self.user, &mut faults);
        let connect_timeout =
            seconds("network.connect_timeout_seconds", self.network.connect_timeout_seconds, &mut faults);
        let idle_timeout = seconds("network.idle_timeout_seconds", self.network.idle_timeout_seconds, &mut faults);
        match (relay, union, office, user) {
            (Some(relay), Some(union), Some(office), Some(user)) if faults.is_empty() => Ok(Settings {
                relay,
                union,
                office,
                user,
                reserve: u64::from(self.outbox.reserve_mib) << 20,
                connect_timeout,
                idle_timeout,
            }),
            _ => Err(faults),
        }
    }
}

fn value<T: std::str::FromStr<Err: std::fmt::Display>>(key: &str, text: &str, faults: &mut Vec<Fault>) -> Option<T> {
    let problem = match text.parse() {
        Ok(value) => return Some(value),
        Err(_) if text.is_empty() => "must be set".to_owned(),
        Err(error) => T::Err::to_string(&error),
    };
    faults.push(Fault::new(key, problem));
    None
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

    fn read(text: &str) -> Result<Settings, Faults> {
        let written: Written = config::load_from(text, Path::new("."), std::iter::empty())?;
        written.parse().map_err(Faults)
    }

    #[test]
    fn all_faults_are_named() {
        let text = read("union = '123'\n[network]\nidle_timeout_seconds = 0").unwrap_err().to_string();
        for expected in ["relay: must be set", "union: not a valid insurer number", "idle_timeout_seconds: must be"] {
            assert!(text.contains(expected), "{text}");
        }
    }

    #[test]
    fn the_least_is_enough() {
        let text = "relay = 'https://localhost:1'\nunion = '06123456'\noffice = '12'\nuser = 'hanako'";
        let settings = read(text).unwrap();
        assert_eq!(settings.from().to_string(), "hanako@06123456.kx");
        assert_eq!((settings.reserve, settings.idle_timeout), (64 << 20, Duration::from_mins(1)));
    }
}
