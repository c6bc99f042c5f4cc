//! A lost PC: who, when, what came from it since, what it could have read, and whether the relay has shut it out.

use std::path::Path;
use std::time::Duration;

use askama::Template;
use jiff::Timestamp;
use serde::Serialize;

use super::enrolments::write_once;
use super::{Admin, AdminError};
use crate::domain::ids::UserId;
use crate::gateway::relay::Relay;
use crate::gateway::view::users::{MailView, OrderView, RelayView, UserView};
use crate::store::gateway::orders::{self, OrderKind};
use crate::store::gateway::{incidents, offices, users};
use crate::store::sqlite::StoreError;
use crate::wire::page::{MAX_LIMIT, PageQuery};

/// How long the relay is asked.
const PATIENCE: Duration = Duration::from_secs(5);

/// Everything that is known of a loss.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "the fields are named like what they show")]
pub struct Incident {
    pub user: UserView,
    pub office_name: Option<String>,
    /// The order to shut the user out: requested, later confirmed.
    pub disabling: Option<OrderView>,
    /// What came in the user's name since the loss, oldest first.
    pub arrived: Vec<ArrivedView>,
    /// How many messages were ever sealed for this user.
    pub sent_to_user: i64,
    /// Those of which the KX server gave bytes to that user: what could have been read on the PC, oldest first.
    pub exposed: Vec<ExposedView>,
    /// What the relay says, if it can be reached.
    pub relay: Option<RelayView>,
}

/// A message that came after the loss.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "the fields are named like what they show")]
pub struct ArrivedView {
    pub id: String,
    pub file_name: Option<String>,
    pub state: String,
    pub received_at: Timestamp,
    /// It had been archived, and is marked as suspect now.
    pub suspect: bool,
}

/// A message that was given out to the user.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "the fields are named like what they show")]
pub struct ExposedView {
    pub id: String,
    pub file_name: String,
    pub fetched_at: Timestamp,
    /// When the app said under its signature that it has it.
    pub verified_at: Option<Timestamp>,
    /// It was fetched at or after the time of loss: by whoever had the PC then.
    pub after_loss: bool,
}

impl Admin {
    /// What was affected; asks the relay, too.
    pub async fn incident(&self, id: &UserId) -> Result<Incident, AdminError> {
        let relay = self.at_relay(id).await;
        Ok(Incident { relay, ..self.incident_as_known(id).await? })
    }

    /// What was affected, without asking the relay.
    pub async fn incident_as_known(&self, id: &UserId) -> Result<Incident, AdminError> {
        let read = self.gateway.receiver.database.read();
        let user = users::find(read, id).await?.ok_or(StoreError::Missing("user"))?;
        let view = self.user(id).await?;
        let since = user.lost_at.or(view.disabled_at);
        let arrived = match since {
            Some(since) => incidents::arrived(read, &user.office, id, since).await?,
            None => Vec::new(),
        };
        let newest = orders::of_user(read, id, 1_000).await?;
        let disabling = newest.iter().find(|order| order.kind == OrderKind::Disable).map(OrderView::from);
        let arrived = arrived.into_iter().map(|one| ArrivedView {
            id: one.id,
            file_name: one.file_name,
            state: one.state,
            received_at: one.received_at,
            suspect: one.suspect,
        });
        let exposed = incidents::exposed(read, id).await?.into_iter().map(|one| ExposedView {
            after_loss: user.lost_at.is_some_and(|lost| one.fetched_at >= lost),
            id: one.id,
            file_name: one.file_name,
            fetched_at: one.fetched_at,
            verified_at: one.verified_at,
        });
        let office = offices::find(read, &user.office).await?;
        Ok(Incident {
            user: view,
            office_name: office.map(|office| office.name.as_str().to_owned()),
            disabling,
            arrived: arrived.collect(),
            sent_to_user: incidents::sent_to(read, id).await?,
            exposed: exposed.collect(),
            relay: None,
        })
    }

    /// The report to print, written once, for the owner's eyes only.
    pub async fn write_incident(&self, id: &UserId, output: &Path) -> Result<Incident, AdminError> {
        let incident = self.incident(id).await?;
        let page =
            Report { incident: &incident, made_at: self.now(), union_name: &self.gateway.settings.letter.union_name };
        write_once(output, page.render()?.as_bytes())?;
        Ok(incident)
    }

    async fn note_mail_failure(&self, id: &UserId, at: Option<Timestamp>) -> Result<(), StoreError> {
        let database = &self.gateway.receiver.database;
        if users::mail_failures(database.read()).await?.get(id).copied() == at {
            return Ok(());
        }
        let mut transaction = database.write().await?;
        users::set_mail_failed(&mut transaction, id, at).await?;
        database.commit(transaction).await
    }

    /// The user as the relay has it now; nothing when it cannot be reached.
    pub async fn at_relay(&self, id: &UserId) -> Option<RelayView> {
        let look = async {
            let mut after = None;
            loop {
                let query = PageQuery { after, limit: Some(MAX_LIMIT), wait: None };
                let page = Relay::users(&self.gateway.receiver.relay, query).await.ok()?;
                if let Some(found) = page.items.into_iter().find(|user| user.id == *id) {
                    return Some(found);
                }
                after = page.next.filter(|_| page.more);
                after?;
            }
        };
        let found = tokio::time::timeout(PATIENCE, look).await.ok()??;
        // For the list of users. When it cannot be kept, the next comparison does it.
        let _ = self.note_mail_failure(id, found.mail_failed_at).await;
        Some(RelayView {
            enabled: found.enabled,
            last_login_at: found.last_login_at,
            pin_locked: found.pin_locked,
            login_locked_until: found.login_locked_until,
            mail_failed_at: found.mail_failed_at,
            enrolment: found.enrolment.map(|open| MailView {
                mailed_at: open.mailed_at,
                mail_problem: open.mail_problem,
                link_expires_at: open.link_expires_at,
                link_locked: open.link_locked,
                downloaded_at: open.downloaded_at,
            }),
        })
    }
}

#[derive(Template)]
#[template(path = "gateway/incident.html")]
struct Report<'a> {
    incident: &'a Incident,
    made_at: Timestamp,
    union_name: &'a str,
}

#[expect(clippy::unused_self, reason = "a template calls methods")]
impl Report<'_> {
    fn time(&self, at: &Timestamp) -> String {
        crate::gateway::view::jst(*at)
    }

    fn maybe(&self, at: Option<&Timestamp>) -> String {
        at.map_or_else(|| "－".to_owned(), |at| self.time(at))
    }
}
