//! What one end may ask of us before it is cut off.

use std::time::Duration;

use serde::Deserialize;

/// Limits of a listener. Each key stands in the configuration of the binary, with its default.
#[derive(Debug, Clone, Deserialize)]
pub struct Limits {
    /// Connections at the same time.
    pub connections: usize,
    /// Connections at the same time from one address (IPv6: one /64).
    pub connections_per_address: usize,
    /// Connections at the same time with one client certificate.
    pub connections_per_certificate: usize,
    /// Seconds for the TLS handshake.
    pub handshake_seconds: u64,
    /// Seconds from the first byte of a request to the end of its header.
    pub header_seconds: u64,
    /// Seconds that a connection may lie idle between requests.
    pub idle_seconds: u64,
    /// Seconds in which a body must move on, in either direction.
    pub stall_seconds: u64,
    /// Bytes per second that a body must reach on average, in either direction, once `stall_seconds` are over. Of an answer
    /// only the time counts in which we wait for the other end to take it.
    pub minimum_rate: u64,
    /// Bytes of a request's header.
    pub header_bytes: usize,
    /// Bytes of a JSON body.
    pub json_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 20_000,
            connections_per_address: 256,
            connections_per_certificate: 64,
            handshake_seconds: 10,
            header_seconds: 10,
            idle_seconds: 300,
            stall_seconds: 30,
            minimum_rate: 1_024,
            header_bytes: 16_384,
            json_bytes: 8_388_608,
        }
    }
}

impl Limits {
    pub(super) fn handshake(&self) -> Duration {
        Duration::from_secs(self.handshake_seconds)
    }

    pub(super) fn header(&self) -> Duration {
        Duration::from_secs(self.header_seconds)
    }

    pub(super) fn idle(&self) -> Duration {
        Duration::from_secs(self.idle_seconds)
    }

    pub(super) fn stall(&self) -> Duration {
        Duration::from_secs(self.stall_seconds)
    }
}
