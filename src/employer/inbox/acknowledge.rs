//! Tells the relay what is here for good, with our receipts; last, and in batches.

use jiff::{SignedDuration, Timestamp};

use super::error::InboxTrouble;
use super::incoming::{InboxState, Incoming};
use super::keep::sign;
use super::tray::Tray;
use crate::domain::ids::MessageId;
use crate::employer::app::App;
use crate::employer::error::EmployerError;
use crate::message::receipt::SignedReceipt;
use crate::wire::page::MAX_LIMIT;
use crate::wire::union::{Acknowledgement, AcknowledgementOutcome as Outcome};

/// A relay that does not know a message is asked no longer than this after it came.
const GIVEN_UP_AFTER: SignedDuration = SignedDuration::from_hours(24 * 30);

/// One thing that the relay is told: of which record, and which of its receipts.
#[derive(Debug, Clone, Copy)]
struct Told {
    record: usize,
    receipt: Option<usize>,
}

impl App {
    /// Sends what the relay has not taken yet. Answers what it does not take, by id and copy.
    pub(super) async fn acknowledge(&self) -> Result<Vec<(MessageId, u32, InboxTrouble)>, EmployerError> {
        let mut troubles = Vec::new();
        // A second time for receipts that were signed anew.
        for _ in 0..2 {
            let (now, mut records) = (self.clock.now(), self.on_tray(Tray::records).await?);
            records
                .retain(|record| !record.is_acknowledged() && now.duration_since(record.received_at) < GIVEN_UP_AFTER);
            let line: Vec<Told> = records.iter().enumerate().flat_map(|(at, record)| told(at, record)).collect();
            let mut anew = false;
            troubles.clear();
            for batch in line.chunks(MAX_LIMIT as usize) {
                let items = batch.iter().map(|told| acknowledgement(&records, *told)).collect();
                let results = self.client.acknowledge(items).await?;
                crate::failpoint!("inbox.acknowledged");
                tracing::info!(items = batch.len(), "acknowledged");
                for (told, result) in batch.iter().zip(results.items) {
                    let record = &mut records[told.record];
                    match result.outcome {
                        Outcome::Acknowledged | Outcome::AlreadyAcknowledged => take(record, told.receipt, now),
                        Outcome::Unknown => {
                            troubles.push((record.id, record.copy, InboxTrouble::ReceiptUnknown));
                        }
                        Outcome::ReceiptRefused if self.sign_anew(record, told.receipt, now)? => anew = true,
                        Outcome::ReceiptRefused => {
                            troubles.push((record.id, record.copy, InboxTrouble::ReceiptRefused));
                        }
                    }
                }
            }
            self.on_tray(move |tray| tray.update_all(&records)).await?;
            if !anew {
                break;
            }
        }
        troubles.dedup_by_key(|(id, copy, _)| (*id, *copy));
        Ok(troubles)
    }

    /// A receipt that the relay refused is signed with our present certificate, with all behind it, if it was signed with an
    /// older one: this PC got others meanwhile, and the union has none of those receipts.
    fn sign_anew(&self, record: &mut Incoming, from: Option<usize>, now: Timestamp) -> Result<bool, EmployerError> {
        let Some(from) = from else { return Ok(false) };
        if record.receipts[from].signer == self.signing.certificate().fingerprint() {
            return Ok(false);
        }
        for at in from..record.receipts.len() {
            let mut receipt = record.receipts[at].receipt.clone();
            let before = if at == 0 { record.relayed.as_ref() } else { Some(&record.receipts[at - 1].der) };
            receipt.previous = before.map(|der| SignedReceipt::from_der(der.0.clone()).hash());
            record.receipts[at] = sign(receipt, &self.signing, now)?;
        }
        Ok(true)
    }

    /// Has what the relay lists once more told to it once more.
    pub(super) async fn tell_again(&self, mut incoming: Incoming) -> Result<(), EmployerError> {
        incoming.acknowledged_at = None;
        for own in &mut incoming.receipts {
            own.acknowledged_at = None;
        }
        self.on_tray(move |tray| tray.update(&incoming)).await
    }
}

fn told(record: usize, incoming: &Incoming) -> Vec<Told> {
    if incoming.state() == InboxState::Quarantined {
        return vec![Told { record, receipt: None }];
    }
    let open = incoming.receipts.iter().enumerate().filter(|(_, own)| own.acknowledged_at.is_none());
    open.map(|(receipt, _)| Told { record, receipt: Some(receipt) }).collect()
}

fn acknowledgement(records: &[Incoming], told: Told) -> Acknowledgement {
    let record = &records[told.record];
    let receipt = told.receipt.map(|receipt| record.receipts[receipt].der.clone());
    Acknowledgement { id: record.id, receipt }
}

fn take(record: &mut Incoming, receipt: Option<usize>, now: Timestamp) {
    match receipt {
        None => record.acknowledged_at = Some(now),
        Some(receipt) => record.receipts[receipt].acknowledged_at = Some(now),
    }
}
