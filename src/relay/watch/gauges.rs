//! Metrics of the relay that show how it is: what is counted by looking, not by happening.

crate::metrics! {
    /// Metrics of the relay that show how it is.
    pub(super) struct Gauges("kx_relay") {
        /// Uploads that are open, whether somebody is writing to them or not.
        uploads_open: IntGauge[],
        /// Parcels that wait for their unions.
        parcels_waiting: IntGauge[],
        /// Bytes of the parcels that wait for their unions.
        parcels_waiting_bytes: IntGauge[],
        /// Seconds since the oldest waiting parcel became complete.
        oldest_waiting_seconds: IntGauge[],
        /// Deliveries that wait for users.
        deliveries_waiting: IntGauge[],
        /// Bytes of the deliveries that wait for users.
        deliveries_waiting_bytes: IntGauge[],
        /// Seconds since the oldest delivery that waits for users became complete.
        deliveries_oldest_waiting_seconds: IntGauge[],
        /// Mails that wait to go out.
        mails_waiting: IntGauge[],
        /// Mails that wait and have failed before.
        mails_in_trouble: IntGauge[],
        /// Seconds since the oldest mail that waits was made.
        mails_oldest_waiting_seconds: IntGauge[],
        /// Users by state: enabled, disabled.
        users: IntGaugeVec["state"],
        /// Sessions of users that have not ended.
        sessions: IntGauge[],
        /// Unions that are enabled.
        unions_enabled: IntGauge[],
        /// Seconds since the enabled union was heard of that was not heard of for longest; 0 when each was heard of this moment.
        union_silent_seconds: IntGauge[],
        /// Bytes free for parcels.
        disk_free_bytes: Gauge[],
        /// Bytes of that disk that stay free.
        disk_reserve_bytes: Gauge[],
        /// Seconds until that disk is down to its reserve at the rate of the last hours; +Inf when it is not filling.
        disk_full_in_seconds: Gauge[],
        /// Seconds until the relay's own certificates end, by what they are for: vpn, employer, enrolment, receipts.
        certificate_left_seconds: GaugeVec["use"],
        /// When these figures were looked up, in seconds since 1970.
        looked_timestamp_seconds: Gauge[],
    }
}
