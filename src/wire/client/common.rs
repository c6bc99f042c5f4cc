//! What every caller of `/employer/v1` may ask: a kit and a PC with the device credential, a user within a session.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::{DATE, HeaderMap};
use reqwest::{Method, StatusCode};

use super::connection::Connection;
use super::error::{ClientError, Fault};
use crate::domain::ids::RequestId;
use crate::wire::employer::{CERTIFICATE_REQUESTS, UNION, UnionInfo, certificate_request};
use crate::wire::enrolment::{CertificateRequest, RequestState};

impl Connection {
    /// The union and ourselves as the relay knows both, and what time it is there, to the second.
    pub(super) async fn union(&self) -> Result<(UnionInfo, Timestamp), ClientError> {
        let request = self.request(Method::GET, UNION);
        let response = self.expect(request, Duration::ZERO, &[StatusCode::OK]).await?;
        let at = date(response.headers()).ok_or(Fault::Other)?;
        Ok((self.read_json(response).await?, at))
    }

    /// Asks for certificates. The same request may be posted again.
    pub(super) async fn request_certificates(&self, body: &CertificateRequest) -> Result<RequestState, ClientError> {
        let request = self.request(Method::POST, CERTIFICATE_REQUESTS).json(body);
        about(body.id, self.json(request, Duration::ZERO).await?)
    }

    /// What became of a request; waits so long for an answer.
    pub(super) async fn certificate_request(&self, id: RequestId, wait: Duration) -> Result<RequestState, ClientError> {
        let request = self.request(Method::GET, &certificate_request(id)).query(&[("wait", wait.as_secs())]);
        about(id, self.json(request, wait).await?)
    }
}

/// The answer, if it is about what was asked.
fn about(id: RequestId, state: RequestState) -> Result<RequestState, ClientError> {
    if state.id == id { Ok(state) } else { Err(Fault::Other.into()) }
}

fn date(headers: &HeaderMap) -> Option<Timestamp> {
    let text = headers.get(DATE)?.to_str().ok()?;
    jiff::fmt::rfc2822::parse(text).ok().map(|zoned| zoned.timestamp())
}
