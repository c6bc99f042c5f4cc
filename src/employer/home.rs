//! The home folder: everything that this user has on this PC.
//!
//! ```text
//! HOME/
//!   employer.toml        settings, where any are needed (config/employer.toml names every key)
//!   identity.json        who we are, the union's CA, where the relay is: the kit, once it was believed
//!   keys.box             the user's private keys, under PIN and relay
//!   device.json          the PC's own keys: they prove "this PC" and nothing else
//!   certificates.json    the certificates for all of them, the newest first
//!   session.json         the session's token, as long as it is good
//!   revoked.crl          the newest revocation list of the union's CA
//!   kit.json, setup.json while the set-up is under way: the kit, and how far it has come
//!   new/                 another kit that is being set up, until its certificates are here
//!   renewal.json         while new certificates are asked for
//!   inbox.json           how far the union's streams have come, and the newest message in them
//!   inbox/ID.part        messages of the union on their way
//!   received/ID.json     one small record for each message of the union, for good
//!   received/ID.kxm      the sealed messages, until the union has our receipts and `[received] keep_days` are over
//!   quarantine/ID.kxm    what failed a check, sealed
//!   stream.json          the last message that got a number: the head of the chain
//!   sent/ID.json         one small record for each message, for good
//!   outbox/ID.kxm        sealed messages, until the union's `verified` receipt is there
//!   log/                 what the commands did, by codes and ids (see the room's `log`)
//!   lock, setup.lock     keep two processes apart
//! ```
//!
//! Every file is for its owner only (mode 0600; on Windows as its folder is), and written whole or not at all.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::disk::{LocalDisk, replace};
use super::identity::Identity;
use super::settings::{ProxyChoice, Settings};
use crate::config::Faults;
use crate::message::keys::{Certificate, Credential};
use crate::stream::platform;
use crate::wire::Der;
use crate::wire::client::{self, Proxy, RelayUrl};

/// The folder and what it holds that changes with the certificates only.
#[derive(Debug, Clone)]
pub struct Home {
    folder: PathBuf,
    settings: Settings,
    identity: Identity,
    certificates: Certificates,
}

/// The certificates of this PC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificates {
    /// For signing and TLS; the newest first.
    pub signing: Vec<Der>,
    /// For receiving; the newest first.
    pub encryption: Vec<Der>,
    /// For TLS before the PIN; the newest first.
    pub device: Vec<Der>,
}

/// What is wrong with a home folder.
#[derive(Debug, thiserror::Error)]
pub enum HomeError {
    /// No such folder, or none that was set up.
    #[error("{} has not been set up", .0.display())]
    NotSetUp(PathBuf),
    /// The set-up was interrupted.
    #[error("the set-up of {} is not finished", .0.display())]
    Unfinished(PathBuf),
    /// The settings.
    #[error(transparent)]
    Settings(#[from] Faults),
    /// A file that cannot be read or written.
    #[error("{} cannot be read or written", .0.display())]
    File(PathBuf, #[source] io::Error),
    /// A file that does not hold what it should.
    #[error("{} does not hold what it should", .0.display())]
    Damaged(PathBuf),
    /// Others may read what is secret.
    #[error("{} can be read by other users of this PC", .0.display())]
    Exposed(PathBuf),
}

impl HomeError {
    /// Which of these it is, as a word for logs.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::NotSetUp(_) => "home.not-set-up",
            Self::Unfinished(_) => "home.unfinished",
            Self::Settings(_) => "home.settings",
            Self::File(..) => "home.file",
            Self::Damaged(_) => "home.damaged",
            Self::Exposed(_) => "home.exposed",
        }
    }
}

/// Name of the settings.
pub const SETTINGS: &str = "employer.toml";
/// Name of the file with [`Identity`].
pub(super) const IDENTITY: &str = "identity.json";
/// Name of the file with [`Certificates`].
pub(super) const CERTIFICATES: &str = "certificates.json";
/// Name of the file that is there while the set-up is under way.
pub(super) const SETUP: &str = "setup.json";

impl Home {
    /// Reads what was set up.
    pub fn read(folder: &Path) -> Result<Self, HomeError> {
        if folder.join(SETUP).exists() {
            return Err(HomeError::Unfinished(folder.to_owned()));
        }
        if !folder.join(IDENTITY).exists() {
            return Err(HomeError::NotSetUp(folder.to_owned()));
        }
        Self::read_parts(folder)
    }

    /// Reads what is there when the certificates have been issued, whether or not the set-up is finished.
    pub(super) fn read_parts(folder: &Path) -> Result<Self, HomeError> {
        let identity = folder.join(IDENTITY);
        Ok(Self {
            settings: Settings::load(&folder.join(SETTINGS))?,
            identity: Identity::from_json(&read(&identity)?).map_err(|_| HomeError::Damaged(identity))?,
            certificates: read_json(&folder.join(CERTIFICATES))?,
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

    /// Who we are, and whom we believe.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The certificates.
    pub fn certificates(&self) -> &Certificates {
        &self.certificates
    }

    /// Puts others in their place.
    pub(super) fn set_certificates(&mut self, certificates: Certificates) -> Result<(), HomeError> {
        write_json(&self.folder.join(CERTIFICATES), &certificates)?;
        self.certificates = certificates;
        Ok(())
    }

    /// The newest certificate that we sign with.
    pub fn signing_certificate(&self) -> Result<Certificate, HomeError> {
        let first = self.certificates.signing.first().and_then(|der| Certificate::from_der(&der.0).ok());
        first.ok_or_else(|| HomeError::Damaged(self.folder.join(CERTIFICATES)))
    }

    /// How the relay is reached, with one of our credentials.
    pub fn connection(&self, credential: Credential) -> client::Settings {
        connection(&self.settings, self.identity.relay(), self.identity.relay_roots(), credential)
    }
}

/// How a relay is reached, as the settings want it.
pub(super) fn connection(
    settings: &Settings,
    relay: &RelayUrl,
    roots: &[Certificate],
    credential: Credential,
) -> client::Settings {
    let relay = settings.relay.clone().unwrap_or_else(|| relay.clone());
    let proxy = way_out(settings, &relay).cloned();
    let mut connection = client::Settings::new(relay, roots.to_vec(), credential);
    connection.connect_timeout = settings.connect_timeout;
    connection.idle_timeout = settings.idle_timeout;
    connection.proxy = proxy;
    connection
}

/// The proxy on the way to that relay.
pub(super) fn way_out<'s>(settings: &'s Settings, relay: &RelayUrl) -> Option<&'s Proxy> {
    match &settings.proxy {
        ProxyChoice::Direct => None,
        ProxyChoice::Environment(_) if relay.is_loopback() => None,
        ProxyChoice::Settings(proxy) | ProxyChoice::Environment(proxy) => Some(proxy),
    }
}

/// Reads a file of ours, which nobody else may read.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, HomeError> {
    let failed = |error| HomeError::File(path.to_owned(), error);
    if platform::others_may_read(path).map_err(failed)? {
        return Err(HomeError::Exposed(path.to_owned()));
    }
    fs::read(path).map_err(failed)
}

/// Reads JSON out of a file of ours.
pub(super) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, HomeError> {
    serde_json::from_slice(&read(path)?).map_err(|_| HomeError::Damaged(path.to_owned()))
}

/// Writes a file of ours, whole and durable or not at all.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), HomeError> {
    replace(&LocalDisk, path, bytes).map_err(|error| HomeError::File(path.to_owned(), error))
}

/// Writes JSON into a file of ours.
pub(super) fn write_json(path: &Path, value: &impl Serialize) -> Result<(), HomeError> {
    let text = zeroize::Zeroizing::new(serde_json::to_vec_pretty(value).expect("what is kept is plain data"));
    write(path, &text)
}

/// Makes a folder of ours, if it is not there.
pub(super) fn make_folder(path: &Path) -> Result<(), HomeError> {
    platform::make_private_folder(path).map_err(|error| HomeError::File(path.to_owned(), error))
}

/// Keeps everybody else away from keys and certificates as long as the file is held; `None` if somebody else holds it. Makes
/// the folder if it is not there.
pub(super) fn lock(folder: &Path) -> Result<Option<File>, HomeError> {
    make_folder(folder)?;
    let path = folder.join("setup.lock");
    platform::lock(&path).map_err(|error| HomeError::File(path, error))
}

/// Takes a file of ours away, if it is there.
pub(super) fn remove(path: &Path) -> Result<(), HomeError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(HomeError::File(path.to_owned(), error)),
        _ => Ok(()),
    }
}
