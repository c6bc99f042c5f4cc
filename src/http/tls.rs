//! TLS 1.3 for servers, with client certificates that somebody else judges.

use std::fmt::Debug;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::time_provider::TimeProvider;
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, RootCertStore, ServerConfig, SignatureScheme,
};

use crate::domain::clock::Clock;
use crate::message::keys::Certificate;

/// Why a client certificate is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Registered nowhere.
    #[error("the client certificate is not registered")]
    Unknown,
    /// Registered for somebody who is disabled.
    #[error("the owner of the client certificate is disabled")]
    Disabled,
    /// Past its validity.
    #[error("the client certificate has expired")]
    Expired,
    /// Before its validity.
    #[error("the client certificate is not valid yet")]
    NotYetValid,
    /// No path to an authority that counts for its owner.
    #[error("the client certificate has no path to a trusted authority")]
    Untrusted,
}

impl From<Refusal> for rustls::Error {
    fn from(refusal: Refusal) -> Self {
        Self::InvalidCertificate(match refusal {
            Refusal::Unknown => CertificateError::ApplicationVerificationFailure,
            Refusal::Disabled => CertificateError::Revoked,
            Refusal::Expired => CertificateError::Expired,
            Refusal::NotYetValid => CertificateError::NotValidYet,
            Refusal::Untrusted => CertificateError::UnknownIssuer,
        })
    }
}

/// Decides during the handshake who comes in. Asked again when the connection is on the list of [`super::Peers`]: what changes
/// later is the caller's to watch, by that list.
pub trait Admission: Debug + Send + Sync + 'static {
    /// Judges a certificate, and says what it must lead to.
    fn admit(&self, certificate: &Certificate, now: Timestamp) -> Result<Path, Refusal>;
}

/// What the path from a client certificate must lead to.
#[derive(Debug, Clone)]
pub enum Path {
    /// Nothing: the certificate itself is registered.
    None,
    /// One of these authorities.
    To(Authorities),
}

/// Authorities, ready for paths to be built to them and to nobody else. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Authorities(Arc<dyn ClientCertVerifier>);

impl Authorities {
    /// Fails when there are none, or one that is no authority.
    pub fn new(certificates: &[Certificate]) -> Result<Self, IdentityError> {
        let mut roots = RootCertStore::empty();
        for certificate in certificates {
            roots.add(CertificateDer::from(certificate.der().to_vec())).map_err(|_| IdentityError::Authority)?;
        }
        let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider());
        builder.build().map(Self).map_err(|_| IdentityError::Authority)
    }
}

/// What is wrong with the certificate or key of a server.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// A file that cannot be read or is no PEM of the kind.
    #[error("{} cannot be read as PEM", .0.display())]
    File(PathBuf, #[source] rustls::pki_types::pem::Error),
    /// A PEM text that is none.
    #[error("not PEM of the expected kind")]
    Text(#[from] rustls::pki_types::pem::Error),
    /// No certificate in the file.
    #[error("there is no certificate in it")]
    Empty,
    /// Certificate and key do not fit, or are of a kind that TLS cannot use.
    #[error("certificate and key cannot be used together")]
    Pair(#[from] rustls::Error),
    /// No verifier can be made from these authorities.
    #[error("a certificate of an authority cannot be used")]
    Authority,
}

/// The certificate chain and the key of a server.
#[derive(Debug)]
pub struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl Identity {
    /// From PEM files: the chain with the server's own certificate first, and its key.
    pub fn load(chain: &FilePath, key: &FilePath) -> Result<Self, IdentityError> {
        let read = |error| IdentityError::File(chain.to_owned(), error);
        let certificates =
            CertificateDer::pem_file_iter(chain).map_err(read)?.collect::<Result<_, _>>().map_err(read)?;
        let key = PrivateKeyDer::from_pem_file(key).map_err(|error| IdentityError::File(key.to_owned(), error))?;
        Self::new(certificates, key)
    }

    /// From PEM texts.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, IdentityError> {
        Self::new(CertificateDer::pem_slice_iter(chain).collect::<Result<_, _>>()?, PrivateKeyDer::from_pem_slice(key)?)
    }

    fn new(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Result<Self, IdentityError> {
        if chain.is_empty() { Err(IdentityError::Empty) } else { Ok(Self { chain, key }) }
    }
}

/// The TLS side of a listener. Cheap to clone; the identity can be replaced while it runs.
#[derive(Debug, Clone)]
pub struct ServerTls {
    current: Arc<ArcSwap<ServerConfig>>,
    admission: Option<Arc<dyn Admission>>,
    clock: Arc<dyn Clock>,
}

impl ServerTls {
    /// TLS 1.3 with this identity. With an admission every client must show a certificate; without one nobody is asked.
    /// Sessions are never resumed, so that every connection is judged anew.
    pub fn new(
        identity: Identity,
        admission: Option<Arc<dyn Admission>>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, IdentityError> {
        let config = config(identity, admission.as_ref(), &clock)?;
        Ok(Self { current: Arc::new(ArcSwap::from_pointee(config)), admission, clock })
    }

    /// Uses another identity for the connections that come from now on.
    pub fn replace(&self, identity: Identity) -> Result<(), IdentityError> {
        self.current.store(Arc::new(config(identity, self.admission.as_ref(), &self.clock)?));
        Ok(())
    }

    /// Judges a client's chain once more, as the handshake did.
    pub(super) fn judge_again(&self, chain: &[CertificateDer<'_>]) -> Result<(), rustls::Error> {
        let Some(admission) = &self.admission else { return Ok(()) };
        let (own, between) = chain.split_first().ok_or(rustls::Error::NoCertificatesPresented)?;
        let now = Time(Arc::clone(&self.clock)).current_time().ok_or(rustls::Error::FailedToGetCurrentTime)?;
        judge(admission.as_ref(), own, between, now).map(drop)
    }

    pub(super) fn acceptor(&self) -> tokio_rustls::TlsAcceptor {
        self.current.load_full().into()
    }
}

fn config(
    identity: Identity,
    admission: Option<&Arc<dyn Admission>>,
    clock: &Arc<dyn Clock>,
) -> Result<ServerConfig, IdentityError> {
    let provider = provider();
    let builder = ServerConfig::builder_with_details(Arc::clone(&provider), Arc::new(Time(Arc::clone(clock))))
        .with_protocol_versions(&[&rustls::version::TLS13])?;
    let builder = match admission {
        None => builder.with_no_client_auth(),
        Some(admission) => {
            builder.with_client_cert_verifier(Arc::new(Verifier { admission: Arc::clone(admission), provider }))
        }
    };
    let mut config = builder.with_single_cert(identity.chain, identity.key)?;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

/// Our clock as rustls wants it.
#[derive(Debug)]
struct Time(Arc<dyn Clock>);

impl TimeProvider for Time {
    fn current_time(&self) -> Option<UnixTime> {
        let seconds = u64::try_from(self.0.now().as_second()).ok()?;
        Some(UnixTime::since_unix_epoch(Duration::from_secs(seconds)))
    }
}

fn judge(
    admission: &dyn Admission,
    end_entity: &CertificateDer<'_>,
    intermediates: &[CertificateDer<'_>],
    now: UnixTime,
) -> Result<ClientCertVerified, rustls::Error> {
    let certificate = Certificate::from_der(end_entity).map_err(|_| Refusal::Unknown)?;
    let seconds = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    let moment = Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX);
    match admission.admit(&certificate, moment)? {
        Path::None => Ok(ClientCertVerified::assertion()),
        Path::To(authorities) => {
            authorities.0.verify_client_cert(end_entity, intermediates, now).map_err(|_| Refusal::Untrusted.into())
        }
    }
}

/// The possession of the key is proved by rustls; who may come in, the admission says.
#[derive(Debug)]
struct Verifier {
    admission: Arc<dyn Admission>,
    provider: Arc<CryptoProvider>,
}

impl ClientCertVerifier for Verifier {
    /// None: naming the authorities would tell a stranger which unions there are.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        judge(self.admission.as_ref(), end_entity, intermediates, now)
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::General("TLS 1.2 is not spoken here".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
