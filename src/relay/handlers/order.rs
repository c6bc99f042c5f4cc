//! Orders of a union about one of its users: each in a transaction of its own, and none behind a later one.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use jiff::Timestamp;

use crate::domain::ids::UserId;
use crate::relay::registry::Union;
use crate::relay::state::App;
use crate::store::relay::users;
use crate::store::sqlite::{StoreError, WriteTransaction};
use crate::wire::problem::{Code, Problem};
use crate::wire::union::{ORDER, OrderNumber};

/// The number of an order, from its header.
#[derive(Debug, Clone, Copy)]
pub struct Numbered(pub OrderNumber);

impl<S: Send + Sync> FromRequestParts<S> for Numbered {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let text = parts.headers.get(ORDER).and_then(|value| value.to_str().ok());
        let number = text.and_then(|text| text.parse().ok()).filter(|number| *number > 0);
        number.map(|number| Self(OrderNumber(number))).ok_or_else(|| {
            let detail = format!("the header {ORDER} must have the number of the order, from 1 on");
            Problem::new(Code::RequestMalformed).with_detail(detail)
        })
    }
}

/// An order that is being carried out. Dropped before [`Self::commit`], it has no effect.
#[derive(Debug)]
pub(super) struct Order {
    /// The moment of its effect.
    pub(super) now: Timestamp,
    /// All that it changes.
    pub(super) transaction: WriteTransaction,
    app: App,
    union: Arc<Union>,
    user: UserId,
    number: OrderNumber,
    before: OrderNumber,
}

impl Order {
    /// Begins, unless a later one has taken effect.
    pub(super) async fn begin(
        app: &App,
        union: &Arc<Union>,
        user: &UserId,
        number: OrderNumber,
    ) -> Result<Self, Problem> {
        let mut transaction = app.database.write().await?;
        let before = users::newest_order(&mut *transaction, &union.insurer, user).await?;
        if number < before {
            tracing::info!(code = "order.overtaken", union = %union.insurer, %user, order = number.0, "a late order");
            return Err(overtaken(before));
        }
        let (app, union, user) = (app.clone(), Arc::clone(union), user.clone());
        Ok(Self { now: app.clock.now(), transaction, app, union, user, number, before })
    }

    /// Whether an order of this number has taken effect already.
    pub(super) fn is_repeated(&self) -> bool {
        self.number == self.before
    }

    /// The user's row.
    pub(super) async fn user(&mut self) -> Result<i64, Problem> {
        let seq = users::find(&mut *self.transaction, &self.union.insurer, &self.user).await?;
        seq.ok_or_else(|| Problem::new(Code::UserUnknown))
    }

    /// Takes effect: who is not let in any more is gone when this returns. Answers the moment.
    pub(super) async fn commit(mut self) -> Result<Timestamp, Problem> {
        let insurer = &self.union.insurer;
        users::set_order(&mut self.transaction, insurer, &self.user, self.number).await?;
        self.app.database.commit(self.transaction).await?;
        self.app.registry.reload_user(&self.app.database, insurer, &self.user).await?;
        self.app.send_away();
        Ok(self.now)
    }
}

/// An order came too late.
pub(super) fn overtaken(by: OrderNumber) -> Problem {
    Problem { order: Some(by), ..Problem::new(Code::OrderOvertaken) }
}

/// A change of a user that did not go.
pub(super) fn not_found_or_taken(error: StoreError) -> Problem {
    match error {
        StoreError::Missing(_) => Problem::new(Code::UserUnknown),
        StoreError::Exists(_) => refused("the certificate is registered for another user or PC"),
        other => other.into(),
    }
}

/// A certificate is not taken.
pub(super) fn refused(detail: &str) -> Problem {
    Problem::new(Code::CertificateRefused).with_detail(detail)
}
