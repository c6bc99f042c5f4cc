//! Settings of the way to the union's core system: the API, folders, hooks.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use crate::config::Fault;
use crate::store::gateway::events::Kind;

/// `[api]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct ApiSettings {
    listen: String,
    /// Certificate chain, PEM.
    pub certificate: PathBuf,
    /// Private key, PEM.
    pub key: PathBuf,
    /// Files on their way in.
    pub uploads: PathBuf,
    /// Hours without a byte until an unfinished upload is thrown away.
    pub upload_hours: u32,
    /// Unfinished uploads of one token.
    pub uploads_per_token: u32,
    /// Requests per second of one token.
    pub requests_per_second: u32,
    /// Wrong tokens in a minute from one address.
    pub wrong_tokens_per_minute: u32,
    /// Files that are decrypted side by side.
    pub decrypt_parallel: usize,
}

/// `[handoff]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct HandoffSettings {
    folder: PathBuf,
    /// Seconds between two looks.
    pub interval_seconds: u64,
}

/// `[hooks]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct HookSettings {
    /// A program and its arguments.
    pub command: Vec<String>,
    url: String,
    /// Who vouches for the address, PEM.
    pub ca: PathBuf,
    secret: PathBuf,
    kinds: Vec<String>,
    /// Seconds for one try.
    pub timeout_seconds: u64,
    /// Tries of one event.
    pub tries: u32,
    /// Seconds until the second try.
    pub retry_first_seconds: u64,
    /// Seconds between two tries, at most.
    pub retry_longest_seconds: u64,
}

impl ApiSettings {
    /// Where the API is served.
    pub fn listen(&self) -> Option<SocketAddr> {
        self.listen.parse().ok()
    }
}

impl HandoffSettings {
    /// The folder, where there is one.
    pub fn folder(&self) -> Option<&Path> {
        Some(self.folder.as_path()).filter(|path| !path.as_os_str().is_empty())
    }

    /// Time between two looks.
    pub const fn interval(&self) -> Duration {
        Duration::from_secs(self.interval_seconds)
    }
}

impl HookSettings {
    /// The address that is posted to.
    pub fn url(&self) -> Option<&str> {
        Some(self.url.as_str()).filter(|url| !url.is_empty())
    }

    /// The file with the key that posts are signed with.
    pub fn secret(&self) -> Option<&Path> {
        Some(self.secret.as_path()).filter(|path| !path.as_os_str().is_empty())
    }

    /// Whether anybody is told of events.
    pub fn is_on(&self) -> bool {
        !self.command.is_empty() || self.url().is_some()
    }

    /// Whether this kind of event is told.
    pub fn tells(&self, kind: Kind) -> bool {
        self.kinds.is_empty() || self.kinds.iter().any(|code| code == kind.code())
    }

    /// Time for one try.
    pub const fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout_seconds)
    }
}

/// Makes relative paths start at the folder of the file.
pub(super) fn paths<'a>(
    api: &'a mut ApiSettings,
    handoff: &'a mut HandoffSettings,
    hooks: &'a mut HookSettings,
) -> [&'a mut PathBuf; 6] {
    [&mut api.certificate, &mut api.key, &mut api.uploads, &mut handoff.folder, &mut hooks.ca, &mut hooks.secret]
}

/// What is wrong with them.
pub(super) fn faults(api: &ApiSettings, handoff: &HandoffSettings, hooks: &HookSettings) -> Vec<Fault> {
    let program = hooks.command.first();
    let unknown: Vec<&str> =
        hooks.kinds.iter().map(String::as_str).filter(|code| Kind::from_code(code).is_none()).collect();
    let checks = [
        (api.listen.is_empty() || api.listen().is_some(), "api.listen", "must be ADDRESS:PORT or empty".to_owned()),
        (api.upload_hours > 0, "api.upload_hours", "must be 1 or more".to_owned()),
        (api.uploads_per_token > 0, "api.uploads_per_token", "must be 1 or more".to_owned()),
        (api.requests_per_second > 0, "api.requests_per_second", "must be 1 or more".to_owned()),
        (api.wrong_tokens_per_minute > 0, "api.wrong_tokens_per_minute", "must be 1 or more".to_owned()),
        ((1..=64).contains(&api.decrypt_parallel), "api.decrypt_parallel", "must be 1 to 64".to_owned()),
        (handoff.interval_seconds > 0, "handoff.interval_seconds", "must be 1 or more".to_owned()),
        (
            program.is_none_or(|program| Path::new(program).is_absolute()),
            "hooks.command",
            "must begin with the whole path of a program".to_owned(),
        ),
        (hooks.url.is_empty() || hooks.url.starts_with("https://"), "hooks.url", "must begin with https://".to_owned()),
        (
            hooks.url.is_empty() || hooks.secret().is_some(),
            "hooks.secret",
            "must name a file with a key when hooks.url is set".to_owned(),
        ),
        (unknown.is_empty(), "hooks.kinds", format!("there is no such event: {}", unknown.join(", "))),
        ((1..=300).contains(&hooks.timeout_seconds), "hooks.timeout_seconds", "must be 1 to 300".to_owned()),
        ((1..=100).contains(&hooks.tries), "hooks.tries", "must be 1 to 100".to_owned()),
        (hooks.retry_first_seconds > 0, "hooks.retry_first_seconds", "must be 1 or more".to_owned()),
        (
            hooks.retry_longest_seconds >= hooks.retry_first_seconds,
            "hooks.retry_longest_seconds",
            "must not be less than hooks.retry_first_seconds".to_owned(),
        ),
    ];
    checks.into_iter().filter(|(valid, ..)| !valid).map(|(_, key, problem)| Fault::new(key, problem)).collect()
}
