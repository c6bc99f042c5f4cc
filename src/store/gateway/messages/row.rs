//! A row of the table, and what it means.

use std::collections::BTreeSet;
use std::str::FromStr;

use super::{Content, Message};
use crate::domain::digest::Tag;
use crate::domain::verdict::Verdict;
use crate::store::gateway::corrupt;
use crate::store::sqlite::{StoreError, moment};

pub(super) const COLUMNS: &str = "number, id, state, verdict, reasons, warnings, sealed_size, tag, path, deposited_at, \
     received_at, archived_at, office, user_id, sender, recipient, file_name, content_type, comment, size, digest, \
     signature_hash, sequence, signed_at, suspect_since, released_at";

#[derive(sqlx::FromRow)]
pub(super) struct Row {
    number: i64,
    id: String,
    state: String,
    verdict: String,
    reasons: String,
    warnings: String,
    sealed_size: i64,
    tag: Option<Vec<u8>>,
    path: String,
    deposited_at: i64,
    received_at: i64,
    archived_at: Option<i64>,
    office: Option<String>,
    user_id: Option<String>,
    sender: Option<String>,
    recipient: Option<String>,
    file_name: Option<String>,
    content_type: Option<String>,
    comment: Option<String>,
    size: Option<i64>,
    digest: Option<Vec<u8>>,
    signature_hash: Option<Vec<u8>>,
    sequence: Option<i64>,
    signed_at: Option<i64>,
    suspect_since: Option<i64>,
    released_at: Option<i64>,
}

impl Row {
    pub(super) fn parse(mut self) -> Result<Message, StoreError> {
        let content = self.content()?;
        let warnings = parse_codes(&self.warnings, "warnings")?;
        let verdict = match self.verdict.as_str() {
            "accepted" => Verdict::Accepted { warnings },
            _ => Verdict::Quarantined { reasons: parse_codes(&self.reasons, "reasons")?, warnings },
        };
        Ok(Message {
            number: self.number,
            id: self.id.parse().map_err(corrupt("message id"))?,
            state: self.state.parse()?,
            verdict,
            sealed_size: u64::try_from(self.sealed_size).map_err(corrupt("size"))?,
            tag: parse_tag(self.tag)?,
            path: self.path,
            deposited_at: moment(self.deposited_at)?,
            received_at: moment(self.received_at)?,
            archived_at: self.archived_at.map(moment).transpose()?,
            content,
            suspect_since: self.suspect_since.map(moment).transpose()?,
            released_at: self.released_at.map(moment).transpose()?,
        })
    }

    fn content(&mut self) -> Result<Option<Content>, StoreError> {
        let Some(sender) = self.sender.take() else { return Ok(None) };
        let missing = StoreError::Corrupt("a message with half of its content");
        let (
            Some(recipient),
            Some(content_type),
            Some(size),
            Some(digest),
            Some(hash),
            Some(sequence),
            Some(signed_at),
        ) = (
            self.recipient.take(),
            self.content_type.take(),
            self.size,
            self.digest.take(),
            self.signature_hash.take(),
            self.sequence,
            self.signed_at,
        )
        else {
            return Err(missing);
        };
        Ok(Some(Content {
            office: self.office.take().map(|text| text.parse().map_err(corrupt("office"))).transpose()?,
            user: self.user_id.take().map(|text| text.parse().map_err(corrupt("user id"))).transpose()?,
            sender: sender.parse().map_err(corrupt("sender"))?,
            recipient: recipient.parse().map_err(corrupt("recipient"))?,
            file_name: self.file_name.take().map(|text| text.parse().map_err(corrupt("file name"))).transpose()?,
            content_type,
            comment: self.comment.take(),
            size: u64::try_from(size).map_err(corrupt("size"))?,
            digest,
            signature_hash: hash.as_slice().try_into().map_err(corrupt("signature hash"))?,
            sequence: u64::try_from(sequence).map_err(corrupt("sequence"))?,
            signed_at: moment(signed_at)?,
        }))
    }
}

/// Reasons and warnings as they are stored.
pub(super) fn codes(verdict: &Verdict) -> (String, String) {
    let join = |codes: Vec<&'static str>| codes.join(" ");
    match verdict {
        Verdict::Accepted { warnings } => (String::new(), join(warnings.iter().map(|w| w.code()).collect())),
        Verdict::Quarantined { reasons, warnings } => {
            (join(reasons.iter().map(|r| r.code()).collect()), join(warnings.iter().map(|w| w.code()).collect()))
        }
    }
}

fn parse_codes<T: FromStr + Ord>(text: &str, what: &'static str) -> Result<BTreeSet<T>, StoreError> {
    text.split_whitespace().map(|code| code.parse().map_err(corrupt(what))).collect()
}

pub(super) fn parse_tag(tag: Option<Vec<u8>>) -> Result<Option<Tag>, StoreError> {
    tag.map(|bytes| bytes.as_slice().try_into().map_err(corrupt("tag"))).transpose()
}
