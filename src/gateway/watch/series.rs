//! Which figures are kept for charts, and under which number. A number is never used for another figure.

use jiff::SignedDuration;

use super::picture::Picture;
use crate::gateway::patience::BreakerState;
use crate::store::gateway::history::Fold;

/// A figure that is kept.
#[derive(Debug, Clone, Copy)]
pub struct Series {
    /// Its number in the database.
    pub number: u16,
    /// Its name for charts.
    pub code: &'static str,
    /// How minutes become an hour.
    pub fold: Fold,
    value: fn(&Picture) -> Option<f64>,
}

/// All of them. 22 series are at most 63,360 minutes and 209,616 hours: 7 MB.
pub const SERIES: &[Series] = &[
    Series { number: 1, code: "archived", fold: Fold::Last, value: |p| Some(float(p.totals.archived)) },
    Series { number: 2, code: "quarantined", fold: Fold::Last, value: |p| Some(float(p.totals.quarantined)) },
    Series { number: 3, code: "archived_bytes", fold: Fold::Last, value: |p| Some(float(p.totals.archived_bytes)) },
    Series {
        number: 4,
        code: "parcels_waiting",
        fold: Fold::Highest,
        value: |p| Some(float(p.figures.waiting.values().sum())),
    },
    Series {
        number: 5,
        code: "parcels_waiting_seconds",
        fold: Fold::Highest,
        value: |p| p.figures.waiting_since.map(|since| seconds(p.at.duration_since(since))).or(Some(0.0)),
    },
    Series { number: 6, code: "unacknowledged", fold: Fold::Highest, value: |p| Some(float(p.figures.unacknowledged)) },
    Series { number: 7, code: "orders_open", fold: Fold::Highest, value: |p| Some(float(p.figures.orders)) },
    Series { number: 8, code: "to_send", fold: Fold::Highest, value: |p| Some(float(p.figures.to_send)) },
    Series { number: 9, code: "held", fold: Fold::Mean, value: |p| Some(float(p.figures.held)) },
    Series { number: 10, code: "hooks_waiting", fold: Fold::Highest, value: |p| Some(float(p.figures.hooks)) },
    Series { number: 11, code: "mails_waiting", fold: Fold::Highest, value: |p| Some(float(p.figures.mails)) },
    Series { number: 12, code: "in_quarantine", fold: Fold::Mean, value: |p| Some(float(p.figures.quarantined)) },
    Series { number: DISK_FREE, code: "disk_free_bytes", fold: Fold::Lowest, value: |p| p.disk.free.map(float) },
    Series { number: 14, code: "disk_full_in_seconds", fold: Fold::Lowest, value: |p| p.disk.lasts.map(seconds) },
    Series {
        number: 15,
        code: "pull_age_seconds",
        fold: Fold::Highest,
        value: |p| p.figures.pulled_at.map(|at| seconds(p.at.duration_since(at))),
    },
    Series {
        number: 16,
        code: "pull_overdue_seconds",
        fold: Fold::Highest,
        value: |p| p.pull_due.map(|due| seconds(p.at.duration_since(due))).or(Some(0.0)),
    },
    Series { number: 17, code: "schedule_lateness_seconds", fold: Fold::Highest, value: |p| p.lateness.map(seconds) },
    Series {
        number: 18,
        code: "breaker_open",
        fold: Fold::Mean,
        value: |p| Some(f64::from(u8::from(!matches!(p.breaker, BreakerState::Closed { .. })))),
    },
    Series {
        number: 19,
        code: "vpn_up",
        fold: Fold::Mean,
        value: |p| p.vpn.map(|vpn| f64::from(u8::from(vpn.is_ok()))),
    },
    Series {
        number: 20,
        code: "relay_clock_difference_seconds",
        fold: Fold::Mean,
        value: |p| p.relay_clock.map(seconds),
    },
    Series {
        number: 21,
        code: "users_enabled",
        fold: Fold::Last,
        value: |p| p.users.get("enabled").copied().map(float),
    },
    Series { number: 22, code: "tasks_failing", fold: Fold::Mean, value: |p| Some(float(p.failing().count() as u64)) },
];

/// The number of the series that tells how long the disk lasts.
pub const DISK_FREE: u16 = 13;

impl Series {
    /// Its value, where it has one.
    pub fn value(&self, picture: &Picture) -> Option<f64> {
        (self.value)(picture)
    }

    /// The series of that name.
    pub fn find(code: &str) -> Option<&'static Self> {
        SERIES.iter().find(|series| series.code == code)
    }
}

fn seconds(duration: SignedDuration) -> f64 {
    duration.as_secs_f64()
}

/// A count or a number of bytes as a chart shows it.
#[expect(clippy::cast_precision_loss, reason = "a chart shows no sixteen digits")]
pub fn float(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn numbers_and_names_are_used_once() {
        let numbers: HashSet<_> = SERIES.iter().map(|series| series.number).collect();
        let codes: HashSet<_> = SERIES.iter().map(|series| series.code).collect();
        assert_eq!((numbers.len(), codes.len()), (SERIES.len(), SERIES.len()));
        assert_eq!(Series::find("disk_free_bytes").unwrap().number, DISK_FREE);
    }
}
