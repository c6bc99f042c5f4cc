//! Settings of the staff console.

use std::net::SocketAddr;
use std::path::PathBuf;

use jiff::SignedDuration;
use serde::Deserialize;

use crate::config::Fault;

/// `[console]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct ConsoleSettings {
    listen: String,
    /// Certificate chain, PEM.
    pub certificate: PathBuf,
    /// Private key, PEM.
    pub key: PathBuf,
    idle_minutes: u32,
    session_hours: u32,
}

impl ConsoleSettings {
    /// Where the console is served.
    pub fn listen(&self) -> Option<SocketAddr> {
        self.listen.parse().ok()
    }

    /// How long a session lasts that nobody uses.
    pub fn idle(&self) -> SignedDuration {
        SignedDuration::from_mins(self.idle_minutes.into())
    }

    /// How long a session lasts at most.
    pub fn longest(&self) -> SignedDuration {
        SignedDuration::from_hours(self.session_hours.into())
    }
}

/// What is wrong with them.
pub(super) fn faults(console: &ConsoleSettings) -> Vec<Fault> {
    let checks = [
        (console.listen.is_empty() || console.listen().is_some(), "console.listen", "must be ADDRESS:PORT or empty"),
        ((1..=480).contains(&console.idle_minutes), "console.idle_minutes", "must be 1 to 480"),
        ((1..=24).contains(&console.session_hours), "console.session_hours", "must be 1 to 24"),
    ];
    checks.into_iter().filter(|(valid, ..)| !valid).map(|(_, key, problem)| Fault::new(key, problem)).collect()
}
