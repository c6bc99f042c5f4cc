//! When a rule finds something.

use jiff::{SignedDuration, Timestamp};

use super::{Finding, Thresholds};
use crate::gateway::patience::BreakerState;
use crate::gateway::watch::picture::{Own, Picture};

/// Waiting parcels, orders, messages and mails that are older are old.
const OLD: SignedDuration = SignedDuration::from_hours(1);
/// Parcels that wait for longer are told of, whatever they wait for.
const VERY_OLD: SignedDuration = SignedDuration::from_hours(24);
/// A revocation list of our own is made every day.
const LIST_AGE: SignedDuration = SignedDuration::from_hours(48);
/// Certificates of employers renew themselves long before.
const EMPLOYERS: SignedDuration = SignedDuration::from_hours(14 * 24);
/// The relay's operator has to be called this long before.
const RELAY: SignedDuration = SignedDuration::from_hours(30 * 24);
/// A run that takes longer does not end any more; a pull of large files may take a while.
const STUCK: SignedDuration = SignedDuration::from_hours(12);
/// By how much a task may be late.
const LATE: SignedDuration = SignedDuration::from_mins(10);
/// A rest of the schedule that lasts longer may have been forgotten.
const FORGOTTEN: SignedDuration = SignedDuration::from_hours(24);
/// Pauses of the breaker are shorter when the relay comes back.
const SILENT: SignedDuration = SignedDuration::from_mins(10);

pub(super) fn pull_overdue(picture: &Picture, thresholds: &Thresholds, _: &'static str) -> Finding {
    older(picture, picture.pull_due, thresholds.pull)
}

pub(super) fn schedule_late(picture: &Picture, thresholds: &Thresholds, _: &'static str) -> Finding {
    match picture.lateness {
        None => Finding::Unknown,
        Some(late) if late > thresholds.pull => Finding::Wrong(span(late)),
        Some(_) => Finding::Fine,
    }
}

pub(super) fn schedule_idle(picture: &Picture, thresholds: &Thresholds, _: &'static str) -> Finding {
    match picture.outlook {
        None => Finding::Unknown,
        Some(outlook) if outlook.begins => Finding::Fine,
        Some(_) => Finding::Wrong(format!("> {}", span(thresholds.schedule))),
    }
}

pub(super) fn schedule_paused(picture: &Picture, _: &Thresholds, _: &'static str) -> Finding {
    match picture.outlook {
        None => Finding::Unknown,
        Some(outlook) => older(picture, outlook.paused_since, FORGOTTEN),
    }
}

/// Nobody asks the relay while the way to it is shut: whether it would answer, nobody can tell.
pub(super) fn relay_silent(picture: &Picture, _: &Thresholds, _: &'static str) -> Finding {
    if matches!(picture.vpn, Some(Err(_))) {
        return Finding::Unknown;
    }
    let silent = picture.silent_since.map(|since| picture.at.duration_since(since));
    match (picture.breaker, silent) {
        (BreakerState::Open { .. }, _) => Finding::Wrong(span(silent.unwrap_or_default())),
        (_, Some(silent)) if silent >= SILENT => Finding::Wrong(span(silent)),
        _ => Finding::Fine,
    }
}

/// One rule for each reason for which the way is shut.
pub(super) fn vpn_shut(picture: &Picture, _: &Thresholds, code: &'static str) -> Finding {
    match picture.vpn {
        Some(Err(reason)) if reason == code => Finding::Wrong(String::new()),
        _ => Finding::Fine,
    }
}

pub(super) fn disk_filling(picture: &Picture, thresholds: &Thresholds, _: &'static str) -> Finding {
    match picture.disk.lasts {
        Some(lasts) if lasts <= thresholds.disk => Finding::Wrong(span(lasts)),
        _ if picture.disk.free.is_none() => Finding::Unknown,
        _ => Finding::Fine,
    }
}

pub(super) fn disk_reserve(picture: &Picture, _: &Thresholds, _: &'static str) -> Finding {
    match picture.disk.free {
        None => Finding::Unknown,
        Some(free) if picture.disk.is_down_to_reserve() => Finding::Wrong(format!("{} MiB", free >> 20)),
        Some(_) => Finding::Fine,
    }
}

pub(super) fn own_certificates(picture: &Picture, thresholds: &Thresholds, _: &'static str) -> Finding {
    ends_within(picture, picture.ends.own, thresholds.certificates)
}

pub(super) fn authority(picture: &Picture, thresholds: &Thresholds, _: &'static str) -> Finding {
    ends_within(picture, picture.ends.authority, thresholds.authority)
}

pub(super) fn relay_certificates(picture: &Picture, _: &Thresholds, _: &'static str) -> Finding {
    ends_within(picture, picture.ends.relay, RELAY)
}

pub(super) fn employers_certificates(picture: &Picture, _: &Thresholds, _: &'static str) -> Finding {
    match picture.ends.employers_ended {
        0 => ends_within(picture, picture.ends.employers, EMPLOYERS),
        ended => Finding::Wrong(format!("ended: {ended}")),
    }
}

pub(super) fn revocation_old(picture: &Picture, _: &Thresholds, _: &'static str) -> Finding {
    let is_old = |made: Timestamp| picture.at.duration_since(made) > LIST_AGE;
    match picture.lists.own {
        Some(Own::Missing) => Finding::Wrong("-".to_owned()),
        Some(Own::Made(made)) if is_old(made) => Finding::Wrong(span(picture.at.duration_since(made))),
        _ => counted(picture.lists.stale),
    }
}

pub(super) fn keys_refused(picture: &Picture, _: &Thresholds, _: &'static str) -> Finding {
    if picture.keys_refused { Finding::Wrong(String::new()) } else { Finding::Fine }
}

pub(super) fn quarantined(picture: &Picture, _: &Thresholds, _: &'static str) -> Finding {
    counted(picture.figures.quarantined)
}

pub(super) fn broken_streams(picture: &Picture, _: &Thresholds, _: &'static str) -> Finding {
    counted(picture.figures.broken_streams)
}

pub(super) fn receipts_refused(picture: &Picture, _: &Thresholds, _: &'static str) -> Finding {
    counted(picture.figures.receipts_refused)
}

pub(super) fn relay_clock(picture: &Picture, thresholds: &Thresholds, _: &'static str) -> Finding {
    match picture.relay_clock {
        None => Finding::Unknown,
        Some(off) if off.abs() > thresholds.clock => Finding::Wrong(span(off)),
        Some(_) => Finding::Fine,
    }
}

pub(super) fn registries_differ(picture: &Picture, _: &Thresholds, _: &'static str) -> Finding {
    counted(picture.totals.differing)
}

pub(super) fn orders_old(picture: &Picture, _: &Thresholds, _: &'static str) -> Finding {
    older(picture, picture.figures.orders_since, OLD)
}

pub(super) fn parcels_old(picture: &Picture, _: &Thresholds, _: &'static str) -> Finding {
    older(picture, picture.figures.waiting_since, VERY_OLD)
}

pub(super) fn statements_unconfirmed(picture: &Picture, _: &Thresholds, _: &'static str) -> Finding {
    counted(picture.figures.unconfirmed)
}

pub(super) fn outgoing_old(picture: &Picture, _: &Thresholds, _: &'static str) -> Finding {
    older(picture, picture.figures.to_send_since, OLD)
}

pub(super) fn mails_old(picture: &Picture, _: &Thresholds, _: &'static str) -> Finding {
    older(picture, picture.figures.mails_since, OLD)
}

pub(super) fn mails_refused(picture: &Picture, _: &Thresholds, _: &'static str) -> Finding {
    counted(picture.figures.mails_refused)
}

pub(super) fn scanner_away(picture: &Picture, _: &Thresholds, _: &'static str) -> Finding {
    let is_away = |code: &str| code.starts_with("scanner.");
    let waiting = picture.figures.waiting.iter().filter(|(cause, _)| is_away(cause)).map(|(_, parcels)| parcels).sum();
    match picture.failed().find(|(_, code)| is_away(code)) {
        Some((_, code)) => Finding::Wrong(format!("{code}, {waiting}")),
        None => counted(waiting),
    }
}

pub(super) fn hooks_given_up(picture: &Picture, _: &Thresholds, _: &'static str) -> Finding {
    counted(picture.figures.hooks_given_up)
}

pub(super) fn task_failing(picture: &Picture, _: &Thresholds, _: &'static str) -> Finding {
    listed(picture.failing().map(|(task, code)| format!("{task}: {code}")))
}

pub(super) fn task_stuck(picture: &Picture, _: &Thresholds, _: &'static str) -> Finding {
    let longer = |seconds: u64, limit: SignedDuration| seconds > limit.as_secs().unsigned_abs();
    let stuck = picture.tasks.iter().filter(|task| match task.running_seconds {
        Some(running) => longer(running, STUCK),
        None => longer(task.late_seconds, LATE),
    });
    listed(stuck.map(|task| task.name.clone().into_owned()))
}

fn older(picture: &Picture, since: Option<Timestamp>, limit: SignedDuration) -> Finding {
    match since.map(|since| picture.at.duration_since(since)) {
        Some(age) if age > limit => Finding::Wrong(span(age)),
        _ => Finding::Fine,
    }
}

fn ends_within(picture: &Picture, end: Option<Timestamp>, limit: SignedDuration) -> Finding {
    match end.map(|end| end.duration_since(picture.at)) {
        Some(left) if left < limit => Finding::Wrong(span(left)),
        _ => Finding::Fine,
    }
}

fn counted(number: u64) -> Finding {
    if number == 0 { Finding::Fine } else { Finding::Wrong(number.to_string()) }
}

fn listed(names: impl Iterator<Item = String>) -> Finding {
    let names = names.collect::<Vec<_>>().join(", ");
    if names.is_empty() { Finding::Fine } else { Finding::Wrong(names) }
}

/// Coarse, so that it does not change at every look.
fn span(duration: SignedDuration) -> String {
    let (hours, minutes) = (duration.as_hours(), duration.as_mins());
    if hours.abs() >= 48 {
        format!("{} d", hours / 24)
    } else if hours != 0 {
        format!("{hours} h")
    } else {
        format!("{minutes} min")
    }
}
