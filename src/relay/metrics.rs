//! What the relay counts, beside what its listeners count.

use crate::runtime::version::VERSION;

crate::metrics! {
    /// Metrics of the relay.
    pub struct Metrics("kx_relay") {
        /// Parcels that became complete.
        deposited_total: IntCounter[],
        /// Bytes of the parcels that became complete.
        deposited_bytes_total: IntCounter[],
        /// Parcels whose content was asked for, by whether from their beginning.
        fetched_total: IntCounterVec["part"],
        /// Acknowledgements, by outcome.
        acknowledged_total: IntCounterVec["outcome"],
        /// Uploads thrown away because their time was over.
        uploads_expired_total: IntCounter[],
        /// Parcels whose bytes were deleted after their grace time.
        purged_total: IntCounter[],
        /// Deliveries that became complete.
        deliveries_deposited_total: IntCounter[],
        /// Bytes of the deliveries that became complete.
        deliveries_deposited_bytes_total: IntCounter[],
        /// Deliveries whose content users asked for, by whether for the first time.
        deliveries_fetched_total: IntCounterVec["time"],
        /// Acknowledgements by users, by outcome.
        deliveries_acknowledged_total: IntCounterVec["outcome"],
        /// Deliveries that unions took back.
        deliveries_withdrawn_total: IntCounter[],
        /// Deliveries that nobody had fetched in time.
        deliveries_expired_total: IntCounter[],
        /// Deliveries whose bytes were deleted.
        deliveries_deleted_total: IntCounter[],
        /// Long polls that are waiting.
        long_polls: IntGauge[],
        /// PINs that were evaluated.
        pin_evaluations_total: IntCounter[],
        /// Logins, by result: done, wrong (password), locked (after too many wrong ones).
        logins_total: IntCounterVec["result"],
        /// Passwords of logins that were compared.
        password_comparisons_total: IntCounter[],
        /// Mails that went out.
        mails_sent_total: IntCounter[],
        /// Tries at a mail that did not go out, by problem.
        mails_failed_total: IntCounterVec["problem"],
        /// One, labelled with version and commit.
        build_info: IntGaugeVec["version"],
    }
}

impl Metrics {
    /// All at zero, and what is known beforehand of their labels shown: who watches for an increase must see the zero before it.
    pub fn begin() -> Self {
        let metrics = Self::new();
        for result in ["done", "wrong", "locked"] {
            metrics.logins_total.with_label_values(&[result]);
        }
        metrics.build_info.with_label_values(&[VERSION]).set(1);
        metrics
    }
}
