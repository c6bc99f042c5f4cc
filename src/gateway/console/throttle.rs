//! Whoever guesses waits, longer from try to try: by account and by address. In memory: a restart forgets it, and only whoever runs
//! the gateway can restart it.

use std::collections::HashMap;
use std::sync::Mutex;

use jiff::{SignedDuration, Timestamp};

/// The first wait, doubled from try to try.
const FIRST: SignedDuration = SignedDuration::from_secs(15);
/// The longest one.
const LONGEST: SignedDuration = SignedDuration::from_mins(15);
/// After so long without a try everything is forgotten.
const FORGOTTEN: SignedDuration = SignedDuration::from_hours(1);
/// Names that are remembered.
const MOST: usize = 10_000;
/// All further ones together: no name of an account, and no address.
const OTHERS: &str = "*";

/// Counts tries.
#[derive(Debug)]
pub(super) struct Throttle {
    free: u32,
    tries: Mutex<HashMap<String, Tries>>,
}

#[derive(Debug, Clone, Copy)]
struct Tries {
    number: u32,
    last: Timestamp,
}

impl Throttle {
    /// So many tries cost nothing.
    pub(super) fn new(free: u32) -> Self {
        Self { free, tries: Mutex::default() }
    }

    /// Counts a try before it is looked at; false when it is too early for one.
    pub(super) fn count(&self, who: &str, now: Timestamp) -> bool {
        let mut all = self.lock();
        if all.len() >= MOST && !all.contains_key(who) {
            all.retain(|_, tries| now.duration_since(tries.last) < FORGOTTEN);
        }
        // Those who find no place share one, so that made-up names never push out whoever is held.
        let who = if all.len() >= MOST && !all.contains_key(who) { OTHERS } else { who };
        let tries = all.entry(who.to_owned()).or_insert(Tries { number: 0, last: now });
        let passed = now.duration_since(tries.last);
        if passed >= FORGOTTEN {
            tries.number = 0;
        }
        if passed < self.wait(tries.number) {
            return false;
        }
        *tries = Tries { number: tries.number.saturating_add(1), last: now };
        true
    }

    /// Somebody has proved to be who they are.
    pub(super) fn forgive(&self, who: &str) {
        self.lock().remove(who);
    }

    /// So many of the tries were no guesses.
    pub(super) fn give_back(&self, who: &str, tries: u32) {
        if let Some(counted) = self.lock().get_mut(who) {
            counted.number = counted.number.saturating_sub(tries);
        }
    }

    fn wait(&self, tries: u32) -> SignedDuration {
        match tries.checked_sub(self.free) {
            None => SignedDuration::ZERO,
            Some(more) => FIRST.checked_mul(1 << more.min(10)).unwrap_or(LONGEST).min(LONGEST),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Tries>> {
        self.tries.lock().expect("nothing panics while it holds the tries")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_guesses_waits_and_nobody_else() {
        let (throttle, start) = (Throttle::new(3), Timestamp::UNIX_EPOCH);
        let after = |seconds| start + SignedDuration::from_secs(seconds);
        assert_eq!((0..10).filter(|_| throttle.count("suzuki", start)).count(), 3);
        assert!(throttle.count("tanaka", start));
        assert!(!throttle.count("suzuki", after(14)));
        assert!(throttle.count("suzuki", after(15)));
        assert!(!throttle.count("suzuki", after(44)));
        assert!(throttle.count("suzuki", after(45)));
        throttle.forgive("suzuki");
        assert_eq!((0..10).filter(|_| throttle.count("suzuki", after(45))).count(), 3);
        // A day of guessing is at most a hundred tries.
        let day = (0..86_400).filter(|second| throttle.count("sato", after(*second))).count();
        assert!((90..110).contains(&day), "{day}");
        assert!(throttle.count("sato", after(100_000)));
    }

    #[test]
    fn made_up_names_push_nobody_out_who_is_held() {
        let (throttle, now) = (Throttle::new(3), Timestamp::UNIX_EPOCH);
        while throttle.count("suzuki", now) {}
        for number in 0..MOST + 100 {
            throttle.count(&format!("n{number}"), now);
        }
        assert!(!throttle.count("suzuki", now));
        assert!(!throttle.count("one more", now), "those who find no place are held together");
        assert!(throttle.lock().len() <= MOST + 1);
    }

    #[test]
    fn tries_that_are_given_back_are_free_again_and_no_others() {
        let (throttle, now) = (Throttle::new(5), Timestamp::UNIX_EPOCH);
        while throttle.count("192.0.2.1", now) {}
        throttle.give_back("192.0.2.1", 2);
        assert_eq!((0..10).filter(|_| throttle.count("192.0.2.1", now)).count(), 2);
    }
}
