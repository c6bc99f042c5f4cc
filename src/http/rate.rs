//! How often somebody may ask, by client certificate or by address.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Mutex;
use std::time::Instant;

use crate::domain::digest::Fingerprint;

/// Buckets that are full again are dropped when there are this many.
const SWEEP_AT: usize = 16_384;

/// A bucket of tokens for each who asks.
#[derive(Debug)]
pub struct Rate<K = Fingerprint> {
    per_second: f64,
    at_once: f64,
    buckets: Mutex<HashMap<K, Bucket>>,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    tokens: f64,
    filled_at: Instant,
}

impl<K: Eq + Hash> Rate<K> {
    /// So many a second, and twice as many at once.
    pub fn new(per_second: u32) -> Self {
        let per_second = f64::from(per_second);
        Self { per_second, at_once: per_second * 2.0, buckets: Mutex::default() }
    }

    /// So many a minute, and as many at once.
    pub fn per_minute(per_minute: u32) -> Self {
        let at_once = f64::from(per_minute);
        Self { per_second: at_once / 60.0, at_once, buckets: Mutex::default() }
    }

    /// Takes a token, if there is one.
    pub fn take(&self, who: K, now: Instant) -> bool {
        let full = self.at_once;
        let mut buckets = self.buckets.lock().expect("nothing panics while it holds the buckets");
        if buckets.len() >= SWEEP_AT {
            buckets.retain(|_, bucket| self.filled(*bucket, now) < full);
        }
        let bucket = buckets.entry(who).or_insert(Bucket { tokens: full, filled_at: now });
        let tokens = self.filled(*bucket, now);
        let taken = tokens >= 1.0;
        *bucket = Bucket { tokens: if taken { tokens - 1.0 } else { tokens }, filled_at: now };
        taken
    }

    fn filled(&self, bucket: Bucket, now: Instant) -> f64 {
        let seconds = now.saturating_duration_since(bucket.filled_at).as_secs_f64();
        (bucket.tokens + seconds * self.per_second).min(self.at_once)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn one_who_asks_too_often_waits_and_the_others_do_not() {
        let (rate, start) = (Rate::new(2), Instant::now());
        let (one, other) = (Fingerprint([1; 32]), Fingerprint([2; 32]));
        assert_eq!((0..6).filter(|_| rate.take(one, start)).count(), 4);
        assert!(rate.take(other, start));
        let later = start + Duration::from_millis(600);
        assert!(rate.take(one, later));
        assert!(!rate.take(one, later));
    }
}
