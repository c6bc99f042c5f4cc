//! How hard a transfer is tried.

use std::time::Duration;

use crate::domain::clock::Random;

/// How hard to try before giving up until the next start.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    /// Failures in a row, without a byte of progress, that end it.
    pub failures: u32,
    /// The first pause; each further one is twice as long, with jitter.
    pub first_pause: Duration,
    /// The longest pause.
    pub longest_pause: Duration,
    /// How long to wait for an upload that another request of ours still holds at the relay.
    pub busy_patience: Duration,
}

impl Default for Effort {
    fn default() -> Self {
        Self {
            failures: 6,
            first_pause: Duration::from_millis(500),
            longest_pause: Duration::from_secs(15),
            busy_patience: Duration::from_secs(90),
        }
    }
}

impl Effort {
    /// The pause after that many failures: between half and the whole of the doubled time, so that many clients that
    /// failed together do not come back together.
    pub fn pause(self, failures: u32, random: &dyn Random) -> Duration {
        let whole = self.first_pause.saturating_mul(1 << failures.min(16)).min(self.longest_pause);
        let mut byte = [0];
        random.fill(&mut byte);
        whole / 2 + whole / 2 * u32::from(byte[0]) / 255
    }
}
