//! Who comes in: a token, looked up anew for each request. What is under way ends when its token does.

use std::collections::{BTreeSet, HashMap};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};
use std::time::Instant;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use jiff::Timestamp;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use super::App;
use crate::domain::clock::Random;
use crate::domain::digest::Sha256;
use crate::http::Peer;
use crate::secret::token::Token as Secret;
use crate::store::gateway::tokens::{self, Scope, Token};
use crate::store::sqlite::StoreError;
use crate::wire::problem::{Code, Problem};

/// How the text of a token begins, so that one that lies about is recognised.
const PREFIX: &str = "kx_";
/// Letters of the part that is no secret.
const PUBLIC: usize = 12;
/// The last use is noted anew after so many seconds.
const NOTED_SECONDS: i64 = 60;

/// A token as whoever uses it has it: `kx_`, a part to find it by, `_`, the secret.
#[derive(Debug)]
pub struct AccessKey {
    public: String,
    secret: Secret,
}

impl AccessKey {
    /// A new one.
    pub fn new(random: &dyn Random) -> Self {
        let mut bytes = [0; PUBLIC / 2];
        random.fill(&mut bytes);
        Self { public: hex::encode(bytes), secret: Secret::new(random) }
    }

    /// What is kept of it.
    pub fn kept(&self) -> (String, Sha256) {
        (self.public.clone(), self.secret.hash())
    }

    /// As it goes to whom it is for.
    pub fn text(&self) -> String {
        format!("{PREFIX}{}_{}", self.public, self.secret.as_str())
    }
}

/// The two parts of a token's text, if it is one.
fn parts(text: &str) -> Option<(&str, &str)> {
    let (public, secret) = text.strip_prefix(PREFIX)?.split_once('_')?;
    (public.len() == PUBLIC).then_some((public, secret))
}

/// Who asks.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The number of the token.
    pub token: i64,
    /// What the audit calls the caller.
    pub actor: String,
    /// What the token may be used for.
    pub scopes: BTreeSet<Scope>,
    /// Comes true when the token has ended.
    pub ended: CancellationToken,
}

/// Stands before a route.
#[derive(Debug, Clone)]
pub(super) struct Gate {
    pub(super) app: App,
    /// What the token must be for; none: any token will do.
    pub(super) scope: Option<Scope>,
}

/// The layer of every route that needs a token.
pub(super) async fn authorize(State(gate): State<Gate>, mut request: Request, next: Next) -> Response {
    let shown = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let network = request.extensions().get::<Peer>().map(Peer::network).unwrap_or_default();
    let token = match gate.admit(shown.as_deref(), network).await {
        Ok(token) => token,
        Err(problem) => return refused(problem),
    };
    let (ended, presence) = gate.app.live.enter(token.number);
    // Whoever reads a body gives up when this comes true.
    if let Some(peer) = request.extensions_mut().get_mut::<Peer>() {
        peer.ended = ended.clone();
    }
    let caller = Caller { token: token.number, actor: token.actor(), scopes: token.scopes, ended: ended.clone() };
    request.extensions_mut().insert(caller);
    let response = next.run(request).await;
    if ended.is_cancelled() {
        return refused(Problem::new(Code::TokenRefused));
    }
    response.map(|body| Body::new(Cut { body, ended: Box::pin(ended.cancelled_owned()), _presence: presence }))
}

fn refused(problem: Problem) -> Response {
    let challenge = match problem.code {
        Code::TokenMissing => Some("Bearer"),
        Code::TokenRefused => Some("Bearer error=\"invalid_token\""),
        Code::TokenScope => Some("Bearer error=\"insufficient_scope\""),
        _ => None,
    };
    let mut response = problem.into_response();
    if let Some(challenge) = challenge {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
    }
    response
}

impl Gate {
    async fn admit(&self, shown: Option<&str>, network: String) -> Result<Token, Problem> {
        let app = &self.app;
        let (found, now) = (app.token(shown).await?, app.receiver.clock.now());
        let token = match found {
            Ok(token) if token.is_valid(now) => token,
            Ok(_) => return Err(self.wrong(network, Code::TokenRefused)),
            Err(code) => return Err(self.wrong(network, code)),
        };
        if !app.rate.take(token.number, Instant::now()) {
            return Err(Problem::new(Code::TooManyRequests));
        }
        if let Some(scope) = self.scope.filter(|scope| !token.scopes.contains(scope)) {
            return Err(Problem::new(Code::TokenScope).with_detail(format!("it lacks {}", scope.code())));
        }
        // Whoever comes in is not kept out by a disk that is full: the time of the last use is for staff to read.
        if let Err(error) = app.note_use(&token, now).await {
            let detail = &error as &dyn std::error::Error;
            tracing::warn!(code = "database", error = detail, "the use of a token cannot be noted");
        }
        Ok(token)
    }

    /// Nobody can guess a token; who tries must not keep us busy all the same.
    fn wrong(&self, network: String, code: Code) -> Problem {
        let (app, now) = (&self.app, Instant::now());
        app.receiver.metrics.tokens_refused_total.inc();
        // One line a minute for each network: whoever tries must not fill the disk. The metric has them all.
        if app.told.take(network.clone(), now) {
            tracing::warn!(code = code.as_str(), "requests to the API without a token that counts");
        }
        let enough = !app.wrong.take(network, now);
        Problem::new(if enough { Code::TooManyRequests } else { code })
    }
}

impl super::Api {
    /// The token that is shown, whether it still counts or not.
    async fn token(&self, shown: Option<&str>) -> Result<Result<Token, Code>, StoreError> {
        let Some((scheme, text)) = shown.and_then(|shown| shown.split_once(' ')) else {
            return Ok(Err(Code::TokenMissing));
        };
        let Some((public, secret)) = parts(text.trim()).filter(|_| scheme.eq_ignore_ascii_case("Bearer")) else {
            return Ok(Err(Code::TokenRefused));
        };
        let found = tokens::find(self.receiver.database.read(), public).await?;
        Ok(found.filter(|token| Secret::fits(secret, &token.hash)).ok_or(Code::TokenRefused))
    }

    async fn note_use(&self, token: &Token, now: Timestamp) -> Result<(), StoreError> {
        let noted = token.last_used_at.is_some_and(|at| now.as_second() - at.as_second() < NOTED_SECONDS);
        if noted {
            return Ok(());
        }
        let database = &self.receiver.database;
        let mut transaction = database.write().await?;
        tokens::used(&mut transaction, token.number, now).await?;
        database.commit(transaction).await
    }

    /// Cuts off what is under way with tokens that have ended.
    pub(super) async fn end_revoked(&self) -> Result<(), StoreError> {
        if self.live.is_empty() {
            return Ok(());
        }
        let now = self.receiver.clock.now();
        let valid: BTreeSet<i64> = tokens::list(self.receiver.database.read())
            .await?
            .iter()
            .filter(|token| token.is_valid(now))
            .map(|token| token.number)
            .collect();
        self.live.retain(&valid);
        Ok(())
    }
}

/// Tokens that something is under way with.
#[derive(Debug, Clone, Default)]
pub(super) struct Live(Arc<Mutex<HashMap<i64, (CancellationToken, usize)>>>);

impl Live {
    fn enter(&self, token: i64) -> (CancellationToken, Presence) {
        let mut live = self.lock();
        let (ended, count) = live.entry(token).or_default();
        *count += 1;
        (ended.clone(), Presence { live: self.clone(), token })
    }

    fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    fn retain(&self, valid: &BTreeSet<i64>) {
        for (token, (ended, _)) in self.lock().iter() {
            if !valid.contains(token) {
                ended.cancel();
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<i64, (CancellationToken, usize)>> {
        self.0.lock().expect("nothing panics while it holds the list of tokens")
    }
}

/// A request counts as long as this lives.
#[derive(Debug)]
struct Presence {
    live: Live,
    token: i64,
}

impl Drop for Presence {
    fn drop(&mut self) {
        let mut live = self.live.lock();
        let Some((_, count)) = live.get_mut(&self.token) else { return };
        *count -= 1;
        if *count == 0 {
            live.remove(&self.token);
        }
    }
}

/// An answer that breaks off when its token ends.
struct Cut {
    body: Body,
    ended: Pin<Box<WaitForCancellationFutureOwned>>,
    _presence: Presence,
}

impl HttpBody for Cut {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let this = self.get_mut();
        if this.ended.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Some(Err(axum::Error::new(std::io::Error::other("the token has ended")))));
        }
        Pin::new(&mut this.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::clock::SystemRandom;

    #[test]
    fn a_token_reads_back_and_its_text_shows_in_no_debug_output() {
        let key = AccessKey::new(&SystemRandom);
        let (public, hash) = key.kept();
        let text = key.text();
        let (found, secret) = parts(&text).unwrap();
        assert!(found == public && Secret::fits(secret, &hash) && !Secret::fits(&secret[1..], &hash));
        assert!(!format!("{key:?}").contains(secret));
        for wrong in ["", "kx_", "kx_0123", "kx_0123456789ab", "xx_0123456789ab_secret"] {
            assert_eq!(parts(wrong), None, "{wrong}");
        }
    }
}
