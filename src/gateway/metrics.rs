//! What the gateway counts. No label grows with users or files.

use crate::domain::verdict::Reason;
use crate::runtime::version::VERSION;

crate::metrics! {
    /// Metrics of the gateway.
    pub struct GatewayMetrics("kx_gateway") {
        /// Messages that came to their end here, by direction and verdict. in: accepted, quarantined, repeated. out: deposited, stopped.
        transfers_total: IntCounterVec["direction", "verdict"],
        /// Sealed bytes fetched from the relay (in) and deposited there (out).
        transferred_bytes_total: IntCounterVec["direction"],
        /// Messages quarantined, by reason.
        quarantined_total: IntCounterVec["reason"],
        /// Receipts of the relay that do not hold, by what is wrong.
        relayed_refused_total: IntCounterVec["code"],
        /// Seconds per stage of the pull: fetch and open a message, judge, place and commit a group, acknowledge.
        stage_seconds: HistogramVec["stage"],
        /// Runs of the pull, by result.
        pull_runs_total: IntCounterVec["result"],
        /// New tries of requests within a run.
        retries_total: IntCounter[],
        /// The relay's clock minus ours, in seconds, at the last handshake.
        relay_clock_difference_seconds: Gauge[],
        /// Messages to employers that got their number.
        sent_sealed_total: IntCounter[],
        /// Messages to employers that were stopped or have failed, by reason.
        sent_stopped_total: IntCounterVec["code"],
        /// Receipts for what was sent that do not fit, and what else the relay says of it that cannot be, by what is wrong.
        receipts_refused_total: IntCounterVec["code"],
        /// Runs of the push, by result.
        push_runs_total: IntCounterVec["result"],
        /// 1 while certificates and keys in the files are refused, and those from before are in use; else 0.
        keys_refused: IntGauge[],
        /// Requests to the API without a token that counts.
        tokens_refused_total: IntCounter[],
        /// Build information; always 1.
        build_info: IntGaugeVec["version"],
    }
}

impl GatewayMetrics {
    /// All at zero, and what is known beforehand of their labels shown: who watches for an increase must see the zero before it.
    pub fn begin() -> Self {
        let metrics = Self::new();
        for (direction, verdict) in
            [("in", "accepted"), ("in", "quarantined"), ("in", "repeated"), ("out", "deposited"), ("out", "stopped")]
        {
            metrics.transfers_total.with_label_values(&[direction, verdict]);
        }
        for direction in ["in", "out"] {
            metrics.transferred_bytes_total.with_label_values(&[direction]);
        }
        for reason in Reason::ALL {
            metrics.quarantined_total.with_label_values(&[reason.code()]);
        }
        metrics.build_info.with_label_values(&[VERSION]).set(1);
        metrics
    }
}
