//! `/employer/v1/pin/{pc}`: evaluates a blinded PIN, after the try was counted for good, and takes right tries off again.

use axum::extract::State;
use axum::http::StatusCode;

use super::detached;
use crate::domain::digest::Sha256;
use crate::http::{Json, PathId};
use crate::relay::caller::{DeviceCaller, UserCaller};
use crate::relay::registry::{Holder, User};
use crate::relay::state::App;
use crate::secret::pin::PinError;
use crate::secret::{PinKey, Token};
use crate::store::relay::devices;
use crate::store::relay::pins::{self, Counted};
use crate::wire::enrolment::PcId;
use crate::wire::problem::{Code, Problem};
use crate::wire::session::{PinAnswer, PinProof, PinTry};

/// POST: one try. A PC that is not registered yet gets its key with the first one.
pub async fn evaluate(
    State(app): State<App>,
    DeviceCaller(user): DeviceCaller,
    PathId(pc): PathId<PcId>,
    Json(PinTry { blinded }): Json<PinTry>,
) -> Result<Json<PinAnswer>, Problem> {
    let this = app.clone();
    // To its end: what was counted is answered, if anybody is there to hear it.
    detached(&app, async move {
        let proof = Token::new(this.random.as_ref());
        let Counted { key, left } = count(&this, &user, pc, proof.hash()).await?;
        this.metrics.pin_evaluations_total.inc();
        let random = std::sync::Arc::clone(&this.random);
        let evaluated = tokio::task::spawn_blocking(move || key.evaluate(&blinded, random.as_ref())).await;
        let evaluation = evaluated.map_err(|_| Problem::new(Code::Internal))?.map_err(malformed)?;
        Ok(Json(PinAnswer { evaluation, tries_left: left, proof: proof.as_str().to_owned() }))
    })
    .await
}

/// POST `/proof`: a try that was right is not counted any more. The user's certificate proves it, whose key lies under the
/// PIN; the token says which try, so that those of somebody else go on counting.
pub async fn prove(
    State(app): State<App>,
    UserCaller(user): UserCaller,
    PathId(pc): PathId<PcId>,
    Json(PinProof { proof }): Json<PinProof>,
) -> Result<StatusCode, Problem> {
    let mut transaction = app.database.write().await?;
    pins::prove(&mut transaction, user.seq, pc, Token::hash_of(&proof)).await?;
    app.database.commit(transaction).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn count(app: &App, user: &User, pc: PcId, proof: Sha256) -> Result<Counted, Problem> {
    let mut transaction = app.database.write().await?;
    match user.holder {
        Holder::Pc(own) if own == pc => (),
        // The kit stands for PCs that are on their way only: a copy of it must not help with the PIN of a PC in use.
        Holder::Kit if !devices::is_registered(&mut *transaction, user.seq, pc).await? => {
            let key = PinKey::new(app.random.as_ref());
            pins::make(&mut transaction, user.seq, pc, &key, app.clock.now()).await?;
        }
        _ => return Err(Problem::new(Code::CallerOther)),
    }
    let counted = pins::count(&mut transaction, user.seq, pc, proof).await?;
    app.database.commit(transaction).await?;
    let Some(counted) = counted else {
        tracing::warn!(code = "pin.locked", union = %user.union, user = %user.id, "a PIN is locked");
        return Err(Problem::new(Code::PinLocked));
    };
    Ok(counted)
}

fn malformed(error: PinError) -> Problem {
    Problem::new(Code::PinMalformed).with_detail(error.to_string())
}
