//! What staff do for a user: letter, link, PC, PIN, shut out, let in again.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};

use super::super::App;
use super::super::asked::Asked;
use super::super::fault::Fault;
use super::super::fields::Fields;
use super::super::frame::{Frame, html};
use super::super::id::Id;
use super::super::late::{self, Thing};
use super::super::session::Visitor;
use super::words::Words;
use super::{frame, href, tell, words};
use crate::domain::ids::UserId;
use crate::domain::two_persons::Matter;
use crate::domain::user::DisableReason;
use crate::gateway::flows::enrol::Review;
use crate::gateway::flows::enrol::letter::Passwords;
use crate::wire::enrolment::PcMark;

/// 「お知らせ」, shown this once, to print.
#[derive(Template)]
#[template(path = "console/people/letter.html")]
struct Printed {
    f: Frame,
    p: &'static Words,
    back: String,
    date: String,
    union_name: String,
    contact: String,
    office: String,
    name: String,
    mail: String,
    passwords: Passwords,
}

/// POST `/people/users/{id}/letter`. The passwords exist on this page and nowhere else: loaded again it is refused.
pub(in super::super) async fn letter(
    State(app): State<App>,
    Extension(asked): Extension<Asked>,
    Extension(visitor): Extension<Arc<Visitor>>,
    Extension(form): Extension<Fields>,
    Id(id): Id<UserId>,
) -> Result<Response, Fault> {
    let admin = app.admin(visitor.name(), &asked.origin);
    let letter = admin.show_letter(&id, form.get("new") == "1").await?;
    tell(&app, admin, id.clone());
    html(&Printed {
        f: frame(&asked, &visitor),
        p: words(asked.lang),
        back: href(id.as_str()),
        date: letter.date(),
        union_name: letter.union_name,
        contact: letter.contact,
        office: letter.office.as_str().to_owned(),
        name: letter.person.name.as_str().to_owned(),
        mail: letter.person.mail.as_str().to_owned(),
        passwords: letter.passwords,
    })
}

/// POST `/people/users/{id}/link`: the mail once more.
pub(in super::super) async fn link(
    State(app): State<App>,
    Extension(asked): Extension<Asked>,
    Extension(visitor): Extension<Arc<Visitor>>,
    Id(id): Id<UserId>,
) -> Result<Response, Fault> {
    let admin = app.admin(visitor.name(), &asked.origin);
    admin.mail_link(&id).await?;
    tell(&app, admin, id.clone());
    Ok(done(&id, "link"))
}

/// POST `/people/users/{id}/pin`: a PIN is forgotten.
pub(in super::super) async fn pin(
    State(app): State<App>,
    Extension(asked): Extension<Asked>,
    Extension(visitor): Extension<Arc<Visitor>>,
    Id(id): Id<UserId>,
) -> Result<Response, Fault> {
    let admin = app.admin(visitor.name(), &asked.origin);
    admin.reset_pin(&id).await?;
    tell(&app, admin, id.clone());
    Ok(done(&id, "pin"))
}

/// POST `/people/users/{id}/device`: a PC that waits replaces the present one, or not.
pub(in super::super) async fn device(
    State(app): State<App>,
    Extension(asked): Extension<Asked>,
    Extension(visitor): Extension<Arc<Visitor>>,
    Extension(form): Extension<Fields>,
    Id(id): Id<UserId>,
) -> Result<Response, Fault> {
    let mark: Option<PcMark> = match form.get("pc") {
        "" => None,
        text => Some(text.parse().map_err(|_| Fault::pc_number())?),
    };
    let (review, code) =
        if form.get("say") == "approve" { (Review::Approve, "device") } else { (Review::Refuse, "device-refused") };
    let admin = app.admin(visitor.name(), &asked.origin);
    admin.review_device(&id, mark, review).await?;
    tell(&app, admin, id.clone());
    Ok(done(&id, code))
}

/// POST `/people/users/{id}/disable`: for whoever has left. A lost PC has a page of its own.
pub(in super::super) async fn disable(
    State(app): State<App>,
    Extension(asked): Extension<Asked>,
    Extension(visitor): Extension<Arc<Visitor>>,
    Extension(form): Extension<Fields>,
    Id(id): Id<UserId>,
) -> Result<Response, Fault> {
    let reason = match form.get("reason") {
        "left" => DisableReason::Left,
        "other" => DisableReason::Other,
        _ => return Err(Fault::input()),
    };
    let admin = app.admin(visitor.name(), &asked.origin);
    if let Err(error) = admin.disable_first(&id, reason, None).await {
        return late::lead(&app, error, Thing::User(&id), |late| page(&id, late)).await;
    }
    tell(&app, admin, id.clone());
    Ok(done(&id, "disabled"))
}

/// POST `/people/users/{id}/enable`: asks for a second person's consent.
pub(in super::super) async fn ask_enable(
    State(app): State<App>,
    Extension(asked): Extension<Asked>,
    Extension(visitor): Extension<Arc<Visitor>>,
    Extension(form): Extension<Fields>,
    Id(id): Id<UserId>,
) -> Result<Response, Fault> {
    let admin = app.admin(visitor.name(), &asked.origin);
    match admin.ask(Matter::EnableUser, id.as_str(), form.get("reason"), visitor.session.role).await {
        Ok(_) => Ok(done(&id, "asked")),
        Err(error) => late::lead(&app, error, Thing::User(&id), |late| page(&id, late)).await,
    }
}

fn done(id: &UserId, code: &str) -> Response {
    Redirect::to(&page(id, ("done", code))).into_response()
}

fn page(id: &UserId, said: (&str, &str)) -> String {
    Fields::default().address(&href(id.as_str()), &[], &[said])
}
