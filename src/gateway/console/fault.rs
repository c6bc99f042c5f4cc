//! The one way in which the console says that something was not done: what happened, what it means, what to do.
//!
//! A handler answers a [`Fault`]; the [gate](super::gate) makes a page of it, since it knows language and person.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::words::{Three, Words};
use crate::gateway::admin::AdminError;
use crate::gateway::flows::enrol::StaffError;
use crate::gateway::flows::send::SendError;
use crate::http::BodyError;
use crate::runtime::telemetry::chain;
use crate::store::sqlite::StoreError;

/// Something that was not done.
#[derive(Debug, Clone)]
pub(super) struct Fault {
    pub(super) status: StatusCode,
    what: What,
}

#[derive(Debug, Clone)]
enum What {
    /// Everything that has words of its own: a place in [`Words`].
    Known(fn(&Words) -> &Three),
    /// The core refused, in its own words.
    Refused(String),
}

impl Fault {
    const fn known(status: StatusCode, words: fn(&Words) -> &Three) -> Self {
        Self { status, what: What::Known(words) }
    }

    /// There is no such page, or no such thing.
    pub(super) const fn missing() -> Self {
        Self::known(StatusCode::NOT_FOUND, |w| &w.fault_missing)
    }

    /// The page does not take this.
    pub(super) const fn method() -> Self {
        Self::known(StatusCode::METHOD_NOT_ALLOWED, |w| &w.fault_method)
    }

    /// The role does not do that.
    pub(super) const fn duty() -> Self {
        Self::known(StatusCode::FORBIDDEN, |w| &w.fault_duty)
    }

    /// The session ended, or the role changed, before all of the request was here.
    pub(super) const fn session() -> Self {
        Self::known(StatusCode::FORBIDDEN, |w| &w.fault_session)
    }

    /// The request comes from another site, or from a page that is too old.
    pub(super) const fn foreign() -> Self {
        Self::known(StatusCode::FORBIDDEN, |w| &w.fault_foreign)
    }

    /// What was filled in cannot be.
    pub(super) const fn input() -> Self {
        Self::known(StatusCode::UNPROCESSABLE_ENTITY, |w| &w.fault_input)
    }

    /// Nothing was ticked, or more than a page has.
    pub(super) const fn unticked() -> Self {
        Self::known(StatusCode::UNPROCESSABLE_ENTITY, |w| &w.fault_unticked)
    }

    /// What is no number of a PC.
    pub(super) const fn pc_number() -> Self {
        Self::known(StatusCode::UNPROCESSABLE_ENTITY, |w| &w.fault_pc_unnamed)
    }

    /// What was filled in cannot be, as whoever reads it says.
    pub(super) fn said(error: impl std::error::Error) -> Self {
        Self { status: StatusCode::UNPROCESSABLE_ENTITY, what: What::Refused(error.to_string()) }
    }

    /// We failed. The cause is in the log.
    const fn internal() -> Self {
        Self::known(StatusCode::INTERNAL_SERVER_ERROR, |w| &w.fault_internal)
    }

    /// The three sentences.
    pub(super) fn say<'a>(&'a self, words: &'a Words) -> [&'a str; 3] {
        match &self.what {
            What::Known(pick) => *pick(words),
            What::Refused(said) => [words.fault_refused[0], said.as_str(), words.fault_refused[2]],
        }
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        AdminError::from(error).into()
    }
}

impl From<AdminError> for Fault {
    fn from(error: AdminError) -> Self {
        match error {
            AdminError::Missing(_) | AdminError::NoMessage(_) | AdminError::Send(SendError::NoMessage(_)) => {
                Self::missing()
            }
            AdminError::Duty => Self::duty(),
            AdminError::State { .. } => Self::known(StatusCode::CONFLICT, |w| &w.fault_state),
            // These speak of the command line, elsewhere.
            AdminError::LetterExists => Self::known(StatusCode::CONFLICT, |w| &w.fault_letter),
            AdminError::Review(StaffError::Unnamed | StaffError::Several(_)) => Self::pc_number(),
            AdminError::Review(StaffError::Other(_)) => Self::known(StatusCode::CONFLICT, |w| &w.fault_pc_other),
            AdminError::Review(StaffError::Doubtful(_)) => Self::known(StatusCode::CONFLICT, |w| &w.fault_pc_doubtful),
            AdminError::Send(SendError::KeyTaken) => Self::known(StatusCode::CONFLICT, |w| &w.fault_key_taken),
            AdminError::Send(SendError::Relay(_)) => Self::known(StatusCode::BAD_GATEWAY, |w| &w.fault_relay),
            AdminError::Send(SendError::Store(_) | SendError::Disk(_) | SendError::Seal(_) | SendError::Internal)
            | AdminError::Store(_)
            | AdminError::File(_)
            | AdminError::Receipt
            | AdminError::Page(_) => {
                tracing::error!(code = "console.failed", detail = chain(&error), "a page could not be made");
                Self::internal()
            }
            other => Self { status: StatusCode::CONFLICT, what: What::Refused(other.to_string()) },
        }
    }
}

impl From<askama::Error> for Fault {
    fn from(error: askama::Error) -> Self {
        AdminError::from(error).into()
    }
}

impl From<BodyError> for Fault {
    fn from(_: BodyError) -> Self {
        Self::input()
    }
}
