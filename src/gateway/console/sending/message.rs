//! One message: its addressee, each recipient, its receipts.

use askama::Template;
use axum::response::Response;

use super::super::App;
use super::super::asked::Asked;
use super::super::fault::Fault;
use super::super::frame::{Frame, html};
use super::super::lang::Lang;
use super::super::late::{Late, Thing};
use super::super::session::Visitor;
use super::super::text;
use super::super::words::sending::Sending as Words;
use super::{Tag, frame, office_label, office_names, why};
use crate::domain::ids::MessageId;
use crate::domain::sending::Sending;
use crate::domain::staff::Duty;
use crate::gateway::admin::sent::Shown;
use crate::gateway::console::audit::kinds::called;
use crate::gateway::view::sent::{RecipientView, SentReceiptView, SentView};
use crate::store::gateway::audit;

/// Entries of the history that are shown.
const HISTORY: u32 = 100;

#[derive(Template)]
#[template(path = "console/sending/message.html")]
struct Page {
    f: Frame,
    w: &'static Words,
    path: String,
    dispatch: String,
    file: String,
    tag: Tag,
    late: Option<Late>,
    facts: Vec<(&'static str, String)>,
    reasons: Vec<String>,
    has_alarm: bool,
    problem: Option<String>,
    recipients: Vec<Recipient>,
    receipts: Vec<Receipt>,
    history: Vec<(String, String, String)>,
    can_recall: bool,
    can_remind: bool,
}

struct Recipient {
    user: String,
    steps: Vec<(&'static str, String)>,
    note: String,
}

struct Receipt {
    stage: &'static str,
    by: String,
    at: String,
    refused: String,
    hash: String,
}

/// The page of a message.
pub(super) async fn page(app: &App, asked: &Asked, visitor: &Visitor, id: MessageId) -> Result<Response, Fault> {
    let admin = app.admin(visitor.name(), &asked.origin);
    let Shown::Message(view, receipts) = admin.show_sent(id).await? else { return Err(Fault::missing()) };
    let (w, lang): (&'static Words, _) = (asked.lang.of_pages(), asked.lang);
    let state: Sending = view.state.parse().map_err(|_| Fault::missing())?;
    let read = app.gateway.receiver.database.read();
    let history = audit::of_subject(read, &id.to_string(), HISTORY).await?;
    let history = history.into_iter().map(|one| {
        let what = called(&one.action, lang).map_or_else(|| one.action.clone(), str::to_owned);
        (what, format!("{} {}", text::who(&one.actor), one.origin), text::full(one.at, lang))
    });
    let can_act = visitor.session.role.may(Duty::Review);
    html(&Page {
        f: frame(asked, visitor),
        w,
        path: format!("/sent/{id}"),
        dispatch: format!("/sent/{}", view.dispatch),
        file: view.file_name.clone(),
        tag: Tag::of(state, lang),
        late: Thing::Sent(id).late_as_asked(app, asked).await?,
        facts: facts(app, &view, lang).await?,
        reasons: view.reasons.iter().map(|code| why(code, w)).collect(),
        has_alarm: !view.warnings.is_empty(),
        problem: view.problem.clone(),
        recipients: view.recipients.iter().map(|one| recipient(one, lang)).collect(),
        receipts: receipts.iter().map(|one| receipt(one, lang)).collect(),
        history: history.collect(),
        can_recall: can_act && state.recall().is_ok(),
        can_remind: can_act && matches!(state, Sending::Deposited | Sending::Relayed),
    })
}

async fn facts(app: &App, view: &SentView, lang: Lang) -> Result<Vec<(&'static str, String)>, Fault> {
    let (w, words): (&'static Words, _) = (lang.of_pages(), lang.words());
    let names = office_names(app, std::iter::once(view.office.as_ref())).await?;
    let to = view.office.as_ref().map_or_else(|| view.to.clone(), |code| office_label(code, &names));
    let mut facts = vec![(w.addressees, to)];
    if let Some(user) = &view.user {
        facts.push((w.user, user.clone()));
    }
    facts.extend([
        (words.size, text::size(view.size)),
        (w.by, text::who(&view.actor).to_owned()),
        (w.at, text::full(view.created_at, lang)),
    ]);
    let optional = [
        (w.comment, view.comment.clone()),
        (w.approver, view.approver.as_deref().map(text::who).map(str::to_owned)),
        (w.step_deposited, view.deposited_at.map(|at| text::full(at, lang))),
        (w.expires, view.expires_at.map(|at| text::full(at, lang))),
        (words.sequence, view.sequence.map(|sequence| sequence.to_string())),
        (words.digest, view.digest.clone()),
    ];
    facts.extend(optional.into_iter().filter_map(|(name, value)| Some((name, value?))));
    facts.push((words.id, view.id.clone()));
    Ok(facts)
}

fn recipient(one: &RecipientView, lang: Lang) -> Recipient {
    let w: &'static Words = lang.of_pages();
    let steps = [
        (w.fetched, one.fetched_at),
        (w.verified, one.verified_at),
        (w.accepted, one.accepted_at),
        (w.returned, one.returned_at),
        (w.expired, one.expired_at),
        (w.stopped, one.dropped_at),
    ];
    let code = one.code.as_ref().map(|code| why(code, w));
    Recipient {
        user: one.user.clone(),
        steps: steps.into_iter().filter_map(|(name, at)| Some((name, text::full(at?, lang)))).collect(),
        note: one.reason.clone().or(code).unwrap_or_default(),
    }
}

fn receipt(one: &SentReceiptView, lang: Lang) -> Receipt {
    let w: &'static Words = lang.of_pages();
    Receipt {
        stage: lang.words().stage(&one.stage),
        by: one.user.clone().unwrap_or_else(|| w.receipt_relay.to_owned()),
        at: text::full(one.at, lang),
        refused: one.refused.as_ref().map(|code| format!("{} ({code})", w.receipt_refused)).unwrap_or_default(),
        hash: one.hash.clone(),
    }
}
