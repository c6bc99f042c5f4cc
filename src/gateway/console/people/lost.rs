//! 紛失・盗難 as one guided action: who (1), since when (2), shut out (3). Whoever may not shut anybody out is told whom to tell, and what to ask.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use jiff::Timestamp;
use jiff::civil::DateTime;

use super::super::App;
use super::super::asked::Asked;
use super::super::fault::Fault;
use super::super::fields::Fields;
use super::super::frame::{Frame, html};
use super::super::id::Id;
use super::super::lang::Lang;
use super::super::late::{Late, Thing};
use super::super::session::Visitor;
use super::list::{Row, found};
use super::words::Words;
use super::{Person, Stage, frame, href, looked_for, tell, words};
use crate::domain::ids::UserId;
use crate::domain::schedule::{civil, jst};
use crate::domain::staff::Duty;
use crate::domain::user::DisableReason;
use crate::gateway::admin::AdminError;
use crate::store::gateway::directory::Search;
use crate::store::gateway::staff;

/// Who is shown to choose from.
const CHOICE: u32 = 20;

#[derive(Template)]
#[template(path = "console/people/lost-who.html")]
struct Who {
    f: Frame,
    p: &'static Words,
    word: String,
    rows: Vec<Row>,
    has_more: bool,
    /// Whom to tell, for those who may not shut anybody out themselves.
    helpers: Option<Vec<Helper>>,
}

/// Somebody of the staff who may shut a user out.
struct Helper {
    name: String,
    role: &'static str,
}

impl Who {
    /// Where a user's entry leads: on, or to the user's page.
    fn onward(&self, row: &Row) -> String {
        if self.helpers.is_none() { format!("{}/lost", row.person.href) } else { row.person.href.clone() }
    }
}

#[derive(Template)]
#[template(path = "console/people/lost-when.html")]
struct When {
    f: Frame,
    p: &'static Words,
    person: Person,
    is_disabled: bool,
    is_stolen: bool,
    day: String,
    time: String,
    today: String,
    /// Somebody else has shut the user out since the form was opened.
    late: Option<Late>,
    problem: Option<&'static str>,
}

/// GET `/people/lost`: whose PC it is.
pub(in super::super) async fn who(
    State(app): State<App>,
    Extension(asked): Extension<Asked>,
    Extension(visitor): Extension<Arc<Visitor>>,
) -> Result<Response, Fault> {
    let (p, word) = (words(asked.lang), asked.query.get("q"));
    let search = Search { words: looked_for(word), ..Search::default() };
    let mut rows = match word {
        "" => Vec::new(),
        _ => found(&app, &search, CHOICE + 1, p).await?,
    };
    let has_more = rows.len() > CHOICE as usize;
    rows.truncate(CHOICE as usize);
    let may_order = visitor.session.role.may(Duty::Manage);
    let helpers = if may_order { None } else { Some(helpers(&app, asked.lang).await?) };
    html(&Who { f: frame(&asked, &visitor), p, word: word.to_owned(), rows, has_more, helpers })
}

/// Who of the staff may shut a user out, and has ever signed in.
async fn helpers(app: &App, lang: Lang) -> Result<Vec<Helper>, Fault> {
    let accounts = staff::list(app.gateway.receiver.database.read()).await?.into_iter();
    let can_help = accounts.filter(|account| account.is_in_use() && account.role.may(Duty::Manage));
    let helper = |account: staff::Account| Helper {
        name: account.name.to_string(),
        role: match lang {
            Lang::Japanese => account.role.japanese(),
            Lang::English => account.role.code(),
        },
    };
    Ok(can_help.map(helper).collect())
}

/// GET `/people/users/{id}/lost`: since when, and what is going to happen.
pub(in super::super) async fn when(
    State(app): State<App>,
    Extension(asked): Extension<Asked>,
    Extension(visitor): Extension<Arc<Visitor>>,
    Id(id): Id<UserId>,
) -> Result<Response, Fault> {
    html(&form(&app, &asked, &visitor, &id, &Fields::default()).await?)
}

async fn form(app: &App, asked: &Asked, visitor: &Visitor, id: &UserId, filled: &Fields) -> Result<When, Fault> {
    let p = words(asked.lang);
    let user = app.reading().user(id).await?;
    let person = Person::of(&user, p);
    Ok(When {
        f: frame(asked, visitor),
        p,
        is_disabled: person.stage == Stage::Disabled,
        person,
        is_stolen: filled.get("reason") == "stolen",
        day: filled.get("day").to_owned(),
        time: filled.get("time").to_owned(),
        today: jst(app.gateway.receiver.clock.now()).date().to_string(),
        late: None,
        problem: None,
    })
}

/// POST `/people/users/{id}/lost`: the user is shut out at once, here; the relay gets the order, and the next page follows it.
pub(in super::super) async fn order(
    State(app): State<App>,
    Extension(asked): Extension<Asked>,
    Extension(visitor): Extension<Arc<Visitor>>,
    Extension(filled): Extension<Fields>,
    Id(id): Id<UserId>,
) -> Result<Response, Fault> {
    let p = words(asked.lang);
    let reason = match filled.get("reason") {
        "lost" => DisableReason::Lost,
        "stolen" => DisableReason::Stolen,
        _ => return Err(Fault::input()),
    };
    let Some(lost_at) = lost_at(&filled) else {
        return refused(&app, &asked, &visitor, &id, &filled, p.lost_at_wrong).await;
    };
    let admin = app.admin(visitor.name(), &asked.origin);
    let disabled = match filled.get("known") {
        // Whoever was shown that the user is shut out already puts the time of the loss right.
        "disabled" => admin.disable_user(&id, reason, Some(lost_at)).await,
        _ => admin.disable_first(&id, reason, Some(lost_at)).await,
    };
    match disabled {
        Ok(_) => {
            tell(&app, admin, id.clone());
            Ok(Redirect::to(&format!("{}/incident", href(id.as_str()))).into_response())
        }
        Err(AdminError::LostLater(_)) => refused(&app, &asked, &visitor, &id, &filled, p.lost_at_later).await,
        Err(AdminError::State { .. }) => {
            let late = Thing::User(&id).late(&app, asked.lang).await?;
            let page = When { late, ..form(&app, &asked, &visitor, &id, &filled).await? };
            Ok((StatusCode::CONFLICT, html(&page)?).into_response())
        }
        Err(error) => Err(error.into()),
    }
}

/// The form once more, as it was filled in.
async fn refused(
    app: &App,
    asked: &Asked,
    visitor: &Visitor,
    id: &UserId,
    filled: &Fields,
    problem: &'static str,
) -> Result<Response, Fault> {
    let page = When { problem: Some(problem), ..form(app, asked, visitor, id, filled).await? };
    Ok((StatusCode::UNPROCESSABLE_ENTITY, html(&page)?).into_response())
}

/// Day and time in Japan, as the form has them.
fn lost_at(filled: &Fields) -> Option<Timestamp> {
    let local: DateTime = format!("{}T{}", filled.get("day"), filled.get("time")).parse().ok()?;
    civil(local)
}
