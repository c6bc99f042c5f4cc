//! Judged messages get their places, their numbers and our `verified` receipts, several by one commitment.

use std::collections::BTreeSet;
use std::fs::File;

use bytes::Bytes;
use jiff::Timestamp;

use super::error::InboxTrouble;
use super::examine::Examined;
use super::incoming::{Content, InboxState, Incoming, OwnReceipt};
use super::tray::same;
use crate::domain::digest::Tag;
use crate::domain::policy::judge;
use crate::domain::sequence::StreamMark;
use crate::domain::verdict::Verdict;
use crate::employer::alarm::Alarm;
use crate::employer::app::App;
use crate::employer::error::EmployerError;
use crate::employer::ledger::LedgerError;
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

/// A message that was fetched, opened and judged.
#[derive(Debug)]
pub(super) struct Arrived {
    pub(super) parcel: InboxParcel,
    /// What is here under its id already.
    pub(super) known: Vec<Incoming>,
    /// The sealed message; on its way on the disk if it is not in memory.
    pub(super) sealed: Option<Bytes>,
    pub(super) examined: Examined,
}

/// Keeps all of them by one commitment. Where that fails each is tried by itself: one answer for each, in their order. Blocks.
pub(super) fn keep_each(app: &App, group: &[Arrived]) -> Vec<Result<Incoming, NotTaken>> {
    let keep = Keep { app, now: app.clock.now() };
    if group.len() > 1
        && let Ok(kept) = keep.together(group)
    {
        return kept.into_iter().map(Ok).collect();
    }
    let alone = |one: &Arrived| Ok(keep.together(std::slice::from_ref(one))?.remove(0));
    group.iter().map(alone).collect()
}

struct Keep<'a> {
    app: &'a App,
    now: Timestamp,
}

impl Keep<'_> {
    fn together(&self, group: &[Arrived]) -> Result<Vec<Incoming>, NotTaken> {
        let tray = &self.app.tray;
        let mut kept: Vec<Option<Incoming>> = Vec::with_capacity(group.len());
        for arrived in group {
            kept.push(self.again(arrived)?);
        }
        let news = || group.iter().zip(&kept).filter(|(_, again)| again.is_none()).map(|(arrived, _)| arrived);
        let in_memory =
            |arrived: &'_ Arrived| arrived.sealed.as_ref().map(|sealed| (arrived.parcel.id, sealed.clone()));
        let parts: Vec<_> = news().filter_map(in_memory).collect();
        tray.write_parts(&parts.iter().map(|(id, sealed)| (*id, &sealed[..])).collect::<Vec<_>>())?;
        let drafts: Vec<_> = news().map(|arrived| self.draft(arrived)).collect();
        tray.place(&drafts)?;
        let mut commit = tray.commit()?;
        for (arrived, draft) in news().zip(drafts) {
            let link = arrived.examined.link().filter(|(to, _)| arrived.examined.facts.receiver.contains(to));
            let place = link.as_ref().map(|(to, link)| (to, *link));
            commit.add(place, |found| {
                let mut incoming = draft;
                let mut facts = arrived.examined.facts.clone();
                facts.sequence = found.as_ref().map(|(finding, _)| *finding);
                let (Verdict::Accepted { warnings } | Verdict::Quarantined { warnings, .. }) = judge(&facts);
                incoming.warnings = warnings;
                incoming.facts = Some(facts);
                if incoming.reasons.is_empty() {
                    let mark = found.map(|(_, mark)| mark);
                    let verified = self.verified(&incoming, mark)?;
                    incoming.receipts.push(verified);
                }
                Ok::<_, NotTaken>(incoming)
            })?;
        }
        let mut committed = commit.keep()?.into_iter();
        let kept = kept.into_iter().map(|again| again.or_else(|| committed.next()));
        Ok(kept.map(|one| one.expect("what is not here again was committed")).collect())
    }

    /// Once more what is in quarantine: nothing is new, and the relay is told again.
    fn again(&self, arrived: &Arrived) -> Result<Option<Incoming>, NotTaken> {
        let (tray, id) = (&self.app.tray, arrived.parcel.id);
        let is_same = |one: &&Incoming| {
            let same = File::open(tray.sealed_path(one)).and_then(|there| match &arrived.sealed {
                Some(sealed) => same(&sealed[..], there),
                None => same(File::open(tray.part_path(id))?, there),
            });
            one.state() == InboxState::Quarantined && same.unwrap_or(false)
        };
        let Some(there) = arrived.known.iter().find(is_same) else { return Ok(None) };
        tray.discard_part(id)?;
        let again = Incoming { acknowledged_at: None, ..there.clone() };
        tray.update(&again)?;
        Ok(Some(again))
    }

    /// What is kept of it, but for its place in the stream.
    fn draft(&self, Arrived { parcel, known, examined, .. }: &Arrived) -> Incoming {
        let reasons = match judge(&examined.facts) {
            Verdict::Accepted { .. } => BTreeSet::new(),
            Verdict::Quarantined { reasons, .. } => reasons,
        };
        let copy = known.iter().map(|one| one.copy + 1).max().unwrap_or(0);
        Incoming {
            copy,
            sealed_size: parcel.size,
            tag: examined.tag,
            content: examined.opened.as_ref().map(Content::of),
            reasons,
            signer: examined.verified.as_ref().map(|proof| Der(proof.certificate().der().to_vec())),
            relayed: Some(parcel.relayed.clone()),
            doubt: self.doubt(parcel, examined.tag),
            ..Incoming::new(parcel.id, parcel.deposited_at, self.app.clock.now())
        }
    }

    /// Whether what the relay says beside the message fits it.
    fn doubt(&self, parcel: &InboxParcel, tag: Option<Tag>) -> Option<Alarm> {
        let signers = self.app.home.identity().relay_receipts();
        if parcel.tag != tag {
            return Some(Alarm::Tag);
        }
        relayed::check(parcel.id, &parcel.relayed.0, tag, signers).err().map(|doubt| match doubt {
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
