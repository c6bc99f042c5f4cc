//! Parcels at which the scanner has broken off: the one that does it each time is told from those that were scanned at that moment.
//!
//! After a first broken line a parcel is suspect. Suspects are scanned one at a time, each right after the scanner has found nothing in
//! a few bytes of ours: so it works, and when the line breaks again, it is most likely this parcel that does it.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::domain::ids::MessageId;

/// Broken lines of a suspect after which the scanner cannot look into it.
const BREAKS: u32 = 3;
/// So many are remembered: more than a scanner can break off at, as fast as it starts again.
const MOST: usize = 10_000;

/// Those that are known.
#[derive(Debug, Default)]
pub(super) struct Suspects {
    /// How often the line broke while each was scanned as a suspect.
    breaks: Mutex<HashMap<MessageId, u32>>,
    /// Whether one is being scanned.
    is_busy: AtomicBool,
}

/// What is known of a parcel that is scanned now.
#[derive(Debug)]
pub(super) struct Suspicion<'a> {
    suspects: &'a Suspects,
    id: MessageId,
    /// Whether it is a suspect, which no other one is scanned beside.
    is_one: bool,
}

impl Suspects {
    /// Looks whether a parcel that is to be scanned is a suspect. `None`: it is, and not its turn.
    pub(super) fn look(&self, id: MessageId) -> Option<Suspicion<'_>> {
        let is_one = self.breaks.lock().expect("nothing panics while it holds the suspects").contains_key(&id);
        if is_one && self.is_busy.swap(true, Ordering::SeqCst) {
            return None;
        }
        Some(Suspicion { suspects: self, id, is_one })
    }
}

impl Suspicion<'_> {
    /// Whether the parcel is a suspect.
    pub(super) const fn is_one(&self) -> bool {
        self.is_one
    }

    /// The line broke. Whether it is this parcel that does it.
    pub(super) fn broke(&self) -> bool {
        let mut breaks = self.suspects.breaks.lock().expect("nothing panics while it holds the suspects");
        if !self.is_one {
            if breaks.len() < MOST {
                breaks.entry(self.id).or_insert(0);
            }
            return false;
        }
        let count = breaks.entry(self.id).or_insert(0);
        *count += 1;
        let does_it = *count >= BREAKS;
        if does_it {
            breaks.remove(&self.id);
        }
        does_it
    }

    /// There was an answer.
    pub(super) fn answered(&self) {
        self.suspects.breaks.lock().expect("nothing panics while it holds the suspects").remove(&self.id);
    }
}

impl Drop for Suspicion<'_> {
    fn drop(&mut self) {
        if self.is_one {
            self.suspects.is_busy.store(false, Ordering::SeqCst);
        }
    }
}
