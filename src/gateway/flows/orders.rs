//! Orders to the relay: what staff decided about a user, repeated until the relay confirms it.

use crate::gateway::flows::receive::Receiver;
use crate::gateway::relay::{self, Relay};
use crate::store::gateway::certificates::{self, Purpose};
use crate::store::gateway::orders::{self, Order, OrderKind};
use crate::store::gateway::users;
use crate::store::sqlite::StoreError;
use crate::wire::Der;
use crate::wire::client::ClientError;
use crate::wire::union::{DisableUser, UnionCertificates, UserRegistration};

/// Orders that are looked at in one go.
const AT_ONCE: u32 = 500;

#[derive(Debug, thiserror::Error)]
enum OrderError {
    #[error(transparent)]
    Relay(#[from] ClientError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl OrderError {
    fn code(&self) -> &'static str {
        match self {
            Self::Relay(error) => error.code().map_or(relay::code(error), |code| code.as_str()),
            Self::Store(_) => "database",
        }
    }
}

/// Publishes the union's certificates at the relay. Answers a stable code on failure.
pub async fn announce<R: Relay>(receiver: &Receiver<R>) -> Result<(), &'static str> {
    let der = |credentials: &[crate::message::keys::Credential]| -> Vec<Der> {
        credentials.iter().map(|credential| Der(credential.certificate().der().to_vec())).collect()
    };
    let keys = &receiver.keys;
    let certificates =
        UnionCertificates { encryption: der(&keys.encryption), signing: der(&keys.signing), revoked: None };
    receiver.relay.put_certificates(&certificates).await.map_err(|error| {
        tracing::warn!(code = "certificates.unpublished", error = &error as &dyn std::error::Error, "not published");
        relay::code(&error)
    })
}

/// Sends every order that is due, oldest first. An order that fails holds back the later ones for the same user only.
pub async fn send_due<R: Relay>(receiver: &Receiver<R>) -> Result<(), &'static str> {
    let now = receiver.clock.now();
    let open = orders::open(receiver.database.read(), AT_ONCE).await.map_err(|_| "database")?;
    let horizon = receiver.backoff.horizon(now);
    let due = orders::due(receiver.database.read(), now, horizon, AT_ONCE).await.map_err(|_| "database")?;
    let (mut failed, mut done) = (None, Vec::new());
    for order in due {
        // In the order in which they were given. Only the disabling waits for nothing.
        let earlier = open.iter().filter(|other| other.user == order.user && other.number < order.number);
        let waits = earlier.into_iter().any(|other| !done.contains(&other.number));
        if waits && order.kind != OrderKind::Disable {
            continue;
        }
        done.push(order.number);
        if let Err(error) = send(receiver, &order).await {
            tracing::warn!(
                code = "order.unconfirmed",
                order = order.number,
                kind = order.kind.code(),
                error = &error as &dyn std::error::Error,
                "the relay has not confirmed an order"
            );
            failed = Some(error.code());
            done.pop();
            put_off(receiver, &order, error.code()).await.map_err(|_| "database")?;
        }
    }
    failed.map_or(Ok(()), Err)
}

async fn send<R: Relay>(receiver: &Receiver<R>, order: &Order) -> Result<(), OrderError> {
    let relay = &receiver.relay;
    let at = match order.kind {
        OrderKind::Register => {
            relay.put_user(&order.user, &registration(receiver, order).await?).await?;
            receiver.clock.now()
        }
        OrderKind::Disable => relay.disable_user(&order.user, DisableUser { at: order.requested_at }).await?.at,
        OrderKind::Enable => relay.enable_user(&order.user).await?.at,
    };
    let mut transaction = receiver.database.write().await?;
    orders::confirm(&mut transaction, order.number, at).await?;
    Ok(receiver.database.commit(transaction).await?)
}

async fn registration<R: Relay>(receiver: &Receiver<R>, order: &Order) -> Result<UserRegistration, StoreError> {
    let user = users::find(receiver.database.read(), &order.user).await?.ok_or(StoreError::Missing("user"))?;
    let all = certificates::of_user(receiver.database.read(), &order.user).await?;
    let current = all.into_iter().filter(|one| one.purpose == Purpose::Signing && one.revoked_at.is_none());
    Ok(UserRegistration {
        office: user.office,
        certificates: current.map(|one| Der(one.der)).collect(),
        devices: Vec::new(),
    })
}

async fn put_off<R: Relay>(receiver: &Receiver<R>, order: &Order, problem: &str) -> Result<(), StoreError> {
    let pause = receiver.backoff.pause(order.tries + 1, receiver.random.as_ref());
    let now = receiver.clock.now();
    let mut transaction = receiver.database.write().await?;
    orders::put_off(&mut transaction, order.number, now.saturating_add(pause).unwrap_or(now), problem).await?;
    receiver.database.commit(transaction).await
}
