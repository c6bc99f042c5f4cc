//! What begins a run.

use jiff::Timestamp;

use crate::gateway::flows::By;

/// Why a run begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// Its time has come.
    Timer,
    /// Its time came when the gateway did not run or something stood in the way, or a run was cut off.
    CatchUp,
    /// The run before did not come to its end.
    Retry,
    /// Something has arrived at the relay (long poll).
    Arrival,
    /// Another part of this program asked for it.
    Signal,
    /// A person asked for it: parcels that wait for their next try are tried now.
    Command,
    /// A person asked for it, and that everything which the relay keeps be compared with what is here.
    Again,
}

impl Cause {
    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Timer => "timer",
            Self::CatchUp => "catch-up",
            Self::Retry => "retry",
            Self::Arrival => "arrival",
            Self::Signal => "signal",
            Self::Command => "command",
            Self::Again => "again",
        }
    }

    /// Whether it was a person who asked.
    pub const fn is_a_persons(self) -> bool {
        matches!(self, Self::Command | Self::Again)
    }
}

/// An order to pull once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Why.
    pub cause: Cause,
    /// When it was planned, if it is the schedule that orders it.
    pub planned_at: Option<Timestamp>,
    /// The account that orders it, for history and audit.
    pub actor: Option<String>,
    /// From which address, where it is a person at the console who orders it; empty otherwise.
    pub origin: String,
}

impl Order {
    /// By the schedule.
    pub fn planned(cause: Cause, at: Timestamp) -> Self {
        Self { cause, planned_at: Some(at), actor: None, origin: String::new() }
    }

    /// By a person.
    pub fn by(cause: Cause, by: By<'_>) -> Self {
        Self { cause, planned_at: None, actor: Some(by.actor.to_owned()), origin: by.origin.to_owned() }
    }

    /// Up to where everything that was planned is dealt with when this run begins at `now`; nothing new for a run that was not
    /// planned.
    pub fn mark(&self, now: Timestamp) -> Option<Timestamp> {
        match self.cause {
            Cause::Timer => self.planned_at,
            _ => self.planned_at.map(|_| now),
        }
    }
}

impl From<Cause> for Order {
    fn from(cause: Cause) -> Self {
        Self { cause, planned_at: None, actor: None, origin: String::new() }
    }
}
