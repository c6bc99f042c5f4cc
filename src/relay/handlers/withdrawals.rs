//! What unions take back, and what users learn of it.

use axum::extract::State;

use super::{Window, detached};
use crate::domain::ids::MessageId;
use crate::failpoint;
use crate::http::{Json, PathId, Query};
use crate::message::words::MAX_WORDS;
use crate::relay::bytes::Key;
use crate::relay::caller::{SessionCaller, UnionCaller};
use crate::relay::state::App;
use crate::relay::tasks::delete_deliveries;
use crate::store::relay::deliveries::withdrawals::{self, Outcome};
use crate::wire::delivery::{MAX_RECIPIENTS, Withdrawal, WithdrawalAnswer, Withdrawn};
use crate::wire::page::{Page, PageQuery};
use crate::wire::problem::{Code, Problem};

/// Rows of a page: each brings a statement along.
const MOST: usize = 100;

/// PUT `/union/v1/deliveries/{id}/withdrawal`: what nobody has fetched, nobody gets any more; what has not come yet will not.
pub async fn withdraw(
    State(app): State<App>,
    UnionCaller(union): UnionCaller,
    PathId(id): PathId<MessageId>,
    Json(Withdrawal { recipients, statement }): Json<Withdrawal>,
) -> Result<Json<WithdrawalAnswer>, Problem> {
    if recipients.len() > MAX_RECIPIENTS || statement.0.is_empty() || statement.0.len() > MAX_WORDS {
        return Err(
            Problem::new(Code::RequestMalformed).with_detail("too many recipients, or no statement, or too long")
        );
    }
    let this = app.clone();
    detached(&app, async move {
        let (now, insurer) = (this.clock.now(), &union.insurer);
        let mut transaction = this.database.write().await?;
        let outcome = withdrawals::withdraw(&mut transaction, insurer, id, &recipients, &statement.0, now).await?;
        failpoint!("withdrawal.taken");
        this.database.commit(transaction).await?;
        failpoint!("withdrawal.committed");
        let (code, collected) = match outcome {
            Outcome::Before(at) => return Ok(Json(WithdrawalAnswer { at, collected: false })),
            Outcome::Collected => return Err(Problem::new(Code::DeliveryCollected)),
            Outcome::Conflict => return Err(Problem::new(Code::ParcelConflict)),
            Outcome::Taken => {
                this.metrics.deliveries_withdrawn_total.inc();
                ("delivery.withdrawn", false)
            }
            Outcome::Stated { collected } => ("delivery.stated", collected),
        };
        this.events.ring(insurer);
        this.ring_outbox();
        tracing::info!(code, union = %insurer, message = %id, collected, "the union said that nobody else gets it");
        // Who is writing to it finds out at the end; otherwise what came of it goes now.
        if let Some(lock) = this.locks.take(&Key { union: insurer.clone(), id }) {
            this.give_back(lock.key()).await;
        }
        // When it fails, the cause is in the log, and the task tries again.
        let _ = delete_deliveries(&this).await;
        Ok(Json(WithdrawalAnswer { at: now, collected }))
    })
    .await
}

/// GET `/employer/v1/withdrawals`: the union's statements for the user about messages that do not come, oldest first.
pub async fn list(
    State(app): State<App>,
    SessionCaller(user): SessionCaller,
    Query(query): Query<PageQuery>,
) -> Result<Json<Page<Withdrawn>>, Problem> {
    let window = Window::new(query)?.at_most(MOST);
    let rows = withdrawals::page(app.database.read(), user.seq, window.after, window.rows()).await?;
    Ok(Json(window.page(rows, |withdrawn| withdrawn.cursor)))
}
