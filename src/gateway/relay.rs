//! What the flows need of a relay. The real one is spoken to by [`UnionClient`]; tests have one that lies.

use bytes::Bytes;

use super::vpn::Reason;
use crate::domain::clock::Random;
use crate::domain::ids::{MessageId, RequestId, UserId};
use crate::wire::client::{ClientError, Content, Effort, FileSource, Progress, UnionClient};
use crate::wire::delivery::{Delivery, DeliveryEvent, Withdrawal, WithdrawalAnswer};
use crate::wire::enrolment::{EnrolmentOrder, Notice, PendingRequest};
use crate::wire::page::{Page, PageQuery};
use crate::wire::tus::Metadata;
use crate::wire::union::{
    Acknowledgement, AcknowledgementResults, Confirmation, DisableUser, Handshake, OrderNumber, Parcel, ParcelState,
    RequestAnswer, UnionCertificates, User, UserRegistration,
};

/// The relay, as a gateway sees it. Each method is one request.
pub trait Relay: Clone + Send + Sync + 'static {
    /// Bytes of a parcel on their way.
    type Content: Chunks;

    /// Who is there, and what time it is.
    fn handshake(&self) -> impl Future<Output = Result<Handshake, ClientError>> + Send;
    /// Parcels in a state, in the order of that state.
    fn parcels(
        &self,
        state: ParcelState,
        query: PageQuery,
    ) -> impl Future<Output = Result<Page<Parcel>, ClientError>> + Send;
    /// The bytes of a parcel of `size` bytes from `offset` on.
    fn content(
        &self,
        id: MessageId,
        size: u64,
        offset: u64,
    ) -> impl Future<Output = Result<Self::Content, ClientError>> + Send;
    /// "These are durable here."
    fn acknowledge(
        &self,
        items: Vec<Acknowledgement>,
    ) -> impl Future<Output = Result<AcknowledgementResults, ClientError>> + Send;
    /// Publishes the union's certificates.
    fn put_certificates(
        &self,
        certificates: &UnionCertificates,
    ) -> impl Future<Output = Result<(), ClientError>> + Send;
    /// Makes or replaces a user.
    fn put_user(
        &self,
        user: &UserId,
        number: OrderNumber,
        registration: &UserRegistration,
    ) -> impl Future<Output = Result<(), ClientError>> + Send;
    /// Shuts a user out.
    fn disable_user(
        &self,
        user: &UserId,
        number: OrderNumber,
        order: DisableUser,
    ) -> impl Future<Output = Result<Confirmation, ClientError>> + Send;
    /// Lets a user in again.
    fn enable_user(
        &self,
        user: &UserId,
        number: OrderNumber,
    ) -> impl Future<Output = Result<Confirmation, ClientError>> + Send;
    /// Gives a user a new kit and mails the link to it.
    fn enrol(
        &self,
        user: &UserId,
        number: OrderNumber,
        order: &EnrolmentOrder,
    ) -> impl Future<Output = Result<Confirmation, ClientError>> + Send;
    /// Mails a new link.
    fn mail_link(
        &self,
        user: &UserId,
        number: OrderNumber,
    ) -> impl Future<Output = Result<Confirmation, ClientError>> + Send;
    /// Mails a notice.
    fn notify(
        &self,
        user: &UserId,
        number: OrderNumber,
        notice: &Notice,
    ) -> impl Future<Output = Result<Confirmation, ClientError>> + Send;
    /// Requests for certificates without an answer, oldest first.
    fn certificate_requests(
        &self,
        query: PageQuery,
    ) -> impl Future<Output = Result<Page<PendingRequest>, ClientError>> + Send;
    /// Answers one.
    fn answer_request(
        &self,
        id: RequestId,
        number: OrderNumber,
        answer: &RequestAnswer,
    ) -> impl Future<Output = Result<Confirmation, ClientError>> + Send;
    /// The users as the relay knows them.
    fn users(&self, query: PageQuery) -> impl Future<Output = Result<Page<User>, ClientError>> + Send;
    /// Deposits a sealed message for these users, or what the relay does not have of it yet.
    fn deposit(
        &self,
        metadata: Metadata,
        file: &FileSource,
        progress: &Progress,
        effort: Effort,
        random: &dyn Random,
    ) -> impl Future<Output = Result<(), ClientError>> + Send;
    /// Gives an upload up that is not complete.
    fn give_up_deposit(&self, id: MessageId) -> impl Future<Output = Result<(), ClientError>> + Send;
    /// What we have sent, in the order in which it became visible.
    fn deliveries(&self, query: PageQuery) -> impl Future<Output = Result<Page<Delivery>, ClientError>> + Send;
    /// One of them.
    fn delivery(&self, id: MessageId) -> impl Future<Output = Result<Delivery, ClientError>> + Send;
    /// The bytes of what we have sent, of `size` bytes, from `offset` on.
    fn delivery_content(
        &self,
        id: MessageId,
        size: u64,
        offset: u64,
    ) -> impl Future<Output = Result<Self::Content, ClientError>> + Send;
    /// Takes a message back that nobody has fetched, or says that it will never come.
    fn withdraw(
        &self,
        id: MessageId,
        order: &Withdrawal,
    ) -> impl Future<Output = Result<WithdrawalAnswer, ClientError>> + Send;
    /// Has those reminded who have not fetched it.
    fn remind(&self, id: MessageId) -> impl Future<Output = Result<Confirmation, ClientError>> + Send;
    /// What became of what we have sent.
    fn delivery_events(
        &self,
        query: PageQuery,
    ) -> impl Future<Output = Result<Page<DeliveryEvent>, ClientError>> + Send;
}

/// Bytes that come piece by piece.
pub trait Chunks: Send {
    /// The next piece; `None` after the last.
    fn chunk(&mut self) -> impl Future<Output = Result<Option<Bytes>, ClientError>> + Send;
}

impl Chunks for Content {
    async fn chunk(&mut self) -> Result<Option<Bytes>, ClientError> {
        Content::chunk(self).await
    }
}

impl Relay for UnionClient {
    type Content = Content;

    async fn handshake(&self) -> Result<Handshake, ClientError> {
        UnionClient::handshake(self).await
    }

    async fn parcels(&self, state: ParcelState, query: PageQuery) -> Result<Page<Parcel>, ClientError> {
        UnionClient::parcels(self, state, query).await
    }

    async fn content(&self, id: MessageId, size: u64, offset: u64) -> Result<Content, ClientError> {
        UnionClient::content(self, id, size, offset).await
    }

    async fn acknowledge(&self, items: Vec<Acknowledgement>) -> Result<AcknowledgementResults, ClientError> {
        UnionClient::acknowledge(self, items).await
    }

    async fn put_certificates(&self, certificates: &UnionCertificates) -> Result<(), ClientError> {
        UnionClient::put_certificates(self, certificates).await
    }

    async fn put_user(
        &self,
        user: &UserId,
        number: OrderNumber,
        registration: &UserRegistration,
    ) -> Result<(), ClientError> {
        UnionClient::put_user(self, user, number, registration).await
    }

    async fn disable_user(
        &self,
        user: &UserId,
        number: OrderNumber,
        order: DisableUser,
    ) -> Result<Confirmation, ClientError> {
        UnionClient::disable_user(self, user, number, order).await
    }

    async fn enable_user(&self, user: &UserId, number: OrderNumber) -> Result<Confirmation, ClientError> {
        UnionClient::enable_user(self, user, number).await
    }

    async fn enrol(
        &self,
        user: &UserId,
        number: OrderNumber,
        order: &EnrolmentOrder,
    ) -> Result<Confirmation, ClientError> {
        UnionClient::enrol(self, user, number, order).await
    }

    async fn mail_link(&self, user: &UserId, number: OrderNumber) -> Result<Confirmation, ClientError> {
        UnionClient::mail_link(self, user, number).await
    }

    async fn notify(&self, user: &UserId, number: OrderNumber, notice: &Notice) -> Result<Confirmation, ClientError> {
        UnionClient::notify(self, user, number, notice).await
    }

    async fn certificate_requests(&self, query: PageQuery) -> Result<Page<PendingRequest>, ClientError> {
        UnionClient::certificate_requests(self, query).await
    }

    async fn answer_request(
        &self,
        id: RequestId,
        number: OrderNumber,
        answer: &RequestAnswer,
    ) -> Result<Confirmation, ClientError> {
        UnionClient::answer_request(self, id, number, answer).await
    }

    async fn users(&self, query: PageQuery) -> Result<Page<User>, ClientError> {
        UnionClient::users(self, query).await
    }

    async fn deposit(
        &self,
        metadata: Metadata,
        file: &FileSource,
        progress: &Progress,
        effort: Effort,
        random: &dyn Random,
    ) -> Result<(), ClientError> {
        UnionClient::deposit(self, metadata, file, progress, effort, random).await
    }

    async fn give_up_deposit(&self, id: MessageId) -> Result<(), ClientError> {
        UnionClient::give_up_deposit(self, id).await
    }

    async fn deliveries(&self, query: PageQuery) -> Result<Page<Delivery>, ClientError> {
        UnionClient::deliveries(self, query).await
    }

    async fn delivery(&self, id: MessageId) -> Result<Delivery, ClientError> {
        UnionClient::delivery(self, id).await
    }

    async fn delivery_content(&self, id: MessageId, size: u64, offset: u64) -> Result<Content, ClientError> {
        UnionClient::delivery_content(self, id, size, offset).await
    }

    async fn withdraw(&self, id: MessageId, order: &Withdrawal) -> Result<WithdrawalAnswer, ClientError> {
        UnionClient::withdraw(self, id, order).await
    }

    async fn remind(&self, id: MessageId) -> Result<Confirmation, ClientError> {
        UnionClient::remind(self, id).await
    }

    async fn delivery_events(&self, query: PageQuery) -> Result<Page<DeliveryEvent>, ClientError> {
        UnionClient::delivery_events(self, query).await
    }
}

/// The code of what was not even asked: after many failures the relay is left alone for a while.
pub const BREAKER_OPEN: &str = "relay.breaker-open";

/// The stable code of a failure, for logs, the database and status pages.
pub fn code(error: &ClientError) -> &'static str {
    match error {
        ClientError::Unreachable(_) => "relay.unreachable",
        ClientError::Shut(shut) => shut.0,
        ClientError::Proxy(_) => "relay.proxy",
        ClientError::TimedOut => "relay.silent",
        ClientError::Untrusted(_) => "relay.untrusted",
        ClientError::Refused(_) => "relay.refused",
        ClientError::Protocol(_) => "relay.protocol",
        ClientError::Local(_) => "relay.local",
    }
}

/// Whether a code is of a failure of the line: the relay has said nothing.
pub fn is_cut(code: &str) -> bool {
    cuts().any(|cut| cut == code)
}

/// The codes of failures of the line.
pub fn cuts() -> impl Iterator<Item = &'static str> {
    let line = ["relay.unreachable", "relay.proxy", "relay.silent", "relay.untrusted"];
    line.into_iter().chain(Reason::ALL.iter().map(|reason| reason.code()))
}

/// Whether the failure is of the relay as a whole, and not of the one thing that was asked for.
pub fn is_outage(error: &ClientError) -> bool {
    match error {
        ClientError::Unreachable(_)
        | ClientError::Shut(_)
        | ClientError::Proxy(_)
        | ClientError::TimedOut
        | ClientError::Untrusted(_) => true,
        ClientError::Refused(problem) => problem.status >= 500 || matches!(problem.status, 401 | 403 | 429),
        ClientError::Protocol(_) | ClientError::Local(_) => false,
    }
}
