//! The answer: certificates, request, audit and order in the caller's transaction.

use std::sync::Arc;

use super::EnrolError;
use super::decide::{About, Verdict};
use super::issue::{self, Wanted};
use crate::domain::address::Address;
use crate::domain::digest::Sha256;
use crate::domain::ids::{RequestId, UserId};
use crate::domain::sequence::StreamMark;
use crate::gateway::flows::By;
use crate::gateway::flows::receive::Receiver;
use crate::gateway::flows::registration::Reply;
use crate::gateway::flows::revocation;
use crate::gateway::relay::Relay;
use crate::message::words;
use crate::pki::PkiError;
use crate::secret::LoginVerifier;
use crate::store::gateway::audit::{self, Entry};
use crate::store::gateway::orders::{self, NewOrder, OrderKind};
use crate::store::gateway::requests::{self, Answered};
use crate::store::gateway::{certificates, enrolments, registry_changed, stream_marks};
use crate::store::sqlite::{Connection, StoreError};
use crate::wire::Der;
use crate::wire::enrolment::{Answer, KeyRequests, Outcome, RefusalReason, StreamPosition};

/// A request: which bytes, and whose.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) id: RequestId,
    pub(super) digest: Sha256,
    pub(super) about: About,
}

/// Carries a verdict out.
pub(super) async fn conclude<R: Relay>(
    receiver: &Arc<Receiver<R>>,
    connection: &mut Connection,
    asked: Asked,
    verdict: Verdict,
) -> Result<(), EnrolError> {
    match verdict {
        Verdict::Issue { wanted, anew } => give(receiver, connection, asked, &wanted, Given::alone(anew)).await,
        Verdict::Wait(keys) => {
            say(receiver, connection, asked, Outcome::WaitsForApproval, Some(keys), By::GATEWAY).await
        }
        Verdict::Refuse(reason) => {
            say(receiver, connection, asked, Outcome::Refused { reason }, None, By::GATEWAY).await
        }
    }
}

/// With what else certificates are given.
#[derive(Debug)]
pub(super) struct Given<'a> {
    /// What the user had before ends.
    pub(super) anew: bool,
    /// The login starts again from this.
    pub(super) login: Option<LoginVerifier>,
    /// Who decided.
    pub(super) by: By<'a>,
}

impl Given<'static> {
    fn alone(anew: bool) -> Self {
        Self { anew, login: None, by: By::GATEWAY }
    }
}

/// Issues, registers and answers.
pub(super) async fn give<R: Relay>(
    receiver: &Arc<Receiver<R>>,
    connection: &mut Connection,
    asked: Asked,
    wanted: &Wanted,
    given: Given<'_>,
) -> Result<(), EnrolError> {
    let now = receiver.clock.now();
    let keys = receiver.keys.current();
    let authority = keys.authority.as_ref().ok_or(PkiError::NotAnAuthority)?;
    let issued = issue::issue(receiver, wanted).await?;
    if given.anew && certificates::revoke_pcs(connection, wanted.user(), now).await? > 0 {
        revocation::renew(connection, &keys, now).await?;
    }
    issue::register(connection, authority, wanted, &issued, now).await?;
    if let Some(enrolment) = asked.about.enrolment {
        enrolments::set_pc(connection, enrolment, wanted.pc()).await?;
    }
    registry_changed(connection).await?;
    let with = With { registers: true, login: given.login, keys: None, by: given.by };
    let stream = if given.anew { stream_position(connection, receiver, wanted.user()).await? } else { None };
    put(receiver, connection, asked, issued.outcome(stream), with).await
}

/// Where a new PC goes on: behind the newest message that came, though others before it may be missing.
async fn stream_position<R: Relay>(
    connection: &mut Connection,
    receiver: &Receiver<R>,
    user: &UserId,
) -> Result<Option<StreamPosition>, StoreError> {
    let sender = Address::User(receiver.keys.union().clone(), user.clone()).to_string();
    let marks = stream_marks::find(connection, std::slice::from_ref(&sender)).await?;
    let Some(json) = marks.get(&sender) else { return Ok(None) };
    let mark: StreamMark = serde_json::from_str(json).map_err(|_| StoreError::Corrupt("stream mark"))?;
    let (sequence, previous) = mark.newest();
    Ok((sequence > 0).then_some(StreamPosition { sequence, previous }))
}

/// Answers without certificates. The keys are kept while the request waits for staff.
pub(super) async fn say<R: Relay>(
    receiver: &Arc<Receiver<R>>,
    connection: &mut Connection,
    asked: Asked,
    outcome: Outcome,
    keys: Option<KeyRequests>,
    by: By<'_>,
) -> Result<(), EnrolError> {
    put(receiver, connection, asked, outcome, With { registers: false, login: None, keys, by }).await
}

struct With<'a> {
    registers: bool,
    login: Option<LoginVerifier>,
    keys: Option<KeyRequests>,
    by: By<'a>,
}

async fn put<R: Relay>(
    receiver: &Arc<Receiver<R>>,
    connection: &mut Connection,
    asked: Asked,
    outcome: Outcome,
    with: With<'_>,
) -> Result<(), EnrolError> {
    let (now, code) = (receiver.clock.now(), code(&outcome));
    let signed = sign(receiver, asked.id, asked.digest, outcome).await?;
    let About { user, enrolment, pc } = asked.about;
    let subject = user.as_ref().map_or_else(|| asked.id.to_string(), ToString::to_string);
    let kind = if with.registers { OrderKind::Issue } else { OrderKind::Answer };
    let order = NewOrder { kind, user: user.clone(), subject: Some(asked.id), payload: None };
    let reply = Reply { answer: Der(signed.clone()), login: with.login };
    let row = Answered {
        id: asked.id,
        digest: asked.digest,
        user,
        enrolment,
        pc,
        outcome: code.to_owned(),
        answered_at: now,
        answer: signed,
        keys: with.keys,
    };
    requests::put(connection, &row).await?;
    let entry = Entry {
        at: now,
        actor: with.by.actor.to_owned(),
        action: "request.answered",
        subject,
        before: asked.id.to_string(),
        after: code.to_owned(),
    };
    audit::insert_from(connection, &[entry], with.by.origin).await?;
    orders::insert(connection, &[order.with(&reply)], now).await?;
    tracing::info!(code = "request.answered", request = %asked.id, outcome = code, "a request was answered");
    Ok(())
}

/// Signs an answer, on a blocking thread.
pub(super) async fn sign<R: Relay>(
    receiver: &Arc<Receiver<R>>,
    request: RequestId,
    digest: Sha256,
    outcome: Outcome,
) -> Result<Vec<u8>, EnrolError> {
    let (worker, at) = (Arc::clone(receiver), receiver.clock.now());
    let answer = Answer { request, digest, at, outcome };
    let task = tokio::task::spawn_blocking(move || words::sign(&answer, worker.keys.current().signer(), at));
    Ok(task.await.map_err(|_| EnrolError::Internal)??)
}

fn code(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Issued { .. } => "issued",
        Outcome::WaitsForApproval => "waits-for-approval",
        Outcome::Refused { reason } => match reason {
            RefusalReason::Names => "names",
            RefusalReason::Locked => "locked",
            RefusalReason::Mac => "mac",
            RefusalReason::Ended => "ended",
            RefusalReason::Disabled => "disabled",
            RefusalReason::NotApproved => "not-approved",
            RefusalReason::Malformed => "malformed",
            RefusalReason::NotNow => "not-now",
        },
    }
}
