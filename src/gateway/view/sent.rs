//! What is shown of what the union has sent.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use crate::domain::address::Address;
use crate::domain::sending::Sending;
use crate::message::receipt::SignedReceipt;
use crate::store::gateway::dispatches::Dispatch;
use crate::store::gateway::sent::Sent;
use crate::store::gateway::sent_receipts::SentReceipt;
use crate::store::gateway::sent_recipients::Recipient;
use crate::wire::Der;

/// A message to an employer. The first keys are those of every message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the fields are the contract of 6-commands and named like what they show")]
pub struct SentView {
    /// Its place among all: where the next page begins.
    #[serde(skip)]
    pub number: i64,
    pub id: String,
    pub direction: &'static str,
    pub state: &'static str,
    /// The verdicts are the recipients': always empty here.
    pub verdict: Option<&'static str>,
    /// Why it was stopped or has failed.
    pub reasons: Vec<String>,
    /// What does not fit with its receipts.
    pub warnings: Vec<String>,
    pub from: String,
    pub to: String,
    pub office: Option<String>,
    pub user: Option<String>,
    pub file_name: String,
    pub content_type: String,
    pub comment: Option<String>,
    pub size: u64,
    pub digest: Option<String>,
    pub sequence: Option<u64>,
    pub signed_at: Option<Timestamp>,
    /// When the first recipient's receipt said that it has arrived and is verified.
    pub received_at: Option<Timestamp>,
    /// When our own sealed copy was durable.
    pub archived_at: Option<Timestamp>,
    pub sealed_size: Option<u64>,
    pub tag: Option<String>,
    /// Of which dispatch it is a part.
    pub dispatch: String,
    pub origin: String,
    pub actor: String,
    pub approver: Option<String>,
    pub created_at: Timestamp,
    /// When the relay had all of it, as the relay says.
    pub deposited_at: Option<Timestamp>,
    pub expires_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
    /// Why it is not further yet, and when it is tried again.
    pub problem: Option<String>,
    pub next_try: Option<Timestamp>,
    pub recipients: Vec<RecipientView>,
}

/// A user whom a message is sealed for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the fields are named like what they show")]
pub struct RecipientView {
    pub user: String,
    pub fetched_at: Option<Timestamp>,
    pub acknowledged_at: Option<Timestamp>,
    pub verified_at: Option<Timestamp>,
    pub accepted_at: Option<Timestamp>,
    pub returned_at: Option<Timestamp>,
    /// Why it was returned. Absent also when the words did not open.
    pub reason: Option<String>,
    /// Since when the user cannot have it any more.
    pub dropped_at: Option<Timestamp>,
    /// Why it could not be sealed for the user, or was not sent to the user after all.
    pub code: Option<String>,
    /// When its time was over for the user, while others had fetched it.
    pub expired_at: Option<Timestamp>,
}

impl SentView {
    /// What is shown of a message.
    pub fn new(from: &Address, dispatch: &Dispatch, sent: &Sent, recipients: &[Recipient]) -> Self {
        let sealed = sent.sealed.as_ref();
        let waits = sent.state.is_to_be_sent() && sent.tries > 0;
        Self {
            number: sent.number,
            id: sent.id.to_string(),
            direction: "sent",
            state: sent.state.code(),
            verdict: None,
            reasons: sent.code.iter().cloned().collect(),
            warnings: sent.alarm.iter().cloned().collect(),
            from: from.to_string(),
            to: sent.addressee.to_string(),
            office: sent.office.as_ref().map(ToString::to_string),
            user: sent.user.as_ref().map(ToString::to_string),
            file_name: dispatch.file_name.to_string(),
            content_type: dispatch.content_type.clone(),
            comment: dispatch.comment.clone(),
            size: dispatch.size,
            digest: sealed.map(|sealed| sealed.digest.to_string()),
            sequence: sent.link.map(|link| link.sequence),
            signed_at: sealed.map(|sealed| sealed.signed_at),
            received_at: recipients.iter().filter_map(|one| one.verified_at).min(),
            archived_at: dispatch.copy.map(|_| dispatch.staged_at),
            sealed_size: sealed.map(|sealed| sealed.size),
            tag: sealed.map(|sealed| sealed.tag.to_string()),
            dispatch: dispatch.id.to_string(),
            origin: dispatch.origin.clone(),
            actor: dispatch.actor.clone(),
            approver: dispatch.approval.as_ref().map(|(approver, _)| approver.clone()),
            created_at: sent.created_at,
            deposited_at: sent.deposited_at,
            expires_at: sent.expires_at,
            ended_at: sent.ended_at,
            problem: sent.problem.clone(),
            next_try: waits.then_some(sent.next_try),
            recipients: recipients.iter().map(Into::into).collect(),
        }
    }
}

impl From<&Recipient> for RecipientView {
    fn from(one: &Recipient) -> Self {
        Self {
            user: one.user.to_string(),
            fetched_at: one.fetched_at,
            acknowledged_at: one.acknowledged_at,
            verified_at: one.verified_at,
            accepted_at: one.accepted_at,
            returned_at: one.returned_at,
            reason: one.reason.clone(),
            dropped_at: one.dropped_at,
            code: one.code.clone(),
            expired_at: one.expired_at,
        }
    }
}

/// A dispatch: one file, and a message for each addressee.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the fields are named like what they show")]
pub struct DispatchView {
    /// The id of the dispatch; each message has one of its own.
    pub id: String,
    pub origin: String,
    pub actor: String,
    pub approver: Option<String>,
    pub approved_at: Option<Timestamp>,
    pub file_name: String,
    pub content_type: String,
    pub comment: Option<String>,
    pub size: u64,
    pub staged_at: Timestamp,
    /// How many messages stand where.
    pub states: BTreeMap<&'static str, u64>,
    /// Every message, in the order of the addressees.
    pub messages: Vec<DispatchedView>,
}

/// A message of a dispatch, in short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the fields are named like what they show")]
pub struct DispatchedView {
    pub id: String,
    pub to: String,
    pub state: &'static str,
    /// Why it was stopped or has failed.
    pub reasons: Vec<String>,
    pub warnings: Vec<String>,
    /// Why it is not further yet.
    pub problem: Option<String>,
}

impl DispatchView {
    /// What is shown of a dispatch.
    pub fn new(dispatch: &Dispatch, messages: &[Sent]) -> Self {
        let mut states = BTreeMap::new();
        for message in messages {
            *states.entry(message.state.code()).or_default() += 1;
        }
        let (approver, approved_at) = dispatch.approval.clone().unzip();
        Self {
            id: dispatch.id.to_string(),
            origin: dispatch.origin.clone(),
            actor: dispatch.actor.clone(),
            approver,
            approved_at,
            file_name: dispatch.file_name.to_string(),
            content_type: dispatch.content_type.clone(),
            comment: dispatch.comment.clone(),
            size: dispatch.size,
            staged_at: dispatch.staged_at,
            states,
            messages: messages.iter().map(Into::into).collect(),
        }
    }

    /// How many messages stand in this state.
    pub fn count(&self, state: Sending) -> u64 {
        self.states.get(state.code()).copied().unwrap_or(0)
    }
}

impl From<&Sent> for DispatchedView {
    fn from(sent: &Sent) -> Self {
        Self {
            id: sent.id.to_string(),
            to: sent.addressee.to_string(),
            state: sent.state.code(),
            reasons: sent.code.iter().cloned().collect(),
            warnings: sent.alarm.iter().cloned().collect(),
            problem: sent.problem.clone(),
        }
    }
}

/// A receipt for what was sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the fields are named like what they show")]
pub struct SentReceiptView {
    /// Whose it is; none of the relay's own.
    pub user: Option<String>,
    pub stage: String,
    pub at: Timestamp,
    /// SHA-256 over the signed receipt.
    pub hash: String,
    /// What is wrong with it, as a code.
    pub refused: Option<String>,
    /// The signed receipt: CMS `SignedData` in DER, in base64.
    pub der: Der,
}

impl From<&SentReceipt> for SentReceiptView {
    fn from(one: &SentReceipt) -> Self {
        Self {
            user: one.user.as_ref().map(ToString::to_string),
            stage: one.stage.clone(),
            at: one.at,
            hash: SignedReceipt::from_der(one.der.clone()).hash().to_string(),
            refused: one.refused.clone(),
            der: Der(one.der.clone()),
        }
    }
}
