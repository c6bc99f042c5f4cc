//! Accepts connections and serves a router on them.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::header;
use axum::response::Response;
use http_body_util::BodyExt;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::pki_types::CertificateDer;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tower::Service;

use super::guard::{Guard, Phase, Traffic};
use super::places::Places;
use super::rest::Rest;
use super::{Limits, Metrics, Peer, Peers, ServerTls};
use crate::message::keys::Certificate;
use crate::runtime::lifecycle::Shutdown;
use crate::runtime::metrics::IntGauge;

/// How long a peer that is sent away may take to read the last answer.
const FAREWELL: Duration = Duration::from_secs(2);

/// What a connection may be refused for.
const LIMITS: [&str; 3] = ["connections", "connections-per-address", "connections-per-certificate"];

/// A listener with everything that stands before the handlers.
#[derive(Debug, Clone)]
pub struct Edge {
    /// Its name in metrics and logs.
    pub name: &'static str,
    /// TLS, or none on loopback.
    pub tls: Option<ServerTls>,
    /// What one end may ask of us.
    pub limits: Limits,
    /// Where it counts.
    pub metrics: Metrics,
    /// Who is connected.
    pub peers: Peers,
}

impl Edge {
    /// Serves until the soft stop, then lets the running requests finish. Each connection is a task of `shutdown`.
    pub fn start(self, listener: TcpListener, router: Router, shutdown: &Shutdown) {
        for limit in LIMITS {
            self.metrics.connections_refused_total.with_label_values(&[self.name, limit]);
        }
        let (edge, stop) = (Arc::new(self), shutdown.clone());
        shutdown.spawn(async move { edge.accept(listener, router, stop).await });
    }

    async fn accept(self: Arc<Self>, listener: TcpListener, router: Router, shutdown: Shutdown) {
        let places = Arc::new(Places::default());
        loop {
            let accepted = tokio::select! {
                () = shutdown.soft().cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            let (stream, address) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Most often no file descriptors are left: they come back when others go.
                    tracing::warn!(code = "http.accept-failed", listener = self.name, %error, "no connection accepted");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            };
            match Places::take(&places, address.ip(), &self.limits) {
                Ok(place) => {
                    let (edge, router, soft) = (Arc::clone(&self), router.clone(), shutdown.soft().clone());
                    shutdown.spawn(async move {
                        edge.connection(stream, address, router, soft).await;
                        drop(place);
                    });
                }
                Err(limit) => self.no_place(limit),
            }
        }
    }

    async fn connection(&self, stream: TcpStream, address: SocketAddr, router: Router, soft: CancellationToken) {
        // Fails only on a socket that is gone already; the next read finds that out.
        let _ = stream.set_nodelay(true);
        let _open = Open::new(self.metrics.connections.with_label_values(&[self.name]));
        match &self.tls {
            None => self.serve(stream, address, Vec::new(), router, soft).await,
            Some(tls) => match timeout(self.limits.handshake(), tls.acceptor().accept(stream)).await {
                Ok(Ok(stream)) => {
                    let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
                    let chain = chain.iter().map(|certificate| certificate.clone().into_owned()).collect();
                    self.serve(stream, address, chain, router, soft).await;
                }
                Ok(Err(error)) => self.refused(reason(&error)),
                Err(_) => self.refused("timeout"),
            },
        }
    }

    fn no_place(&self, limit: &'static str) {
        self.metrics.connections_refused_total.with_label_values(&[self.name, limit]).inc();
    }

    fn refused(&self, reason: &'static str) {
        self.metrics.handshakes_refused_total.with_label_values(&[self.name, reason]).inc();
        tracing::debug!(code = "http.handshake-refused", listener = self.name, reason, "handshake refused");
    }

    async fn serve<S>(
        &self,
        stream: S,
        address: SocketAddr,
        chain: Vec<CertificateDer<'static>>,
        router: Router,
        soft: CancellationToken,
    ) where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let own = chain.first().and_then(|own| Certificate::from_der(own).ok());
        let certificate = own.map(|certificate| certificate.fingerprint());
        let peer = Peer { address, certificate, ended: CancellationToken::new() };
        let Some(_presence) = self.peers.enter(peer.clone(), self.limits.connections_per_certificate) else {
            return self.no_place("connections-per-certificate");
        };
        // Who lost the right to be here while the handshake went on was in no list to be sent away from.
        if let Some(Err(error)) = self.tls.as_ref().map(|tls| tls.judge_again(&chain)) {
            return self.refused(tls_reason(&error));
        }
        let ended = peer.ended.clone();
        let phase = Phase::default();
        let traffic = Traffic {
            received: self.metrics.received_bytes_total.with_label_values(&[self.name]),
            sent: self.metrics.sent_bytes_total.with_label_values(&[self.name]),
            late_headers: self.metrics.cut_off_total.with_label_values(&[self.name, "late-header"]),
            not_taken: self.metrics.cut_off_total.with_label_values(&[self.name, "not-taken"]),
            taken_slowly: self.metrics.cut_off_total.with_label_values(&[self.name, "taken-slowly"]),
        };
        let guard = Guard::new(stream, phase.clone(), traffic, &self.limits);
        let service = hyper::service::service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
            let answering = phase.begin();
            // Whoever asks before sending is answered before sending.
            let asks_first = request.headers().contains_key(header::EXPECT);
            let rest = Rest::default();
            let mut request: Request = request.map(|body| if asks_first { Body::new(body) } else { rest.lend(body) });
            request.extensions_mut().insert(peer.clone());
            let answer = router.clone().call(request);
            async move {
                let Ok(response) = answer.await;
                rest.read().await;
                Ok::<Response, Infallible>(response.map(|body| {
                    Body::new(body.map_frame(move |frame| {
                        // The request counts as under way until its answer's body is dropped.
                        let _ = &answering;
                        frame
                    }))
                }))
            }
        });
        let connection = self.protocol().serve_connection(TokioIo::new(guard), service);
        tokio::pin!(connection);
        tokio::select! {
            _ = connection.as_mut() => return,
            () = soft.cancelled() => connection.as_mut().graceful_shutdown(),
            () = ended.cancelled() => connection.as_mut().graceful_shutdown(),
        }
        // How a connection ends is the other side's business: there is nobody left to tell.
        tokio::select! {
            _ = connection.as_mut() => (),
            () = async { ended.cancelled().await; tokio::time::sleep(FAREWELL).await } => (),
        }
    }

    fn protocol(&self) -> http1::Builder {
        let mut builder = http1::Builder::new();
        builder
            .timer(TokioTimer::new())
            .header_read_timeout(self.limits.idle())
            .max_header_size(self.limits.header_bytes);
        builder
    }
}

/// Counts a connection as long as it lives, however it ends.
struct Open(IntGauge);

impl Open {
    fn new(gauge: IntGauge) -> Self {
        gauge.inc();
        Self(gauge)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// A label out of a fixed set.
fn reason(error: &std::io::Error) -> &'static str {
    error.get_ref().and_then(|inner| inner.downcast_ref()).map_or("broken", tls_reason)
}

fn tls_reason(error: &rustls::Error) -> &'static str {
    use rustls::CertificateError as Certificate;
    match error {
        rustls::Error::NoCertificatesPresented => "no-certificate",
        rustls::Error::InvalidCertificate(error) => match error {
            Certificate::ApplicationVerificationFailure => "unknown",
            Certificate::Revoked => "disabled",
            Certificate::Expired | Certificate::ExpiredContext { .. } => "expired",
            Certificate::NotValidYet | Certificate::NotValidYetContext { .. } => "not-yet-valid",
            _ => "untrusted",
        },
        rustls::Error::AlertReceived(_) => "peer-alert",
        _ => "protocol",
    }
}
