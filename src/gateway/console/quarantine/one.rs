//! One of them: why it is here, what should have been there and what was, and what can become of it.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::State as Shared;
use axum::response::{IntoResponse, Redirect, Response};

use super::super::App;
use super::super::asked::Asked;
use super::super::consents::{self, Open};
use super::super::fault::Fault;
use super::super::frame::{Frame, html};
use super::super::id::Id;
use super::super::lang::Lang;
use super::super::late::{Late, Thing};
use super::super::received::about::{About, warnings};
use super::super::received::name;
use super::super::session::Visitor;
use super::super::words::quarantine::Quarantine as Words;
use super::list::of_reason;
use crate::domain::ids::MessageId;
use crate::domain::policy::Facts;
use crate::domain::staff::Duty;
use crate::domain::two_persons::Matter;
use crate::domain::verdict::Verdict;
use crate::gateway::admin::two_persons::LONGEST_REASON;
use crate::gateway::explain::{Both, Explained, explain};
use crate::message::receipt::MAX_REASON;
use crate::store::gateway::messages::{self, Message, State};
use crate::store::gateway::{evidence, reviews};
use crate::store::sqlite::{Connection, StoreError};

#[derive(Template)]
#[expect(clippy::struct_excessive_bools, reason = "each is one part of the page that is there or not")]
#[template(path = "console/quarantined.html")]
struct Page {
    f: Frame,
    w: &'static Words,
    name: Option<String>,
    state: State,
    state_name: &'static str,
    late: Option<Late>,
    whys: Vec<Why>,
    warnings: Vec<&'static str>,
    return_reason: Option<String>,
    about: About,
    /// Nobody has decided.
    is_open: bool,
    is_releasable: bool,
    is_sender_known: bool,
    /// Its release, as somebody has asked for it.
    request: Option<Open>,
    can_note: bool,
    longest_reason: usize,
    longest_release: usize,
    links: Links,
}

/// One reason.
struct Why {
    title: &'static str,
    code: &'static str,
    expected: Option<String>,
    found: Option<String>,
    next: &'static str,
}

/// Where the buttons lead.
struct Links {
    comment: String,
    hand_back: String,
    release: String,
}

/// GET `/quarantine/{id}`.
pub(in super::super) async fn page(
    Shared(app): Shared<App>,
    Extension(asked): Extension<Asked>,
    Extension(visitor): Extension<Arc<Visitor>>,
    Id(id): Id<MessageId>,
) -> Result<Response, Fault> {
    let lang = asked.lang;
    let request = consents::about(&app, (Matter::Release, &id.to_string()), &asked, &visitor).await?;
    let late = Thing::Received(id).late_as_asked(&app, &asked).await?;
    let mut reader = app.gateway.receiver.database.reader().await?;
    let message = messages::find(&mut reader, id).await?.ok_or(Fault::missing())?;
    let Verdict::Quarantined { warnings: doubts, .. } = &message.verdict else {
        let place = asked.query.address(&format!("/received/{id}"), &[], &[]);
        return Ok(Redirect::to(&place).into_response());
    };
    let explained = explained(&mut reader, &message).await?;
    let is_open = message.state == State::Quarantined;
    let path = |rest: &str| format!("/quarantine/{id}/{rest}");
    let page = Page {
        w: lang.of_pages(),
        name: name(&message),
        state: message.state,
        state_name: lang.words().of_state(message.state),
        late,
        is_releasable: explained.iter().all(|one| one.is_releasable),
        whys: explained.into_iter().map(|one| Why::new(one, lang)).collect(),
        warnings: warnings(doubts, lang),
        return_reason: reviews::return_reason(&mut *reader, message.number).await?,
        about: About::read(&app, &mut reader, &message, lang).await?,
        is_open,
        is_sender_known: message.content.as_ref().is_some_and(|content| content.user.is_some()),
        request: request.filter(|_| is_open),
        can_note: visitor.session.role.may(Duty::Review),
        longest_reason: MAX_REASON,
        longest_release: LONGEST_REASON,
        links: Links {
            comment: format!("/received/{id}/comment"),
            hand_back: path("return"),
            release: path("release"),
        },
        f: Frame::new(&asked, &visitor),
    };
    drop(reader);
    html(&page)
}

/// Every reason, by the facts that were frozen with it.
async fn explained(reader: &mut Connection, message: &Message) -> Result<Vec<Explained>, StoreError> {
    let Verdict::Quarantined { reasons, .. } = &message.verdict else { return Ok(Vec::new()) };
    let stored = evidence::find(&mut *reader, message.number).await?.ok_or(StoreError::Missing("evidence"))?;
    let facts: Facts = serde_json::from_str(&stored.facts).map_err(|_| StoreError::Corrupt("facts"))?;
    Ok(reasons.iter().map(|reason| explain(*reason, &facts)).collect())
}

impl Why {
    fn new(one: Explained, lang: Lang) -> Self {
        let (japanese, english) = one.next;
        let said = |both: Both| if lang == Lang::Japanese { both.0 } else { both.1 };
        Self {
            title: of_reason(one.reason, lang),
            code: one.reason.code(),
            expected: one.expected.map(said),
            found: one.found.map(said),
            next: if lang == Lang::Japanese { japanese } else { english },
        }
    }
}
