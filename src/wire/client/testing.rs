//! A relay that says whatever a test wants, byte for byte, over real mutual TLS.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::{RelayUrl, Settings};
use crate::domain::clock::{Clock, Random};
use crate::message::keys::{Certificate, Credential};
use crate::pki::profile::SERVICE_VALIDITY;
use crate::pki::{self, Authority, KeyKind, Profile, Subject, new_key};
use crate::runtime::clock::{SystemClock, SystemRandom};

/// What came in.
#[derive(Debug, Clone)]
pub(super) struct Request {
    /// Request line and headers, in lower case.
    pub(super) head: String,
    /// The body, as far as it was read.
    pub(super) body: Vec<u8>,
}

impl Request {
    /// Whether it begins so: method and path.
    pub(super) fn is(&self, method_and_path: &str) -> bool {
        self.head.starts_with(&method_and_path.to_lowercase())
    }

    /// The value of a header.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

/// What the relay does with a request.
pub(super) enum Act {
    /// Reads the whole body and answers these bytes.
    Answer(Vec<u8>),
    /// Reads so much of the body and cuts the line.
    CutAfter(usize),
    /// Answers these bytes and cuts the line.
    AnswerAndCut(Vec<u8>),
    /// Says nothing any more.
    Silence,
}

/// An answer with an honest length.
pub(super) fn answer(status: &str, headers: &str, body: &[u8]) -> Act {
    let mut bytes = format!("HTTP/1.1 {status}\r\n{headers}content-length: {}\r\n\r\n", body.len()).into_bytes();
    bytes.extend_from_slice(body);
    Act::Answer(bytes)
}

/// A JSON answer.
pub(super) fn json(body: &str) -> Act {
    answer("200 OK", "content-type: application/json\r\n", body.as_bytes())
}

/// The relay, and what it was asked.
pub(super) struct Liar {
    pub(super) settings: Settings,
    pub(super) requests: Arc<Mutex<Vec<Request>>>,
}

impl Liar {
    /// Starts one that acts as `script` says, which sees the head of each request.
    pub(super) async fn start(script: impl Fn(&Request) -> Act + Send + Sync + 'static) -> Self {
        Self::start_at([SystemClock.now(); 2], script).await
    }

    /// The same with certificates that were made at these times: the relay's, and ours.
    pub(super) async fn start_at(
        made_at: [Timestamp; 2],
        script: impl Fn(&Request) -> Act + Send + Sync + 'static,
    ) -> Self {
        let (server, roots, credential) = identities(made_at);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let relay: RelayUrl = format!("https://localhost:{}", listener.local_addr().unwrap().port()).parse().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (seen, script) = (Arc::clone(&requests), Arc::new(script));
        tokio::spawn(async move {
            loop {
                let (tcp, _) = listener.accept().await.unwrap();
                let (server, seen, script) = (server.clone(), Arc::clone(&seen), Arc::clone(&script));
                tokio::spawn(async move { serve(tcp, server, &*script, &seen).await });
            }
        });
        let mut settings = Settings::new(relay, roots, credential);
        settings.idle_timeout = Duration::from_millis(400);
        Self { settings, requests }
    }

    /// How many requests began so.
    pub(super) fn count(&self, method_and_path: &str) -> usize {
        self.requests.lock().unwrap().iter().filter(|request| request.is(method_and_path)).count()
    }
}

/// `None` when the line broke.
async fn serve(
    tcp: TcpStream,
    acceptor: TlsAcceptor,
    script: &(impl Fn(&Request) -> Act + Send + Sync),
    seen: &Mutex<Vec<Request>>,
) -> Option<()> {
    let mut tls = acceptor.accept(tcp).await.ok()?;
    loop {
        let mut request = Request { head: read_head(&mut tls).await?, body: Vec::new() };
        let length = request.header("content-length").map_or(0, |value| value.parse().unwrap());
        let act = script(&request);
        let wanted = if let Act::CutAfter(bytes) = act { bytes } else { length };
        request.body.resize(wanted, 0);
        tls.read_exact(&mut request.body).await.ok()?;
        seen.lock().unwrap().push(request);
        match act {
            Act::Answer(bytes) => tls.write_all(&bytes).await.ok()?,
            Act::AnswerAndCut(bytes) => {
                tls.write_all(&bytes).await.ok()?;
                return tls.flush().await.ok();
            }
            Act::CutAfter(_) => return None,
            Act::Silence => std::future::pending().await,
        }
    }
}

async fn read_head(tls: &mut TlsStream<TcpStream>) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(tls.read_u8().await.ok()?);
    }
    Some(String::from_utf8(head).unwrap().to_lowercase())
}

fn identities([theirs, ours]: [Timestamp; 2]) -> (TlsAcceptor, Vec<Certificate>, Credential) {
    let number = "06123456".parse().unwrap();
    let operator = Authority::create_operator("Liar", theirs, &SystemRandom).unwrap();
    let union = Authority::create(&number, "Union", ours, &SystemRandom).unwrap();
    let issue = |ca: &Authority, subject, profile, at| {
        let key = new_key(KeyKind::P256).unwrap();
        let request = pki::Request::new(subject, &key).unwrap();
        Credential::new(ca.issue(&request, &profile, SERVICE_VALIDITY, at, &SystemRandom).unwrap(), key).unwrap()
    };
    let names = vec!["localhost".to_owned()];
    let server = issue(&operator, Subject::Service("liar".to_owned()), Profile::TlsServer { names }, theirs);
    let client = issue(&union, Subject::Union(number), Profile::TlsClient, ours);

    let mut roots = RootCertStore::empty();
    roots.add(union.certificate().der().to_vec().into()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build().unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(server.key().to_der()));
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(clients)
        .with_single_cert(vec![server.certificate().der().to_vec().into()], key)
        .unwrap();
    (TlsAcceptor::from(Arc::new(config)), vec![operator.certificate().clone()], client)
}

/// Not random at all.
#[derive(Debug)]
pub(super) struct NotRandom;

impl Random for NotRandom {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(7);
    }
}

/// Some id.
pub(super) fn some_id() -> crate::domain::ids::MessageId {
    crate::domain::ids::MessageId::new(Timestamp::UNIX_EPOCH, &NotRandom)
}
