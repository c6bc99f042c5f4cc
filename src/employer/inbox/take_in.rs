//! Messages from the relay's list to their places here with our `verified` receipts, or to quarantine.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;

use super::error::InboxTrouble;
use super::examine::{Examined, Examiner};
use super::incoming::{InboxState, Incoming};
use super::keep::{Arrived, NotTaken, keep_each};
use crate::domain::ids::MessageId;
use crate::employer::app::App;
use crate::employer::ledger::LedgerError;
use crate::employer::union::Union;
use crate::employer::watch::Event;
use crate::wire::delivery::InboxParcel;

impl App {
    /// Fetches, opens and judges a message. `known` is what is here under its id already.
    pub(super) async fn bring(
        &self,
        parcel: InboxParcel,
        known: Vec<Incoming>,
        union: &Arc<Union>,
    ) -> Result<Arrived, InboxTrouble> {
        if known.iter().any(|one| one.state() == InboxState::Withdrawn) {
            return Err(InboxTrouble::TakenBack);
        }
        let sealed = if self.is_small(&parcel) { self.fetch_small(&parcel).await? } else { None };
        let patched = sealed.is_none() && self.fetch(&parcel).await?;
        crate::failpoint!("inbox.fetched");
        let mut examined = self.examine(&parcel, sealed.clone(), &known, union).await?;
        // A relay that changed the message between two pieces looks like a bad message. Only bytes that came in one piece are
        // the sender's.
        if patched && examined.opened.is_none() {
            self.tray.discard_part(parcel.id)?;
            self.fetch(&parcel).await?;
            examined = self.examine(&parcel, None, &known, union).await?;
        }
        Ok(Arrived { parcel, known, sealed, examined })
    }

    async fn examine(
        &self,
        parcel: &InboxParcel,
        sealed: Option<Bytes>,
        known: &[Incoming],
        union: &Arc<Union>,
    ) -> Result<Examined, LedgerError> {
        let (app, parcel, union) = (self.clone(), parcel.clone(), Arc::clone(union));
        let is_here = known.iter().any(|one| one.state() != InboxState::Quarantined);
        let now = self.clock.now();
        let path: PathBuf = self.tray.part_path(parcel.id);
        let look = move || {
            let (identity, keys, watcher) = (app.home.identity(), &app.encryption, &*app.watcher);
            let examiner = Examiner { identity, keys, union: &union, watcher, now };
            match sealed {
                Some(sealed) => examiner.examine_bytes(&sealed, &parcel, is_here),
                None => examiner.examine_file(&path, &parcel, is_here),
            }
        };
        let looked = tokio::task::spawn_blocking(look).await.expect("opening a message does not panic");
        looked.map_err(|cause| LedgerError::Disk { what: "opening what was fetched", cause })
    }

    /// Gives judged messages, in this order, their places and numbers. What became of each, by its id.
    pub(super) async fn put_away(&self, group: Vec<Arrived>) -> Vec<(MessageId, Result<Incoming, NotTaken>)> {
        let (app, ids) = (self.clone(), group.iter().map(|one| one.parcel.id).collect::<Vec<_>>());
        let kept = tokio::task::spawn_blocking(move || keep_each(&app, &group)).await;
        let kept = kept.expect("keeping messages does not panic");
        for incoming in kept.iter().flatten() {
            self.tell(incoming);
        }
        ids.into_iter().zip(kept).collect()
    }

    fn tell(&self, incoming: &Incoming) {
        let (id, state) = (incoming.id, incoming.state().code());
        tracing::info!(%id, state, bytes = incoming.sealed_size, "received");
        for reason in &incoming.reasons {
            tracing::warn!(%id, code = reason.code(), "quarantined");
        }
        if let Some(doubt) = incoming.doubt {
            tracing::warn!(%id, code = doubt.code(), "trouble");
        }
        self.watcher.event(Event::Received(incoming));
    }
}
