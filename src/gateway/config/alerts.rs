//! Settings of alerts to staff.

use jiff::SignedDuration;
use serde::Deserialize;

use crate::config::Fault;

/// `[alerts]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct AlertSettings {
    pull_minutes: u32,
    schedule_days: u32,
    disk_hours: u32,
    certificate_days: u32,
}

impl AlertSettings {
    /// How long a pull may be due, or begin too late.
    pub fn pull(&self) -> SignedDuration {
        SignedDuration::from_mins(self.pull_minutes.into())
    }

    /// Within how long the schedule must begin a pull.
    pub fn schedule(&self) -> SignedDuration {
        SignedDuration::from_hours(24 * i64::from(self.schedule_days))
    }

    /// How long the disk must last at the rate of the last hours.
    pub fn disk(&self) -> SignedDuration {
        SignedDuration::from_hours(self.disk_hours.into())
    }

    /// How long before their end certificates of the union are warned of.
    pub fn certificates(&self) -> SignedDuration {
        SignedDuration::from_hours(24 * i64::from(self.certificate_days))
    }
}

pub(super) fn faults(alerts: &AlertSettings) -> Vec<Fault> {
    let checks = [
        (alerts.pull_minutes, 1..=44_640, "alerts.pull_minutes", "must be 1 to 44640"),
        (alerts.schedule_days, 1..=366, "alerts.schedule_days", "must be 1 to 366"),
        (alerts.disk_hours, 1..=744, "alerts.disk_hours", "must be 1 to 744"),
        (alerts.certificate_days, 1..=365, "alerts.certificate_days", "must be 1 to 365"),
    ];
    let wrong = checks.into_iter().filter(|(value, range, ..)| !range.contains(value));
    wrong.map(|(.., key, problem)| Fault::new(key, problem)).collect()
}
