//! Pages that change while somebody looks: server-sent events with the part that has changed.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::{Stream, stream};

use super::App;
use super::asked::Asked;
use super::fault::Fault;
use super::fields::Fields;
use super::id::Id;
use super::lang::Lang;
use super::people::{incident, one};
use super::schedule;
use super::sending;
use super::session::{Step, Visitor};
use crate::domain::ids::{MessageId, UserId};
use crate::gateway::admin::Admin;
use crate::gateway::view::users::RelayView;
use crate::store::gateway::{events, staff_sessions};

/// Between two looks at whether something happened.
const LOOK: Duration = Duration::from_secs(1);
/// After so many looks the page is made anew in any case: some of it is time.
const LOOKS: u32 = 15;

/// What somebody looks at.
#[derive(Debug, Clone)]
enum What {
    Dashboard,
    User(UserId),
    Incident(UserId),
    Schedule,
    Sent(MessageId, Fields),
}

/// Somebody who looks.
struct Looking {
    app: App,
    lang: Lang,
    visitor: Arc<Visitor>,
    what: What,
    /// What the relay said last about the user that is looked at.
    relay: Option<RelayView>,
    newest: i64,
    looks: u32,
    shown: String,
    is_over: bool,
}

/// GET `/live`.
pub(super) async fn dashboard(
    State(app): State<App>,
    Extension(asked): Extension<Asked>,
    Extension(visitor): Extension<Arc<Visitor>>,
) -> Response {
    follow(app, &asked, visitor, What::Dashboard)
}

/// GET `/people/users/{id}/live`.
pub(super) async fn user(
    State(app): State<App>,
    Extension(asked): Extension<Asked>,
    Extension(visitor): Extension<Arc<Visitor>>,
    Id(id): Id<UserId>,
) -> Result<Response, Fault> {
    Admin::new(&app.gateway, "console").user(&id).await?;
    Ok(follow(app, &asked, visitor, What::User(id)))
}

/// GET `/people/users/{id}/incident/live`.
pub(super) async fn lost_pc(
    State(app): State<App>,
    Extension(asked): Extension<Asked>,
    Extension(visitor): Extension<Arc<Visitor>>,
    Id(id): Id<UserId>,
) -> Result<Response, Fault> {
    Admin::new(&app.gateway, "console").user(&id).await?;
    Ok(follow(app, &asked, visitor, What::Incident(id)))
}

/// GET `/schedule/live`.
pub(super) async fn pull(
    State(app): State<App>,
    Extension(asked): Extension<Asked>,
    Extension(visitor): Extension<Arc<Visitor>>,
) -> Response {
    follow(app, &asked, visitor, What::Schedule)
}

/// GET `/sent/{id}/live`.
pub(super) async fn sent(
    State(app): State<App>,
    Extension(asked): Extension<Asked>,
    Extension(visitor): Extension<Arc<Visitor>>,
    Id(id): Id<MessageId>,
) -> Result<Response, Fault> {
    Admin::new(&app.gateway, "console").dispatch(id).await?.ok_or(Fault::missing())?;
    let query = asked.query.clone();
    Ok(follow(app, &asked, visitor, What::Sent(id, query)))
}

/// Events with what is looked at, as often as it has changed.
fn follow(app: App, asked: &Asked, visitor: Arc<Visitor>, what: What) -> Response {
    let looking = Looking {
        app,
        lang: asked.lang,
        visitor,
        what,
        relay: None,
        newest: -1,
        looks: 0,
        shown: String::new(),
        is_over: false,
    };
    Sse::new(changes(looking)).keep_alive(KeepAlive::default()).into_response()
}

fn changes(looking: Looking) -> impl Stream<Item = Result<Event, Infallible>> {
    stream::unfold(looking, |mut looking| async move {
        if looking.is_over {
            return None;
        }
        loop {
            match looking.next().await {
                Ok(Some(shown)) => {
                    return Some((Ok(Event::default().event("change").data(shown.replace('\r', ""))), looking));
                }
                Ok(None) => (),
                Err(()) => {
                    // The page then asks for itself, and is told where to sign in.
                    looking.is_over = true;
                    return Some((Ok(Event::default().event("over").data("")), looking));
                }
            }
            let soft = looking.app.shutdown.soft().clone();
            tokio::select! {
                () = soft.cancelled() => return None,
                () = tokio::time::sleep(LOOK) => (),
            }
        }
    })
}

impl Looking {
    /// What has changed since the last look, if something has; an error when the session is over or nobody can tell.
    async fn next(&mut self) -> Result<Option<String>, ()> {
        let read = self.app.gateway.receiver.database.read();
        let now = self.app.gateway.receiver.clock.now();
        let (staff, number) = (self.visitor.name(), self.visitor.session.number);
        let sessions = staff_sessions::of_staff(read, staff).await.map_err(drop)?;
        let own = sessions.iter().find(|session| session.number == number).ok_or(())?;
        // With another role it may not be for them any more.
        let is_as_before = own.role == self.visitor.session.role;
        if self.app.is_over(own, now) || own.step() != Step::Done || !is_as_before {
            return Err(());
        }
        let Some(shown) = self.look().await? else { return Ok(None) };
        if shown == self.shown {
            return Ok(None);
        }
        self.shown.clone_from(&shown);
        Ok(Some(shown))
    }

    /// What is looked at, as it is now; nothing when it has not changed for sure.
    async fn look(&mut self) -> Result<Option<String>, ()> {
        let (app, lang) = (Arc::clone(&self.app), self.lang);
        let is_due = self.looks == 0;
        self.looks = (self.looks + 1) % LOOKS;
        let shown = match &self.what {
            What::Dashboard => {
                let newest = events::newest(app.gateway.receiver.database.read()).await.map_err(drop)?;
                if newest == self.newest && !is_due {
                    return Ok(None);
                }
                self.newest = newest;
                app.look(lang).await.map_err(drop)?.render()
            }
            What::User(id) => {
                if is_due {
                    // It has thousands of users: not at each look.
                    self.relay = Admin::new(&app.gateway, "console").at_relay(id).await;
                }
                one::now(&app, id, &self.visitor, lang, self.relay.as_ref()).await.map_err(drop)?.render()
            }
            What::Schedule => schedule::now(&app, lang).await.map_err(drop)?.render(),
            What::Sent(id, query) => sending::one::now(&app, *id, query, lang).await.map_err(drop)?.render(),
            What::Incident(id) => incident::now(&app, id, lang).await.map_err(drop)?.render(),
        };
        shown.map(Some).map_err(drop)
    }
}
