//! `/api/v1/users` and `/api/v1/offices`: whom a file can be sent to. Names and mail addresses of persons stay here.

use axum::extract::State;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::App;
use super::page::{Limit, Page};
use crate::domain::ids::{OfficeCode, UserId};
use crate::gateway::view::users::OfficeView;
use crate::http::{Json, Query};
use crate::store::gateway::directory::{self, Filter, Listed};
use crate::store::gateway::offices;
use crate::wire::problem::Problem;

/// Which users.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct AskedUsers {
    office: Option<OfficeCode>,
    after: Option<UserId>,
    limit: Option<u32>,
}

/// Which offices.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct AskedOffices {
    after: Option<OfficeCode>,
    limit: Option<u32>,
}

/// A user, as far as a program needs to know.
#[derive(Debug, Serialize)]
pub(super) struct PublicUser {
    id: String,
    office: String,
    state: &'static str,
    created_at: Timestamp,
    /// When the newest certificate that is not revoked ends.
    certificate_ends_at: Option<Timestamp>,
}

impl From<&Listed> for PublicUser {
    fn from(listed: &Listed) -> Self {
        Self {
            id: listed.user.id.to_string(),
            office: listed.user.office.to_string(),
            state: listed.user.state.code(),
            created_at: listed.user.created_at,
            certificate_ends_at: listed.certificate_ends_at,
        }
    }
}

/// GET `/users`: by id.
pub(super) async fn users(
    State(app): State<App>,
    Query(asked): Query<AskedUsers>,
) -> Result<Json<Page<PublicUser>>, Problem> {
    let limit = Limit::new(asked.limit)?;
    let filter = Filter { office: asked.office, after: asked.after, ..Filter::default() };
    let rows = directory::list(app.receiver.database.read(), &filter, limit.rows()).await?;
    Ok(Json(limit.page(rows, |listed| listed.user.id.to_string(), |listed| PublicUser::from(listed))))
}

/// GET `/offices`: by code.
pub(super) async fn offices(
    State(app): State<App>,
    Query(asked): Query<AskedOffices>,
) -> Result<Json<Page<OfficeView>>, Problem> {
    let limit = Limit::new(asked.limit)?;
    let rows = offices::list(app.receiver.database.read(), asked.after.as_ref(), limit.rows()).await?;
    Ok(Json(limit.page(rows, |office| office.code.to_string(), |office| OfficeView::from(office))))
}
