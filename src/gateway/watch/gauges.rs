//! Metrics that show a picture: what is counted by looking, not by happening.

use jiff::Timestamp;

use super::picture::{Own, Picture};
use super::rules::RULES;
use super::series::float;
use crate::gateway::patience::BreakerState;
use crate::store::gateway::alerts::Alert;

crate::metrics! {
    /// Metrics of the gateway that show how it is.
    pub struct Gauges("kx_gateway") {
        /// What waits, by queue: parcels (left at the relay), acknowledgements, orders (about users), outgoing (messages to employers), held (wait for a second person), statements (about numbers that nobody gets), hooks, mails (to staff).
        queue_items: IntGaugeVec["queue"],
        /// Seconds since the oldest in a queue has waited, by queue; 0 when it is empty.
        queue_oldest_seconds: GaugeVec["queue"],
        /// Parcels left at the relay for a temporary cause, by cause.
        parcels_waiting: IntGaugeVec["cause"],
        /// What staff should look into, by kind: quarantined (no decision), broken-streams (not looked at), receipts-refused (of the last day), differing-users, certificates-ended (of enabled users), statements-unconfirmed, hooks-given-up, mails-refused.
        review_items: IntGaugeVec["kind"],
        /// Messages archived, ever.
        archived_messages: IntGauge[],
        /// Sealed bytes archived, ever.
        archived_bytes: IntGauge[],
        /// Users by state.
        users: IntGaugeVec["state"],
        /// When the last pull ended that reached the end of the relay's list, in seconds since 1970.
        last_successful_pull_timestamp_seconds: Gauge[],
        /// Seconds since a pull that comes to its end is due; 0 when one has come to its end in time.
        pull_overdue_seconds: Gauge[],
        /// Seconds by which the newest run of the schedule began late.
        schedule_lateness_seconds: Gauge[],
        /// The breaker towards the relay: 0 closed, 1 half-open, 2 open.
        breaker_state: IntGauge[],
        /// Seconds since the relay has failed at every try; 0 when it answers.
        relay_silent_seconds: Gauge[],
        /// 1 when the way to the relay is the prescribed one or none is prescribed, 0 when it is shut.
        vpn_up: IntGauge[],
        /// 1 for the reason why the way to the relay is shut.
        vpn_shut: IntGaugeVec["reason"],
        /// Bytes free on the disk of spool and archive.
        disk_free_bytes: Gauge[],
        /// Bytes of that disk that are never used.
        disk_reserve_bytes: Gauge[],
        /// Seconds until that disk is down to its reserve at the rate of the last hours; +Inf when it is not filling.
        disk_full_in_seconds: Gauge[],
        /// Seconds until the soonest end of certificates, by whose: own, authority (the union's CA), relay (its receipts), employers.
        certificate_left_seconds: GaugeVec["whose"],
        /// Seconds since the revocation list of the union's CA was made.
        revocation_list_age_seconds: Gauge[],
        /// 1 while staff are alerted of it, 0 else.
        alert_firing: IntGaugeVec["code", "severity"],
        /// When these figures were looked up, in seconds since 1970.
        looked_timestamp_seconds: Gauge[],
    }
}

impl Gauges {
    /// Shows a picture.
    pub fn show(&self, picture: &Picture) {
        self.show_queues(picture);
        self.show_line(picture);
        self.archived_messages.set(whole(picture.totals.archived));
        self.archived_bytes.set(whole(picture.totals.archived_bytes));
        for state in ["registered", "enabled", "disabled"] {
            self.users.with_label_values(&[state]).set(whole(picture.users.get(state).copied().unwrap_or(0)));
        }
        if let Some(free) = picture.disk.free {
            self.disk_free_bytes.set(float(free));
        }
        self.disk_reserve_bytes.set(float(picture.disk.reserve));
        self.disk_full_in_seconds.set(picture.disk.lasts.map_or(f64::INFINITY, |lasts| lasts.as_secs_f64()));
        let ends = &picture.ends;
        let whose =
            [("own", ends.own), ("authority", ends.authority), ("relay", ends.relay), ("employers", ends.employers)];
        for (whose, end) in whose {
            let left = end.map_or(f64::INFINITY, |end| end.duration_since(picture.at).as_secs_f64());
            self.certificate_left_seconds.with_label_values(&[whose]).set(left);
        }
        if let Some(Own::Made(at)) = picture.lists.own {
            self.revocation_list_age_seconds.set(age(picture, Some(at)));
        }
    }

    /// Shows that a look came to its end: what was found is written down and judged.
    pub fn show_end(&self, at: Timestamp) {
        self.looked_timestamp_seconds.set(epoch(at));
    }

    /// Shows which alerts fire.
    pub fn show_alerts(&self, firing: &[Alert]) {
        for rule in RULES {
            let fires = firing.iter().any(|alert| alert.code == rule.code);
            self.alert_firing.with_label_values(&[rule.code, rule.severity.code()]).set(fires.into());
        }
    }

    fn show_queues(&self, picture: &Picture) {
        let figures = &picture.figures;
        let parcels = figures.waiting.values().sum();
        for (queue, items, since) in [
            ("parcels", parcels, figures.waiting_since),
            ("acknowledgements", figures.unacknowledged, None),
            ("orders", figures.orders, figures.orders_since),
            ("outgoing", figures.to_send, figures.to_send_since),
            ("held", figures.held, None),
            ("statements", figures.statements, None),
            ("hooks", figures.hooks, None),
            ("mails", figures.mails, figures.mails_since),
        ] {
            self.queue_items.with_label_values(&[queue]).set(whole(items));
            self.queue_oldest_seconds.with_label_values(&[queue]).set(age(picture, since));
        }
        self.parcels_waiting.reset();
        for (cause, parcels) in &figures.waiting {
            self.parcels_waiting.with_label_values(&[cause]).set(whole(*parcels));
        }
        for (kind, items) in [
            ("quarantined", figures.quarantined),
            ("broken-streams", figures.broken_streams),
            ("receipts-refused", figures.receipts_refused),
            ("differing-users", picture.totals.differing),
            ("certificates-ended", picture.ends.employers_ended),
            ("statements-unconfirmed", figures.unconfirmed),
            ("hooks-given-up", figures.hooks_given_up),
            ("mails-refused", figures.mails_refused),
        ] {
            self.review_items.with_label_values(&[kind]).set(whole(items));
        }
    }

    fn show_line(&self, picture: &Picture) {
        if let Some(at) = picture.figures.pulled_at {
            self.last_successful_pull_timestamp_seconds.set(epoch(at));
        }
        self.pull_overdue_seconds.set(age(picture, picture.pull_due));
        self.schedule_lateness_seconds.set(picture.lateness.map_or(0.0, |late| late.as_secs_f64()));
        self.breaker_state.set(match picture.breaker {
            BreakerState::Closed { .. } => 0,
            BreakerState::HalfOpen { .. } => 1,
            BreakerState::Open { .. } => 2,
        });
        self.relay_silent_seconds.set(age(picture, picture.silent_since));
        self.vpn_shut.reset();
        self.vpn_up.set(match picture.vpn {
            Some(Err(reason)) => {
                self.vpn_shut.with_label_values(&[reason]).set(1);
                0
            }
            _ => 1,
        });
    }
}

fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn age(picture: &Picture, since: Option<Timestamp>) -> f64 {
    since.map_or(0.0, |since| picture.at.duration_since(since).as_secs_f64().max(0.0))
}

fn epoch(at: Timestamp) -> f64 {
    at.duration_since(Timestamp::UNIX_EPOCH).as_secs_f64()
}
