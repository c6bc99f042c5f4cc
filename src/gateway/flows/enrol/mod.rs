//! Requests for certificates: from the relay's list to the signed answer.
//!
//! ```text
//! list → understand (open, MAC or signature) → decide → issue → ONE transaction: certificates, request, audit, order
//! ```
//!
//! Nothing that the relay says is believed: who asks is proved by the MAC (the letter's password) or by the signature (the
//! present key). The same bytes again get the same answer; nothing is issued twice.

mod answer;
mod decide;
mod issue;
pub mod letter;
mod staff;
mod understand;

use std::sync::Arc;

use super::receive::Receiver;
use super::registration::{Reply, registration};
use super::revocation::RevocationError;
use crate::domain::ids::RequestId;
use crate::gateway::relay::{self, Relay};
use crate::message::words;
use crate::pki::PkiError;
use crate::store::gateway::orders::{self, NewOrder, OrderKind};
use crate::store::gateway::requests::{self, Answered};
use crate::store::sqlite::StoreError;
use crate::wire::client::ClientError;
use crate::wire::enrolment::{CertificateRequest, Outcome, PendingRequest, RefusalReason};
use crate::wire::page::{Cursor, PageQuery};

pub use staff::{Review, StaffError, review};

/// Requests with other names than the registered ones, after which an enrolment is locked.
pub const MISMATCHES: u32 = 10;
/// How long before its end a certificate may be renewed.
pub const RENEWAL_OPENS: jiff::SignedDuration = jiff::SignedDuration::from_hours(24 * 90);

/// Why a request could not be dealt with now. It stays at the relay.
#[derive(Debug, thiserror::Error)]
pub enum EnrolError {
    /// Environment: the relay.
    #[error(transparent)]
    Relay(#[from] ClientError),
    /// Environment: the database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Configuration or us: a certificate or the revocation list cannot be made.
    #[error("a certificate cannot be issued")]
    Pki(#[from] PkiError),
    /// Us: the answer cannot be signed.
    #[error("the answer cannot be signed")]
    Sign(#[from] words::WordsError),
    /// Us: a task has panicked.
    #[error("a task failed")]
    Internal,
}

impl EnrolError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Relay(error) => relay::code(error),
            Self::Store(_) => "database",
            Self::Pki(_) => "pki",
            Self::Sign(_) => "signature",
            Self::Internal => "internal",
        }
    }
}

impl From<RevocationError> for EnrolError {
    fn from(error: RevocationError) -> Self {
        match error {
            RevocationError::Store(error) => Self::Store(error),
            RevocationError::Pki(error) => Self::Pki(error),
        }
    }
}

/// Answers the requests on one page of the relay's list. The answers stand in the line of orders then. Answers the place of
/// the last one, none when the page was empty.
pub async fn take<R: Relay>(receiver: &Arc<Receiver<R>>, query: PageQuery) -> Result<Option<Cursor>, EnrolError> {
    let page = receiver.relay.certificate_requests(query).await?;
    receiver.breaker.answered();
    for pending in page.items {
        let id = pending.id;
        if let Err(error) = handle(receiver, pending).await {
            // One that cannot be answered now holds up none of the others; it is listed again.
            let detail = &error as &dyn std::error::Error;
            tracing::error!(code = "request.unanswered", request = %id, error = detail, "a request stays unanswered");
        }
    }
    Ok(page.next)
}

async fn handle<R: Relay>(receiver: &Arc<Receiver<R>>, pending: PendingRequest) -> Result<(), EnrolError> {
    let digest = CertificateRequest { id: pending.id, sealed: pending.sealed.clone() }.digest();
    match requests::find(receiver.database.read(), pending.id).await? {
        Some(known) if known.digest == digest => return repeat(receiver, &known).await,
        Some(_) => return conflict(receiver, pending.id, digest).await,
        None => {}
    }
    let understood = understand::understand(receiver, &pending).await?;
    let mut transaction = receiver.database.write().await?;
    // Another process may have answered it meanwhile: one answer counts. It is listed again if that was about other bytes.
    if requests::find(&mut *transaction, pending.id).await?.is_some() {
        return Ok(());
    }
    let decision = decide::decide(receiver, &mut transaction, understood).await?;
    let asked = answer::Asked { id: pending.id, digest, about: decision.about };
    answer::conclude(receiver, &mut transaction, asked, decision.verdict).await?;
    Ok(receiver.database.commit(transaction).await?)
}

/// The relay lists what was answered: it lost the answer, or it has not come yet.
async fn repeat<R: Relay>(receiver: &Receiver<R>, known: &Answered) -> Result<(), EnrolError> {
    if orders::answers(receiver.database.read(), known.id).await? {
        return Ok(());
    }
    let (mut line, now) = (vec![answered(known)], receiver.clock.now());
    let mut transaction = receiver.database.write().await?;
    if let (Some(user), "issued") = (&known.user, known.outcome.as_str())
        // As it stands now, not as it stood then. An empty registration would end an enrolment that was opened since.
        && !registration(&mut transaction, user, now).await?.lets_nobody_in()
    {
        line.insert(0, NewOrder::about(user, OrderKind::Register));
    }
    orders::insert(&mut transaction, &line, now).await?;
    Ok(receiver.database.commit(transaction).await?)
}

fn answered(known: &Answered) -> NewOrder {
    let order = NewOrder { kind: OrderKind::Answer, user: known.user.clone(), subject: Some(known.id), payload: None };
    order.with(&Reply::plain(known.answer.clone()))
}

/// Other bytes under an id that is taken. The answer to the first ones stands; these get their own, once for each time
/// that they are listed.
async fn conflict<R: Relay>(
    receiver: &Arc<Receiver<R>>,
    id: RequestId,
    digest: crate::domain::digest::Sha256,
) -> Result<(), EnrolError> {
    if orders::answers(receiver.database.read(), id).await? {
        return Ok(());
    }
    let refused = Outcome::Refused { reason: RefusalReason::Malformed };
    let signed = answer::sign(receiver, id, digest, refused).await?;
    let order = NewOrder { kind: OrderKind::Answer, user: None, subject: Some(id), payload: None };
    let mut transaction = receiver.database.write().await?;
    orders::insert(&mut transaction, &[order.with(&Reply::plain(signed))], receiver.clock.now()).await?;
    Ok(receiver.database.commit(transaction).await?)
}
