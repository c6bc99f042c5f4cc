//! The relay's settings.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::config::{Fault, Settings};
use crate::http::Limits;
use crate::runtime::telemetry;

/// Everything in `config/relay.toml`; the file says what each key means.
#[derive(Debug, Clone, Deserialize)]
pub struct Config {
    /// Folder of the database and of the parcels.
    pub data: PathBuf,
    /// What is logged.
    pub log: Log,
    /// The listener for the unions' gateways.
    pub vpn: Listener,
    /// The listener for the employers' apps.
    pub employer: Listener,
    /// The enrolment page.
    pub enrolment: Plain,
    /// Health and metrics.
    pub watch: Plain,
    /// What the relay signs its receipts with.
    pub receipts: KeyPair,
    /// Sizes and times of parcels.
    pub parcels: Parcels,
    /// What may be under way, waiting and kept.
    pub quota: Quota,
    /// What one end may ask of us.
    pub limits: Limits,
    /// How the server stops.
    pub stop: Stop,
}

/// What is logged.
#[derive(Debug, Clone, Deserialize)]
pub struct Log {
    /// A level or a tracing filter.
    pub filter: String,
}

/// A listener with TLS.
#[derive(Debug, Clone, Deserialize)]
pub struct Listener {
    /// Where it listens; port 0 takes a free one.
    pub address: SocketAddr,
    /// Its certificate chain, PEM.
    pub certificate: PathBuf,
    /// Its private key, PEM.
    pub key: PathBuf,
    /// Requests per second of one client certificate.
    pub requests_per_second: u32,
}

/// A listener without TLS.
#[derive(Debug, Clone, Deserialize)]
pub struct Plain {
    /// Where it listens; port 0 takes a free one.
    pub address: SocketAddr,
}

/// A certificate and its key.
#[derive(Debug, Clone, Deserialize)]
pub struct KeyPair {
    /// PEM.
    pub certificate: PathBuf,
    /// PEM.
    pub key: PathBuf,
}

/// Sizes and times of parcels.
#[derive(Debug, Clone, Deserialize)]
pub struct Parcels {
    /// Bytes of one parcel.
    pub max_bytes: u64,
    /// Bytes that stay free on the disk.
    pub disk_reserve_bytes: u64,
    /// Hours without a byte until an unfinished upload is thrown away.
    pub upload_hours: u32,
    /// Days for which acknowledged parcels are kept.
    pub keep_days: u32,
    /// Seconds between two runs of a task.
    pub task_seconds: u64,
}

/// What may be under way, waiting and kept.
#[derive(Debug, Clone, Deserialize)]
pub struct Quota {
    /// Bytes of one user.
    pub user_bytes: u64,
    /// Bytes of one user, acknowledged ones that are kept included.
    pub user_stored_bytes: u64,
    /// Parcels of one user.
    pub user_items: u64,
    /// Bytes of one union.
    pub union_bytes: u64,
    /// Bytes of one union, acknowledged ones that are kept included.
    pub union_stored_bytes: u64,
    /// Parcels of one union.
    pub union_items: u64,
}

/// How the server stops.
#[derive(Debug, Clone, Deserialize)]
pub struct Stop {
    /// Seconds for what is running.
    pub grace_seconds: u64,
}

impl Config {
    /// The database file.
    pub fn database(&self) -> PathBuf {
        self.data.join("relay.db")
    }

    /// The folder of the parcels' bytes.
    pub fn parcel_folder(&self) -> PathBuf {
        self.data.join("parcels")
    }
}

impl Settings for Config {
    const TEMPLATE: &'static str = include_str!("../../config/relay.toml");
    const ENV_PREFIX: &'static str = "KX_SERVER";

    fn rebase(&mut self, folder: &Path) {
        let paths = [
            &mut self.data,
            &mut self.vpn.certificate,
            &mut self.vpn.key,
            &mut self.employer.certificate,
            &mut self.employer.key,
            &mut self.receipts.certificate,
            &mut self.receipts.key,
        ];
        for path in paths {
            *path = folder.join(&*path);
        }
    }

    fn faults(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        if let Err(error) = telemetry::check(&self.log.filter) {
            faults.push(Fault::new("log.filter", error.to_string()));
        }
        if !self.watch.address.ip().is_loopback() {
            faults.push(Fault::new("watch.address", "must be a loopback address: it has no TLS"));
        }
        let positive = [
            ("parcels.max_bytes", self.parcels.max_bytes),
            ("parcels.upload_hours", self.parcels.upload_hours.into()),
            ("parcels.task_seconds", self.parcels.task_seconds),
            ("vpn.requests_per_second", self.vpn.requests_per_second.into()),
            ("employer.requests_per_second", self.employer.requests_per_second.into()),
            ("limits.connections", self.limits.connections as u64),
            ("limits.connections_per_address", self.limits.connections_per_address as u64),
            ("limits.connections_per_certificate", self.limits.connections_per_certificate as u64),
            ("limits.handshake_seconds", self.limits.handshake_seconds),
            ("limits.header_seconds", self.limits.header_seconds),
            ("limits.idle_seconds", self.limits.idle_seconds),
            ("limits.stall_seconds", self.limits.stall_seconds),
            ("limits.json_bytes", self.limits.json_bytes as u64),
        ];
        let zero = positive.into_iter().filter(|(_, value)| *value == 0);
        faults.extend(zero.map(|(key, _)| Fault::new(key, "must be 1 or more")));
        if self.limits.header_bytes < 1_024 {
            faults.push(Fault::new("limits.header_bytes", "must be 1024 or more"));
        }
        faults
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load_from;

    #[test]
    fn the_file_holds_every_key_with_its_default() {
        let config: Config = load_from("", Path::new("/etc/kx"), std::iter::empty()).unwrap();
        assert_eq!(config.database(), Path::new("/etc/kx/data/relay.db"));
        assert_eq!(config.parcels.max_bytes, (60 << 30) + (64 << 20));
    }

    #[test]
    fn faults_name_their_keys() {
        let text = "[watch]\naddress = '192.0.2.1:1'\n[limits]\nidle_seconds = 0\n[log]\nfilter = 'a=b=c'";
        let faults = load_from::<Config>(text, Path::new("."), std::iter::empty()).unwrap_err().to_string();
        for key in ["watch.address", "limits.idle_seconds", "log.filter"] {
            assert!(faults.contains(key), "{faults}");
        }
    }
}
