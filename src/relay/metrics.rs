//! What the relay counts, beside what its listeners count.

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
        /// Uploads that are open, whether somebody is writing to them or not.
        uploads_open: IntGauge[],
        /// Uploads thrown away because their time was over.
        uploads_expired_total: IntCounter[],
        /// Parcels whose bytes were deleted after their grace time.
        purged_total: IntCounter[],
        /// Parcels that wait for their unions.
        parcels_waiting: IntGauge[],
        /// Bytes of the parcels that wait for their unions.
        parcels_waiting_bytes: IntGauge[],
        /// Seconds since the oldest waiting parcel became complete.
        oldest_waiting_seconds: IntGauge[],
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
        /// Deliveries that wait for users.
        deliveries_waiting: IntGauge[],
        /// Bytes of the deliveries that wait for users.
        deliveries_waiting_bytes: IntGauge[],
        /// Long polls that are waiting.
        long_polls: IntGauge[],
        /// PINs that were evaluated.
        pin_evaluations_total: IntCounter[],
        /// Passwords of logins that were compared.
        password_comparisons_total: IntCounter[],
        /// Mails that went out.
        mails_sent_total: IntCounter[],
        /// Tries at a mail that did not go out, by problem.
        mails_failed_total: IntCounterVec["problem"],
        /// Mails that wait to go out.
        mails_waiting: IntGauge[],
        /// Mails that wait and have failed before.
        mails_in_trouble: IntGauge[],
        /// Bytes free for parcels.
        disk_free_bytes: IntGauge[],
        /// One, labelled with version and commit.
        build_info: IntGaugeVec["version"],
    }
}
