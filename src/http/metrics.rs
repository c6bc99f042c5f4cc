//! What an edge counts.

crate::metrics! {
    /// Metrics of the listeners.
    pub struct Metrics("kx_http") {
        /// Requests answered, by listener, method, route and status.
        requests_total: IntCounterVec["listener", "method", "route", "status"],
        /// Seconds from a request's header to the answer's header, by listener.
        request_seconds: HistogramVec["listener"],
        /// Bytes received inside TLS, by listener.
        received_bytes_total: IntCounterVec["listener"],
        /// Bytes sent inside TLS, by listener.
        sent_bytes_total: IntCounterVec["listener"],
        /// Connections that are open, by listener.
        connections: IntGaugeVec["listener"],
        /// Connections closed at once, by listener and limit.
        connections_refused_total: IntCounterVec["listener", "limit"],
        /// Connections cut off because the other end was too slow, by listener and reason.
        cut_off_total: IntCounterVec["listener", "reason"],
        /// Handshakes that failed, by listener and reason.
        handshakes_refused_total: IntCounterVec["listener", "reason"],
    }
}
