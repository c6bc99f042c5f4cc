//! Room on the disk: what open uploads still have to write is promised to them, and not to anybody else.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};

use super::bytes::Key;

/// Bytes that open uploads still have to write. One process owns the parcels, so memory is enough.
#[derive(Debug, Default)]
pub struct Promised(Mutex<Promises>);

#[derive(Debug, Default)]
struct Promises {
    of: HashMap<Key, u64>,
    total: u64,
}

impl Promises {
    fn set(&mut self, key: &Key, bytes: u64) {
        let before = self.of.insert(key.clone(), bytes).unwrap_or(0);
        self.total = self.total.saturating_sub(before).saturating_add(bytes);
    }
}

impl Promised {
    /// Notes what an upload still has to write.
    pub fn set(&self, key: &Key, bytes: u64) {
        self.lock().set(key, bytes);
    }

    /// An upload is whole or gone.
    pub fn forget(&self, key: &Key) {
        let mut promises = self.lock();
        let before = promises.of.remove(key).unwrap_or(0);
        promises.total = promises.total.saturating_sub(before);
    }

    /// Promises bytes to a new upload, if they fit beside all others into this much room.
    pub fn promise(&self, key: &Key, bytes: u64, room: u64) -> bool {
        let mut promises = self.lock();
        let fits = promises.total.saturating_add(bytes) <= room;
        if fits {
            promises.set(key, bytes);
        }
        fits
    }

    fn lock(&self) -> MutexGuard<'_, Promises> {
        self.0.lock().expect("nothing panics while it holds the promises")
    }
}
