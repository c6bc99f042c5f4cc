//! Uploads by tus 1.0 that go on where they stopped.

mod body;
mod effort;
mod source;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, LOCATION};
use reqwest::{Method, RequestBuilder, Response, StatusCode};

pub use self::body::Progress;
use self::body::{Outgoing, Watch};
pub use self::effort::Effort;
pub use self::source::{FileSource, Source};
use super::connection::Connection;
use super::error::{ClientError, Fault};
use crate::domain::clock::Random;
use crate::wire::problem::{Code, Problem};
use crate::wire::tus::{
    Metadata, OFFSET_CONTENT_TYPE, TUS_RESUMABLE, UPLOAD_LENGTH, UPLOAD_METADATA, UPLOAD_OFFSET, VERSION,
};

/// Up to this size the bytes travel with the creation: one round trip for a small file.
const SMALL: u64 = 1024 * 1024;

/// One upload under way.
pub(super) struct Upload<'a, S> {
    connection: &'a Connection,
    /// Where uploads are made.
    place: &'static str,
    metadata: Metadata,
    source: &'a S,
    progress: &'a Progress,
}

impl<'a, S: Source> Upload<'a, S> {
    /// One at `place`: [`employer::UPLOADS`](crate::wire::employer::UPLOADS) or [`delivery::UPLOADS`](crate::wire::delivery::UPLOADS).
    pub(super) fn new(
        connection: &'a Connection,
        place: &'static str,
        metadata: Metadata,
        source: &'a S,
        progress: &'a Progress,
    ) -> Self {
        Self { connection, place, metadata, source, progress }
    }

    /// Goes on until the relay has everything.
    pub(super) async fn run(&self, effort: Effort, random: &dyn Random) -> Result<(), ClientError> {
        let (mut failures, mut reached) = (0, 0);
        let (mut busy, mut waited) = (0, Duration::ZERO);
        // Nothing is known of the upload before its creation has been answered; creating it again does no harm.
        let mut created = false;
        loop {
            let step = if created { self.resume().await } else { self.create().await };
            let error = match step {
                Ok(offset) if offset == self.source.size() => return Ok(()),
                Ok(offset) => {
                    created = true;
                    if offset > reached {
                        (failures, reached) = (0, offset);
                        (busy, waited) = (0, Duration::ZERO);
                    }
                    match self.patch(offset).await {
                        Ok(()) => return Ok(()),
                        Err(error) => error,
                    }
                }
                Err(error) => error,
            };
            // An upload that has expired is no end: it is created again.
            let expired = error.code() == Some(Code::UploadUnknown);
            created &= !expired;
            // After a broken line the relay holds the upload until it has noticed, too: that is no failure of this try.
            if error.code() == Some(Code::UploadBusy) && waited < effort.busy_patience {
                let pause = effort.pause(busy, random);
                (busy, waited) = (busy + 1, waited + pause);
                tokio::time::sleep(pause).await;
                continue;
            }
            failures += 1;
            if failures >= effort.failures || !(expired || error.is_temporary()) {
                return Err(error);
            }
            tokio::time::sleep(effort.pause(failures - 1, random)).await;
        }
    }

    /// Makes the upload, or finds the one there is, and tells how much the relay has of it.
    async fn create(&self) -> Result<u64, ClientError> {
        let size = self.source.size();
        let request = self
            .tus(Method::POST, self.place)
            .header(UPLOAD_LENGTH, size)
            .header(UPLOAD_METADATA, self.metadata.to_header());
        let expected = [StatusCode::CREATED, StatusCode::OK];
        let response = if size <= SMALL {
            self.send_bytes(request, 0, &expected).await?
        } else {
            let request = request.header(CONTENT_LENGTH, 0);
            self.connection.expect(request, Duration::ZERO, &expected).await?
        };
        self.check_location(response.headers())?;
        self.offset(response.headers())
    }

    /// Asks how much the relay has.
    async fn resume(&self) -> Result<u64, ClientError> {
        let request = self.tus(Method::HEAD, &self.upload());
        let response = self.connection.send(request, Duration::ZERO).await?;
        match response.status() {
            StatusCode::OK | StatusCode::NO_CONTENT => self.offset(response.headers()),
            // An answer to HEAD has no body that could explain itself.
            StatusCode::NOT_FOUND | StatusCode::GONE => Err(ClientError::Refused(Problem::new(Code::UploadUnknown))),
            StatusCode::LOCKED => Err(ClientError::Refused(Problem::new(Code::UploadBusy))),
            _ => Err(self.connection.refusal(response).await),
        }
    }

    /// Sends everything from `offset` on.
    async fn patch(&self, offset: u64) -> Result<(), ClientError> {
        let request = self.tus(Method::PATCH, &self.upload()).header(UPLOAD_OFFSET, offset);
        let response = self.send_bytes(request, offset, &[StatusCode::NO_CONTENT]).await?;
        // Less than everything would be a relay that says yes and does not mean it.
        if self.offset(response.headers())? == self.source.size() { Ok(()) } else { Err(Fault::Upload.into()) }
    }

    async fn send_bytes(
        &self,
        request: RequestBuilder,
        offset: u64,
        expected: &[StatusCode],
    ) -> Result<Response, ClientError> {
        let reader = self.source.read_from(offset).await.map_err(ClientError::Local)?;
        let length = self.source.size() - offset;
        let watch = Arc::new(Watch::new(offset));
        let body = Outgoing::new(reader, length, Arc::clone(&watch), self.progress.clone());
        let request = request.header(CONTENT_TYPE, OFFSET_CONTENT_TYPE).body(reqwest::Body::wrap(body));
        let answer = tokio::select! {
            answer = self.connection.execute(request) => answer,
            () = watch.silence(self.connection.idle_timeout()) => Err(ClientError::TimedOut),
        };
        if let Some(error) = watch.failure() {
            return Err(ClientError::Local(error));
        }
        let response = answer?;
        if expected.contains(&response.status()) { Ok(response) } else { Err(self.connection.refusal(response).await) }
    }

    fn upload(&self) -> String {
        format!("{}/{}", self.place, self.metadata.message_id)
    }

    fn tus(&self, method: Method, path: &str) -> RequestBuilder {
        self.connection.request(method, path).header(TUS_RESUMABLE, VERSION)
    }

    /// The place is ours to know: a relay that names another one is not followed.
    fn check_location(&self, headers: &HeaderMap) -> Result<(), Fault> {
        let location = headers.get(LOCATION).and_then(|value| value.to_str().ok()).ok_or(Fault::Upload)?;
        if location.ends_with(&self.upload()) { Ok(()) } else { Err(Fault::Other) }
    }

    fn offset(&self, headers: &HeaderMap) -> Result<u64, ClientError> {
        let value = headers.get(UPLOAD_OFFSET).and_then(|value| value.to_str().ok());
        let offset = value.and_then(|text| text.parse().ok()).filter(|offset| *offset <= self.source.size());
        let offset = offset.ok_or(Fault::Upload)?;
        (self.progress.0)(offset);
        Ok(offset)
    }
}
