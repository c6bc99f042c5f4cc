//! The relay's settings.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use crate::config::{Fault, Settings};
use crate::http::Limits;
use crate::mail;
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
    pub employer: Employer,
    /// The enrolment page.
    pub enrolment: Enrolment,
    /// How long sessions last.
    pub session: Session,
    /// How mails go out.
    pub mail: Mail,
    /// What users are told by mail of files.
    pub notices: Notices,
    /// Health and metrics.
    pub watch: Plain,
    /// What the relay signs its receipts with.
    pub receipts: KeyPair,
    /// Sizes and times of parcels.
    pub parcels: Parcels,
    /// Times of deliveries.
    pub deliveries: Deliveries,
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

/// The listener for the employers' apps.
#[derive(Debug, Clone, Deserialize)]
pub struct Employer {
    /// Where it listens; port 0 takes a free one.
    pub address: SocketAddr,
    /// Its certificate chain, PEM.
    pub certificate: PathBuf,
    /// Its private key, PEM.
    pub key: PathBuf,
    /// Requests per second of one client certificate.
    pub requests_per_second: u32,
    /// How employers reach it; empty for the address.
    pub url: String,
    /// Who vouches for the certificate, PEM; empty for the last of the chain.
    pub roots: PathBuf,
}

/// The enrolment page.
#[derive(Debug, Clone, Deserialize)]
pub struct Enrolment {
    /// Where it listens; port 0 takes a free one.
    pub address: SocketAddr,
    /// Its certificate chain, PEM; empty for the employers' one.
    pub certificate: PathBuf,
    /// Its private key, PEM; empty for the employers' one.
    pub key: PathBuf,
    /// How people reach it; empty for the address.
    pub url: String,
    /// Hours from the mail to the end of the link.
    pub link_hours: u32,
    /// Passwords of one address in a minute.
    pub tries_per_minute: u32,
    /// Folder of what goes into the ZIP beside the kit; empty for none.
    pub app: PathBuf,
}

/// How long sessions last.
#[derive(Debug, Clone, Deserialize)]
pub struct Session {
    /// Hours, in any case.
    pub hours: u32,
    /// Minutes without a request.
    pub idle_minutes: u32,
}

/// How mails go out.
#[derive(Debug, Clone, Deserialize)]
pub struct Mail {
    /// `smtp://`, `smtps://`, `directory:` or `memory`.
    pub transport: String,
    /// The sender's address; may be empty unless mails go out by SMTP.
    pub from: String,
    /// File with user and password; empty for none.
    pub credentials: PathBuf,
    /// An authority beside the machine's own, PEM; empty for none.
    pub root: PathBuf,
}

/// What users are told by mail of files.
#[derive(Debug, Clone, Deserialize)]
pub struct Notices {
    /// Seconds after a mail in which what happens is gathered for the next one.
    pub window_seconds: u32,
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

/// Times of deliveries, all from the deposit on.
#[derive(Debug, Clone, Deserialize)]
pub struct Deliveries {
    /// Days after which users are reminded of what they have not fetched.
    pub reminder_days: Vec<u32>,
    /// Days after which a delivery ends for those who have not fetched it.
    pub expire_days: u32,
    /// Days after which its bytes are deleted, whoever has them.
    pub delete_days: u32,
    /// Days for which its bytes are kept when everybody has them.
    pub keep_days: u32,
}

impl Deliveries {
    /// When the users of a delivery are reminded next after a moment, if ever.
    pub fn reminder_after(&self, deposited_at: Timestamp, now: Timestamp) -> Option<Timestamp> {
        let days = self.reminder_days.iter().map(|days| days_after(deposited_at, *days));
        days.filter(|at| *at > now).min()
    }

    /// When the bytes of what everybody has by now are deleted.
    pub fn end_of_grace(&self, now: Timestamp) -> Timestamp {
        days_after(now, self.keep_days)
    }
}

/// A moment so many days later.
pub fn days_after(at: Timestamp, days: u32) -> Timestamp {
    at.checked_add(SignedDuration::from_hours(24 * i64::from(days))).unwrap_or(Timestamp::MAX)
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
    /// Bytes of one union: what its users send, and what it sends.
    pub union_bytes: u64,
    /// Bytes of one union, acknowledged ones that are kept included.
    pub union_stored_bytes: u64,
    /// Parcels and deliveries of one union.
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
        let enrolment = &mut self.enrolment;
        // Where an empty path means something else.
        let optional = [
            &mut self.employer.roots,
            &mut enrolment.certificate,
            &mut enrolment.key,
            &mut enrolment.app,
            &mut self.mail.credentials,
            &mut self.mail.root,
        ];
        for path in optional.into_iter().filter(|path| !path.as_os_str().is_empty()) {
            *path = folder.join(&*path);
        }
        if enrolment.certificate.as_os_str().is_empty() && enrolment.key.as_os_str().is_empty() {
            enrolment.certificate.clone_from(&self.employer.certificate);
            enrolment.key.clone_from(&self.employer.key);
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
            ("deliveries.expire_days", self.deliveries.expire_days.into()),
            ("vpn.requests_per_second", self.vpn.requests_per_second.into()),
            ("employer.requests_per_second", self.employer.requests_per_second.into()),
            ("enrolment.link_hours", self.enrolment.link_hours.into()),
            ("enrolment.tries_per_minute", self.enrolment.tries_per_minute.into()),
            ("session.hours", self.session.hours.into()),
            ("session.idle_minutes", self.session.idle_minutes.into()),
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
        if self.deliveries.delete_days < self.deliveries.expire_days {
            faults.push(Fault::new("deliveries.delete_days", "must be deliveries.expire_days or more"));
        }
        if self.deliveries.reminder_days.iter().any(|days| !(1..self.deliveries.expire_days).contains(days)) {
            faults.push(Fault::new("deliveries.reminder_days", "must be 1 or more and below deliveries.expire_days"));
        }
        for (key, url) in [("employer.url", &self.employer.url), ("enrolment.url", &self.enrolment.url)] {
            if !(url.is_empty() || is_entrance(url)) {
                faults.push(Fault::new(key, "must be https://HOST or https://HOST:PORT, with nothing behind it"));
            }
        }
        if self.mail.from.is_empty() && mail::needs_sender(&self.mail.transport) {
            faults.push(Fault::new(
                "mail.from",
                "must be set when mails go out by SMTP: the address that they come from",
            ));
        }
        if self.limits.header_bytes < 1_024 {
            faults.push(Fault::new("limits.header_bytes", "must be 1024 or more"));
        }
        faults
    }
}

/// An address that paths can be put behind.
pub(super) fn is_entrance(url: &str) -> bool {
    let host = url.strip_prefix("https://").unwrap_or_default();
    !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.:[]".contains(&b))
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
        let text = "[watch]\naddress = '192.0.2.1:1'\n[limits]\nidle_seconds = 0\n[log]\nfilter = 'a=b=c'\n\
                    [enrolment]\nurl = 'http://kx.example'\n[employer]\nurl = 'https://kx.example/x'\n\
                    [mail]\ntransport = 'smtps://mail.example'\n[deliveries]\nreminder_days = [3, 14]\ndelete_days = 13";
        let faults = load_from::<Config>(text, Path::new("."), std::iter::empty()).unwrap_err().to_string();
        for key in [
            "watch.address",
            "limits.idle_seconds",
            "log.filter",
            "enrolment.url",
            "employer.url",
            "mail.from",
            "deliveries.reminder_days",
            "deliveries.delete_days",
        ] {
            assert!(faults.contains(key), "{faults}");
        }
    }

    #[test]
    fn each_reminder_has_its_day() {
        let config: Config = load_from("", Path::new("."), std::iter::empty()).unwrap();
        let at = |day: u32| days_after(Timestamp::UNIX_EPOCH, day);
        let next = |day| config.deliveries.reminder_after(at(0), at(day));
        assert_eq!((next(0), next(3), next(8), next(9)), (Some(at(3)), Some(at(9)), Some(at(9)), None));
    }
}
