//! Settings of the gateway: `config/gateway.toml`.

mod alerts;
mod console;
mod integration;
mod mail;
mod relay;
mod restart;
mod scan;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use jiff::SignedDuration;
use serde::Deserialize;

use crate::config::{Fault, Faults, Settings, examine, load};
use crate::domain::ids::InsurerNumber;
use crate::domain::schedule::{Interval, Plan};
use crate::runtime::telemetry;

pub use alerts::AlertSettings;
pub use console::ConsoleSettings;
pub use integration::{ApiSettings, HandoffSettings, HookSettings};
pub use mail::{MailSettings, NoticeSettings, StaffSettings};
pub use relay::RelaySettings;
pub use scan::ScanSettings;

/// All settings. The file says what each means.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct GatewaySettings {
    /// Where they were read from, if it was a file.
    #[serde(skip)]
    pub file: Option<PathBuf>,
    /// Number of the union, as text: the template has it empty.
    insurer: String,
    /// The way to the relay.
    pub relay: RelaySettings,
    /// Certificates and keys.
    pub keys: KeySettings,
    /// Users' certificates.
    pub certificates: CertificateSettings,
    /// What the letter to a new user says.
    pub letter: LetterSettings,
    /// Revocation by other authorities.
    pub revocation: RevocationSettings,
    /// Where things are kept.
    pub storage: StorageSettings,
    /// The pull.
    pub pull: PullSettings,
    /// The push.
    pub send: SendSettings,
    /// Where the union's core system comes in.
    pub api: ApiSettings,
    /// Where staff come in.
    pub console: ConsoleSettings,
    /// Folders for the union's core system.
    pub handoff: HandoffSettings,
    /// What is told of events.
    pub hooks: HookSettings,
    /// The malware scanner.
    pub scan: ScanSettings,
    /// How mails go out.
    pub mail: MailSettings,
    /// What staff are told by mail.
    pub notices: NoticeSettings,
    /// When staff are alerted.
    pub alerts: AlertSettings,
    /// Health and metrics.
    pub metrics: MetricsSettings,
    /// Logs.
    pub log: LogSettings,
}

/// `[keys]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct KeySettings {
    /// The union CA's certificate.
    pub ca: PathBuf,
    ca_key: PathBuf,
    /// Further authorities.
    pub trusted: Vec<PathBuf>,
    /// Credentials for signing, the newest first.
    pub signing: Vec<PathBuf>,
    /// Credentials for decrypting, the newest first.
    pub encryption: Vec<PathBuf>,
}

/// `[certificates]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct CertificateSettings {
    /// Days that a user's new certificates are valid.
    pub validity_days: u32,
}

/// `[letter]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct LetterSettings {
    /// Name of the union.
    pub union_name: String,
    /// Whom to call.
    pub contact: String,
}

/// `[revocation]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct RevocationSettings {
    /// Lists in DER.
    pub lists: Vec<PathBuf>,
    /// Whether a message waits without a current one.
    pub required: bool,
}

/// `[storage]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct StorageSettings {
    /// The database file.
    pub database: PathBuf,
    /// Files on their way.
    pub spool: PathBuf,
    /// Verified messages.
    pub archive: PathBuf,
    /// Messages that failed a check.
    pub quarantine: PathBuf,
    /// What is on its way to employers.
    pub outbox: PathBuf,
    /// Bytes that stay free.
    pub reserve_bytes: u64,
    /// Days that answered requests and confirmed orders are kept.
    pub keep_records_days: u32,
}

/// `[pull]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct PullSettings {
    /// Seconds between two runs.
    pub interval_seconds: u64,
    /// Whether to wait at the relay for arrivals.
    pub long_poll: bool,
    /// Small parcels side by side.
    pub parallel: usize,
    /// Large parcels side by side.
    pub parallel_large: usize,
    /// Messages of one group, at most.
    pub batch: usize,
    /// Bytes of the largest message.
    pub max_message_bytes: u64,
    /// Seconds that a sender's clock may be off.
    pub clock_skew_seconds: u64,
    /// Seconds until the first new try.
    pub retry_first_seconds: u64,
    /// Seconds between two tries, at most.
    pub retry_longest_seconds: u64,
}

/// `[send]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct SendSettings {
    /// Uploads side by side.
    pub parallel: usize,
    /// Whether a second person approves what is sent.
    pub approval: bool,
    /// Bytes of the largest file.
    pub max_file_bytes: u64,
}

/// `[metrics]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct MetricsSettings {
    listen: String,
}

/// `[log]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct LogSettings {
    /// The filter.
    pub level: String,
}

impl GatewaySettings {
    /// Reads a file, and remembers which.
    pub fn read(file: &Path) -> Result<Self, Faults> {
        let settings: Self = load(file)?;
        Ok(Self { file: Some(file.to_owned()), ..settings })
    }

    /// Reads as much of a file as can be read, and says everything that is wrong with it. What nobody can guess has something in
    /// its place, so that the rest can be looked at. Fails only when the file cannot be read at all.
    pub fn examine(file: &Path) -> Result<(Self, Vec<Fault>), Faults> {
        let examined = examine::<Self>(file)?;
        let mut settings = Self { file: Some(file.to_owned()), ..examined.settings };
        if settings.insurer.parse::<InsurerNumber>().is_err() {
            "00000000".clone_into(&mut settings.insurer);
        }
        settings.relay.stand_in();
        Ok((settings, examined.faults))
    }

    /// Number of the union.
    pub fn insurer(&self) -> InsurerNumber {
        self.insurer.parse().expect("settings are checked when they are loaded")
    }

    /// Where the gateway listens, by key.
    pub fn listeners(&self) -> Vec<(&'static str, SocketAddr)> {
        let all = [
            ("metrics.listen", self.metrics.listen()),
            ("api.listen", self.api.listen()),
            ("console.listen", self.console.listen()),
        ];
        all.into_iter().filter_map(|(key, address)| Some((key, address?))).collect()
    }

    /// What can be read again while the gateway runs: the settings themselves, certificates, keys, revocation lists.
    pub fn files(&self) -> Vec<PathBuf> {
        let (relay, keys) = (&self.relay, &self.keys);
        let single = [&relay.ca, &relay.receipt_certificates, &relay.credential, &keys.ca];
        let lists = [&keys.trusted, &keys.signing, &keys.encryption, &self.revocation.lists];
        let optional = self.file.as_deref().into_iter().chain(keys.ca_key()).map(Path::to_owned);
        single.into_iter().chain(lists.into_iter().flatten()).cloned().chain(optional).collect()
    }
}

impl KeySettings {
    /// The union CA's private key, where we have it.
    pub fn ca_key(&self) -> Option<&Path> {
        Some(self.ca_key.as_path()).filter(|path| !path.as_os_str().is_empty())
    }
}

impl CertificateSettings {
    /// How long a user's new certificates are valid.
    pub fn validity(&self) -> SignedDuration {
        SignedDuration::from_hours(24 * i64::from(self.validity_days))
    }
}

impl StorageSettings {
    /// How long answered requests and confirmed orders are kept.
    pub fn keep_records(&self) -> SignedDuration {
        SignedDuration::from_hours(24 * i64::from(self.keep_records_days))
    }
}

impl PullSettings {
    /// When it runs while no schedule is set.
    pub fn plan(&self) -> Plan {
        Plan::every(Interval::nearest(self.interval_seconds), self.long_poll)
    }
}

impl MetricsSettings {
    /// Where health and metrics are served.
    pub fn listen(&self) -> Option<SocketAddr> {
        self.listen.parse().ok()
    }
}

impl Settings for GatewaySettings {
    const TEMPLATE: &'static str = include_str!("../../config/gateway.toml");
    const ENV_PREFIX: &'static str = "KX_GATEWAY";

    fn rebase(&mut self, folder: &Path) {
        let single = [
            &mut self.relay.ca,
            &mut self.relay.receipt_certificates,
            &mut self.relay.credential,
            &mut self.keys.ca,
            &mut self.keys.ca_key,
            &mut self.storage.database,
            &mut self.storage.spool,
            &mut self.storage.archive,
            &mut self.storage.quarantine,
            &mut self.storage.outbox,
        ];
        let lists =
            [&mut self.keys.trusted, &mut self.keys.signing, &mut self.keys.encryption, &mut self.revocation.lists];
        let integration = integration::paths(&mut self.api, &mut self.handoff, &mut self.hooks);
        for path in single
            .into_iter()
            .chain(integration)
            .chain([&mut self.mail.credentials, &mut self.mail.root])
            .chain([&mut self.console.certificate, &mut self.console.key])
            .chain(lists.into_iter().flatten())
        {
            if !path.as_os_str().is_empty() {
                *path = folder.join(&path);
            }
        }
    }

    fn faults(&self) -> Vec<Fault> {
        let optional = |text: &str, valid: bool| text.is_empty() || valid;
        let checks = [
            (self.insurer.parse::<InsurerNumber>().is_ok(), "insurer", "must be the 8 digits of the union's number"),
            (!self.keys.signing.is_empty(), "keys.signing", "must name at least one file"),
            (!self.keys.encryption.is_empty(), "keys.encryption", "must name at least one file"),
            (
                (91..=3_660).contains(&self.certificates.validity_days),
                "certificates.validity_days",
                "must be 91 to 3660: renewal opens 90 days before the end",
            ),
            (
                (100..=36_600).contains(&self.storage.keep_records_days),
                "storage.keep_records_days",
                "must be 100 to 36600: a request must be known for as long as it could be used again",
            ),
            (
                (1..=u64::from(Interval::LONGEST)).contains(&self.pull.interval_seconds),
                "pull.interval_seconds",
                "must be 1 to 2678400",
            ),
            ((1..=256).contains(&self.pull.parallel), "pull.parallel", "must be 1 to 256"),
            ((1..=16).contains(&self.pull.parallel_large), "pull.parallel_large", "must be 1 to 16"),
            ((1..=1_000).contains(&self.pull.batch), "pull.batch", "must be 1 to 1000"),
            (self.pull.max_message_bytes > 0, "pull.max_message_bytes", "must be 1 or more"),
            (self.pull.retry_first_seconds > 0, "pull.retry_first_seconds", "must be 1 or more"),
            (
                self.pull.retry_longest_seconds >= self.pull.retry_first_seconds,
                "pull.retry_longest_seconds",
                "must not be less than pull.retry_first_seconds",
            ),
            ((1..=64).contains(&self.send.parallel), "send.parallel", "must be 1 to 64"),
            (
                (1..=60 << 30).contains(&self.send.max_file_bytes),
                "send.max_file_bytes",
                "must be 1 to 64424509440: a sealed message holds no more",
            ),
            (
                optional(&self.metrics.listen, self.metrics.listen().is_some()),
                "metrics.listen",
                "must be ADDRESS:PORT or empty",
            ),
            (telemetry::check(&self.log.level).is_ok(), "log.level", "must be error, warn, info, debug or trace"),
        ];
        let wrong = checks.into_iter().filter(|(valid, ..)| !valid).map(|(_, key, problem)| Fault::new(key, problem));
        let wrong = wrong.chain(self.relay.faults());
        let wrong = wrong.chain(self.scan.faults());
        let wrong = wrong.chain(integration::faults(&self.api, &self.handoff, &self.hooks));
        let wrong = wrong.chain(console::faults(&self.console));
        let wrong = wrong.chain(alerts::faults(&self.alerts));
        wrong.chain(mail::faults(&self.mail, &self.notices)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load_from;

    #[test]
    fn the_template_lacks_only_what_nobody_can_guess() {
        let faults = load_from::<GatewaySettings>("", Path::new("/etc/kx"), std::iter::empty()).unwrap_err();
        let keys: Vec<_> = faults.0.iter().map(|fault| fault.key.as_str()).collect();
        assert_eq!(keys, ["insurer", "relay.url"]);
        let text = "insurer = '06123456'\n[relay]\nurl = 'https://relay.example:8443'";
        let settings = load_from::<GatewaySettings>(text, Path::new("/etc/kx"), std::iter::empty()).unwrap();
        assert_eq!(settings.keys.signing, [PathBuf::from("/etc/kx/union-signing.pem")]);
        assert_eq!(settings.keys.ca_key(), None);
        assert_eq!(settings.storage.database, PathBuf::from("/etc/kx/data/gateway.db"));
    }
}
