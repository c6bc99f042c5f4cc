//! Messages as programs read them.

use jiff::Timestamp;
use serde::Serialize;

use crate::domain::address::Address;
use crate::domain::digest::{Sha256, Tag};
use crate::domain::ids::MessageId;
use crate::domain::verdict::Warning;
use crate::employer::record::{Record, ReturnWords, State};
use crate::employer::sent::{Sent, Trouble};
use crate::message::receipt::{Receipt, Stage};

/// One message.
#[derive(Debug, Serialize)]
struct Message<'a> {
    id: MessageId,
    direction: &'static str,
    state: State,
    /// `accepted` once the union has said so under its signature.
    verdict: Option<&'static str>,
    /// Codes of what is wrong.
    reasons: Vec<&'static str>,
    warnings: Vec<&'static str>,
    from: &'a Address,
    to: &'a Address,
    file_name: &'a str,
    size: u64,
    digest: Sha256,
    sequence: u64,
    signed_at: Timestamp,
    /// When the relay took it, by its receipt.
    received_at: Option<Timestamp>,
    /// When the union had archived it, by its receipt.
    archived_at: Option<Timestamp>,
    comment: Option<&'a str>,
    sealed_size: u64,
    tag: Tag,
    /// The relay's claim that the union has fetched it.
    fetched: bool,
    /// What the union said when it returned it; `closed` and `other` are words that could not be had.
    returned: Option<&'a ReturnWords>,
    receipts: Vec<&'a Receipt>,
}

/// All of them as one JSON array.
pub fn array(items: &[Sent]) -> String {
    let messages: Vec<_> = items.iter().map(message).collect();
    serde_json::to_string_pretty(&messages).expect("messages are plain data")
}

fn message(sent: &Sent) -> Message<'_> {
    let record = &sent.record;
    let told_at = |stage| record.receipt(stage).map(|receipt| receipt.at);
    let verified = record.receipt(Stage::Verified);
    Message {
        id: record.id,
        direction: "sent",
        state: record.state(),
        verdict: verified.map(|_| "accepted"),
        reasons: sent.trouble.as_ref().map(Trouble::code).into_iter().collect(),
        warnings: if has_gap(record) { vec![Warning::SequenceGap.code()] } else { Vec::new() },
        from: &record.from,
        to: &record.to,
        file_name: record.file_name.as_str(),
        size: record.size,
        digest: record.digest,
        sequence: record.sequence,
        signed_at: record.signed_at,
        received_at: told_at(Stage::Relayed),
        archived_at: told_at(Stage::Verified),
        comment: record.comment.as_deref(),
        sealed_size: record.sealed_size,
        tag: record.tag,
        fetched: sent.fetched,
        returned: record.returned.as_ref(),
        receipts: record.receipts.iter().map(|kept| &kept.receipt).collect(),
    }
}

/// Whether the union, when it had this one, still missed one before it.
pub(super) fn has_gap(record: &Record) -> bool {
    let contiguous = record.receipt(Stage::Verified).and_then(|receipt| receipt.contiguous);
    contiguous.is_some_and(|contiguous| contiguous < record.sequence)
}
