//! One order on its way to the relay.

use jiff::Timestamp;
use serde::de::DeserializeOwned;

use super::registration::{Reply, registration};
use crate::domain::ids::UserId;
use crate::gateway::flows::receive::Receiver;
use crate::gateway::relay::{self, Relay};
use crate::store::gateway::orders::{self, NewOrder, Order, OrderKind};
use crate::store::gateway::revocation;
use crate::store::sqlite::StoreError;
use crate::wire::Der;
use crate::wire::client::ClientError;
use crate::wire::problem::Code;
use crate::wire::union::{DisableUser, OrderNumber, RequestAnswer, UnionCertificates, UserRegistration};

/// Why an order is not confirmed.
#[derive(Debug, thiserror::Error)]
pub(super) enum OrderError {
    #[error(transparent)]
    Relay(#[from] ClientError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the order has nothing to send")]
    Payload,
}

impl OrderError {
    /// The stable code.
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::Relay(error) => error.code().map_or(relay::code(error), |code| code.as_str()),
            Self::Store(_) => "database",
            Self::Payload => "order.payload",
        }
    }

    /// The later order that stands in the way of this one, if that is the reason and the relay tells the truth.
    /// An answer to nobody has no line to stand in: what overtook it stands.
    pub(super) fn overtaken_by(&self, order: &Order) -> Option<OrderNumber> {
        let Self::Relay(ClientError::Refused(problem)) = self else { return None };
        let by = problem.order.filter(|_| problem.code == Code::OrderOvertaken && order.user.is_some())?;
        (OrderNumber(order.number)..=OrderNumber::LARGEST).contains(&by).then_some(by)
    }

    fn says(&self, code: Code) -> bool {
        matches!(self, Self::Relay(error) if error.code() == Some(code))
    }
}

/// Publishes the union's certificates and what its CA has revoked.
pub(super) async fn publish<R: Relay>(receiver: &Receiver<R>) -> Result<(), OrderError> {
    let der = |credentials: &[crate::message::keys::Credential]| -> Vec<Der> {
        credentials.iter().map(|credential| Der(credential.certificate().der().to_vec())).collect()
    };
    let keys = receiver.keys.current();
    let newest = revocation::newest(receiver.database.read()).await?;
    let number = newest.as_ref().map(|list| list.number);
    let revoked = newest.map(|list| Der(list.der));
    let certificates = UnionCertificates { encryption: der(&keys.encryption), signing: der(&keys.signing), revoked };
    receiver.relay.put_certificates(&certificates).await?;
    match number {
        Some(number) if !revocation::is_published(receiver.database.read()).await? => {
            let mut transaction = receiver.database.write().await?;
            revocation::set_published(&mut transaction, number).await?;
            Ok(receiver.database.commit(transaction).await?)
        }
        _ => Ok(()),
    }
}

/// Gives the relay a kit. Whoever is set up with it believes nothing without a current revocation list: that goes first, whichever
/// process is the first to reach the relay.
async fn enrol<R: Relay>(receiver: &Receiver<R>, user: &UserId, order: &Order) -> Result<Timestamp, OrderError> {
    if !revocation::is_published(receiver.database.read()).await? {
        publish(receiver).await?;
    }
    let kit = payload(receiver, order).await?;
    Ok(receiver.relay.enrol(user, OrderNumber(order.number), &kit).await?.at)
}

/// What is still to be said when an answer is void: the certificates that were issued with it, and where the login starts
/// again. With nothing left to register it is left: that would end an enrolment which was opened since.
pub(super) async fn left_over<R: Relay>(receiver: &Receiver<R>, order: &Order) -> Result<Option<NewOrder>, OrderError> {
    let (OrderKind::Issue, Some(user)) = (order.kind, &order.user) else { return Ok(None) };
    let reply: Reply = payload(receiver, order).await?;
    if as_it_stands(receiver, user).await?.lets_nobody_in() {
        return Ok(None);
    }
    let register = NewOrder::about(user, OrderKind::Register);
    Ok(Some(match &reply.login {
        Some(login) => register.with(login),
        None => register,
    }))
}

/// Whether the relay's refusal means that there is nothing left to do.
pub(super) fn is_void(kind: OrderKind, error: &OrderError) -> bool {
    match kind {
        OrderKind::Answer => error.says(Code::RequestUnknown) || error.says(Code::OrderOvertaken),
        OrderKind::Issue => error.says(Code::RequestUnknown),
        OrderKind::Link | OrderKind::Notice => error.says(Code::EnrolmentUnknown) || error.says(Code::UserUnknown),
        _ => false,
    }
}

/// Sends an order; the moment at which it took effect.
pub(super) async fn deliver<R: Relay>(receiver: &Receiver<R>, order: &Order) -> Result<Timestamp, OrderError> {
    let (relay, number) = (&receiver.relay, OrderNumber(order.number));
    let Some(user) = &order.user else {
        return match order.kind {
            OrderKind::Answer | OrderKind::Issue => answer(receiver, order).await,
            OrderKind::Certificates => publish(receiver).await.map(|()| receiver.clock.now()),
            _ => Err(OrderError::Payload),
        };
    };
    Ok(match order.kind {
        OrderKind::Register => {
            let login = stored(receiver, order).await?;
            let registration = UserRegistration { login, ..as_it_stands(receiver, user).await? };
            relay.put_user(user, number, &registration).await?;
            receiver.clock.now()
        }
        OrderKind::Disable => disable(receiver, user, number, order.requested_at).await?,
        OrderKind::Enable => relay.enable_user(user, number).await?.at,
        OrderKind::Enrol => enrol(receiver, user, order).await?,
        OrderKind::Link => relay.mail_link(user, number).await?.at,
        OrderKind::Notice => relay.notify(user, number, &payload(receiver, order).await?).await?.at,
        OrderKind::Answer | OrderKind::Issue => answer(receiver, order).await?,
        OrderKind::Certificates => publish(receiver).await.map(|()| receiver.clock.now())?,
    })
}

/// The registration goes with it as it stands now: what was revoked since the answer was given is not let in.
async fn answer<R: Relay>(receiver: &Receiver<R>, order: &Order) -> Result<Timestamp, OrderError> {
    let request = order.subject.ok_or(OrderError::Payload)?;
    let Reply { answer, login } = payload(receiver, order).await?;
    let registration = match &order.user {
        Some(user) if order.kind == OrderKind::Issue => {
            Some(UserRegistration { login, ..as_it_stands(receiver, user).await? })
        }
        _ => None,
    };
    let answer = RequestAnswer { answer, registration };
    Ok(receiver.relay.answer_request(request, OrderNumber(order.number), &answer).await?.at)
}

/// A relay that does not know the user yet may still hear of it from a registration that is on its way: the user is made
/// known, with nothing to come in with, and then disabled.
async fn disable<R: Relay>(
    receiver: &Receiver<R>,
    user: &UserId,
    number: OrderNumber,
    at: Timestamp,
) -> Result<Timestamp, OrderError> {
    let order = DisableUser { at };
    match receiver.relay.disable_user(user, number, order.clone()).await {
        Err(error) if error.code() == Some(Code::UserUnknown) => {
            let known = as_it_stands(receiver, user).await?;
            let nothing = UserRegistration { certificates: Vec::new(), devices: Vec::new(), ..known };
            receiver.relay.put_user(user, number, &nothing).await?;
            Ok(receiver.relay.disable_user(user, number, order).await?.at)
        }
        answer => Ok(answer?.at),
    }
}

async fn as_it_stands<R: Relay>(receiver: &Receiver<R>, user: &UserId) -> Result<UserRegistration, OrderError> {
    let mut reader = receiver.database.reader().await?;
    Ok(registration(&mut reader, user, receiver.clock.now()).await?)
}

/// What goes with the order. Gone when another process has sent it, or the user was disabled, since it was listed.
async fn payload<R: Relay, T: DeserializeOwned>(receiver: &Receiver<R>, order: &Order) -> Result<T, OrderError> {
    stored(receiver, order).await?.ok_or(OrderError::Payload)
}

async fn stored<R: Relay, T: DeserializeOwned>(receiver: &Receiver<R>, order: &Order) -> Result<Option<T>, OrderError> {
    let text = orders::payload(receiver.database.read(), order.number).await?;
    text.map(|text| serde_json::from_str(&text).map_err(|_| OrderError::Payload)).transpose()
}
