//! An HTTP/1.1 client over TLS, close to the wire.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use axum::body::Body;
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use kenpo_express::message::keys::{Certificate, Credential};
use kenpo_express::wire::problem::{CONTENT_TYPE as PROBLEM, Code, Problem};
use kenpo_express::wire::union::{CERTIFICATE_REQUESTS, ORDER, USERS};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::soon::soon;

/// Whom to talk to, and as whom.
#[derive(Clone)]
pub(crate) struct Client {
    address: SocketAddr,
    source: Option<IpAddr>,
    tls: Arc<ClientConfig>,
    session: Option<String>,
}

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn json<T: DeserializeOwned>(&self) -> T {
        assert!(self.status.is_success(), "{self:?}");
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The code of a problem document, which must be one in every respect.
    pub(crate) fn code(&self) -> Code {
        assert_eq!(self.header(CONTENT_TYPE.as_str()), Some(PROBLEM), "{self:?}");
        let problem: Problem = serde_json::from_slice(&self.body).unwrap();
        assert_eq!(problem.status, self.status.as_u16(), "{self:?}");
        assert_eq!(problem.r#type, format!("urn:kx:problem:{}", problem.code.as_str()));
        problem.code
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

impl Client {
    /// With a client certificate, or with none.
    pub(crate) fn new(address: SocketAddr, root: &Certificate, credential: Option<&Credential>) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from(root.der().to_vec())).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_root_certificates(roots);
        let tls = match credential {
            None => builder.with_no_client_auth(),
            Some(credential) => {
                let chain = vec![CertificateDer::from(credential.certificate().der().to_vec())];
                let key = PrivateKeyDer::try_from(credential.key().to_der()).unwrap();
                builder.with_client_auth_cert(chain, key).unwrap()
            }
        };
        Self { address, source: None, tls: Arc::new(tls), session: None }
    }

    /// Asks everything within this session.
    pub(crate) fn within(self, session: Option<String>) -> Self {
        Self { session, ..self }
    }

    /// Comes from this address of the machine.
    pub(crate) fn from(self, source: IpAddr) -> Self {
        Self { source: Some(source), ..self }
    }

    /// A TLS connection and nothing on it. A client certificate is judged after the client's side is done, so that a
    /// refusal shows at the first reading only.
    pub(crate) async fn raw(&self) -> io::Result<TlsStream<TcpStream>> {
        let stream = connect_from(self.source, self.address).await?;
        let name = ServerName::IpAddress(self.address.ip().into());
        TlsConnector::from(Arc::clone(&self.tls)).connect(name, stream).await
    }

    /// A connection that requests can be sent on, one after the other.
    pub(crate) async fn connect(&self) -> io::Result<Connection> {
        let (sender, connection) = handshake(TokioIo::new(self.raw().await?)).await.map_err(io::Error::other)?;
        tokio::spawn(connection);
        Ok(Connection { sender, session: self.session.clone() })
    }

    /// One request on a connection of its own.
    pub(crate) async fn send(&self, request: Request<Body>) -> io::Result<Answer> {
        self.connect().await?.send(request).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(get(path)).await.unwrap()
    }

    /// Whether the server lets this client in at all.
    pub(crate) async fn is_let_in(&self) -> bool {
        self.send(get("/healthz")).await.is_ok_and(|answer| answer.status == StatusCode::OK)
    }
}

const ORDERS: [&str; 2] = [USERS, CERTIFICATE_REQUESTS];
static NUMBER: AtomicI64 = AtomicI64::new(1);

/// A kept-alive connection.
pub(crate) struct Connection {
    sender: SendRequest<Body>,
    session: Option<String>,
}

impl Connection {
    pub(crate) async fn send(&mut self, mut request: Request<Body>) -> io::Result<Answer> {
        if let Some(session) = &self.session {
            let value = format!("Bearer {session}").parse().unwrap();
            request.headers_mut().entry(AUTHORIZATION).or_insert(value);
        }
        if request.method() != Method::GET && ORDERS.iter().any(|path| request.uri().path().starts_with(path)) {
            // A gateway numbers its orders.
            let number = NUMBER.fetch_add(1, Ordering::SeqCst);
            request.headers_mut().entry(ORDER).or_insert(number.into());
        }
        self.sender.ready().await.map_err(io::Error::other)?;
        let response = self.sender.send_request(request).await.map_err(io::Error::other)?;
        let (parts, body) = response.into_parts();
        let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
        Ok(Answer { status: parts.status, headers: parts.headers, body })
    }

    /// Waits until the other side has closed it.
    pub(crate) async fn is_closed(&mut self) -> bool {
        soon("the other side closes the line", async || self.sender.ready().await.is_err()).await;
        true
    }
}

pub(crate) fn request(method: Method, path: &str) -> hyper::http::request::Builder {
    Request::builder().method(method).uri(path).header("host", "relay")
}

pub(crate) fn get(path: &str) -> Request<Body> {
    request(Method::GET, path).body(Body::empty()).unwrap()
}

pub(crate) fn json(method: Method, path: &str, body: &impl Serialize) -> Request<Body> {
    let text = serde_json::to_vec(body).unwrap();
    request(method, path).header(CONTENT_TYPE, "application/json").body(text.into()).unwrap()
}

/// A connection from this address of the machine, or from whichever the system takes.
pub(crate) async fn connect_from(source: Option<IpAddr>, address: SocketAddr) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    if let Some(source) = source {
        socket.bind((source, 0).into())?;
    }
    socket.connect(address).await
}

/// The body of one GET without TLS.
pub(crate) async fn plain_get(address: SocketAddr, path: &str) -> String {
    plain_get_from(Ipv4Addr::LOCALHOST.into(), address, path).await
}

/// The same from this address of the machine.
pub(crate) async fn plain_get_from(source: IpAddr, address: SocketAddr, path: &str) -> String {
    let stream = connect_from(Some(source), address).await.unwrap();
    let (sender, connection) = handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let answer = Connection { sender, session: None }.send(get(path)).await.unwrap();
    String::from_utf8(answer.body.to_vec()).unwrap()
}
