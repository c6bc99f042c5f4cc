//! One message, from the relay's list to its place here with our `verified` receipt, or to quarantine.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;

use super::error::InboxTrouble;
use super::examine::{Examined, Examiner};
use super::incoming::{Content, InboxState, Incoming, OwnReceipt};
use crate::domain::policy::judge;
use crate::domain::sequence::StreamMark;
use crate::domain::verdict::Verdict;
use crate::employer::alarm::Alarm;
use crate::employer::app::App;
use crate::employer::error::EmployerError;
use crate::employer::ledger::LedgerError;
use crate::employer::union::Union;
use crate::employer::watch::Event;
use crate::message::keys::Credential;
use crate::message::receipt::{Receipt, Stage};
use crate::message::relayed::{self, Doubt};
use crate::wire::Der;
use crate::wire::delivery::InboxParcel;

/// Why a message was not taken in.
#[derive(Debug)]
pub(super) enum NotTaken {
    /// For a cause of its own; others can be.
    Trouble(InboxTrouble),
    /// Nothing can be at present.
    Stop(EmployerError),
}

impl From<InboxTrouble> for NotTaken {
    fn from(trouble: InboxTrouble) -> Self {
        Self::Trouble(trouble)
    }
}

impl From<LedgerError> for NotTaken {
    fn from(error: LedgerError) -> Self {
        Self::Trouble(error.into())
    }
}

impl App {
    /// Fetches, opens, judges and keeps a message. `known` is what is here under its id already.
    pub(super) async fn take_in(
        &self,
        parcel: &InboxParcel,
        known: &[Incoming],
        union: &Arc<Union>,
    ) -> Result<Incoming, NotTaken> {
        if known.iter().any(|one| one.state() == InboxState::Withdrawn) {
            return Err(InboxTrouble::TakenBack.into());
        }
        let patched = self.fetch(parcel).await?;
        crate::failpoint!("inbox.fetched");
        let mut examined = self.examine(parcel, known, union).await?;
        // A relay that changed the message between two pieces looks like a bad message. Only bytes that came in one piece are
        // the sender's.
        if patched && examined.opened.is_none() {
            self.tray.discard_part(parcel.id)?;
            self.fetch(parcel).await?;
            examined = self.examine(parcel, known, union).await?;
        }
        let keep = Keep { app: self.clone(), parcel: parcel.clone(), known: known.to_vec(), now: self.clock.now() };
        let kept = tokio::task::spawn_blocking(move || keep.keep(examined)).await;
        let incoming = kept.expect("keeping a message does not panic")?;
        let (id, state) = (incoming.id, incoming.state().code());
        tracing::info!(%id, state, bytes = incoming.sealed_size, "received");
        for reason in &incoming.reasons {
            tracing::warn!(%id, code = reason.code(), "quarantined");
        }
        if let Some(doubt) = incoming.doubt {
            tracing::warn!(%id, code = doubt.code(), "trouble");
        }
        self.watcher.event(Event::Received(&incoming));
        Ok(incoming)
    }

    async fn examine(
        &self,
        parcel: &InboxParcel,
        known: &[Incoming],
        union: &Arc<Union>,
    ) -> Result<Examined, LedgerError> {
        let (app, parcel, union) = (self.clone(), parcel.clone(), Arc::clone(union));
        let is_here = known.iter().any(|one| one.state() != InboxState::Quarantined);
        let now = self.clock.now();
        let path: PathBuf = self.tray.part_path(parcel.id);
        let look = move || {
            let (identity, keys, watcher) = (app.home.identity(), &app.encryption, &*app.watcher);
            Examiner { identity, keys, union: &union, watcher, now }.examine(&path, &parcel, is_here)
        };
        let looked = tokio::task::spawn_blocking(look).await.expect("opening a message does not panic");
        looked.map_err(|cause| LedgerError::Disk { what: "opening what was fetched", cause })
    }
}

/// Gives a judged message its place and its number.
struct Keep {
    app: App,
    parcel: InboxParcel,
    known: Vec<Incoming>,
    now: Timestamp,
}

impl Keep {
    fn keep(self, examined: Examined) -> Result<Incoming, NotTaken> {
        let tray = &self.app.tray;
        // Once more what is in quarantine: nothing is new.
        if let Some(same) = self.known.iter().find(|one| one.state() == InboxState::Quarantined && tray.is_same(one)) {
            tray.discard_part(self.parcel.id)?;
            let again = Incoming { acknowledged_at: None, ..same.clone() };
            tray.update(&again)?;
            return Ok(again);
        }
        let link = examined.link().filter(|(to, _)| examined.facts.receiver.contains(to));
        let draft = self.draft(&examined);
        tray.place(&draft)?;
        crate::failpoint!("inbox.placed");
        let place = link.as_ref().map(|(to, link)| (to, *link));
        tray.commit(place, |found| {
            let mut incoming = draft;
            let mut facts = examined.facts;
            facts.sequence = found.as_ref().map(|(finding, _)| *finding);
            let (Verdict::Accepted { warnings } | Verdict::Quarantined { warnings, .. }) = judge(&facts);
            incoming.warnings = warnings;
            incoming.facts = Some(facts);
            if incoming.reasons.is_empty() {
                let mark = found.map(|(_, mark)| mark);
                let verified = self.verified(&incoming, mark)?;
                incoming.receipts.push(verified);
            }
            Ok(incoming)
        })
    }

    /// What is kept of it, but for its place in the stream.
    fn draft(&self, examined: &Examined) -> Incoming {
        let reasons = match judge(&examined.facts) {
            Verdict::Accepted { .. } => BTreeSet::new(),
            Verdict::Quarantined { reasons, .. } => reasons,
        };
        let copy = self.known.iter().map(|one| one.copy + 1).max().unwrap_or(0);
        Incoming {
            id: self.parcel.id,
            copy,
            sealed_size: self.parcel.size,
            tag: examined.tag,
            deposited_at: self.parcel.deposited_at,
            received_at: self.now,
            content: examined.opened.as_ref().map(Content::of),
            reasons,
            warnings: BTreeSet::new(),
            facts: None,
            signer: examined.verified.as_ref().map(|proof| Der(proof.certificate().der().to_vec())),
            relayed: Some(self.parcel.relayed.clone()),
            doubt: self.doubt(examined),
            withdrawn: None,
            receipts: Vec::new(),
            acknowledged_at: None,
            taking: None,
            saved_as: None,
            reason: None,
        }
    }

    /// Whether what the relay says beside the message fits it.
    fn doubt(&self, examined: &Examined) -> Option<Alarm> {
        let signers = self.app.home.identity().relay_receipts();
        if self.parcel.tag != examined.tag {
            return Some(Alarm::Tag);
        }
        relayed::check(self.parcel.id, &self.parcel.relayed.0, examined.tag, signers).err().map(|doubt| match doubt {
            Doubt::Signature => Alarm::Signature,
            Doubt::Message => Alarm::Message,
            Doubt::Tag => Alarm::Tag,
            Doubt::Order => Alarm::Order,
        })
    }

    fn verified(&self, incoming: &Incoming, mark: Option<&StreamMark>) -> Result<OwnReceipt, NotTaken> {
        let by = self.app.home.identity().from().to_string();
        let receipt = Receipt {
            contiguous: mark.map(StreamMark::contiguous),
            ..next_receipt(incoming, Stage::Verified, by, self.now)
        };
        sign(receipt, &self.app.signing, self.now).map_err(NotTaken::Stop)
    }
}

/// The next receipt in the chain of a message, not signed.
pub(super) fn next_receipt(incoming: &Incoming, stage: Stage, by: String, now: Timestamp) -> Receipt {
    Receipt {
        message_id: incoming.id,
        stage,
        tag: incoming.tag,
        digest: incoming.content.as_ref().map(|content| content.digest.clone()),
        at: now,
        by,
        words: None,
        previous: incoming.newest_hash(),
        contiguous: None,
    }
}

/// Signs a receipt of ours.
pub(super) fn sign(receipt: Receipt, signer: &Credential, now: Timestamp) -> Result<OwnReceipt, EmployerError> {
    let der = Der(receipt.sign(signer, now)?.der().to_vec());
    Ok(OwnReceipt { receipt, der, signer: signer.certificate().fingerprint(), acknowledged_at: None })
}
