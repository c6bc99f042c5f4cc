//! One file: what it is, what we think of it and why, what became of it.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::State as Shared;
use axum::response::Response;
use jiff::Timestamp;

use super::super::App;
use super::super::asked::Asked;
use super::super::fault::Fault;
use super::super::frame::{Frame, html};
use super::super::id::Id;
use super::super::lang::Lang;
use super::super::session::Visitor;
use super::super::text;
use super::super::words::Words;
use super::{name, office, within_list};
use crate::domain::ids::{MessageId, OfficeCode};
use crate::domain::staff::Duty;
use crate::domain::verdict::Verdict;
use crate::message::keys::Certificate;
use crate::message::receipt::{MAX_REASON, SignedReceipt};
use crate::store::gateway::messages::{self, Message, State};
use crate::store::gateway::{audit, certificates, evidence, offices, receipts, reviews};
use crate::store::sqlite::{Connection, StoreError};

/// Entries of the history that are shown.
const HISTORY: u32 = 200;

#[derive(Template)]
#[template(path = "console/one.html")]
struct Page {
    f: Frame,
    name: Option<String>,
    state: State,
    state_name: &'static str,
    /// What is wrong or doubtful, in words.
    reasons: Vec<&'static str>,
    warnings: Vec<&'static str>,
    suspect: Option<String>,
    return_reason: Option<String>,
    facts: Vec<(&'static str, String)>,
    comment: Option<String>,
    proofs: Vec<(&'static str, String)>,
    receipts: Vec<Step>,
    history: Vec<Step>,
    readers: Vec<String>,
    comments: Vec<Said>,
    is_flagged: bool,
    can_decide: bool,
    can_note: bool,
    longest_reason: usize,
    longest_comment: usize,
    links: Links,
}

/// Where the buttons lead.
struct Links {
    list: String,
    next: Option<String>,
    accept: String,
    hand_back: String,
    flag: String,
    comment: String,
}

/// Something that happened.
struct Step {
    what: String,
    who: String,
    at: String,
    detail: String,
}

/// What somebody wrote.
struct Said {
    who: String,
    at: String,
    text: String,
}

/// GET `/received/{id}`. Whoever opens it has read it.
pub(in super::super) async fn page(
    Shared(app): Shared<App>,
    Extension(asked): Extension<Asked>,
    Extension(visitor): Extension<Arc<Visitor>>,
    Id(id): Id<MessageId>,
) -> Result<Response, Fault> {
    app.admin(visitor.name(), &asked.origin).look_at(id, visitor.name()).await?;
    let (receiver, lang, w) = (&app.gateway.receiver, asked.lang, asked.lang.words());
    let now = receiver.clock.now();
    let mut reader = receiver.database.reader().await?;
    let message = messages::find(&mut reader, id).await?.ok_or(Fault::missing())?;
    let office = office(&asked.query);
    let office = office.as_ref().map(OfficeCode::as_str);
    let next = reviews::next_to_review(&mut reader, message.number, office).await?;
    let marks = reviews::marks(&mut reader, std::slice::from_ref(&message), visitor.name()).await?;
    let marks = marks.get(&message.number).copied().unwrap_or_default();
    let readers = reviews::readers(&mut *reader, message.number).await?;
    let comments = reviews::comments(&mut *reader, message.number).await?;
    let history = audit::of_subject(&mut *reader, &id.to_string(), HISTORY).await?;
    let made = receipts::of_message(&mut *reader, message.number).await?;
    let at = |at: Timestamp| text::short(at, now, lang);
    let (reasons, warnings) = verdict(&message.verdict, lang);
    let path = |rest: &str| within_list(&asked.query, &format!("/received/{id}{rest}"), &[]);
    let role = visitor.session.role;
    let page = Page {
        name: name(&message),
        state: message.state,
        state_name: w.of_state(message.state),
        reasons,
        warnings,
        suspect: message.suspect_since.map(|since| text::full(since, lang)),
        return_reason: reviews::return_reason(&mut *reader, message.number).await?,
        facts: facts(&mut reader, &message, lang).await?,
        comment: message.content.as_ref().and_then(|content| content.comment.clone()),
        proofs: proofs(&mut reader, &message, lang).await?,
        receipts: made
            .into_iter()
            .map(|one| Step {
                what: w.stage(&one.stage).to_owned(),
                who: String::new(),
                at: at(one.at),
                detail: SignedReceipt::from_der(one.der).hash().to_string(),
            })
            .collect(),
        history: history
            .into_iter()
            .map(|one| Step {
                what: w.action(&one.action).map_or(one.action, str::to_owned),
                who: one.actor.strip_prefix("staff:").unwrap_or(&one.actor).to_owned(),
                at: at(one.at),
                detail: one.origin,
            })
            .collect(),
        readers: readers.into_iter().map(|one| format!("{}（{}）", one.staff, at(one.at))).collect(),
        comments: comments
            .into_iter()
            .map(|one| Said { who: one.staff.to_string(), at: at(one.at), text: one.text })
            .collect(),
        is_flagged: marks.flagged,
        can_decide: message.state == State::Archived && role.may(Duty::Review),
        can_note: role.may(Duty::Review),
        longest_reason: MAX_REASON,
        longest_comment: reviews::LONGEST,
        links: Links {
            list: within_list(&asked.query, "/received", &[]),
            next: next
                .filter(|next| *next != id.to_string())
                .map(|next| within_list(&asked.query, &format!("/received/{next}"), &[])),
            accept: path("/accept"),
            hand_back: path("/return"),
            flag: path("/flag"),
            comment: path("/comment"),
        },
        f: Frame::new(&asked, &visitor),
    };
    drop(reader);
    html(&page)
}

fn verdict(verdict: &Verdict, lang: Lang) -> (Vec<&'static str>, Vec<&'static str>) {
    let pick = |japanese, english| if lang == Lang::Japanese { japanese } else { english };
    let none = std::collections::BTreeSet::new();
    let (reasons, warnings) = match verdict {
        Verdict::Accepted { warnings } => (&none, warnings),
        Verdict::Quarantined { reasons, warnings } => (reasons, warnings),
    };
    let reasons = reasons.iter().map(|reason| pick(reason.japanese(), reason.english()));
    (reasons.collect(), warnings.iter().map(|warning| pick(warning.japanese(), warning.english())).collect())
}

async fn facts(
    reader: &mut Connection,
    message: &Message,
    lang: Lang,
) -> Result<Vec<(&'static str, String)>, StoreError> {
    let w = lang.words();
    let mut facts = Vec::new();
    if let Some(content) = &message.content {
        if let Some(code) = &content.office {
            let office = offices::find(&mut *reader, code).await?;
            let name = office.map(|office| office.name.as_str().to_owned()).unwrap_or_default();
            facts.push((w.office, format!("{name}（{code}）")));
        }
        facts.push((w.sender, content.sender.to_string()));
        facts.push((w.size, text::size(content.size)));
        facts.push((w.kind, content.content_type.clone()));
        facts.push((w.signed_at, text::full(content.signed_at, lang)));
    }
    facts.push((w.received_at, text::full(message.received_at, lang)));
    Ok(facts)
}

async fn proofs(
    reader: &mut Connection,
    message: &Message,
    lang: Lang,
) -> Result<Vec<(&'static str, String)>, StoreError> {
    let w = lang.words();
    let mut proofs = vec![(w.id, message.id.to_string())];
    if let Some(content) = &message.content {
        proofs.push((w.sequence, content.sequence.to_string()));
        proofs.push((w.digest, hex::encode(&content.digest)));
    }
    let Some(evidence) = evidence::find(&mut *reader, message.number).await? else { return Ok(proofs) };
    proofs.push((w.judged_at, text::full(evidence.judged_at, lang)));
    let Some(fingerprint) = evidence.certificate else { return Ok(proofs) };
    if let Some(found) = certificates::find(reader, &[fingerprint]).await?.into_iter().next() {
        let signer = Certificate::from_der(&found.der).ok().and_then(|certificate| certificate.common_name());
        proofs.push((w.signer, signer.unwrap_or_else(|| found.user.to_string())));
        let (from, until) = (text::full(found.not_before, lang), text::full(found.not_after, lang));
        proofs.push((w.certificate_valid, format!("{from} ～ {until}")));
        if let Some(at) = found.revoked_at {
            proofs.push((w.certificate_revoked, text::full(at, lang)));
        }
        proofs.push((w.certificate_fingerprint, found.fingerprint.to_string()));
    }
    Ok(proofs)
}

impl Words {
    /// What staff call a receipt.
    const fn stage(&self, stage: &str) -> &'static str {
        match stage.as_bytes() {
            b"relayed" => self.stage_relayed,
            b"verified" => self.stage_verified,
            b"accepted" => self.stage_accepted,
            b"returned" => self.stage_returned,
            _ => self.stage_other,
        }
    }

    /// What staff call an entry of the audit about a file.
    fn action(&self, action: &str) -> Option<&'static str> {
        Some(match action {
            "message.archived" => self.did_archive,
            "message.quarantined" => self.did_quarantine,
            "message.accepted" => self.did_accept,
            "message.returned" | "quarantine.returned" => self.did_return,
            "message.read" => self.did_read,
            "message.flagged" => self.did_flag,
            "message.commented" => self.did_comment,
            "message.exported" | "message.fetched" | "message.downloaded" => self.did_export,
            "message.previewed" => self.did_preview,
            "quarantine.released" => self.did_release,
            _ => return None,
        })
    }
}
