//! The home folder: everything that this user has on this PC.
//!
//! ```text
//! HOME/
//!   employer.toml        settings (config/employer.toml names every key)
//!   ca.pem               the union's CA: decides whose certificates are believed
//!   relay-ca.pem         who vouches for the relay's TLS certificate
//!   relay-receipt.pem    the certificates that the relay signs receipts with; the newest first
//!   user/signing.pem     our certificate for signing and for TLS, with user/signing.key
//!   user/encryption.pem  our certificate for receiving, with user/encryption.key
//!   stream.json          the last message that got a number: the head of the chain
//!   sent/ID.json         one small record for each message, for good
//!   outbox/ID.kxm        sealed messages, until the union's `verified` receipt is there
//!   lock                 keeps two processes apart
//! ```
//!
//! Keys are unencrypted PEM of mode 0600 at this stage: the PIN comes with the enrolment.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::config::Faults;
use crate::domain::address::Address;
use crate::employer::settings::Settings;
use crate::message::keys::{Certificate, Credential, KeyError, PrivateKey};
use crate::pki;

/// The folder and what it holds that does not change while we run.
#[derive(Debug, Clone)]
pub struct Home {
    folder: PathBuf,
    settings: Settings,
    signing: Credential,
    union_ca: Vec<Certificate>,
    relay_ca: Vec<Certificate>,
    relay_receipt: Vec<Certificate>,
}

/// What is wrong with a home folder.
#[derive(Debug, thiserror::Error)]
pub enum HomeError {
    /// No such folder, or none that was set up.
    #[error("{} has not been set up: there is no employer.toml in it", .0.display())]
    NotSetUp(PathBuf),
    /// The settings.
    #[error(transparent)]
    Settings(#[from] Faults),
    /// A file that cannot be read.
    #[error("{} cannot be read", .0.display())]
    File(PathBuf, #[source] io::Error),
    /// A certificate or key that is none.
    #[error("{} does not hold what it should", .0.display())]
    Key(PathBuf, #[source] KeyError),
    /// The certificate belongs to somebody else than the settings say.
    #[error("the certificate in {} is not that of the user in employer.toml", .0.display())]
    Owner(PathBuf),
    /// Others may read a private key.
    #[error("{} can be read by other users of this PC", .0.display())]
    Exposed(PathBuf),
}

impl Home {
    /// Reads settings, certificates and keys.
    pub fn read(folder: &Path) -> Result<Self, HomeError> {
        let toml = folder.join("employer.toml");
        if !toml.exists() {
            return Err(HomeError::NotSetUp(folder.to_owned()));
        }
        let settings = Settings::load(&toml)?;
        let signing = credential(folder, "signing", &settings.from())?;
        Ok(Self {
            signing,
            union_ca: certificates(&folder.join("ca.pem"))?,
            relay_ca: certificates(&folder.join("relay-ca.pem"))?,
            relay_receipt: certificates(&folder.join("relay-receipt.pem"))?,
            settings,
            folder: folder.to_owned(),
        })
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What we sign with and come in with.
    pub fn signing(&self) -> &Credential {
        &self.signing
    }

    /// Who vouches for the union's certificates.
    pub fn union_ca(&self) -> &[Certificate] {
        &self.union_ca
    }

    /// Who vouches for the relay's TLS certificate.
    pub fn relay_ca(&self) -> &[Certificate] {
        &self.relay_ca
    }

    /// Who may sign as the relay.
    pub fn relay_receipt(&self) -> &[Certificate] {
        &self.relay_receipt
    }
}

fn credential(folder: &Path, name: &str, owner: &Address) -> Result<Credential, HomeError> {
    let (pem, key_pem) = (folder.join(format!("user/{name}.pem")), folder.join(format!("user/{name}.key")));
    let certificate = certificates(&pem)?.remove(0);
    if pki::owner(&certificate).as_ref() != Some(owner) {
        return Err(HomeError::Owner(pem));
    }
    check_private(&key_pem)?;
    let key = PrivateKey::from_pem(&read(&key_pem)?).map_err(|error| HomeError::Key(key_pem.clone(), error))?;
    Credential::new(certificate, key).map_err(|error| HomeError::Key(key_pem, error))
}

/// At least one certificate.
fn certificates(path: &Path) -> Result<Vec<Certificate>, HomeError> {
    let wrong = |error| HomeError::Key(path.to_owned(), error);
    let certificates = Certificate::all_from_pem(&read(path)?).map_err(wrong)?;
    if certificates.is_empty() { Err(wrong(KeyError::Empty)) } else { Ok(certificates) }
}

fn check_private(path: &Path) -> Result<(), HomeError> {
    use std::os::unix::fs::PermissionsExt;
    let metadata = fs::metadata(path).map_err(|error| HomeError::File(path.to_owned(), error))?;
    // No bit for group or others.
    if metadata.permissions().mode().trailing_zeros() >= 6 { Ok(()) } else { Err(HomeError::Exposed(path.to_owned())) }
}

fn read(path: &Path) -> Result<Vec<u8>, HomeError> {
    fs::read(path).map_err(|error| HomeError::File(path.to_owned(), error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::employer::testing::{Parties, union, user};
    use std::os::unix::fs::PermissionsExt;

    fn set_up(folder: &Path) -> Parties {
        let parties = Parties::new();
        fs::create_dir(folder.join("user")).unwrap();
        let write = |name: &str, text: String| {
            fs::write(folder.join(name), text).unwrap();
            fs::set_permissions(folder.join(name), fs::Permissions::from_mode(0o600)).unwrap();
        };
        let (union, user) = (union(), user());
        write(
            "employer.toml",
            format!("relay = 'https://localhost:1'\nunion = '{union}'\noffice = '12-34'\nuser = '{user}'"),
        );
        write("ca.pem", parties.ca.certificate().pem());
        write("relay-ca.pem", parties.ca.certificate().pem());
        write("relay-receipt.pem", parties.relay.certificate().pem());
        write("user/signing.pem", parties.user.certificate().pem());
        write("user/signing.key", parties.user.key().to_pem());
        parties
    }

    #[test]
    fn a_home_that_is_complete_is_read_and_everything_else_named() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path();
        assert!(matches!(Home::read(home), Err(HomeError::NotSetUp(_))));
        let parties = set_up(home);
        assert_eq!(Home::read(home).unwrap().signing().certificate(), parties.user.certificate());

        let key = home.join("user/signing.key");
        fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(Home::read(home), Err(HomeError::Exposed(path)) if path == key));
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();

        fs::write(&key, parties.relay.key().to_pem()).unwrap();
        assert!(matches!(Home::read(home), Err(HomeError::Key(path, KeyError::Mismatch)) if path == key));

        let pem = home.join("user/signing.pem");
        fs::write(&pem, parties.relay.certificate().pem()).unwrap();
        assert!(matches!(Home::read(home), Err(HomeError::Owner(path)) if path == pem));

        fs::write(home.join("ca.pem"), "").unwrap();
        fs::write(&pem, parties.user.certificate().pem()).unwrap();
        fs::write(&key, parties.user.key().to_pem()).unwrap();
        assert!(matches!(Home::read(home), Err(HomeError::Key(path, KeyError::Empty)) if path.ends_with("ca.pem")));
    }
}
