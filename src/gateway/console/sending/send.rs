//! A new one, second step: what will happen, the files, and their way in. A file streams from the browser into our own sealed copy; it is
//! never held whole, and never lies on the disk as it is. What breaks off leaves nothing.

use std::collections::HashMap;
use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::{Request, State};
use axum::http::header;
use axum::response::{IntoResponse, Redirect, Response};
use tokio::sync::oneshot;

use super::super::App;
use super::super::asked::Asked;
use super::super::fault::Fault;
use super::super::frame::{Frame, html};
use super::super::session::{self, Visitor};
use super::super::text;
use super::super::words::sending::Sending as Words;
use super::reach::{Named, address, named, person, words};
use super::{frame, office_label, office_names, why};
use crate::domain::clock::Random;
use crate::domain::file_name::FileName;
use crate::domain::ids::MessageId;
use crate::gateway::admin::sent::console::NewFile;
use crate::gateway::admin::{Admin, AdminError};
use crate::gateway::flows::send::{Forecast, LeftOut, MAX_COMMENT, SendError};
use crate::http::Parts;
use crate::secret::Token;
use crate::stream::fed::feed;

/// People who get nothing that are named.
const SHOWN: usize = 100;
/// Bytes of a body that are read all the same when it is refused, so that the browser reads why.
const DRAIN: u64 = 1 << 20;
/// Bytes of the longest small field.
const FIELD: usize = 200;

#[derive(Template)]
#[template(path = "console/sending/files.html")]
struct Page {
    f: Frame,
    w: &'static Words,
    action: String,
    change: String,
    key: String,
    chosen: Vec<Named>,
    forecast: Forecast,
    left_out: Vec<Left>,
    further: usize,
    needs_consent: bool,
    most: u64,
    most_shown: String,
    longest_comment: usize,
}

/// Somebody who gets nothing.
struct Left {
    who: String,
    office: String,
    why: String,
}

/// Some went, and one did not.
#[derive(Template)]
#[template(path = "console/sending/part.html")]
struct Part<'a> {
    f: Frame,
    w: &'static Words,
    sent: Vec<(String, MessageId)>,
    not_sent: String,
    said: [&'a str; 3],
}

/// GET `/sent/files`: to those whom the address names.
pub(in super::super) async fn page(
    State(app): State<App>,
    Extension(asked): Extension<Asked>,
    Extension(visitor): Extension<Arc<Visitor>>,
) -> Result<Response, Fault> {
    let (w, chosen): (&'static Words, _) = (asked.lang.of_pages(), words(&asked.query));
    let back = |problem| Ok(Redirect::to(&address("/sent/new", &chosen, &[("problem", problem)])).into_response());
    if chosen.is_empty() {
        return back("nobody");
    }
    let admin = app.admin(visitor.name(), &asked.origin);
    let (forecast, limits) = (forecast(&admin, &chosen).await, app.gateway.sender.limits);
    let forecast = match forecast {
        Err(
            AdminError::Addressee(_)
            | AdminError::AmbiguousAddressee(_)
            | AdminError::Send(SendError::UnknownUser(_) | SendError::UnknownOffice(_)),
        ) => return back("unknown"),
        other => other?,
    };
    let further = forecast.left_out.len().saturating_sub(SHOWN);
    html(&Page {
        f: frame(&asked, &visitor),
        w,
        action: address("/sent/files", &chosen, &[]),
        change: address("/sent/new", &chosen, &[]),
        key: new_key(app.gateway.receiver.random.as_ref()),
        chosen: named(&app, &chosen, w).await?,
        left_out: left_out(&app, &forecast.left_out, w).await?,
        forecast,
        further,
        needs_consent: limits.approval,
        most: limits.max_size,
        most_shown: text::size(limits.max_size),
        longest_comment: MAX_COMMENT,
    })
}

async fn forecast(admin: &Admin, chosen: &[String]) -> Result<Forecast, AdminError> {
    let words: Vec<&str> = chosen.iter().map(String::as_str).collect();
    let to = admin.everyone(&words).await?;
    admin.forecast(&to).await
}

async fn left_out(app: &App, all: &[LeftOut], w: &'static Words) -> Result<Vec<Left>, Fault> {
    let shown = &all[..all.len().min(SHOWN)];
    let codes: Vec<String> = shown.iter().filter_map(|one| Some(one.office.as_ref()?.to_string())).collect();
    let names = office_names(app, codes.iter().map(Some)).await?;
    let mut rows = Vec::with_capacity(shown.len());
    for one in shown {
        let who = match &one.user {
            Some(user) => person(app, user.as_str()).await?,
            None => w.left_out_whole.to_owned(),
        };
        let office = one.office.as_ref().map(|code| office_label(code.as_str(), &names));
        rows.push(Left { who, office: office.unwrap_or_default(), why: why(one.why.code(), w) });
    }
    Ok(rows)
}

fn new_key(random: &dyn Random) -> String {
    let mut bytes = [0; 16];
    random.fill(&mut bytes);
    hex::encode(bytes)
}

/// POST `/sent/files`: a form with files. Its first field is the session's token; nothing is done before that is seen.
pub(in super::super) async fn send(
    State(app): State<App>,
    Extension(asked): Extension<Asked>,
    Extension(visitor): Extension<Arc<Visitor>>,
    request: Request,
) -> Result<Response, Fault> {
    let announced = request.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    let most = app.gateway.sender.limits.max_size.min(announced.unwrap_or(u64::MAX));
    let mut parts = Parts::new(request, &app.limits).ok_or(Fault::input())?;
    let mut form = Form { app: &app, asked: &asked, visitor: &visitor, most, sent: Vec::new(), at: String::new() };
    let failed = form.read(&mut parts).await.err();
    if failed.is_some() {
        parts.drain(DRAIN).await;
    }
    let held = app.gateway.sender.limits.approval;
    let done = if held { "held" } else { "sent" };
    match (failed, form.sent.as_slice()) {
        (None, []) => Err(Fault::input()),
        (None, [(_, id)]) => Ok(Redirect::to(&format!("/sent/{id}?done={done}")).into_response()),
        (None, _) => Ok(Redirect::to(&format!("/sent?done={done}")).into_response()),
        (Some(fault), []) => Err(fault),
        (Some(fault), _) => {
            let said = fault.say(asked.lang.words());
            let (sent, not_sent) = (form.sent, form.at);
            let w = asked.lang.of_pages();
            let page = html(&Part { f: frame(&asked, &visitor), w, sent, not_sent, said })?;
            Ok((fault.status, page).into_response())
        }
    }
}

/// A form that is being read.
struct Form<'a> {
    app: &'a App,
    asked: &'a Asked,
    visitor: &'a Visitor,
    /// Bytes that a file has at most.
    most: u64,
    /// What was taken, by its name.
    sent: Vec<(String, MessageId)>,
    /// The name of the file that is read.
    at: String,
}

impl Form<'_> {
    async fn read(&mut self, parts: &mut Parts) -> Result<(), Fault> {
        let first = parts.next().await?.ok_or(Fault::foreign())?;
        if first.name != "csrf" || !self.visitor.has_csrf(&parts.text(FIELD).await?) {
            return Err(Fault::foreign());
        }
        let chosen = words(&self.asked.query);
        let admin = self.app.admin(self.visitor.name(), &self.asked.origin);
        let to = admin.everyone(&chosen.iter().map(String::as_str).collect::<Vec<_>>()).await?;
        let (mut key, mut comment, mut of_name) = (String::new(), None, HashMap::<String, u32>::new());
        let mut offset = 0;
        while let Some(part) = parts.next().await? {
            match (part.name.as_str(), part.file_name) {
                ("key", None) => key = parts.text(FIELD).await?,
                ("n", None) => offset = parts.text(FIELD).await?.parse().map_err(|_| Fault::input())?,
                ("comment", None) => {
                    let text = parts.text(MAX_COMMENT * 4).await?.trim().to_owned();
                    comment = Some(text).filter(|text| !text.is_empty());
                }
                // A field without a file comes with an empty name.
                ("file", Some(name)) if !name.is_empty() => {
                    if key.is_empty() {
                        return Err(Fault::input());
                    }
                    self.at.clone_from(&name);
                    let file_name = FileName::normalize(&name).map_err(AdminError::from)?;
                    let count = of_name.entry(name.clone()).or_insert(offset);
                    let key = key_of(&key, &name, *count, comment.as_deref(), &chosen);
                    *count += 1;
                    let new = NewFile { to: to.clone(), file_name, comment: comment.clone(), most: self.most, key };
                    let id = self.take(&admin, new, parts).await?;
                    self.sent.push((name, id));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Hands a file on as it comes. Once all of it has come it is taken, also when the browser is gone by then.
    async fn take(&self, admin: &Admin, new: NewFile, parts: &mut Parts) -> Result<MessageId, Fault> {
        let (feeder, fed) = feed();
        let (done, result) = oneshot::channel();
        let admin = admin.clone();
        self.app.shutdown.spawn(async move {
            // Nobody waits any more when the line is broken.
            let _ = done.send(admin.take_in(new, fed).await);
        });
        while let Some(bytes) = parts.chunk().await? {
            if !feeder.push(bytes).await {
                break;
            }
        }
        // Whoever was shut out while it came sends nothing: it breaks off here.
        session::still(self.app, self.visitor).await?;
        feeder.end().await;
        Ok(result.await.unwrap_or_else(|_| Err(SendError::Internal.into()))?)
    }
}

/// What makes it the same file when the form comes again: the page that it was sent from, whom to, its name and comment; and which of
/// those with the same name it is.
fn key_of(page: &str, name: &str, count: u32, comment: Option<&str>, chosen: &[String]) -> String {
    let parts = [page, name, &count.to_string(), comment.unwrap_or_default(), &chosen.join("\n")].join("\0");
    hex::encode(Token::hash_of(&parts).as_bytes())
}
