//! When to try again: backoff with jitter, and a breaker that stops asking a relay that does not answer.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use jiff::{SignedDuration, Timestamp};

use crate::domain::clock::Random;

/// Failures in a row after which nobody asks any more for a while.
const OPENS_AFTER: u32 = 5;

/// Doubling pauses with jitter.
#[derive(Debug, Clone, Copy)]
pub struct Backoff {
    /// The first pause.
    pub first: SignedDuration,
    /// The longest pause.
    pub longest: SignedDuration,
}

impl Backoff {
    /// The pause after the given number of failures (from 1): between half of the doubled pause and all of it, so that
    /// what failed together does not come back together.
    pub fn pause(&self, failures: u32, random: &dyn Random) -> SignedDuration {
        let doubled = self.first.saturating_mul(1 << failures.saturating_sub(1).min(20)).min(self.longest);
        let mut byte = [0];
        random.fill(&mut byte);
        doubled / 2 + doubled * i32::from(byte[0]) / (2 * 255)
    }

    /// The farthest time that a pause which begins now can reach.
    pub fn horizon(&self, now: Timestamp) -> Timestamp {
        now.saturating_add(self.longest).unwrap_or(Timestamp::MAX)
    }

    /// Whether the time for something that was put off has come. What lies beyond the horizon was put off by a clock
    /// that has been set back since: it is due.
    pub fn is_due(&self, at: Timestamp, now: Timestamp) -> bool {
        at <= now || at > self.horizon(now)
    }
}

/// How the breaker stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerState {
    /// The relay answers, or has failed only so many times in a row.
    Closed {
        /// Failures in a row.
        failures: u32,
    },
    /// Nobody asks before that time.
    Open {
        /// When one may try.
        until: Timestamp,
        /// Failures in a row.
        failures: u32,
    },
    /// One is trying.
    HalfOpen {
        /// Failures in a row.
        failures: u32,
    },
}

impl BreakerState {
    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Closed { .. } => "closed",
            Self::Open { .. } => "open",
            Self::HalfOpen { .. } => "half-open",
        }
    }
}

/// Keeps requests away from a relay that fails. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Breaker {
    backoff: Backoff,
    state: Arc<Mutex<BreakerState>>,
    line: Arc<Mutex<Line>>,
    outages: Arc<AtomicU64>,
    silent_since: Arc<Mutex<Option<Timestamp>>>,
}

/// What the orders to the relay know of the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    /// Nothing has been put off because of it.
    Good,
    /// Something may have been.
    Cut,
    /// The relay has answered since.
    Back,
}

impl Breaker {
    /// A closed one.
    pub fn new(backoff: Backoff) -> Self {
        Self {
            backoff,
            state: Arc::new(Mutex::new(BreakerState::Closed { failures: 0 })),
            // A process before this one may have put something off.
            line: Arc::new(Mutex::new(Line::Cut)),
            outages: Arc::default(),
            silent_since: Arc::default(),
        }
    }

    /// How it stands.
    pub fn state(&self) -> BreakerState {
        *self.lock()
    }

    /// Whether one may ask now. After an open time this lets one try.
    pub fn allows(&self, now: Timestamp) -> bool {
        let mut state = self.lock();
        match *state {
            BreakerState::Closed { .. } | BreakerState::HalfOpen { .. } => true,
            BreakerState::Open { until, failures } if self.backoff.is_due(until, now) => {
                *state = BreakerState::HalfOpen { failures };
                true
            }
            BreakerState::Open { .. } => false,
        }
    }

    /// The relay answered.
    pub fn succeeded(&self) {
        *self.lock() = BreakerState::Closed { failures: 0 };
        *self.silence() = None;
        self.answered();
    }

    /// Since when the relay has failed as a whole at every try, if it has.
    pub fn silent_since(&self) -> Option<Timestamp> {
        *self.silence()
    }

    /// The way to the relay, that was shut, is there again: one may ask at once.
    pub fn way_is_back(&self) {
        *self.lock() = BreakerState::Closed { failures: 0 };
        *self.silence() = None;
    }

    /// The relay answered something that says nothing of how it does otherwise.
    pub fn answered(&self) {
        let mut line = self.line();
        if *line == Line::Cut {
            *line = Line::Back;
        }
    }

    /// How often the relay was not there, as far as anybody noticed: it may have been another one since.
    pub fn outages(&self) -> u64 {
        self.outages.load(Ordering::SeqCst)
    }

    /// A request that waited for news got no answer.
    pub fn interrupted(&self) {
        self.outages.fetch_add(1, Ordering::SeqCst);
    }

    /// An order was put off because the relay says nothing.
    pub fn line_is_cut(&self) {
        self.interrupted();
        *self.line() = Line::Cut;
    }

    /// Whether the relay has answered again since orders were put off. Says so once.
    pub fn line_is_back(&self) -> bool {
        let mut line = self.line();
        let back = *line == Line::Back;
        if back {
            *line = Line::Good;
        }
        back
    }

    /// The relay failed as a whole.
    pub fn failed(&self, now: Timestamp, random: &dyn Random) {
        self.interrupted();
        self.silence().get_or_insert(now);
        let mut state = self.lock();
        let (failures, trial) = match *state {
            BreakerState::Closed { failures } => (failures + 1, false),
            BreakerState::HalfOpen { failures } => (failures + 1, true),
            // Requests that were under way when it opened say nothing new.
            BreakerState::Open { .. } => return,
        };
        *state = if trial || failures >= OPENS_AFTER {
            let pause = self.backoff.pause(failures - OPENS_AFTER.min(failures) + 1, random);
            BreakerState::Open { until: now.saturating_add(pause).unwrap_or(Timestamp::MAX), failures }
        } else {
            BreakerState::Closed { failures }
        };
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().expect("nothing panics while it holds the state of the line")
    }

    fn silence(&self) -> MutexGuard<'_, Option<Timestamp>> {
        self.silent_since.lock().expect("nothing panics while it holds the time of the silence")
    }

    fn lock(&self) -> MutexGuard<'_, BreakerState> {
        self.state.lock().expect("nothing panics while it holds the state of the breaker")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Most;

    impl Random for Most {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(255);
        }
    }

    #[test]
    fn the_breaker_opens_tries_once_and_closes() {
        let backoff = Backoff { first: SignedDuration::from_secs(2), longest: SignedDuration::from_secs(300) };
        let breaker = Breaker::new(backoff);
        let now = Timestamp::UNIX_EPOCH;
        let later = |seconds| now + SignedDuration::from_secs(seconds);
        for _ in 0..4 {
            breaker.failed(now, &Most);
            assert!(breaker.allows(now));
        }
        breaker.failed(now, &Most);
        assert_eq!(breaker.state(), BreakerState::Open { until: later(2), failures: 5 });
        assert!(!breaker.allows(later(1)));
        assert!(breaker.allows(later(2)));
        assert_eq!(breaker.state().code(), "half-open");
        breaker.failed(later(2), &Most);
        assert_eq!(breaker.state(), BreakerState::Open { until: later(2 + 4), failures: 6 });
        assert!(breaker.allows(later(6)));
        breaker.succeeded();
        assert_eq!(breaker.state(), BreakerState::Closed { failures: 0 });
    }

    #[test]
    fn a_clock_that_was_set_back_does_not_hold_the_breaker() {
        let backoff = Backoff { first: SignedDuration::from_secs(2), longest: SignedDuration::from_secs(300) };
        let breaker = Breaker::new(backoff);
        let now = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24);
        for _ in 0..5 {
            breaker.failed(now, &Most);
        }
        assert!(!breaker.allows(now - SignedDuration::from_secs(298)), "two seconds and the longest pause");
        assert!(breaker.allows(now - SignedDuration::from_secs(299)));
    }

    #[test]
    fn pauses_double_up_to_the_longest() {
        let backoff = Backoff { first: SignedDuration::from_secs(2), longest: SignedDuration::from_secs(300) };
        let seconds = [1, 2, 3, 8, 9, 99].map(|failures| backoff.pause(failures, &Most).as_secs());
        assert_eq!(seconds, [2, 4, 8, 256, 300, 300]);
    }
}
