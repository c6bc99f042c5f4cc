//! What people are told when it does not work.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use kenpo_express::domain::address::Address;
use kenpo_express::domain::file_name::RefusedFileName;
use kenpo_express::message::error::{OpenError, SealError};
use kenpo_express::message::keys::KeyError;
use kenpo_express::message::signed::SignatureError;
use kenpo_express::pki::trust::Untrusted;

#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The arguments do not fit together.
    #[error("{0}\nSee kx-message --help.")]
    Usage(&'static str),
    #[error("{path}: {1}", path = shown(.0))]
    File(PathBuf, #[source] io::Error),
    #[error("{path}: {1}. Keys and certificates must be PEM or PKCS#12 files.", path = shown(.0))]
    Key(PathBuf, #[source] KeyError),
    #[error("{}: cannot be read as PKCS#12 with this passphrase. Give the right one with --passphrase-file.", shown(.0))]
    Bundle(PathBuf),
    #[error("not sealed: {0}{reason}", reason = cause(.0))]
    Seal(#[source] SealError),
    #[error("refused{code}: {0}{reason}", code = code(.0), reason = cause(.0))]
    Open(#[source] OpenError),
    #[error("refused (filename.refused): {0}")]
    FileName(#[source] RefusedFileName),
    #[error("refused (binding.sender): the message says that it is from {from}, but {owner} signed it")]
    Sender { from: Address, owner: Address },
    #[error(
        "refused (binding.sender): the signer's certificate does not say whose it is. If you know whose, name it with \
         --signer."
    )]
    Ownerless,
    #[error("refused (certificate.not-registered): the signer's certificate is not for signing messages")]
    NotForSigning,
    #[error(
        "refused (certificate.untrusted): the given authority issued the signer's certificate, but the two are not as \
         RFC 5280 demands: version 3, basic constraints and key usage in the authority's, key identifiers in both"
    )]
    Incomplete,
    #[error("refused (signature.invalid): the message carries no certificate of its signer. Name it with --signer.")]
    NoCertificate,
    #[error("refused ({code}): {0}", code = .0.reason())]
    Signature(#[from] SignatureError),
    #[error("refused ({code}): {0}", code = .0.reason())]
    Untrusted(#[source] Untrusted),
}

impl Failure {
    pub(crate) fn file(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |error| Self::File(path, error)
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(if matches!(self, Self::Usage(_)) { 2 } else { 1 })
    }
}

fn shown(path: &Path) -> String {
    if path == Path::new("-") { "standard input or output".to_owned() } else { path.display().to_string() }
}

fn code(error: &OpenError) -> String {
    error.reason().map(|reason| format!(" ({reason})")).unwrap_or_default()
}

fn cause(error: &dyn std::error::Error) -> String {
    error.source().map(|source| format!(": {source}")).unwrap_or_default()
}
