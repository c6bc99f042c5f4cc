//! What a PC asks of the relay before its user's keys are open: with the device credential.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::{Method, StatusCode};

use super::connection::{Connection, Settings, SettingsError};
use super::error::{ClientError, Fault};
use crate::domain::ids::RequestId;
use crate::wire::employer::{CERTIFICATE_REQUESTS, UNION, UnionInfo, certificate_request, pin};
use crate::wire::enrolment::{CertificateRequest, PcId, RequestState};
use crate::wire::session::{PinAnswer, PinTry};

/// Speaks the part of `/employer/v1` that a device may. Cheap to clone; all clones share their connections.
#[derive(Debug, Clone)]
pub struct DeviceClient(Connection);

impl DeviceClient {
    /// Prepares the client; nothing is sent yet.
    pub fn new(settings: &Settings) -> Result<Self, SettingsError> {
        Connection::new(settings).map(Self)
    }

    /// The union and ourselves, as the relay knows both.
    pub async fn union(&self) -> Result<UnionInfo, ClientError> {
        self.0.json(self.0.request(Method::GET, UNION), Duration::ZERO).await
    }

    /// The relay's clock, to the second, by the `Date` of an answer.
    pub async fn clock(&self) -> Result<Timestamp, ClientError> {
        let request = self.0.request(Method::GET, UNION);
        let response = self.0.expect(request, Duration::ZERO, &[StatusCode::OK]).await?;
        let date = response.headers().get(reqwest::header::DATE).and_then(|value| value.to_str().ok());
        let parsed = date.and_then(|date| jiff::fmt::rfc2822::parse(date).ok());
        parsed.map(|zoned| zoned.timestamp()).ok_or_else(|| Fault::Other.into())
    }

    /// One counted try at the PIN of a PC.
    pub async fn try_pin(&self, pc: PcId, body: &PinTry) -> Result<PinAnswer, ClientError> {
        self.0.json(self.0.request(Method::POST, &pin(pc)).json(body), Duration::ZERO).await
    }

    /// Asks for certificates. The same request may be posted again.
    pub async fn request_certificates(&self, request: &CertificateRequest) -> Result<RequestState, ClientError> {
        let sent = self.0.request(Method::POST, CERTIFICATE_REQUESTS).json(request);
        about(request.id, self.0.json(sent, Duration::ZERO).await?)
    }

    /// What became of a request; waits so long for an answer.
    pub async fn certificate_request(&self, id: RequestId, wait: Duration) -> Result<RequestState, ClientError> {
        let request = self.0.request(Method::GET, &certificate_request(id)).query(&[("wait", wait.as_secs())]);
        about(id, self.0.json(request, wait).await?)
    }
}

/// The answer, if it is about what was asked.
pub(super) fn about(id: RequestId, state: RequestState) -> Result<RequestState, ClientError> {
    if state.id == id { Ok(state) } else { Err(Fault::Other.into()) }
}
