//! Everybody's certificates and keys, made where they are not there yet.

use std::fs;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::error::SandboxError;
use crate::domain::clock::Random;
use crate::domain::ids::{InsurerNumber, OfficeCode, UserId};
use crate::domain::person::OfficeName;
use crate::employer::disk::{LocalDisk, replace};
use crate::message::keys::{Certificate, Credential, PrivateKey};
use crate::pki::profile::SERVICE_VALIDITY;
use crate::pki::{Authority, KeyKind, PkiError, Profile, Request, Subject, new_key};
use crate::store::gateway::users::Contact;
use crate::stream::spool::make_folder;

/// The union of the sandbox.
pub fn union() -> InsurerNumber {
    "06999999".parse().expect("the sample number is 8 digits")
}

/// Its one office.
pub fn office() -> OfficeCode {
    "12-34".parse().expect("the sample code is digits and a hyphen")
}

/// Its name.
pub fn office_name() -> OfficeName {
    "見本事業所".parse().expect("five characters are a name")
}

/// The office's one user.
pub fn user() -> UserId {
    "hanako-1".parse().expect("the sample id is lower-case")
}

/// The user's name and mail address.
pub fn contact() -> Contact {
    Contact {
        name: "見本　花子".parse().expect("five characters are a name"),
        mail: "hanako@example.jp".parse().expect("the sample address is one"),
        device: Some("総務のパソコン".parse().expect("seven characters are a name")),
    }
}

/// What others need of the certificates.
#[derive(Debug)]
pub struct Parties {
    /// The union's CA.
    pub union_ca: Certificate,
    /// What the union's gateway comes in with.
    pub union_tls: Certificate,
    /// Who vouches for the relay.
    pub operator_ca: Certificate,
}

/// Makes what is missing below `dir`, and reads the rest.
pub fn make(dir: &Path, now: Timestamp, random: &dyn Random) -> Result<Parties, SandboxError> {
    let maker = Maker { dir, now, random };
    let operator = maker.authority("operator/ca", || Authority::create_operator("KX Sandbox Operator", now, random))?;
    let server = Profile::TlsServer { names: vec!["localhost".to_owned(), "127.0.0.1".to_owned()] };
    let relay = || Subject::Service("relay".to_owned());
    maker.pair("relay/tls/vpn", &operator, relay(), &server)?;
    maker.pair("relay/tls/employer", &operator, relay(), &server)?;
    let receipts = maker.pair("relay/receipts/receipts", &operator, relay(), &Profile::ReceiptSigning)?;

    let ca = maker.authority("gateway/union-ca", || Authority::create(&union(), "見本健康保険組合 CA", now, random))?;
    let of_union = || Subject::Union(union());
    maker.joined("gateway/union-signing.pem", &ca, of_union(), &Profile::UnionSigning)?;
    maker.joined("gateway/union-encryption.pem", &ca, of_union(), &Profile::UnionEncryption)?;
    let union_tls = maker.joined("gateway/tls.pem", &ca, of_union(), &Profile::TlsClient)?;
    maker.certificate("gateway/relay-ca.pem", operator.certificate())?;
    maker.certificate("gateway/relay-receipt.pem", &receipts)?;
    Ok(Parties { union_ca: ca.certificate().clone(), union_tls, operator_ca: operator.certificate().clone() })
}

struct Maker<'a> {
    dir: &'a Path,
    now: Timestamp,
    random: &'a dyn Random,
}

impl Maker<'_> {
    /// `STEM.pem` and `STEM.key` of an authority.
    fn authority(
        &self,
        stem: &str,
        create: impl FnOnce() -> Result<Authority, PkiError>,
    ) -> Result<Authority, SandboxError> {
        let (pem, key) = (self.path(&format!("{stem}.pem")), self.path(&format!("{stem}.key")));
        if !pem.exists() {
            let authority = create()?;
            write(&key, &authority.credential().key().to_pem())?;
            write(&pem, &authority.certificate().pem())?;
        }
        Ok(Authority::load(&read(&pem)?, &read(&key)?)?)
    }

    /// `STEM.pem` and `STEM.key`. The key is written first: where there is a certificate, there is its key.
    fn pair(
        &self,
        stem: &str,
        issuer: &Authority,
        subject: Subject,
        profile: &Profile,
    ) -> Result<Certificate, SandboxError> {
        let (pem, key) = (self.path(&format!("{stem}.pem")), self.path(&format!("{stem}.key")));
        if !pem.exists() {
            let credential = self.issue(issuer, subject, profile)?;
            write(&key, &credential.key().to_pem())?;
            write(&pem, &credential.certificate().pem())?;
        }
        read_pair(&pem, &read(&pem)?, &read(&key)?)
    }

    /// Certificate and key in one file.
    fn joined(
        &self,
        name: &str,
        issuer: &Authority,
        subject: Subject,
        profile: &Profile,
    ) -> Result<Certificate, SandboxError> {
        let path = self.path(name);
        if !path.exists() {
            let credential = self.issue(issuer, subject, profile)?;
            write(&path, &(credential.certificate().pem() + &credential.key().to_pem()))?;
        }
        let pem = read(&path)?;
        read_pair(&path, &pem, &pem)
    }

    fn certificate(&self, name: &str, certificate: &Certificate) -> Result<(), SandboxError> {
        let path = self.path(name);
        if path.exists() { Ok(()) } else { write(&path, &certificate.pem()) }
    }

    fn issue(&self, issuer: &Authority, subject: Subject, profile: &Profile) -> Result<Credential, SandboxError> {
        let key = new_key(KeyKind::P256)?;
        let request = Request::new(subject, &key)?;
        let certificate = issuer.issue(&request, profile, SERVICE_VALIDITY, self.now, self.random)?;
        Ok(Credential::new(certificate, key).map_err(PkiError::from)?)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }
}

fn read_pair(path: &Path, certificate: &[u8], key: &[u8]) -> Result<Certificate, SandboxError> {
    let pair = Certificate::from_pem(certificate)
        .and_then(|certificate| Credential::new(certificate, PrivateKey::from_pem(key)?));
    Ok(pair.map_err(|error| SandboxError::Key(path.to_owned(), error))?.certificate().clone())
}

fn read(path: &Path) -> Result<Vec<u8>, SandboxError> {
    fs::read(path).map_err(|error| SandboxError::Folder(path.to_owned(), error))
}

/// Writes a file of mode 0600, whole or not at all, making its folder where need be.
pub fn write(path: &Path, text: &str) -> Result<(), SandboxError> {
    let folder = path.parent().expect("files of the sandbox are in a folder");
    let written = make_folder(folder).and_then(|()| replace(&LocalDisk, path, text.as_bytes()));
    written.map_err(|error| SandboxError::Folder(path.to_owned(), error))
}
