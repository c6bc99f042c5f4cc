//! What the gateway sees of itself at one moment: all that metrics, readiness, charts and alerts are made of.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use crate::domain::schedule::Outlook;
use crate::gateway::patience::BreakerState;
use crate::gateway::relay::{self, BREAKER_OPEN};
use crate::runtime::task::Snapshot as Task;
use crate::store::gateway::expectations::Overview;
use crate::store::gateway::figures::Figures;

/// The gateway at one moment.
#[derive(Debug, Clone)]
pub struct Picture {
    /// Which moment.
    pub at: Timestamp,
    /// What is counted in the database.
    pub figures: Figures,
    /// What is counted ever since the beginning.
    pub totals: Totals,
    /// Users by state.
    pub users: BTreeMap<String, u64>,
    /// What employers are expected to send, and how many have.
    pub expected: Vec<Overview>,
    /// Since when a pull that comes to its end is due; none when one has come to its end in time.
    pub pull_due: Option<Timestamp>,
    /// How late the newest run of the schedule began.
    pub lateness: Option<SignedDuration>,
    /// What is to be expected of the schedule; none before it was read.
    pub outlook: Option<Outlook>,
    /// How the breaker towards the relay stands.
    pub breaker: BreakerState,
    /// Since when the relay fails at every try.
    pub silent_since: Option<Timestamp>,
    /// The relay's clock minus ours, at the last handshake.
    pub relay_clock: Option<SignedDuration>,
    /// Whether the way to the relay is the prescribed one, or why not; none where no way is prescribed.
    pub vpn: Option<Result<(), &'static str>>,
    /// The disk of spool and archive.
    pub disk: Disk,
    /// When certificates end.
    pub ends: Ends,
    /// How the revocation lists are.
    pub lists: Lists,
    /// Whether certificates and keys in the files are refused.
    pub keys_refused: bool,
    /// What the gateway does by itself.
    pub tasks: Vec<Task>,
}

/// What is counted ever since the beginning.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Messages that were archived.
    pub archived: u64,
    /// Messages that went to quarantine.
    pub quarantined: u64,
    /// Sealed bytes that were archived.
    pub archived_bytes: u64,
    /// Users about whom the relay and we differ, as the last comparison found.
    pub differing: u64,
}

/// A disk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Disk {
    /// Bytes that are free; none when nobody can tell.
    pub free: Option<u64>,
    /// Bytes that are never used.
    pub reserve: u64,
    /// How long until the reserve is met, as the last hours went; none when it is not filling.
    pub lasts: Option<SignedDuration>,
}

impl Disk {
    /// Whether parcels wait because of it.
    pub fn is_down_to_reserve(&self) -> bool {
        self.free.is_some_and(|free| free <= self.reserve)
    }
}

/// When certificates end: the soonest of each kind that is in use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ends {
    /// What the union signs with, is sealed to, and shows to the relay.
    pub own: Option<Timestamp>,
    /// The union's CA.
    pub authority: Option<Timestamp>,
    /// What the relay signs its receipts with.
    pub relay: Option<Timestamp>,
    /// Enabled users, of what has not ended.
    pub employers: Option<Timestamp>,
    /// Enabled users whose certificates have ended.
    pub employers_ended: u64,
}

/// How the revocation lists are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lists {
    /// When that of our own CA was made; none where another one issues.
    pub own: Option<Own>,
    /// How many of other CAs are not current.
    pub stale: u64,
}

/// The revocation list of our own CA.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Own {
    /// There is none.
    Missing,
    /// It was made then.
    Made(Timestamp),
}

impl Picture {
    /// Tasks whose last run has failed, with the code of why. That the relay says nothing, that the way to it is shut or that the
    /// scanner does not work is not theirs: other rules tell of that. What the relay refuses or says wrongly is.
    pub fn failing(&self) -> impl Iterator<Item = (&str, &str)> {
        let told_elsewhere = |code: &str| relay::is_cut(code) || code == BREAKER_OPEN || code.starts_with("scanner.");
        self.failed().filter(move |(_, code)| !told_elsewhere(code))
    }

    /// Tasks whose last run has failed, with the code of why.
    pub fn failed(&self) -> impl Iterator<Item = (&str, &str)> {
        let codes = self.tasks.iter().filter_map(|task| Some((task.name.as_ref(), task.last_result.as_deref()?)));
        codes.filter(|(_, code)| *code != "done")
    }
}
