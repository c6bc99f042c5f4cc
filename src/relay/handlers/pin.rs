//! `/employer/v1/pin/{pc}`: evaluates a blinded PIN, after the try was counted for good.

use axum::extract::State;

use super::detached;
use crate::http::{Json, PathId};
use crate::relay::caller::DeviceCaller;
use crate::relay::registry::{Holder, User};
use crate::relay::state::App;
use crate::secret::PinKey;
use crate::secret::pin::{Evaluation, PinError};
use crate::store::relay::devices;
use crate::store::relay::pins::{self, Counted};
use crate::wire::enrolment::PcId;
use crate::wire::problem::{Code, Problem};
use crate::wire::session::{PinAnswer, PinTry};

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
        let Counted { key, left } = count(&this, &user, pc).await?;
        this.metrics.pin_evaluations_total.inc();
        let random = std::sync::Arc::clone(&this.random);
        let evaluated = tokio::task::spawn_blocking(move || key.evaluate(&blinded, random.as_ref())).await;
        let evaluation = evaluated.map_err(|_| Problem::new(Code::Internal))?.map_err(malformed)?;
        Ok(Json(answer(evaluation, left)))
    })
    .await
}

async fn count(app: &App, user: &User, pc: PcId) -> Result<Counted, Problem> {
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
    let counted = pins::count(&mut transaction, user.seq, pc).await?;
    app.database.commit(transaction).await?;
    let Some(counted) = counted else {
        tracing::warn!(code = "pin.locked", union = %user.union, user = %user.id, "a PIN is locked");
        return Err(Problem::new(Code::PinLocked));
    };
    Ok(counted)
}

fn answer(evaluation: Evaluation, tries_left: u32) -> PinAnswer {
    PinAnswer { evaluation, tries_left }
}

fn malformed(error: PinError) -> Problem {
    Problem::new(Code::PinMalformed).with_detail(error.to_string())
}
