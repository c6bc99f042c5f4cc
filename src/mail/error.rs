//! What can be wrong with mail: with its settings, and with sending it.

use std::io;
use std::path::PathBuf;

/// What is wrong with the way that was configured.
#[derive(Debug, thiserror::Error)]
pub enum MailerError {
    /// Not a way out that we know.
    #[error("expected smtp://HOST:PORT, smtps://HOST:PORT, directory:FOLDER or memory")]
    Transport,
    /// A file that cannot be read.
    #[error("the file {} cannot be read", .0.display())]
    File(PathBuf, #[source] io::Error),
    /// A file of credentials without user and password.
    #[error("the file of credentials needs the user on its first line and the password on its second")]
    Credentials,
    /// TLS cannot be set up, or the authority cannot be read.
    #[error("TLS to the mail server cannot be set up")]
    Tls(#[source] lettre::transport::smtp::Error),
}

/// Why a mail did not go out. The same mail may be tried again.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// Us: the mail cannot be made.
    #[error("the mail cannot be made")]
    Made(#[from] lettre::error::Error),
    /// Peer: the server cannot be reached, does not do TLS, or broke off.
    #[error("the mail server cannot be reached")]
    Unreachable(#[source] lettre::transport::smtp::Error),
    /// Peer: the server does not answer.
    #[error("the mail server takes too long")]
    Slow,
    /// Peer: the server does not take it now.
    #[error("the mail server does not take the mail at present")]
    Deferred(#[source] lettre::transport::smtp::Error),
    /// Configuration: the server does not take our user or password, or wants some.
    #[error("the mail server refuses our user or password")]
    Login(#[source] lettre::transport::smtp::Error),
    /// Peer: the server does not take this mail, and never will.
    #[error("the mail server refuses the mail")]
    Refused(#[source] lettre::transport::smtp::Error),
    /// Environment: the file cannot be written.
    #[error("the mail cannot be written to the folder")]
    Folder(#[from] io::Error),
}

impl MailError {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Made(_) => "mail.not-made",
            Self::Unreachable(_) => "mail.unreachable",
            Self::Slow => "mail.slow",
            Self::Deferred(_) => "mail.deferred",
            Self::Login(_) => "mail.login",
            Self::Refused(_) => "mail.refused",
            Self::Folder(_) => "mail.folder",
        }
    }
}

impl From<lettre::transport::smtp::Error> for MailError {
    fn from(error: lettre::transport::smtp::Error) -> Self {
        // RFC 5321, 4.2.1: x3x is about who we are, x5x about the mail. Anything else may be put right without the mail being another one.
        match error.status().map(u16::from) {
            Some(530..=539) => return Self::Login(error),
            Some(550..=559) => return Self::Refused(error),
            _ => {}
        }
        if error.is_permanent() || error.is_transient() { Self::Deferred(error) } else { Self::Unreachable(error) }
    }
}
