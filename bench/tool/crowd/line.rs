//! One end's connection to a server: TLS 1.3 with a client certificate, HTTP/1.1 kept alive. Closer to the wire than the
//! program's own client, which would keep a pool for each of the thousands.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use axum::body::Body;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use kenpo_express::domain::ids::MessageId;
use kenpo_express::message::keys::{Certificate, Credential};
use kenpo_express::wire::tus::{OFFSET_CONTENT_TYPE, TUS_RESUMABLE, UPLOAD_LENGTH, UPLOAD_METADATA, VERSION};
use kenpo_express::wire::union::ORDER;
use rustls::client::Resumption;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde::Serialize;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::Result;

/// Whom to talk to, and as whom.
#[derive(Clone)]
pub(super) struct Caller {
    address: SocketAddr,
    tls: Arc<ClientConfig>,
    session: Option<String>,
}

/// A connection that stands.
pub(super) struct Line {
    sender: SendRequest<Body>,
    session: Option<String>,
}

impl Caller {
    /// Every handshake is a full one: none is spared by a ticket of the one before.
    pub(super) fn new(address: SocketAddr, roots: &[Certificate], credential: &Credential) -> Result<Self> {
        let mut store = RootCertStore::empty();
        for root in roots {
            store.add(CertificateDer::from(root.der().to_vec()))?;
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let chain = vec![CertificateDer::from(credential.certificate().der().to_vec())];
        let key = PrivateKeyDer::try_from(credential.key().to_der())?;
        let mut tls = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_root_certificates(store)
            .with_client_auth_cert(chain, key)?;
        tls.resumption = Resumption::disabled();
        Ok(Self { address, tls: Arc::new(tls), session: None })
    }

    /// Asks everything within this session.
    pub(super) fn within(self, token: String) -> Self {
        Self { session: Some(token), ..self }
    }

    /// A connection with nothing on it.
    pub(super) async fn stream(&self) -> Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        let name = ServerName::IpAddress(self.address.ip().into());
        Ok(TlsConnector::from(Arc::clone(&self.tls)).connect(name, stream).await?)
    }

    pub(super) async fn connect(&self) -> Result<Line> {
        let (sender, connection) = handshake(TokioIo::new(self.stream().await?)).await?;
        tokio::spawn(connection);
        Ok(Line { sender, session: self.session.clone() })
    }
}

impl Line {
    pub(super) async fn get(&mut self, path: &str) -> Result<Bytes> {
        self.ask(Request::get(path).body(Body::empty())?).await
    }

    pub(super) async fn send(&mut self, method: Method, path: &str, body: &impl Serialize) -> Result<Bytes> {
        static ORDERS: AtomicI64 = AtomicI64::new(1);
        let number = ORDERS.fetch_add(1, Ordering::Relaxed);
        let request = Request::builder().method(method).uri(path).header(CONTENT_TYPE, "application/json");
        self.ask(request.header(ORDER, number).body(Body::from(serde_json::to_vec(body)?))?).await
    }

    /// Deposits a parcel in one request.
    pub(super) async fn upload(&mut self, path: &str, id: MessageId, parcel: Bytes) -> Result<()> {
        let metadata = format!("message_id {}", STANDARD.encode(id.to_string()));
        let request = Request::post(path)
            .header(TUS_RESUMABLE, VERSION)
            .header(UPLOAD_LENGTH, parcel.len())
            .header(UPLOAD_METADATA, metadata)
            .header(CONTENT_TYPE, OFFSET_CONTENT_TYPE);
        self.ask(request.body(Body::from(parcel))?).await.map(drop)
    }

    /// Whatever the answer is.
    pub(super) async fn status(&mut self, path: &str) -> Result<StatusCode> {
        let request = Request::get(path).header(HOST, "relay").body(Body::empty())?;
        Ok(self.sender.send_request(request).await?.status())
    }

    async fn ask(&mut self, mut request: Request<Body>) -> Result<Bytes> {
        request.headers_mut().insert(HOST, "relay".parse()?);
        if let Some(token) = &self.session {
            request.headers_mut().insert(AUTHORIZATION, format!("Bearer {token}").parse()?);
        }
        let what = format!("{} {}", request.method(), request.uri().path());
        self.sender.ready().await?;
        let answer = self.sender.send_request(request).await?;
        let status = answer.status();
        let body = answer.into_body().collect().await?.to_bytes();
        if !status.is_success() {
            return Err(format!("{what}: {status}: {}", String::from_utf8_lossy(&body)).into());
        }
        Ok(body)
    }
}

/// The authorities in a file of PEM certificates.
pub(super) fn roots(file: &Path) -> Result<Vec<Certificate>> {
    Ok(Certificate::all_from_pem(&std::fs::read(file)?)?)
}
