//! Certificates and keys of the relay, which can be replaced while it runs: when it is told to read them again, and when the
//! files have changed.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::config::{Config, KeyPair};
use super::fault::chain;
use super::state::App;
use crate::domain::clock::Clock;
use crate::http::{Admission, Identity, IdentityError, ServerTls};
use crate::message::keys::{Certificate, Credential, KeyError, PrivateKey};
use crate::runtime::files::Files;

/// A certificate or key that cannot be used. For the operator to put right.
#[derive(Debug, thiserror::Error)]
pub enum UnusableIdentity {
    /// Of a listener.
    #[error("the certificate or key of {listener} cannot be used")]
    Listener {
        /// Which listener, as its configuration is called.
        listener: &'static str,
        /// Why.
        #[source]
        source: IdentityError,
    },
    /// Who vouches for the employers' listener.
    #[error("the certificates in employer.roots cannot be used")]
    Roots(#[source] KeyError),
    /// For receipts.
    #[error("the certificate or key for receipts cannot be used")]
    Receipts(#[source] KeyError),
    /// A file that cannot be read.
    #[error("the file {} cannot be read", .0.display())]
    File(PathBuf, #[source] io::Error),
}

/// What the relay shows of itself, and where it has that from.
#[derive(Debug)]
pub(super) struct Identities {
    app: App,
    vpn: ServerTls,
    employer: ServerTls,
    enrolment: ServerTls,
    files: Files,
}

impl Identities {
    pub(super) fn new(app: App, vpn: ServerTls, employer: ServerTls, enrolment: ServerTls) -> Self {
        let files = Files::new(paths(&app));
        Self { app, vpn, employer, enrolment, files }
    }

    /// Reads all files again. Those that can be used are used from now on; where one cannot, what was there before stays.
    pub(super) fn reload(&self) -> Result<(), UnusableIdentity> {
        // Before the files themselves: what changes in between is read once more.
        self.files.look(paths(&self.app));
        let config = &self.app.config;
        let replace = |listener, tls: &ServerTls, certificate: &Path, key: &Path| {
            let refused = |source| UnusableIdentity::Listener { listener, source };
            let identity = Identity::load(certificate, key).map_err(refused)?;
            tls.replace(identity).map_err(refused)
        };
        let vpn = replace("vpn", &self.vpn, &config.vpn.certificate, &config.vpn.key);
        let employer = replace("employer", &self.employer, &config.employer.certificate, &config.employer.key);
        let enrolment = replace("enrolment", &self.enrolment, &config.enrolment.certificate, &config.enrolment.key);
        let receipts = receipts(&config.receipts).map(|credential| self.app.receipts.store(Arc::new(credential)));
        vpn.and(employer).and(enrolment).and(receipts)
    }

    /// [`Self::reload`], if a file is not what it was when it was last read.
    pub(super) fn follow(&self) -> Result<(), &'static str> {
        if !self.files.look(paths(&self.app)) {
            return Ok(());
        }
        match self.reload() {
            Ok(()) => {
                tracing::info!(code = "identity.reloaded", "certificates and keys have changed and were read again");
                Ok(())
            }
            // Most often only one of a pair has been written yet.
            Err(error) => {
                let code = "identity.unusable";
                tracing::warn!(
                    code,
                    error = chain(&error),
                    "what was there before stays in use until the files change"
                );
                Err(code)
            }
        }
    }
}

fn paths(app: &App) -> [PathBuf; 8] {
    let config = &app.config;
    [
        &config.vpn.certificate,
        &config.vpn.key,
        &config.employer.certificate,
        &config.employer.key,
        &config.enrolment.certificate,
        &config.enrolment.key,
        &config.receipts.certificate,
        &config.receipts.key,
    ]
    .map(Clone::clone)
}

/// The TLS side of a listener; without an admission it asks nobody for a certificate.
pub(super) fn tls(
    listener: &'static str,
    (certificate, key): (&Path, &Path),
    admission: Option<Arc<dyn Admission>>,
    clock: &Arc<dyn Clock>,
) -> Result<ServerTls, UnusableIdentity> {
    let refused = |source| UnusableIdentity::Listener { listener, source };
    let identity = Identity::load(certificate, key).map_err(refused)?;
    ServerTls::new(identity, admission, Arc::clone(clock)).map_err(refused)
}

/// Who vouches for the employers' listener: the file that is configured, or the end of the listener's own chain.
pub(super) fn roots(config: &Config) -> Result<Vec<Certificate>, UnusableIdentity> {
    let own = config.employer.roots.as_os_str().is_empty();
    let path = if own { &config.employer.certificate } else { &config.employer.roots };
    let text = std::fs::read(path).map_err(|error| UnusableIdentity::File(path.clone(), error))?;
    let mut roots = Certificate::all_from_pem(&text).map_err(UnusableIdentity::Roots)?;
    if own {
        roots.drain(..roots.len().saturating_sub(1));
    }
    if roots.is_empty() { Err(UnusableIdentity::Roots(KeyError::Empty)) } else { Ok(roots) }
}

/// What receipts are signed with.
pub(super) fn receipts(files: &KeyPair) -> Result<Credential, UnusableIdentity> {
    let read = |path: &Path| std::fs::read(path).map_err(|error| UnusableIdentity::File(path.to_owned(), error));
    let certificate = Certificate::from_pem(&read(&files.certificate)?).map_err(UnusableIdentity::Receipts)?;
    let key = PrivateKey::from_pem(&read(&files.key)?).map_err(UnusableIdentity::Receipts)?;
    Credential::new(certificate, key).map_err(UnusableIdentity::Receipts)
}
