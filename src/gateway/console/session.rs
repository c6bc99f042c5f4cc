//! Who is signed in: a random token in a cookie, its hash in the database, looked up for each request.

use axum::http::{HeaderValue, header};
use axum::response::Response;
use jiff::Timestamp;

use super::Console;
use super::asked::Asked;
use super::fault::Fault;
use crate::domain::digest::Sha256;
use crate::domain::staff::StaffName;
use crate::secret::Token;
use crate::store::gateway::staff_sessions::{self, NewSession, Session};
use crate::store::sqlite::{Connection, StoreError};

/// Where the token is. Browsers take a name that begins so only from the server itself, for all of it, by TLS.
pub(super) const COOKIE: &str = "__Host-kx-session";
/// A session is noted as used after so many seconds anew.
const NOTED_SECONDS: i64 = 60;

/// What somebody has to do next to be signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Show the second factor.
    Code,
    /// Choose a password that nobody else has seen.
    Password,
    /// Set the second factor up.
    Factor,
    /// Nothing.
    Done,
}

impl Session {
    /// What is next.
    pub(super) const fn step(&self) -> Step {
        match (self.is_whole, self.has_factor) {
            (false, true) => Step::Code,
            _ if self.must_change => Step::Password,
            (true, true) => Step::Done,
            _ => Step::Factor,
        }
    }
}

/// Somebody who has a session; in the extensions of a request.
#[derive(Debug, Clone)]
pub(super) struct Visitor {
    pub(super) session: Session,
    /// What a form of theirs has in it.
    pub(super) csrf: String,
    /// Hash of the session's token.
    hash: Sha256,
}

impl Visitor {
    pub(super) fn name(&self) -> &StaffName {
        &self.session.staff
    }

    /// Whether a form is one of this session's. Takes the same time for each that is not.
    pub(super) fn has_csrf(&self, shown: &str) -> bool {
        Token::fits(shown, &Token::hash_of(&self.csrf))
    }
}

/// What forms of a session have in them: it follows from the token, which no other site and no script can read.
fn csrf(token: &str) -> String {
    Token::hash_of(&format!("csrf {token}")).to_string()
}

/// Whose token this is, unless the session is over. `is_use`: somebody does something, and it lasts longer.
pub(super) async fn find(app: &Console, asked: &Asked, token: &str, is_use: bool) -> Result<Option<Visitor>, Fault> {
    let database = &app.gateway.receiver.database;
    let Some(session) = staff_sessions::find(database.read(), Token::hash_of(token)).await? else { return Ok(None) };
    let now = app.gateway.receiver.clock.now();
    if app.is_over(&session, now) || session.origin != asked.network {
        return Ok(None);
    }
    if is_use && now.as_second() - session.seen_at.as_second() >= NOTED_SECONDS {
        let mut transaction = database.write().await?;
        staff_sessions::seen(&mut transaction, session.number, now).await?;
        database.commit(transaction).await?;
    }
    Ok(Some(Visitor { session, csrf: csrf(token), hash: Token::hash_of(token) }))
}

/// Refuses whoever was shut out, signed out or given another role while what they sent was on its way.
pub(super) async fn still(app: &Console, visitor: &Visitor) -> Result<(), Fault> {
    let found = staff_sessions::find(app.gateway.receiver.database.read(), visitor.hash).await?;
    let is_same = found.is_some_and(|now| now.number == visitor.session.number && now.role == visitor.session.role);
    if is_same { Ok(()) } else { Err(Fault::session()) }
}

impl Console {
    /// Whether nobody used it for too long, or it is too old.
    pub(super) fn is_over(&self, session: &Session, now: Timestamp) -> bool {
        let settings = &self.gateway.settings.console;
        now.duration_since(session.seen_at) >= settings.idle()
            || now.duration_since(session.created_at) >= settings.longest()
    }

    /// Begins a session in the place of another one: whoever knew the old token has nothing.
    pub(super) async fn begin(
        &self,
        connection: &mut Connection,
        (staff, is_whole): (&StaffName, bool),
        before: Option<i64>,
        asked: &Asked,
    ) -> Result<Token, StoreError> {
        // One that somebody has ended meanwhile comes back by no code.
        if let Some(before) = before
            && !staff_sessions::end(connection, staff, before).await?
        {
            return Err(StoreError::Missing("session"));
        }
        let receiver = &self.gateway.receiver;
        let token = Token::new(receiver.random.as_ref());
        let new = NewSession {
            hash: token.hash(),
            staff,
            is_whole,
            origin: &asked.network,
            agent: &asked.agent,
            at: receiver.clock.now(),
        };
        staff_sessions::insert(connection, &new).await?;
        Ok(token)
    }
}

/// Hands the token out.
pub(super) fn give(mut response: Response, token: &Token) -> Response {
    set(&mut response, &format!("{COOKIE}={}; Path=/; Secure; HttpOnly; SameSite=Strict", token.as_str()));
    response
}

/// Has the browser forget it.
pub(super) fn take(mut response: Response) -> Response {
    set(&mut response, &format!("{COOKIE}=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0"));
    response
}

fn set(response: &mut Response, cookie: &str) {
    let cookie = HeaderValue::from_str(cookie).expect("a token is letters, digits, '-' and '_'");
    response.headers_mut().append(header::SET_COOKIE, cookie);
}
