//! What the gateway counts. No label grows with users or files.

crate::metrics! {
    /// Metrics of the gateway.
    pub struct GatewayMetrics("kx_gateway") {
        /// Messages received, by verdict (accepted, quarantined) or repeated.
        messages_total: IntCounterVec["verdict"],
        /// Messages quarantined, by reason.
        quarantined_total: IntCounterVec["reason"],
        /// Receipts of the relay that do not hold, by what is wrong.
        relayed_refused_total: IntCounterVec["code"],
        /// Sealed bytes fetched.
        fetched_bytes_total: IntCounter[],
        /// Seconds per stage of the pull: fetch and open a message, judge, place and commit a group, acknowledge.
        stage_seconds: HistogramVec["stage"],
        /// Runs of the pull, by result.
        runs_total: IntCounterVec["result"],
        /// When the last run ended that reached the end of the relay's list, in seconds since 1970.
        last_success_seconds: IntGauge[],
        /// Parcels that are on their way now.
        in_flight: IntGauge[],
        /// Parcels left at the relay for a temporary cause.
        waiting: IntGauge[],
        /// New tries of requests within a run.
        retries_total: IntCounter[],
        /// The breaker towards the relay: 0 closed, 1 half-open, 2 open.
        breaker: IntGauge[],
        /// The relay's clock minus ours, in milliseconds, at the last handshake.
        relay_clock_difference_ms: IntGauge[],
        /// Bytes free on the disk of spool and archive.
        disk_free_bytes: IntGauge[],
        /// Orders about users that the relay has not confirmed.
        orders_open: IntGauge[],
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
