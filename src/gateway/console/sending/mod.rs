//! 送信: what went to employers and where it stands, one dispatch as it goes, a new one, groups of offices.

pub(super) mod act;
pub(super) mod choose;
pub(super) mod groups;
pub(super) mod list;
pub(super) mod message;
pub(super) mod one;
mod reach;
pub(super) mod send;

use std::collections::{BTreeSet, HashMap};

use super::App;
use super::asked::Asked;
use super::fault::Fault;
use super::fields::Fields;
use super::frame::Frame;
use super::lang::Lang;
use super::session::Visitor;
use super::words::sending::Sending as Words;
use crate::domain::ids::OfficeCode;
use crate::domain::sending::Sending;
use crate::gateway::flows::send::Unfit;
use crate::store::gateway::offices;

/// Somebody has fetched it.
const COLLECTED: &[Sending] = &[Sending::Fetched, Sending::Verified, Sending::Accepted, Sending::Returned];
/// Rows of a page.
const ROWS: usize = 50;

/// The frame of these pages.
fn frame(asked: &Asked, visitor: &Visitor) -> Frame {
    let (frame, w): (_, &Words) = (Frame::new(asked, visitor), asked.lang.of_pages());
    let done = match asked.query.get("done") {
        "sent" => Some(w.done_sent),
        "held" => Some(w.done_held),
        "approved" => Some(w.done_approved),
        "recalled" => Some(w.done_recalled),
        "reminded" => Some(w.done_reminded),
        "group" => Some(w.done_group),
        _ => frame.done,
    };
    Frame { done, ..frame }
}

/// What staff call where a message stands: the words of the command line.
const fn name(state: Sending, w: &'static Words) -> &'static str {
    match state {
        Sending::Held => w.waits_for_approval,
        Sending::Released => w.released,
        Sending::Sealed => w.sealed,
        Sending::Deposited => w.deposited,
        Sending::Relayed => w.relayed,
        Sending::Fetched => w.fetched,
        Sending::Verified => w.verified,
        Sending::Accepted => w.accepted,
        Sending::Returned => w.returned,
        Sending::Recalling => w.recalling,
        Sending::Recalled => w.recalled,
        Sending::Expired => w.expired,
        Sending::Stopped => w.stopped,
        Sending::Failed => w.failed,
    }
}

/// The colour of its tag.
const fn tone(state: Sending) -> &'static str {
    match state {
        Sending::Released | Sending::Sealed | Sending::Deposited | Sending::Relayed => "key",
        Sending::Fetched | Sending::Verified | Sending::Accepted => "good",
        Sending::Held | Sending::Returned | Sending::Recalling | Sending::Recalled => "warn",
        Sending::Expired | Sending::Stopped | Sending::Failed => "bad",
    }
}

/// Why somebody gets nothing, in words; another code as it is.
fn why(code: &str, w: &'static Words) -> String {
    let known = [
        (Unfit::UserDisabled, w.why_disabled),
        (Unfit::CertificateMissing, w.why_certificate),
        (Unfit::CertificateExpired, w.why_expired),
        (Unfit::CertificateRevoked, w.why_revoked),
        (Unfit::CertificateUntrusted, w.why_untrusted),
        (Unfit::OfficeEmpty, w.why_empty),
        (Unfit::TooMany, w.why_many),
    ];
    let known = known.iter().find(|(unfit, _)| unfit.code() == code);
    known.map_or_else(|| format!("{} ({code})", w.why_other), |(_, words)| (*words).to_owned())
}

/// What these offices are called.
async fn office_names(
    app: &App,
    codes: impl Iterator<Item = Option<&String>>,
) -> Result<HashMap<String, String>, Fault> {
    let codes: BTreeSet<OfficeCode> = codes.filter_map(|code| code?.parse().ok()).collect();
    let codes: Vec<OfficeCode> = codes.into_iter().collect();
    let mut reader = app.gateway.receiver.database.reader().await?;
    let found = offices::find_all(&mut reader, &codes).await?;
    Ok(found.into_iter().map(|office| (office.code.to_string(), office.name.as_str().to_owned())).collect())
}

/// An address with these names of the query, and more.
fn within(query: &Fields, names: &[&str], path: &str, more: &[(&str, &str)]) -> String {
    let said = names.iter().map(|name| (*name, query.get(name))).filter(|(_, value)| !value.is_empty());
    let all: Vec<(&str, &str)> = said.chain(more.iter().copied()).collect();
    Fields::default().address(path, &[], &all)
}

/// The name of an office and its code, or the code alone.
fn office_label(code: &str, names: &HashMap<String, String>) -> String {
    names.get(code).map_or_else(|| code.to_owned(), |name| format!("{name}（{code}）"))
}

/// A tag.
#[derive(Debug)]
struct Tag {
    name: &'static str,
    tone: &'static str,
}

impl Tag {
    fn of(state: Sending, lang: Lang) -> Self {
        Self { name: name(state, lang.of_pages()), tone: tone(state) }
    }
}
