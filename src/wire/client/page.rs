//! The enrolment page without a browser: for what plays a person, and for tests.

use std::time::Duration;

use reqwest::{Method, StatusCode, Url};

use super::connection::{Connection, SettingsError, anonymous};
use super::error::{ClientError, Fault};
use crate::message::keys::Certificate;

/// The largest ZIP: a kit and an app.
const MAX_ZIP: usize = 256 << 20;
/// The largest page.
const MAX_PAGE: usize = 1 << 20;

/// The page behind one link.
#[derive(Debug)]
pub struct EnrolmentPage {
    connection: Connection,
    path: String,
}

/// A link that is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a link to an enrolment page")]
pub struct InvalidLink;

impl EnrolmentPage {
    /// The page behind the link of a mail; `roots` vouch for it.
    ///
    /// # Errors
    /// When the settings cannot be used, or, within, when it is no link.
    pub fn open(link: &str, roots: &[Certificate]) -> Result<Result<Self, InvalidLink>, SettingsError> {
        let Some((relay, path)) = split(link) else { return Ok(Err(InvalidLink)) };
        Ok(Ok(Self { connection: anonymous(relay, roots)?, path }))
    }

    /// Types the password, presses the button, and gets the ZIP. `None`: password or link are refused.
    pub async fn download(&self, password: &str) -> Result<Option<Vec<u8>>, ClientError> {
        let connection = &self.connection;
        let form = self.form(&self.path, "password", password);
        let answer = connection.expect(form, Duration::ZERO, &[StatusCode::OK, StatusCode::FORBIDDEN]).await?;
        if answer.status() == StatusCode::FORBIDDEN {
            return Ok(None);
        }
        let page = connection.body(answer, MAX_PAGE).await?;
        let ticket = std::str::from_utf8(&page).ok().and_then(ticket).ok_or(Fault::Other)?;
        let zip = connection.expect(self.form("/kit", "ticket", ticket), Duration::ZERO, &[StatusCode::OK]).await?;
        Ok(Some(connection.body(zip, MAX_ZIP).await?.to_vec()))
    }

    fn form(&self, path: &str, field: &str, value: &str) -> reqwest::RequestBuilder {
        let value = percent_encoding::utf8_percent_encode(value, percent_encoding::NON_ALPHANUMERIC);
        let request = self.connection.request(Method::POST, path);
        request.header("content-type", "application/x-www-form-urlencoded").body(format!("{field}={value}"))
    }
}

fn split(link: &str) -> Option<(super::RelayUrl, String)> {
    let url = Url::parse(link).ok()?;
    let path = url.path().to_owned();
    let relay = url.join("/").ok()?.as_str().parse().ok()?;
    path.starts_with("/e/").then_some((relay, path))
}

/// What the button would send.
fn ticket(page: &str) -> Option<&str> {
    let after = page.split_once("name=\"ticket\"")?.1;
    after.split_once("value=\"")?.1.split_once('"').map(|(ticket, _)| ticket)
}
