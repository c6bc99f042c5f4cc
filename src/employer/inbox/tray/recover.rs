//! What a crash left behind, put right at the next start.

use std::collections::BTreeSet;

use super::{Arrivals, QUARANTINE, RECEIVED, SEALED, Tray, failed, stems};
use crate::domain::ids::MessageId;
use crate::employer::disk::TEMPORARY;
use crate::employer::ledger::LedgerError;

impl Tray {
    /// Finishes what was committed; what was not is on its way again.
    pub(super) fn recover(&self) -> Result<(), LedgerError> {
        self.write_what_is_committed(&self.lock())?;
        let received = self.folder.join(RECEIVED);
        for stem in stems(&received, TEMPORARY)? {
            self.remove(&received.join(format!("{stem}.{TEMPORARY}")))?;
        }
        let kept: BTreeSet<_> = self.records()?.iter().map(|record| self.sealed_path(record)).collect();
        for name in [RECEIVED, QUARANTINE] {
            let folder = self.folder.join(name);
            for stem in stems(&folder, SEALED)? {
                let path = folder.join(format!("{stem}.{SEALED}"));
                if kept.contains(&path) {
                    continue;
                }
                // Its name was given before the crash, its number was not.
                let id = stem.split('_').next().and_then(|id| id.parse::<MessageId>().ok());
                match id {
                    Some(id) => self.disk.rename(&path, &self.part_path(id)).map_err(failed("tidying up"))?,
                    None => return Err(LedgerError::Damaged(path)),
                }
            }
        }
        Ok(())
    }

    /// Writes the records of what was committed last, as far as they are not there.
    pub(super) fn write_what_is_committed(&self, arrivals: &Arrivals) -> Result<(), LedgerError> {
        let missing: Vec<_> =
            arrivals.newest.iter().filter(|record| !self.record_path(record).exists()).cloned().collect();
        if missing.is_empty() { Ok(()) } else { self.write_records(&missing) }
    }
}
