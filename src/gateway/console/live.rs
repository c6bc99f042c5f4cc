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
use super::lang::Lang;
use super::session::{Step, Visitor};
use crate::domain::staff::StaffName;
use crate::store::gateway::{events, staff_sessions};

/// Between two looks at whether something happened.
const LOOK: Duration = Duration::from_secs(1);
/// After so many looks the page is made anew in any case: some of it is time.
const LOOKS: u32 = 15;

/// Somebody who looks at the dashboard.
struct Looking {
    app: App,
    lang: Lang,
    session: (StaffName, i64),
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
    let session = (visitor.name().clone(), visitor.session.number);
    let looking =
        Looking { app, lang: asked.lang, session, newest: -1, looks: 0, shown: String::new(), is_over: false };
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
        let (staff, number) = &self.session;
        let sessions = staff_sessions::of_staff(read, staff).await.map_err(drop)?;
        let own = sessions.iter().find(|session| session.number == *number).ok_or(())?;
        if self.app.is_over(own, now) || own.step() != Step::Done {
            return Err(());
        }
        let newest = events::newest(read).await.map_err(drop)?;
        self.looks += 1;
        if newest == self.newest && self.looks < LOOKS {
            return Ok(None);
        }
        (self.newest, self.looks) = (newest, 0);
        let shown = self.app.look(self.lang).await.map_err(drop)?.render().map_err(drop)?;
        if shown == self.shown {
            return Ok(None);
        }
        self.shown.clone_from(&shown);
        Ok(Some(shown))
    }
}
