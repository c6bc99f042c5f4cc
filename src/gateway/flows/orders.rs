//! Orders to the relay: what staff decided or was answered, repeated until the relay confirms it.

use std::collections::HashSet;

use jiff::{SignedDuration, Timestamp};
use serde::de::DeserializeOwned;

use super::registration::{Reply, registration};
use crate::domain::ids::UserId;
use crate::gateway::flows::receive::Receiver;
use crate::gateway::relay::{self, Relay};
use crate::store::gateway::orders::{self, NewOrder, Order, OrderKind, Which};
use crate::store::gateway::{entrance, revocation, set_entrance};
use crate::store::sqlite::StoreError;
use crate::wire::Der;
use crate::wire::client::ClientError;
use crate::wire::problem::Code;
use crate::wire::union::{DisableUser, Entrance, RequestAnswer, UnionCertificates, UserRegistration};

/// Between two looks at orders that are open. A disabling is never put off for longer.
pub const PERIOD: SignedDuration = SignedDuration::from_secs(2);
/// Orders that are sent before it is looked whether somebody was disabled meanwhile.
const AT_ONCE: u32 = 32;

#[derive(Debug, thiserror::Error)]
enum OrderError {
    #[error(transparent)]
    Relay(#[from] ClientError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the order has nothing to send")]
    Payload,
}

impl OrderError {
    fn code(&self) -> &'static str {
        match self {
            Self::Relay(error) => error.code().map_or(relay::code(error), |code| code.as_str()),
            Self::Store(_) => "database",
            Self::Payload => "order.payload",
        }
    }

    fn says(&self, code: Code) -> bool {
        matches!(self, Self::Relay(error) if error.code() == Some(code))
    }
}

/// Publishes the union's certificates and what its CA has revoked.
async fn publish<R: Relay>(receiver: &Receiver<R>) -> Result<(), OrderError> {
    let der = |credentials: &[crate::message::keys::Credential]| -> Vec<Der> {
        credentials.iter().map(|credential| Der(credential.certificate().der().to_vec())).collect()
    };
    let keys = &receiver.keys;
    let revoked = revocation::newest(receiver.database.read()).await?.map(|list| Der(list.der));
    let certificates = UnionCertificates { encryption: der(&keys.encryption), signing: der(&keys.signing), revoked };
    Ok(receiver.relay.put_certificates(&certificates).await?)
}

/// Publishes the union's certificates at the relay, and remembers how employers reach it. Answers a stable code on failure.
pub async fn announce<R: Relay>(receiver: &Receiver<R>) -> Result<(), &'static str> {
    let announced = async {
        let hello = receiver.relay.handshake().await?;
        remember(receiver, &hello.entrance).await?;
        publish(receiver).await
    };
    announced.await.map_err(|error| {
        tracing::warn!(code = "certificates.unpublished", error = &error as &dyn std::error::Error, "not published");
        error.code()
    })
}

/// Keeps what the relay said of how employers reach it: it goes into kits.
pub async fn remember<R: Relay>(receiver: &Receiver<R>, said: &Entrance) -> Result<(), StoreError> {
    if entrance(receiver.database.read()).await?.as_ref() == Some(said) {
        return Ok(());
    }
    let mut transaction = receiver.database.write().await?;
    set_entrance(&mut transaction, said).await?;
    receiver.database.commit(transaction).await
}

/// Sends every order that is due, disablings first, otherwise the oldest first. An order that fails holds back the later
/// ones for the same user only; when the line is cut, the rest waits for the next look.
pub async fn send_due<R: Relay>(receiver: &Receiver<R>) -> Result<(), &'static str> {
    send(receiver, Which::All).await.map(|_| ())
}

/// Sends the orders about one user that are due.
pub async fn send_about<R: Relay>(receiver: &Receiver<R>, user: &UserId) -> Result<(), &'static str> {
    send(receiver, Which::Of(user)).await.map(|_| ())
}

/// Sends the disablings that are due, whatever is known of the relay: they wait for nothing. That one is confirmed shows
/// that the relay is there.
pub async fn send_disablings<R: Relay>(receiver: &Receiver<R>) -> Result<(), &'static str> {
    if send(receiver, Which::Disablings).await? > 0 {
        receiver.breaker.succeeded();
    }
    Ok(())
}

/// Answers how many were confirmed.
async fn send<R: Relay>(receiver: &Receiver<R>, which: Which<'_>) -> Result<u32, &'static str> {
    let now = receiver.clock.now();
    if receiver.breaker.line_is_back() {
        hasten(receiver, now).await.map_err(|_| "database")?;
    }
    let horizon = receiver.backoff.horizon(now);
    let (mut confirmed, mut failed, mut tried) = (0, None, HashSet::new());
    loop {
        let mut due =
            orders::due(receiver.database.read(), which, now, horizon, AT_ONCE).await.map_err(|_| "database")?;
        // Each once, whatever the clock does meanwhile.
        due.retain(|order| tried.insert(order.number));
        if due.is_empty() {
            return failed.map_or(Ok(confirmed), Err);
        }
        for order in due {
            let Err(error) = send_one(receiver, &order).await else {
                confirmed += 1;
                continue;
            };
            tracing::warn!(
                code = "order.unconfirmed",
                order = order.number,
                kind = order.kind.code(),
                error = &error as &dyn std::error::Error,
                "the relay has not confirmed an order"
            );
            failed = Some(error.code());
            put_off(receiver, &order, error.code()).await.map_err(|_| "database")?;
            if relay::CUT.contains(&error.code()) {
                receiver.breaker.line_is_cut();
                return Err(error.code());
            }
        }
    }
}

/// What was put off because the line was cut is due.
async fn hasten<R: Relay>(receiver: &Receiver<R>, now: Timestamp) -> Result<(), StoreError> {
    let mut transaction = receiver.database.write().await?;
    orders::hasten(&mut transaction, &relay::CUT, now).await?;
    receiver.database.commit(transaction).await
}

async fn send_one<R: Relay>(receiver: &Receiver<R>, order: &Order) -> Result<(), OrderError> {
    let mut next = None;
    let at = match deliver(receiver, order).await {
        Ok(at) => at,
        Err(error) if is_void(order.kind, &error) => {
            tracing::info!(
                code = "order.void",
                order = order.number,
                kind = order.kind.code(),
                answer = error.code(),
                "the relay has nothing to do this to any more"
            );
            next = left_over(receiver, order).await?;
            receiver.clock.now()
        }
        Err(error) => return Err(error),
    };
    let mut transaction = receiver.database.write().await?;
    orders::confirm(&mut transaction, order.number, at).await?;
    orders::insert(&mut transaction, next.as_slice(), receiver.clock.now()).await?;
    Ok(receiver.database.commit(transaction).await?)
}

/// What is still to be said when an answer is void: the certificates that were issued with it.
async fn left_over<R: Relay>(receiver: &Receiver<R>, order: &Order) -> Result<Option<NewOrder>, OrderError> {
    let (OrderKind::Answer, Some(user)) = (order.kind, &order.user) else { return Ok(None) };
    let reply: Reply = payload(receiver, order).await?;
    Ok(reply.registers.then(|| NewOrder::about(user, OrderKind::Register)))
}

/// Whether the relay's refusal means that there is nothing left to do.
fn is_void(kind: OrderKind, error: &OrderError) -> bool {
    match kind {
        OrderKind::Answer => error.says(Code::RequestUnknown),
        OrderKind::Link | OrderKind::Notice => error.says(Code::EnrolmentUnknown) || error.says(Code::UserUnknown),
        _ => false,
    }
}

async fn deliver<R: Relay>(receiver: &Receiver<R>, order: &Order) -> Result<Timestamp, OrderError> {
    let relay = &receiver.relay;
    let Some(user) = &order.user else {
        return match order.kind {
            OrderKind::Answer => answer(receiver, order).await,
            OrderKind::Certificates => publish(receiver).await.map(|()| receiver.clock.now()),
            _ => Err(OrderError::Payload),
        };
    };
    Ok(match order.kind {
        OrderKind::Register => {
            let mut reader = receiver.database.reader().await?;
            let registration = registration(&mut reader, user, receiver.clock.now()).await?;
            drop(reader);
            relay.put_user(user, &registration).await?;
            receiver.clock.now()
        }
        OrderKind::Disable => disable(receiver, user, order.requested_at).await?,
        OrderKind::Enable => relay.enable_user(user).await?.at,
        OrderKind::Enrol => relay.enrol(user, &payload(receiver, order).await?).await?.at,
        OrderKind::Link => relay.mail_link(user).await?.at,
        OrderKind::Notice => relay.notify(user, &payload(receiver, order).await?).await?.at,
        OrderKind::Answer => answer(receiver, order).await?,
        OrderKind::Certificates => publish(receiver).await.map(|()| receiver.clock.now())?,
    })
}

/// The registration goes with it as it stands now: what was revoked since the answer was given is not let in.
async fn answer<R: Relay>(receiver: &Receiver<R>, order: &Order) -> Result<Timestamp, OrderError> {
    let request = order.subject.ok_or(OrderError::Payload)?;
    let Reply { answer, registers, login } = payload(receiver, order).await?;
    let registration = match &order.user {
        Some(user) if registers => {
            let mut reader = receiver.database.reader().await?;
            Some(registration(&mut reader, user, receiver.clock.now()).await?)
        }
        _ => None,
    };
    Ok(receiver.relay.answer_request(request, &RequestAnswer { answer, registration, login }).await?.at)
}

/// A relay that does not know the user yet may still hear of it from a registration that is on its way: the user is made
/// known, with nothing to come in with, and then disabled.
async fn disable<R: Relay>(receiver: &Receiver<R>, user: &UserId, at: Timestamp) -> Result<Timestamp, OrderError> {
    let order = DisableUser { at };
    match receiver.relay.disable_user(user, order.clone()).await {
        Err(error) if error.code() == Some(Code::UserUnknown) => {
            let mut reader = receiver.database.reader().await?;
            let known = registration(&mut reader, user, receiver.clock.now()).await?;
            drop(reader);
            let nothing = UserRegistration { certificates: Vec::new(), devices: Vec::new(), ..known };
            receiver.relay.put_user(user, &nothing).await?;
            Ok(receiver.relay.disable_user(user, order).await?.at)
        }
        answer => Ok(answer?.at),
    }
}

/// What goes with the order. Gone when another process has sent it, or the user was disabled, since it was listed.
async fn payload<R: Relay, T: DeserializeOwned>(receiver: &Receiver<R>, order: &Order) -> Result<T, OrderError> {
    let text = orders::payload(receiver.database.read(), order.number).await?.ok_or(OrderError::Payload)?;
    serde_json::from_str(&text).map_err(|_| OrderError::Payload)
}

async fn put_off<R: Relay>(receiver: &Receiver<R>, order: &Order, problem: &str) -> Result<(), StoreError> {
    let pause = receiver.backoff.pause(order.tries + 1, receiver.random.as_ref());
    let pause = if order.kind == OrderKind::Disable { pause.min(PERIOD) } else { pause };
    let now = receiver.clock.now();
    let mut transaction = receiver.database.write().await?;
    orders::put_off(&mut transaction, order.number, now.saturating_add(pause).unwrap_or(now), problem).await?;
    receiver.database.commit(transaction).await
}
