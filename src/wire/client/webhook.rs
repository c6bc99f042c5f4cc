//! An address of somebody else that is told of events by HTTPS.

use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, Url};

use super::connection::{SettingsError, builder, trusting};
use super::error::ClientError;
use crate::message::keys::Certificate;

/// The address, with a pool of connections. Cheap to clone.
#[derive(Debug, Clone)]
pub struct WebHook {
    http: Client,
    url: Url,
}

/// Text that is no address for this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be https://HOST/PATH without name and password")]
pub struct InvalidAddress;

/// Why nobody was told.
#[derive(Debug, thiserror::Error)]
pub enum NotTold {
    /// No answer.
    #[error(transparent)]
    Line(#[from] ClientError),
    /// An answer other than 2xx.
    #[error("the answer has status {0}")]
    Status(u16),
}

impl NotTold {
    /// The stable code.
    pub fn code(&self) -> String {
        match self {
            Self::Line(ClientError::TimedOut) => "url.timeout".to_owned(),
            Self::Line(_) => "url.unreachable".to_owned(),
            Self::Status(status) => format!("url.status-{status}"),
        }
    }
}

/// Settings that no address can be told with.
#[derive(Debug, thiserror::Error)]
pub enum WebHookError {
    /// The address.
    #[error(transparent)]
    Address(#[from] InvalidAddress),
    /// The connection.
    #[error(transparent)]
    Connection(#[from] SettingsError),
}

impl WebHook {
    /// The address; `roots` and nobody else vouch for it, and a try takes no longer than `timeout`.
    pub fn new(url: &str, roots: &[Certificate], timeout: Duration) -> Result<Self, WebHookError> {
        let url = Url::parse(url).map_err(|_| InvalidAddress)?;
        if url.scheme() != "https" || !url.username().is_empty() || url.password().is_some() {
            return Err(InvalidAddress.into());
        }
        let builder = builder(trusting(roots)?.with_no_client_auth()).timeout(timeout);
        Ok(Self { http: builder.build().map_err(SettingsError::Client)?, url })
    }

    /// Posts JSON. Only a status of 2xx says that it was heard; the body of the answer is not read.
    pub async fn post(&self, body: String, headers: &[(&'static str, &str)]) -> Result<(), NotTold> {
        let mut request = self.http.post(self.url.clone()).header(CONTENT_TYPE, "application/json").body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = request.send().await.map_err(ClientError::from_transport)?;
        let status = answer.status();
        if status.is_success() { Ok(()) } else { Err(NotTold::Status(status.as_u16())) }
    }
}
