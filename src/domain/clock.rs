//! Time and randomness as arguments. The real ones live in `runtime/`, tests pass their own.

use std::fmt::Debug;
use std::sync::Mutex;

use jiff::{SignedDuration, Timestamp};

/// Tells the time, in UTC.
pub trait Clock: Debug + Send + Sync {
    /// The present moment.
    fn now(&self) -> Timestamp;
}

/// Gives unpredictable bytes, good enough for keys.
pub trait Random: Debug + Send + Sync {
    /// Fills the whole of `bytes`.
    fn fill(&self, bytes: &mut [u8]);
}

/// A clock that stands still until it is told to move.
#[derive(Debug)]
pub struct ManualClock(Mutex<Timestamp>);

impl ManualClock {
    /// Starts at `now`.
    pub fn new(now: Timestamp) -> Self {
        Self(Mutex::new(now))
    }

    /// Moves the hands, forward or back.
    ///
    /// # Panics
    /// When the result is no representable time.
    pub fn advance(&self, by: SignedDuration) {
        let mut now = self.0.lock().expect("no holder of the clock panics");
        *now = now.checked_add(by).expect("tests stay within representable time");
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().expect("no holder of the clock panics")
    }
}
