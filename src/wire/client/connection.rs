//! The connection: who we are, whom we trust, how long we wait.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use bytes::{Bytes, BytesMut};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use rustls::client::WantsClientCert;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ClientConfig, ConfigBuilder, RootCertStore};
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use super::error::{ClientError, Fault, was_never_sent};
use super::guard::{Guard, Way};
use super::proxy::Proxy;
use super::relay_url::RelayUrl;
use crate::message::keys::{Certificate, Credential};
use crate::wire::problem::{Code, Problem};

/// How long a connection is kept for the next request: shorter than any server of ours keeps it.
const POOL_IDLE: Duration = Duration::from_secs(45);
/// In so much time of waiting ...
const PACE_WINDOW: Duration = Duration::from_mins(1);
/// ... at least so many bytes must come: 1 KiB a second.
const PACE_BYTES: usize = 60 * 1024;
/// How many connections are asked to take a request that none has taken.
const BEGINNINGS: u32 = 4;
/// The largest JSON answer: a full page with receipts stays well below it.
const MAX_JSON: usize = 16 * 1024 * 1024;
/// The largest problem document that is read.
const MAX_PROBLEM: usize = 64 * 1024;

/// What a connection needs to know.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the relay is.
    pub relay: RelayUrl,
    /// Who may vouch for the relay's TLS certificate. Nobody else may: the system's roots are not used.
    pub roots: Vec<Certificate>,
    /// Our client certificate and key.
    pub credential: Credential,
    /// How long a connection may take to stand, TLS included.
    pub connect_timeout: Duration,
    /// How long the relay may be silent, in either direction, before the request is given up.
    pub idle_timeout: Duration,
    /// Our own address, when the way out is prescribed.
    pub source_address: Option<IpAddr>,
    /// The interface, when the way out is prescribed (Linux: `SO_BINDTODEVICE`).
    pub interface: Option<String>,
    /// Who is asked before each connection, when the way out is prescribed.
    pub guard: Option<Arc<dyn Guard>>,
    /// The HTTP proxy, where there is one between us and the relay.
    pub proxy: Option<Proxy>,
}

impl Settings {
    /// The usual waits (10 s to connect, 60 s of silence) and no prescribed way out.
    pub fn new(relay: RelayUrl, roots: Vec<Certificate>, credential: Credential) -> Self {
        Self {
            relay,
            roots,
            credential,
            connect_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_mins(1),
            source_address: None,
            interface: None,
            guard: None,
            proxy: None,
        }
    }
}

/// Settings that no connection can be made with: a fault of the configuration.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// Nobody could vouch for the relay.
    #[error("no certificate authority for the relay is given")]
    NoRoots,
    /// A root, our certificate or our key that TLS cannot use.
    #[error("a certificate or key cannot be used for TLS")]
    Tls(#[source] rustls::Error),
    /// The HTTP client cannot be made.
    #[error("the connection cannot be set up")]
    Client(#[source] reqwest::Error),
}

/// One relay's pool of connections. Cheap to clone; all clones go over to another line together.
#[derive(Clone)]
pub(super) struct Connection {
    line: Arc<ArcSwap<Line>>,
    session: Option<Arc<Zeroizing<String>>>,
}

/// What requests begin with now.
struct Line {
    http: reqwest::Client,
    relay: RelayUrl,
    way: Option<Way>,
    idle_timeout: Duration,
    /// Whether paths may stand in a log; those of the enrolment page hold the secret of a link.
    names_paths: bool,
}

impl Connection {
    pub(super) fn new(settings: &Settings) -> Result<Self, SettingsError> {
        let builder =
            builder(tls(settings)?).connect_timeout(settings.connect_timeout).local_address(settings.source_address);
        let builder = match &settings.interface {
            Some(interface) => bind(builder, interface),
            None => builder,
        };
        let way = settings.guard.as_ref().map(|guard| Way::new(guard, &settings.relay));
        let builder = match &way {
            Some(way) => way.guard(builder),
            None => builder,
        };
        let builder = match &settings.proxy {
            Some(proxy) => builder.proxy(proxy.to_reqwest().map_err(SettingsError::Client)?),
            None => builder,
        };
        let http = builder.build().map_err(SettingsError::Client)?;
        Ok(Self::on(Line {
            http,
            relay: settings.relay.clone(),
            way,
            idle_timeout: settings.idle_timeout,
            names_paths: true,
        }))
    }

    fn on(line: Line) -> Self {
        Self { line: Arc::new(ArcSwap::from_pointee(line)), session: None }
    }

    /// Requests that begin from now on go the way of `other`, here and in all clones; those under way end as they began.
    pub(super) fn go_over_to(&self, other: &Self) {
        self.line.store(other.line.load_full());
    }

    /// The same connections, with a session on every request.
    pub(super) fn within(&self, token: Zeroizing<String>) -> Self {
        Self { session: Some(Arc::new(token)), ..self.clone() }
    }

    /// Asks whether a connection may be made, as one would, and sends nothing to the relay. Whether the way is prescribed.
    pub(super) async fn check_way(&self) -> Result<bool, ClientError> {
        let line = self.line.load_full();
        let Some(way) = &line.way else { return Ok(false) };
        way.check().await.map(|()| true)
    }

    pub(super) fn idle_timeout(&self) -> Duration {
        self.line.load().idle_timeout
    }

    pub(super) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let line = self.line.load();
        let mut url = line.relay.as_url().clone();
        url.set_path(path);
        let request = line.http.request(method, url);
        match &self.session {
            Some(token) => request.bearer_auth(token.as_str()),
            None => request,
        }
    }

    /// Sends and waits for the head of the answer, `patience` longer than the idle timeout.
    pub(super) async fn send(&self, request: RequestBuilder, patience: Duration) -> Result<Response, ClientError> {
        let answer = tokio::time::timeout(self.idle_timeout() + patience, self.execute(request)).await;
        answer.unwrap_or_else(|_| {
            tracing::debug!(failure = ClientError::TimedOut.kind(), "no answer");
            Err(ClientError::TimedOut)
        })
    }

    /// Sends and waits for the head of the answer for as long as it takes.
    pub(super) async fn execute(&self, request: RequestBuilder) -> Result<Response, ClientError> {
        let way = self.line.load().way.clone();
        if let Some(way) = way {
            way.still_there().await?;
        }
        let (http, request) = request.build_split();
        let request = request.map_err(ClientError::from_transport)?;
        let (method, url, began_at) = (request.method().clone(), request.url().clone(), Instant::now());
        let answer = begun(&http, request).await.map_err(ClientError::from_transport);
        let path = if self.line.load().names_paths { url.path() } else { "-" };
        let seconds = began_at.elapsed().as_secs_f64();
        match &answer {
            Ok(response) => tracing::debug!(%method, path, status = response.status().as_u16(), seconds, "answered"),
            Err(error) => {
                let (failure, cause) = (error.kind(), error.cause());
                tracing::debug!(%method, path, failure, cause, seconds, "no answer");
            }
        }
        answer
    }

    /// Sends, expects one of `expected`, and turns everything else into the error that it is.
    pub(super) async fn expect(
        &self,
        request: RequestBuilder,
        patience: Duration,
        expected: &[StatusCode],
    ) -> Result<Response, ClientError> {
        let response = self.send(request, patience).await?;
        if expected.contains(&response.status()) { Ok(response) } else { Err(self.refusal(response).await) }
    }

    /// GETs or POSTs JSON.
    pub(super) async fn json<T: DeserializeOwned>(
        &self,
        request: RequestBuilder,
        patience: Duration,
    ) -> Result<T, ClientError> {
        let response = self.expect(request, patience, &[StatusCode::OK]).await?;
        self.read_json(response).await
    }

    /// Reads the JSON of an answer.
    pub(super) async fn read_json<T: DeserializeOwned>(&self, response: Response) -> Result<T, ClientError> {
        let body = self.body(response, MAX_JSON).await?;
        serde_json::from_slice(&body).map_err(|_| Fault::Json.into())
    }

    /// For requests that are answered by 204 and nothing more.
    pub(super) async fn no_content(&self, request: RequestBuilder) -> Result<(), ClientError> {
        self.expect(request, Duration::ZERO, &[StatusCode::NO_CONTENT]).await.map(drop)
    }

    /// The error that an unexpected answer is.
    pub(super) async fn refusal(&self, response: Response) -> ClientError {
        let status = response.status();
        let explained = match self.body(response, MAX_PROBLEM).await {
            Ok(body) => serde_json::from_slice::<Problem>(&body).ok(),
            Err(ClientError::Protocol(_)) => None,
            Err(error) => return error,
        };
        match explained {
            Some(problem) if !status.is_success() => {
                tracing::debug!(status = status.as_u16(), code = problem.code.as_str(), "refused");
                ClientError::Refused(Problem { status: status.as_u16(), ..problem })
            }
            // Proxies and load balancers say these without our words.
            _ => match status {
                StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT => {
                    ClientError::Refused(Problem::new(Code::Unavailable))
                }
                StatusCode::TOO_MANY_REQUESTS => ClientError::Refused(Problem::new(Code::TooManyRequests)),
                StatusCode::REQUEST_TIMEOUT => ClientError::Refused(Problem::new(Code::RequestTimeout)),
                _ => Fault::Status(status.as_u16()).into(),
            },
        }
    }

    /// A whole body of at most so many bytes.
    pub(super) async fn body(&self, mut response: Response, limit: usize) -> Result<Bytes, ClientError> {
        let (mut body, mut pace, idle_timeout) = (BytesMut::new(), Pace::default(), self.idle_timeout());
        while let Some(chunk) = pace.next_chunk(&mut response, idle_timeout).await? {
            if body.len() + chunk.len() > limit {
                return Err(Fault::TooLarge.into());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body.freeze())
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Connection({})", self.line.load().relay)
    }
}

/// How fast a body comes in. Only the time that we wait for the relay counts, not what we do between.
#[derive(Debug, Default)]
pub(super) struct Pace {
    waited: Duration,
    bytes: usize,
}

impl Pace {
    /// The next bytes of a body, unless the relay falls silent or only drips.
    pub(super) async fn next_chunk(
        &mut self,
        response: &mut Response,
        idle_timeout: Duration,
    ) -> Result<Option<Bytes>, ClientError> {
        let began_at = Instant::now();
        let chunk = tokio::time::timeout(idle_timeout, response.chunk()).await;
        let chunk = chunk.map_err(|_| ClientError::TimedOut)?.map_err(ClientError::from_transport)?;
        self.note(began_at.elapsed(), chunk.as_ref().map_or(0, Bytes::len))?;
        Ok(chunk)
    }

    /// A relay that sends a byte now and then must not hold us for ever.
    fn note(&mut self, waited: Duration, bytes: usize) -> Result<(), ClientError> {
        self.waited += waited;
        self.bytes += bytes;
        if self.waited < PACE_WINDOW {
            return Ok(());
        }
        let enough = self.bytes >= PACE_BYTES;
        *self = Self::default();
        if enough { Ok(()) } else { Err(ClientError::TimedOut) }
    }
}

fn tls(settings: &Settings) -> Result<ClientConfig, SettingsError> {
    let chain = vec![CertificateDer::from(settings.credential.certificate().der().to_vec())];
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(settings.credential.key().to_der()));
    trusting(&settings.roots)?.with_client_auth_cert(chain, key).map_err(SettingsError::Tls)
}

pub(super) fn trusting(
    authorities: &[Certificate],
) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, SettingsError> {
    if authorities.is_empty() {
        return Err(SettingsError::NoRoots);
    }
    let mut roots = RootCertStore::empty();
    for root in authorities {
        roots.add(CertificateDer::from(root.der().to_vec())).map_err(SettingsError::Tls)?;
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(SettingsError::Tls)?;
    Ok(builder.with_root_certificates(roots))
}

/// A connection of somebody without a certificate, such as a browser has.
pub(super) fn anonymous(relay: RelayUrl, roots: &[Certificate]) -> Result<Connection, SettingsError> {
    let idle_timeout = Duration::from_mins(1);
    let builder = builder(trusting(roots)?.with_no_client_auth());
    let http = builder.build().map_err(SettingsError::Client)?;
    Ok(Connection::on(Line { http, relay, way: None, idle_timeout, names_paths: false }))
}

/// Sends a request. In TLS 1.3 a relay refuses our certificate after our part of the handshake is done: when the refusal comes
/// before the request goes out, all that is known of it is a connection that takes nothing. Nothing was sent then, and a new
/// connection tells why.
async fn begun(http: &reqwest::Client, mut request: reqwest::Request) -> Result<Response, reqwest::Error> {
    for _ in 1..BEGINNINGS {
        let Some(again) = request.try_clone() else { break };
        match http.execute(request).await {
            Err(error) if was_never_sent(&error) => request = again,
            answer => return answer,
        }
    }
    http.execute(request).await
}

pub(super) fn builder(tls: ClientConfig) -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .http1_only()
        .https_only(true)
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .no_proxy()
        .retry(reqwest::retry::never())
        .pool_idle_timeout(POOL_IDLE)
        .user_agent(concat!("kenpo-express/", env!("CARGO_PKG_VERSION")))
}

#[cfg(any(target_os = "linux", target_os = "macos"))]
fn bind(builder: reqwest::ClientBuilder, interface: &str) -> reqwest::ClientBuilder {
    builder.interface(interface)
}

/// Where sockets cannot be bound to an interface, the source address has to do.
#[cfg(not(any(target_os = "linux", target_os = "macos")))]
fn bind(builder: reqwest::ClientBuilder, _interface: &str) -> reqwest::ClientBuilder {
    builder
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dripping_is_not_sending() {
        let second = Duration::from_secs(1);
        let minutes = |bytes| (0..180).try_fold(Pace::default(), |mut pace, _| pace.note(second, bytes).map(|()| pace));
        assert!(minutes(1024).is_ok());
        assert!(matches!(minutes(1000), Err(ClientError::TimedOut)));
    }
}
