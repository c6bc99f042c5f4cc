//! How fast the other end takes what we send.

use std::time::Duration;

use tokio::time::Instant;

/// The pace of one connection. Only the time in which we wait for the other end counts, not what we do between.
#[derive(Debug)]
pub(super) struct Taking {
    /// So much waiting is looked at together.
    window: Duration,
    /// Bytes per second.
    minimum_rate: u64,
    waiting_since: Option<Instant>,
    waited: Duration,
    bytes: u64,
}

impl Taking {
    pub(super) const fn new(window: Duration, minimum_rate: u64) -> Self {
        Self { window, minimum_rate, waiting_since: None, waited: Duration::ZERO, bytes: 0 }
    }

    /// The other end takes nothing at present.
    pub(super) fn waits(&mut self, now: Instant) {
        self.waiting_since.get_or_insert(now);
    }

    /// The other end has taken bytes. Whether that goes on fast enough.
    pub(super) fn took(&mut self, bytes: u64, now: Instant) -> bool {
        if let Some(since) = self.waiting_since.take() {
            self.waited += now - since;
        }
        self.bytes += bytes;
        if self.waited < self.window {
            return true;
        }
        let enough = self.bytes >= self.waited.as_secs().saturating_mul(self.minimum_rate);
        (self.waited, self.bytes) = (Duration::ZERO, 0);
        enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_time_of_waiting_counts() {
        let second = Duration::from_secs(1);
        let minute = |bytes, waits: bool| {
            let (mut taking, mut now) = (Taking::new(30 * second, 1_000), Instant::now());
            (0..60).all(|_| {
                if waits {
                    taking.waits(now);
                }
                now += second;
                taking.took(bytes, now)
            })
        };
        assert!(minute(1_000, true));
        assert!(!minute(999, true));
        assert!(minute(1, false), "it was us who were slow");
    }
}
