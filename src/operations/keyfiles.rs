//! Keys and certificates in files, made where they are not there yet. A key is never written over: whoever is interrupted goes
//! on with the key that is there.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::owner::Owner;
use crate::domain::clock::Random;
use crate::domain::ids::InsurerNumber;
use crate::message::keys::{Certificate, Credential, KeyError, PrivateKey};
use crate::pki::profile::SERVICE_VALIDITY;
use crate::pki::{Authority, KeyKind, PkiError, Profile, Request, Subject, new_key};

/// Why a key or certificate is not there.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// Environment: a file.
    #[error("{}", .0.display())]
    File(PathBuf, #[source] io::Error),
    /// Configuration: what is in a file, or does not belong to the file beside it.
    #[error("{}", .0.display())]
    Content(PathBuf, #[source] KeyError),
    /// Us or input: it cannot be issued.
    #[error("電子証明書を発行できません (a certificate cannot be issued)")]
    Pki(#[from] PkiError),
    /// Environment: somebody else has put it there, or can change it.
    #[error(
        "{} は別のアカウントのものか、別のアカウントが書き換えられます。中身を確かめ、所有者と権限を直すか、取り除いてから実行してください ({} belongs to \
         another account, or another account can change it: look who has put it there, correct owner and mode, or remove it)",
        .0.display(),
        .0.display()
    )]
    Foreign(PathBuf),
    /// Configuration: the key of the authority has been taken away.
    #[error("認証局の鍵がないため、発行できません: {} (the key of the authority is not here: nothing can be issued)", .0.display())]
    NoKey(PathBuf),
}

/// A folder with keys and certificates.
#[derive(Debug, Clone, Copy)]
pub struct KeyFiles<'a> {
    /// Where names start.
    pub folder: &'a Path,
    /// Whom they are for.
    pub owner: Owner,
    /// When certificates begin.
    pub now: Timestamp,
    /// For serial numbers.
    pub random: &'a dyn Random,
}

/// An authority in files, that can issue as long as its key is there.
#[derive(Debug)]
pub struct Issuer {
    certificate: Certificate,
    authority: Result<Box<Authority>, PathBuf>,
}

impl Issuer {
    /// What others trust.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }
}

impl KeyFiles<'_> {
    /// `STEM.pem` and `STEM.key` of an authority: a union's, or an operator's without one. The name is for people.
    pub fn authority(&self, stem: &str, union: Option<&InsurerNumber>, name: &str) -> Result<Issuer, KeyFileError> {
        let (pem, key) = (self.path(stem, "pem"), self.path(stem, "key"));
        if !self.is_there(&pem)? {
            let key = self.key(&key)?;
            let authority = Authority::create_with(key, union, name, self.now, self.random)?;
            self.write(&pem, &authority.certificate().pem())?;
        }
        let text = read(&pem)?;
        let certificate = Certificate::from_pem(&text).map_err(|error| KeyFileError::Content(pem, error))?;
        let authority =
            if self.is_there(&key)? { Ok(Box::new(Authority::load(&text, &read(&key)?)?)) } else { Err(key) };
        Ok(Issuer { certificate, authority })
    }

    /// `STEM.pem` and `STEM.key`. The key comes first: where there is a certificate, there is its key.
    pub fn pair(
        &self,
        stem: &str,
        issuer: &Issuer,
        subject: Subject,
        profile: &Profile,
    ) -> Result<Certificate, KeyFileError> {
        let (pem, key) = (self.path(stem, "pem"), self.path(stem, "key"));
        if !self.is_there(&pem)? {
            let credential = self.issue(issuer, self.key(&key)?, subject, profile)?;
            self.write(&pem, &credential.certificate().pem())?;
        }
        read_pair(&pem, &read(&pem)?, &read(&key)?)
    }

    /// Certificate and key in one file.
    pub fn joined(
        &self,
        name: &str,
        issuer: &Issuer,
        subject: Subject,
        profile: &Profile,
    ) -> Result<Certificate, KeyFileError> {
        let path = self.folder.join(name);
        if !self.is_there(&path)? {
            let credential = self.issue(issuer, new_key(KeyKind::P256)?, subject, profile)?;
            self.write(&path, &(credential.certificate().pem() + &credential.key().to_pem()))?;
        }
        let pem = read(&path)?;
        read_pair(&path, &pem, &pem)
    }

    /// Certificates of others.
    pub fn certificates(&self, name: &str, pem: &str) -> Result<(), KeyFileError> {
        let path = self.folder.join(name);
        if self.is_there(&path)? { Ok(()) } else { self.write(&path, pem) }
    }

    fn issue(
        &self,
        issuer: &Issuer,
        key: PrivateKey,
        subject: Subject,
        profile: &Profile,
    ) -> Result<Credential, KeyFileError> {
        let authority = issuer.authority.as_ref().map_err(|path| KeyFileError::NoKey(path.clone()))?;
        let request = Request::new(subject, &key)?;
        let certificate = authority.issue(&request, profile, SERVICE_VALIDITY, self.now, self.random)?;
        Ok(Credential::new(certificate, key).map_err(PkiError::from)?)
    }

    /// The key that is there, or a new one.
    fn key(&self, path: &Path) -> Result<PrivateKey, KeyFileError> {
        if !self.is_there(path)? {
            self.write(path, &new_key(KeyKind::P256)?.to_pem())?;
        }
        PrivateKey::from_pem(&read(path)?).map_err(|error| KeyFileError::Content(path.to_owned(), error))
    }

    /// Whether it is there; then it is ours to believe, and so is the folder. Whoever else could have put it there, or could change it,
    /// may have kept the key.
    fn is_there(&self, path: &Path) -> Result<bool, KeyFileError> {
        let failed = |error| KeyFileError::File(path.to_owned(), error);
        let found = |path: &Path| match fs::symlink_metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            found => found.map(Some),
        };
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty())
            && let Some(seen) = found(folder).map_err(failed)?
            && !self.owner.is_trusted(&seen)
        {
            return Err(KeyFileError::Foreign(folder.to_owned()));
        }
        match found(path).map_err(failed)? {
            None => Ok(false),
            Some(seen) if self.owner.is_trusted(&seen) => Ok(true),
            Some(_) => Err(KeyFileError::Foreign(path.to_owned())),
        }
    }

    fn write(&self, path: &Path, text: &str) -> Result<(), KeyFileError> {
        let written = self.owner.write_new(path, text.as_bytes(), self.random);
        written.map_err(|error| KeyFileError::File(path.to_owned(), error))
    }

    fn path(&self, stem: &str, extension: &str) -> PathBuf {
        self.folder.join(format!("{stem}.{extension}"))
    }
}

fn read(path: &Path) -> Result<Vec<u8>, KeyFileError> {
    fs::read(path).map_err(|error| KeyFileError::File(path.to_owned(), error))
}

fn read_pair(path: &Path, certificate: &[u8], key: &[u8]) -> Result<Certificate, KeyFileError> {
    let pair = Certificate::from_pem(certificate)
        .and_then(|certificate| Credential::new(certificate, PrivateKey::from_pem(key)?));
    Ok(pair.map_err(|error| KeyFileError::Content(path.to_owned(), error))?.certificate().clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::clock::Clock;
    use crate::runtime::clock::{SystemClock, SystemRandom};

    #[test]
    fn what_is_there_stays_and_an_orphan_of_a_key_is_taken() {
        let dir = tempfile::tempdir().unwrap();
        let files =
            KeyFiles { folder: dir.path(), owner: Owner::default(), now: SystemClock.now(), random: &SystemRandom };
        let server = Profile::TlsServer { names: vec!["localhost".to_owned()] };
        let make = || {
            let ca = files.authority("ca", None, "Operator").unwrap();
            files.pair("tls/vpn", &ca, Subject::Service("relay".to_owned()), &server).unwrap()
        };
        let first = make();
        let text = |name: &str| fs::read(dir.path().join(name)).unwrap();
        let keys = (text("ca.key"), text("tls/vpn.key"));
        assert_eq!(make(), first);
        for lost in ["tls/vpn.pem", "ca.pem"] {
            fs::remove_file(dir.path().join(lost)).unwrap();
        }
        assert_ne!(make(), first);
        assert_eq!((text("ca.key"), text("tls/vpn.key")), keys, "keys are never written over");
        fs::remove_file(dir.path().join("ca.key")).unwrap();
        let ca = files.authority("ca", None, "Operator").unwrap();
        let refused = files.pair("tls/other", &ca, Subject::Service("relay".to_owned()), &server);
        assert!(matches!(refused, Err(KeyFileError::NoKey(_))), "{refused:?}");
    }
}
