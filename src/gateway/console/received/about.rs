//! What is known of a file, as the page of a received one and that of a quarantined one show it.

use super::super::App;
use super::super::lang::Lang;
use super::super::text;
use super::super::words::Words;
use crate::domain::ids::{OfficeCode, UserId};
use crate::domain::verdict::Warning;
use crate::gateway::console::fault::Fault;
use crate::message::keys::Certificate;
use crate::message::receipt::SignedReceipt;
use crate::store::gateway::messages::Message;
use crate::store::gateway::names::{self, Ids};
use crate::store::gateway::reviews::{self, LONGEST};
use crate::store::gateway::{audit, certificates, evidence, receipts};
use crate::store::sqlite::{Connection, StoreError};

/// Entries of the history that are shown.
const HISTORY: u32 = 200;

/// A name and a value.
type Fact = (&'static str, String);

/// All of it.
pub(in super::super) struct About {
    pub(in super::super) facts: Vec<Fact>,
    pub(in super::super) comment: Option<String>,
    pub(in super::super) proofs: Vec<Fact>,
    pub(in super::super) receipts: Vec<Step>,
    pub(in super::super) history: Vec<Step>,
    pub(in super::super) readers: Vec<String>,
    pub(in super::super) comments: Vec<Said>,
    pub(in super::super) longest_comment: usize,
}

/// Something that happened.
pub(in super::super) struct Step {
    pub(in super::super) what: String,
    pub(in super::super) who: String,
    pub(in super::super) at: String,
    pub(in super::super) detail: String,
}

/// What somebody wrote.
pub(in super::super) struct Said {
    pub(in super::super) who: String,
    pub(in super::super) at: String,
    pub(in super::super) text: String,
}

impl About {
    /// Reads it.
    pub(in super::super) async fn read(
        app: &App,
        reader: &mut Connection,
        message: &Message,
        lang: Lang,
    ) -> Result<Self, Fault> {
        let (w, now) = (lang.words(), app.gateway.receiver.clock.now());
        let at = |at| text::short(at, now, lang);
        let made = receipts::of_message(&mut *reader, message.number).await?.into_iter().map(|one| Step {
            what: w.stage(&one.stage).to_owned(),
            who: String::new(),
            at: at(one.at),
            detail: SignedReceipt::from_der(one.der).hash().to_string(),
        });
        let history = audit::of_subject(&mut *reader, &message.id.to_string(), HISTORY).await?;
        let history = history.into_iter().map(|one| Step {
            what: w.action(&one.action).map_or(one.action, str::to_owned),
            who: text::who(&one.actor).to_owned(),
            at: at(one.at),
            detail: one.origin,
        });
        let readers = reviews::readers(&mut *reader, message.number).await?;
        let comments = reviews::comments(&mut *reader, message.number).await?;
        Ok(Self {
            receipts: made.collect(),
            history: history.collect(),
            facts: facts(reader, message, lang).await?,
            comment: message.content.as_ref().and_then(|content| content.comment.clone()),
            proofs: proofs(reader, message, lang).await?,
            readers: readers.into_iter().map(|one| format!("{}（{}）", one.staff, at(one.at))).collect(),
            comments: comments
                .into_iter()
                .map(|one| Said { who: one.staff.to_string(), at: at(one.at), text: one.text })
                .collect(),
            longest_comment: LONGEST,
        })
    }
}

/// What is to be known of a file, in words.
pub(in super::super) fn warnings<'a>(warnings: impl IntoIterator<Item = &'a Warning>, lang: Lang) -> Vec<&'static str> {
    let said = |warning: &Warning| match lang {
        Lang::Japanese => warning.japanese(),
        Lang::English => warning.english(),
    };
    warnings.into_iter().map(said).collect()
}

async fn facts(
    reader: &mut Connection,
    message: &Message,
    lang: Lang,
) -> Result<Vec<(&'static str, String)>, StoreError> {
    let w = lang.words();
    let mut facts = Vec::new();
    if let Some(content) = &message.content {
        let ids = Ids {
            users: content.user.iter().map(UserId::as_str).collect(),
            offices: content.office.iter().map(OfficeCode::as_str).collect(),
            ..Ids::default()
        };
        let names = names::find(&mut *reader, &ids).await?;
        if let Some(code) = &content.office {
            let name = names.offices.get(code.as_str()).map_or("", String::as_str);
            facts.push((w.office, format!("{name}（{code}）")));
        }
        let person = names.users.into_values().find_map(|user| user.name);
        let address = content.sender.to_string();
        facts.push((w.sender, person.map_or_else(|| address.clone(), |name| format!("{name}（{address}）"))));
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
    pub(in super::super) const fn stage(&self, stage: &str) -> &'static str {
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
