//! What a PC asks of the relay before its user's keys are open: with the device credential.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::Method;

use super::connection::{Connection, Settings, SettingsError};
use super::error::ClientError;
use crate::domain::ids::RequestId;
use crate::wire::employer::{UnionInfo, pin};
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

    /// One counted try at the PIN of a PC.
    pub async fn try_pin(&self, pc: PcId, body: &PinTry) -> Result<PinAnswer, ClientError> {
        self.0.json(self.0.request(Method::POST, &pin(pc)).json(body), Duration::ZERO).await
    }

    /// The union and ourselves as the relay knows both, and what time it is there, to the second.
    pub async fn union(&self) -> Result<(UnionInfo, Timestamp), ClientError> {
        self.0.union().await
    }

    /// Asks for certificates. The same request may be posted again.
    pub async fn request_certificates(&self, request: &CertificateRequest) -> Result<RequestState, ClientError> {
        self.0.request_certificates(request).await
    }

    /// What became of a request; waits so long for an answer.
    pub async fn certificate_request(&self, id: RequestId, wait: Duration) -> Result<RequestState, ClientError> {
        self.0.certificate_request(id, wait).await
    }
}
