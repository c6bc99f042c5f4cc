//! One request writes to an upload.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard};

use crate::domain::ids::UploadId;

/// Uploads that somebody is writing to.
#[derive(Debug, Clone, Default)]
pub(super) struct Locks(Arc<Mutex<HashSet<UploadId>>>);

/// Held by the one who writes.
#[derive(Debug)]
pub(super) struct Lock {
    locks: Locks,
    id: UploadId,
}

impl Locks {
    /// The lock, unless somebody has it.
    pub(super) fn take(&self, id: UploadId) -> Option<Lock> {
        self.held().insert(id).then(|| Lock { locks: self.clone(), id })
    }

    fn held(&self) -> MutexGuard<'_, HashSet<UploadId>> {
        self.0.lock().expect("nothing panics while it holds the list of locks")
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        self.locks.held().remove(&self.id);
    }
}
