//! What keeps the sandbox from doing its work.

use std::io;
use std::path::PathBuf;

use crate::config::Faults;
use crate::employer::EmployerError;
use crate::message::keys::KeyError;
use crate::pki::PkiError;
use crate::relay::StartError;
use crate::store::sqlite::StoreError;

/// Why the sandbox ended without having done what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// Environment: the folder.
    #[error("{} cannot be used", .0.display())]
    Folder(PathBuf, #[source] io::Error),
    /// Environment: another sandbox has the folder.
    #[error("another kx-sandbox is running in {}", .0.display())]
    Busy(PathBuf),
    /// Input: a certificate or key in the folder that was tampered with.
    #[error("{} does not hold what it should", .0.display())]
    Key(PathBuf, #[source] KeyError),
    /// Us: certificates.
    #[error("a certificate could not be issued")]
    Pki(#[from] PkiError),
    /// Configuration: a TOML file in the folder.
    #[error("{}: {faults}", path.display())]
    Settings {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        faults: Faults,
    },
    /// Environment: a port is taken.
    #[error("cannot listen at {0}")]
    Port(std::net::SocketAddr, #[source] io::Error),
    /// The relay does not start.
    #[error("the relay does not start")]
    Relay(#[source] StartError),
    /// A database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The employer's app.
    #[error(transparent)]
    Employer(#[from] EmployerError),
}
