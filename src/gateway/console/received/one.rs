//! One file: what it is, what we think of it and why, what became of it, and its inside when that is asked for.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::State as Shared;
use axum::response::{IntoResponse, Redirect, Response};

use super::super::App;
use super::super::asked::Asked;
use super::super::fault::Fault;
use super::super::frame::{Frame, html};
use super::super::id::Id;
use super::super::late::{Late, Thing};
use super::super::session::Visitor;
use super::super::text;
use super::super::words::received::Received as Words;
use super::about::{About, warnings};
use super::{PREVIEW, SINCE, beside, is_on, name, next_new, within_but, within_list};
use crate::domain::ids::MessageId;
use crate::domain::staff::Duty;
use crate::domain::verdict::Verdict;
use crate::message::receipt::MAX_REASON;
use crate::store::gateway::messages::{self, State};
use crate::store::gateway::reviews;

#[derive(Template)]
#[expect(clippy::struct_excessive_bools, reason = "each is one part of the page that is there or not")]
#[template(path = "console/one.html")]
struct Page {
    f: Frame,
    w: &'static Words,
    name: Option<String>,
    state: State,
    state_name: &'static str,
    late: Option<Late>,
    /// What is doubtful, in words.
    warnings: Vec<&'static str>,
    suspect: Option<String>,
    return_reason: Option<String>,
    about: About,
    is_flagged: bool,
    is_previewed: bool,
    can_decide: bool,
    can_note: bool,
    longest_reason: usize,
    links: Links,
}

/// Where the buttons lead.
struct Links {
    list: String,
    previous: Option<String>,
    next: Option<String>,
    next_new: Option<String>,
    accept: String,
    hand_back: String,
    flag: String,
    comment: String,
    /// The same page with its preview, or without.
    preview: String,
    frame: String,
    file: String,
}

/// GET `/received/{id}`. Whoever opens it has read it.
pub(in super::super) async fn page(
    Shared(app): Shared<App>,
    Extension(asked): Extension<Asked>,
    Extension(visitor): Extension<Arc<Visitor>>,
    Id(id): Id<MessageId>,
) -> Result<Response, Fault> {
    app.admin(visitor.name(), &asked.origin).look_at(id, visitor.name()).await?;
    let (receiver, lang, query) = (&app.gateway.receiver, asked.lang, &asked.query);
    let late = Thing::Received(id).late_as_asked(&app, &asked).await?;
    let mut reader = receiver.database.reader().await?;
    let message = messages::find(&mut reader, id).await?.ok_or(Fault::missing())?;
    let Verdict::Accepted { warnings: doubts } = &message.verdict else {
        // It is looked at where it is said why.
        let place = query.address(&format!("/quarantine/{id}"), &[], &[]);
        return Ok(Redirect::to(&place).into_response());
    };
    let [previous, next] = beside(&mut reader, query, visitor.name(), message.number).await?;
    let next_new = next_new(&mut reader, query, visitor.name(), message.number).await?;
    let marks = reviews::marks(&mut reader, &[message.number], visitor.name()).await?;
    let path = |rest: &str| within_list(query, &format!("/received/{id}{rest}"), &[]);
    let to = |other: MessageId| within_list(query, &format!("/received/{other}"), &[]);
    let (role, is_previewed) = (visitor.session.role, is_on(query, PREVIEW));
    let page = Page {
        w: lang.of_pages(),
        name: name(&message),
        state: message.state,
        state_name: lang.words().of_state(message.state),
        late,
        warnings: warnings(doubts, lang),
        suspect: message.suspect_since.map(|since| text::full(since, lang)),
        return_reason: reviews::return_reason(&mut *reader, message.number).await?,
        about: About::read(&app, &mut reader, &message, lang).await?,
        is_flagged: marks.get(&message.number).is_some_and(|marks| marks.flagged),
        is_previewed,
        can_decide: message.state == State::Archived && role.may(Duty::Review),
        can_note: role.may(Duty::Review),
        longest_reason: MAX_REASON,
        links: Links {
            list: within_but(query, "/received", &[SINCE], &[]),
            previous: previous.map(|previous| to(previous.id)),
            next: next.map(|next| to(next.id)),
            next_new: next_new.map(to),
            accept: path("/accept"),
            hand_back: path("/return"),
            flag: path("/flag"),
            comment: path("/comment"),
            preview: within_but(
                query,
                &format!("/received/{id}"),
                &[PREVIEW],
                if is_previewed { &[] } else { &[(PREVIEW, "1")] },
            ),
            frame: format!("/received/{id}/preview"),
            file: format!("/received/{id}/file"),
        },
        f: Frame::new(&asked, &visitor),
    };
    drop(reader);
    html(&page)
}
