//! `/employer/v1/notices`: which mails a user wants.

use axum::extract::State;
use axum::http::StatusCode;

use crate::http::Json;
use crate::relay::caller::SessionCaller;
use crate::relay::state::App;
use crate::store::relay::notices;
use crate::wire::delivery::NoticeChoice;
use crate::wire::problem::Problem;

/// GET: the choice that counts.
pub async fn show(State(app): State<App>, SessionCaller(user): SessionCaller) -> Result<Json<NoticeChoice>, Problem> {
    Ok(Json(notices::choice(app.database.read(), user.seq).await?))
}

/// PUT: another choice.
pub async fn choose(
    State(app): State<App>,
    SessionCaller(user): SessionCaller,
    Json(choice): Json<NoticeChoice>,
) -> Result<StatusCode, Problem> {
    let mut transaction = app.database.write().await?;
    notices::choose(&mut transaction, user.seq, choice).await?;
    app.database.commit(transaction).await?;
    Ok(StatusCode::NO_CONTENT)
}
