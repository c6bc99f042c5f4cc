//! Messages of the union as programs read them.

use jiff::Timestamp;
use serde::Serialize;

use crate::domain::address::Address;
use crate::domain::digest::Tag;
use crate::domain::file_name::FileName;
use crate::domain::ids::MessageId;
use crate::domain::verdict::Warning;
use crate::employer::inbox::{Inbox, InboxItem, InboxState, InboxTrouble, Incoming, OwnReceipt};
use crate::message::receipt::{Receipt, Stage};

/// One message. What is sealed is null until it was received.
#[derive(Debug, Serialize)]
struct Message<'a> {
    id: Option<MessageId>,
    direction: &'static str,
    state: InboxState,
    /// `accepted` or `quarantined`, once it is here.
    verdict: Option<&'static str>,
    /// Why it is in quarantine, and what is wrong with it beside that.
    reasons: Vec<&'static str>,
    warnings: Vec<&'static str>,
    from: Option<&'a Address>,
    to: Option<&'a Address>,
    file_name: Option<&'a str>,
    size: Option<u64>,
    digest: Option<&'a str>,
    sequence: Option<u64>,
    signed_at: Option<Timestamp>,
    /// When it was fetched and judged.
    received_at: Option<Timestamp>,
    /// When it was here for good, by our receipt.
    archived_at: Option<Timestamp>,
    comment: Option<&'a str>,
    sealed_size: u64,
    tag: Option<Tag>,
    deposited_at: Option<Timestamp>,
    /// Until when it waits at the relay.
    expires_at: Option<Timestamp>,
    /// Bytes of what waits that are here already.
    fetched_bytes: u64,
    saved_as: Option<String>,
    /// Why we returned it.
    reason: Option<&'a str>,
    /// Whether the union can have all of our receipts.
    acknowledged: bool,
    receipts: Vec<&'a Receipt>,
}

/// All of them as one JSON array.
pub(super) fn array(inbox: &Inbox) -> String {
    let messages: Vec<_> = inbox.items.iter().map(|item| message(inbox, item)).collect();
    serde_json::to_string_pretty(&messages).expect("messages are plain data")
}

fn message<'a>(inbox: &'a Inbox, item: &'a InboxItem) -> Message<'a> {
    let (record, parcel) = (item.record.as_ref(), item.parcel.as_ref());
    let content = record.and_then(|record| record.content.as_ref());
    let file = content.filter(|_| record.is_some_and(|record| record.withdrawn.is_none()));
    let reasons = record.into_iter().flat_map(|record| record.reasons.iter().map(|reason| reason.code()));
    Message {
        id: item.id(),
        direction: "received",
        state: item.state(),
        verdict: record.and_then(verdict),
        reasons: reasons.chain(item.trouble.as_ref().map(InboxTrouble::code)).collect(),
        warnings: record.map_or_else(Vec::new, |record| inbox.warnings(record).map(Warning::code).collect()),
        from: content.map(|content| &content.from),
        to: content.map(|content| &content.to),
        file_name: content.and_then(|content| content.file_name.as_ref()).map(FileName::as_str),
        size: file.map(|content| content.size),
        digest: file.map(|content| content.digest.as_str()),
        sequence: content.map(|content| content.sequence),
        signed_at: content.map(|content| content.signed_at),
        received_at: record.map(|record| record.received_at),
        archived_at: record.and_then(|record| record.receipt(Stage::Verified)).map(|receipt| receipt.at),
        comment: content.and_then(|content| content.comment.as_deref()),
        sealed_size: record.map(|record| record.sealed_size).or(parcel.map(|parcel| parcel.size)).unwrap_or(0),
        tag: record.map_or_else(|| parcel.and_then(|parcel| parcel.tag), |record| record.tag),
        deposited_at: record.map(|record| record.deposited_at).or(parcel.map(|parcel| parcel.deposited_at)),
        expires_at: parcel.map(|parcel| parcel.expires_at),
        fetched_bytes: item.fetched,
        saved_as: record.and_then(|record| record.saved_as.as_ref()).map(|path| path.display().to_string()),
        reason: record.and_then(|record| record.reason.as_deref()),
        acknowledged: record.is_some_and(Incoming::is_acknowledged),
        receipts: record
            .map_or(&[] as &[OwnReceipt], |record| &record.receipts)
            .iter()
            .map(|own| &own.receipt)
            .collect(),
    }
}

fn verdict(record: &Incoming) -> Option<&'static str> {
    match record.state() {
        InboxState::Waiting | InboxState::Withdrawn => None,
        InboxState::Quarantined => Some("quarantined"),
        InboxState::Verified | InboxState::Accepted | InboxState::Returned => Some("accepted"),
    }
}
