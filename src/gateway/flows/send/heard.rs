//! Up to when we have heard everything that the relay had to tell. Whatever it tells later happened there later, whatever time it says.

use std::sync::Mutex;

use jiff::Timestamp;

/// That moment by our clock, in this process; nothing before the first time.
#[derive(Debug, Default)]
pub(super) struct Heard(Mutex<Option<Timestamp>>);

impl Heard {
    /// Everything that there was at this moment is heard.
    pub(super) fn up_to(&self, at: Timestamp) {
        let mut heard = self.lock();
        *heard = heard.max(Some(at));
    }

    /// The relay begins its list anew.
    pub(super) fn forget(&self) {
        *self.lock() = None;
    }

    /// The earliest moment at which something can have happened that is told now, as of `at`.
    pub(super) fn earliest(&self, at: Timestamp, now: Timestamp) -> Timestamp {
        // A clock that was set back must not make it later than now.
        self.lock().filter(|heard| *heard <= now).map_or(at, |heard| at.max(heard))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Timestamp>> {
        self.0.lock().expect("nothing panics while it holds the time")
    }
}
