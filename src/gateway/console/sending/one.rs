//! One dispatch: how far it has come, who has not fetched it, what staff can do about it. An id of a message leads to its own page.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::response::Response;

use super::super::App;
use super::super::asked::Asked;
use super::super::fault::Fault;
use super::super::fields::Fields;
use super::super::frame::{Frame, html};
use super::super::id::Id;
use super::super::lang::Lang;
use super::super::late::{Late, Thing};
use super::super::session::Visitor;
use super::super::text;
use super::super::words::sending::Sending as Words;
use super::{COLLECTED, ROWS, Tag, frame, message, name, office_label, office_names, why, within};
use crate::domain::ids::MessageId;
use crate::domain::sending::Sending;
use crate::domain::staff::Duty;
use crate::gateway::admin::sent::console::Followed;
use crate::store::gateway::search::sent::{self, Filter};

/// The KX server has it, and nobody has fetched it.
const WAITING: &[Sending] = &[Sending::Deposited, Sending::Relayed];
/// Staff may take it back.
const RECALLABLE: &[Sending] =
    &[Sending::Held, Sending::Released, Sending::Sealed, Sending::Deposited, Sending::Relayed];
/// What an address says of the addressees that are shown.
const LIST: [&str; 1] = ["state"];

#[derive(Template)]
#[expect(clippy::struct_excessive_bools, reason = "each is one part of the page that is there or not")]
#[template(path = "console/sending/one.html")]
struct Page {
    f: Frame,
    w: &'static Words,
    path: String,
    file: String,
    late: Option<Late>,
    facts: Vec<(&'static str, String)>,
    is_held: bool,
    is_own: bool,
    is_live: bool,
    can_act: bool,
    can_recall: bool,
    can_remind: bool,
    live: String,
    here: String,
    now: Now,
}

/// What changes while somebody looks.
#[derive(Template)]
#[template(path = "console/sending/now.html")]
pub(in super::super) struct Now {
    w: &'static Words,
    total: u64,
    steps: Vec<Step>,
    waiting: u64,
    is_collected: bool,
    not_collected: String,
    tabs: Vec<Tab>,
    rows: Vec<Row>,
    newest: Option<String>,
    older: Option<String>,
}

/// How many have come so far.
struct Step {
    name: &'static str,
    done: u64,
}

struct Tab {
    name: &'static str,
    href: String,
    count: u64,
    is_here: bool,
}

struct Row {
    href: String,
    to: String,
    user: String,
    tag: Tag,
    why: String,
    has_alarm: bool,
    expires: String,
}

/// GET `/sent/{id}`.
pub(in super::super) async fn page(
    State(app): State<App>,
    Extension(asked): Extension<Asked>,
    Extension(visitor): Extension<Arc<Visitor>>,
    Id(id): Id<MessageId>,
) -> Result<Response, Fault> {
    let admin = app.admin(visitor.name(), &asked.origin);
    let Some(followed) = admin.dispatch(id).await? else { return message::page(&app, &asked, &visitor, id).await };
    let (w, lang): (&'static Words, _) = (asked.lang.of_pages(), asked.lang);
    let dispatch = &followed.dispatch;
    let mut facts = vec![
        (w.addressee_count, followed.total().to_string()),
        (w.by, text::who(&dispatch.actor).to_owned()),
        (w.at, text::full(dispatch.staged_at, lang)),
        (asked.lang.words().size, text::size(dispatch.size)),
    ];
    if let Some(comment) = &dispatch.comment {
        facts.push((w.comment, comment.clone()));
    }
    if let Some((approver, at)) = &dispatch.approval {
        facts.push((w.approver, format!("{}　{}", text::who(approver), text::full(*at, lang))));
    }
    let path = format!("/sent/{id}");
    let (is_held, is_own) = (followed.count(&[Sending::Held]) > 0, admin.has_sent(dispatch));
    html(&Page {
        f: frame(&asked, &visitor),
        w,
        file: dispatch.file_name.to_string(),
        late: Thing::Sent(id).late_as_asked(&app, &asked).await?,
        facts,
        is_held,
        is_own,
        is_live: followed.counts.keys().any(|state| !state.has_ended()),
        can_act: visitor.session.role.may(Duty::Review),
        // Whoever does not agree takes it back by that.
        can_recall: followed.count(RECALLABLE) > 0 && (is_own || !is_held),
        can_remind: followed.count(WAITING) > 0,
        live: within(&asked.query, &["state", "before"], &format!("{path}/live"), &[]),
        here: within(&asked.query, &["state", "before"], &path, &[]),
        now: now(&app, id, &asked.query, lang).await?,
        path,
    })
}

/// How it stands now, with the addressees that the address asks for.
pub(in super::super) async fn now(app: &App, id: MessageId, query: &Fields, lang: Lang) -> Result<Now, Fault> {
    let followed = app.reading().dispatch(id).await?.ok_or(Fault::missing())?;
    let (w, path): (&'static Words, _) = (lang.of_pages(), format!("/sent/{id}"));
    let filter = Filter {
        dispatch: Some(followed.dispatch.number),
        state: query.parsed("state").ok().flatten(),
        before: query.parsed("before").ok().flatten(),
        ..Filter::default()
    };
    let mut reader = app.gateway.receiver.database.reader().await?;
    let found = sent::list(&mut reader, &filter, ROWS).await?;
    drop(reader);
    let names = office_names(app, found.rows.iter().map(|row| row.office.as_ref())).await?;
    let clock = app.gateway.receiver.clock.now();
    let rows = found.rows.iter().map(|row| Row {
        href: format!("/sent/{}", row.id),
        to: row.office.as_ref().map_or_else(|| row.addressee.clone(), |code| office_label(code, &names)),
        user: row.user.clone().unwrap_or_default(),
        tag: Tag::of(row.state, lang),
        why: row.code.as_ref().map(|code| why(code, w)).unwrap_or_default(),
        has_alarm: row.alarm.is_some(),
        expires: row.expires_at.map(|at| text::short(at, clock, lang)).unwrap_or_default(),
    });
    Ok(Now {
        w,
        total: followed.total(),
        steps: steps(&followed, w),
        waiting: followed.count(WAITING),
        is_collected: followed.count(COLLECTED) == followed.total(),
        not_collected: format!("{path}?state={}", Sending::Relayed.code()),
        tabs: tabs(&followed, filter.state, &path, w),
        rows: rows.collect(),
        newest: filter.before.map(|_| within(query, &LIST, &path, &[])),
        older: found.next.map(|next| within(query, &LIST, &path, &[("before", &next.to_string())])),
    })
}

/// Each counts whoever has come further, too.
fn steps(followed: &Followed, w: &'static Words) -> Vec<Step> {
    let beyond = |first: &[Sending]| followed.count(first) + followed.count(COLLECTED);
    let at_the_relay = [Sending::Deposited, Sending::Relayed, Sending::Expired, Sending::Recalling];
    let sealed = [&at_the_relay[..], &[Sending::Sealed]].concat();
    let step = |name, done| Step { name, done };
    vec![
        step(w.step_sealed, beyond(&sealed)),
        step(w.step_deposited, beyond(&at_the_relay)),
        step(w.step_fetched, beyond(&[])),
        step(w.step_verified, followed.count(&[Sending::Verified, Sending::Accepted, Sending::Returned])),
        step(w.step_accepted, followed.count(&[Sending::Accepted])),
    ]
}

fn tabs(followed: &Followed, here: Option<Sending>, path: &str, w: &'static Words) -> Vec<Tab> {
    let all = Tab { name: w.all, href: path.to_owned(), count: followed.total(), is_here: here.is_none() };
    let one = |(state, count): (&Sending, &u64)| Tab {
        name: name(*state, w),
        href: format!("{path}?state={}", state.code()),
        count: *count,
        is_here: here == Some(*state),
    };
    std::iter::once(all).chain(followed.counts.iter().map(one)).collect()
}
