//! Browsers that somebody has signed in with before. Whoever comes with one is counted by themselves: strangers who guess at the same
//! account cannot keep them out. (OWASP calls it a device cookie.)

use axum::http::{HeaderValue, header};
use axum::response::Response;
use jiff::{SignedDuration, Timestamp};

use super::super::Console;
use super::super::asked::{Asked, BROWSER};
use crate::domain::staff::StaffName;
use crate::secret::Token;
use crate::store::gateway::staff_browsers;
use crate::store::sqlite::{Connection, StoreError};

/// As long as browsers keep a cookie at most.
const KEPT_DAYS: i64 = 400;

/// Hands the token out.
pub(super) fn give(mut response: Response, token: &Token) -> Response {
    let seconds = KEPT_DAYS * 86_400;
    let cookie = format!("{BROWSER}={}; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age={seconds}", token.as_str());
    let cookie = HeaderValue::from_str(&cookie).expect("a token is letters, digits, '-' and '_'");
    response.headers_mut().append(header::SET_COOKIE, cookie);
    response
}

impl Console {
    /// Under which name tries at this account are counted: by itself for a browser that it knows.
    pub(super) async fn counted_as(&self, name: &StaffName, asked: &Asked) -> Result<String, StoreError> {
        let database = &self.gateway.receiver.database;
        match asked.browser {
            Some(browser) if staff_browsers::is_of(database.read(), browser, name).await? => {
                Ok(format!("{name} {browser}"))
            }
            _ => Ok(name.to_string()),
        }
    }

    /// Remembers the browser. Answers its token when it has none that we know.
    pub(super) async fn know(
        &self,
        connection: &mut Connection,
        name: &StaffName,
        asked: &Asked,
    ) -> Result<Option<Token>, StoreError> {
        let now = self.gateway.receiver.clock.now();
        if let Some(browser) = asked.browser
            && staff_browsers::is_known(&mut *connection, browser).await?
        {
            staff_browsers::insert(connection, browser, name, now).await?;
            return Ok(None);
        }
        let token = Token::new(self.gateway.receiver.random.as_ref());
        staff_browsers::insert(connection, token.hash(), name, now).await?;
        Ok(Some(token))
    }

    /// Since when a browser must have been used to be known still.
    pub(in super::super) fn known_since(&self) -> Timestamp {
        let now = self.gateway.receiver.clock.now();
        now.checked_sub(SignedDuration::from_hours(24 * KEPT_DAYS)).unwrap_or(now)
    }
}
