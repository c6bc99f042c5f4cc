//! What an employer's app asks of the relay.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::{Method, StatusCode};
use zeroize::Zeroizing;

use super::connection::{Connection, Settings, SettingsError};
use super::error::{ClientError, Fault};
use super::tus_upload::{Effort, Progress, Source, Upload};
use super::union::checked_page;
use crate::domain::clock::Random;
use crate::domain::ids::{MessageId, RequestId};
use crate::wire::employer::{LOGIN, LOGOUT, PASSWORD, SENT, SentParcel, UPLOADS, UnionInfo, pin_proof, sent};
use crate::wire::enrolment::{CertificateRequest, PcId, RequestState};
use crate::wire::page::{Page, PageQuery};
use crate::wire::session::{Login, PasswordChange, PinProof, Session};
use crate::wire::tus::{Metadata, TUS_MAX_SIZE, TUS_RESUMABLE, VERSION};

/// Speaks `/employer/v1`. Cheap to clone; all clones share their connections.
#[derive(Debug, Clone)]
pub struct EmployerClient(pub(super) Connection);

impl EmployerClient {
    /// Prepares the client; nothing is sent yet.
    pub fn new(settings: &Settings) -> Result<Self, SettingsError> {
        Connection::new(settings).map(Self)
    }

    /// The same connections, within a session.
    #[must_use]
    pub fn within(&self, token: Zeroizing<String>) -> Self {
        Self(self.0.within(token))
    }

    /// Begins a session.
    pub async fn log_in(&self, login: &Login) -> Result<Session, ClientError> {
        self.0.json(self.0.request(Method::POST, LOGIN).json(login), Duration::ZERO).await
    }

    /// Takes a try at the PIN that was right off the count.
    pub async fn prove_pin(&self, pc: PcId, proof: &PinProof) -> Result<(), ClientError> {
        self.0.no_content(self.0.request(Method::POST, &pin_proof(pc)).json(proof)).await
    }

    /// Ends the session.
    pub async fn log_out(&self) -> Result<(), ClientError> {
        self.0.no_content(self.0.request(Method::POST, LOGOUT)).await
    }

    /// Changes the password. The session stays.
    pub async fn change_password(&self, change: &PasswordChange) -> Result<(), ClientError> {
        self.0.no_content(self.0.request(Method::POST, PASSWORD).json(change)).await
    }

    /// The union and ourselves as the relay knows both, and what time it is there, to the second.
    pub async fn union(&self) -> Result<(UnionInfo, Timestamp), ClientError> {
        self.0.union().await
    }

    /// Asks for certificates in place of those that end soon. The same request may be posted again.
    pub async fn request_certificates(&self, request: &CertificateRequest) -> Result<RequestState, ClientError> {
        self.0.request_certificates(request).await
    }

    /// What became of a request; waits so long for an answer.
    pub async fn certificate_request(&self, id: RequestId, wait: Duration) -> Result<RequestState, ClientError> {
        self.0.certificate_request(id, wait).await
    }

    /// What this user sent, oldest first.
    pub async fn sent(&self, query: PageQuery) -> Result<Page<SentParcel>, ClientError> {
        let page = self.0.json(self.0.request(Method::GET, SENT).query(&query), Duration::ZERO).await?;
        checked_page(page, query, |parcel: &SentParcel| parcel.cursor)
    }

    /// One parcel that this user sent.
    pub async fn sent_one(&self, id: MessageId) -> Result<SentParcel, ClientError> {
        let parcel: SentParcel = self.0.json(self.0.request(Method::GET, &sent(id)), Duration::ZERO).await?;
        if parcel.id == id { Ok(parcel) } else { Err(Fault::Other.into()) }
    }

    /// The most bytes that one upload may have, if the relay tells.
    pub async fn largest_upload(&self) -> Result<Option<u64>, ClientError> {
        let request = self.0.request(Method::OPTIONS, UPLOADS).header(TUS_RESUMABLE, VERSION);
        let response = self.0.expect(request, Duration::ZERO, &[StatusCode::NO_CONTENT, StatusCode::OK]).await?;
        let Some(value) = response.headers().get(TUS_MAX_SIZE) else { return Ok(None) };
        let number = value.to_str().ok().and_then(|text| text.parse().ok());
        number.map(Some).ok_or_else(|| Fault::Upload.into())
    }

    /// Uploads a sealed message, or what the relay does not have of it yet. Calling it again, also after a restart or
    /// after success, is safe: the message id names the upload.
    ///
    /// A broken line is tried again within `effort`, from the offset that the relay has.
    pub async fn upload<S: Source>(
        &self,
        id: MessageId,
        source: &S,
        progress: &Progress,
        effort: Effort,
        random: &dyn Random,
    ) -> Result<(), ClientError> {
        Upload::new(&self.0, UPLOADS, Metadata::to_union(id), source, progress).run(effort, random).await
    }
}
