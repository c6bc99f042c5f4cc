//! The ways out.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use lettre::message::header::{ContentTransferEncoding, ContentType, HeaderName, HeaderValue};
use lettre::message::{Body, Mailbox, SinglePart};
use lettre::{AsyncTransport, Message};
use tokio::time::timeout;

use super::address::{InvalidMailAddress, MailAddress};
use super::error::{MailError, MailerError};
use super::smtp::{self, Login};
use crate::stream::spool::make_folder;

/// How long a server may take for one mail.
const PATIENCE: Duration = Duration::from_secs(60);

/// Who mails come from that go to nobody: those in a folder.
const NOBODY: &str = "noreply@localhost.localdomain";

/// Whether mails of this way out reach people, so that a sender has to be named.
pub fn needs_sender(transport: &str) -> bool {
    transport.starts_with("smtp")
}

/// The sender that the settings name; without one, a name for mails that stay on this machine.
pub fn sender(from: &str) -> Result<MailAddress, InvalidMailAddress> {
    if from.is_empty() { NOBODY.parse() } else { from.parse() }
}

/// A mail: plain text.
#[derive(Debug, Clone)]
pub struct Mail {
    /// Whom it comes from.
    pub from: MailAddress,
    /// Whom it goes to.
    pub to: MailAddress,
    /// Names the mail: the same at every try, so that one that came twice can be known. Letters, digits and hyphens.
    pub id: String,
    /// When it is sent.
    pub at: Timestamp,
    /// The subject.
    pub subject: &'static str,
    /// What it says.
    pub text: String,
}

/// The way out. Cheap to clone.
#[derive(Debug, Clone)]
pub enum Mailer {
    /// To a mail server.
    Smtp(smtp::Transport),
    /// Into a folder, a file `ID.eml` each.
    Directory(PathBuf),
    /// Nowhere: kept here, whole.
    Memory(Arc<Mutex<Vec<Vec<u8>>>>),
}

impl Mailer {
    /// `smtp://HOST:PORT`, `smtps://HOST:PORT`, `directory:FOLDER` (relative to `base`) or `memory`.
    pub fn new(transport: &str, base: &Path, login: Option<&Login>, root: Option<&[u8]>) -> Result<Self, MailerError> {
        if transport == "memory" {
            return Ok(Self::Memory(Arc::default()));
        }
        if let Some(folder) = transport.strip_prefix("directory:").filter(|folder| !folder.is_empty()) {
            return Ok(Self::Directory(base.join(folder)));
        }
        smtp::transport(transport, login, root).map(Self::Smtp)
    }

    /// Sends one mail. When this returns, it is on its way, or in its file.
    pub async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        let message = mail.message()?;
        match self {
            Self::Smtp(transport) => {
                // The library minds the time of connecting only.
                timeout(PATIENCE, transport.send(message)).await.map_err(|_| MailError::Slow)??;
            }
            Self::Directory(folder) => {
                let (folder, id) = (folder.clone(), mail.id.clone());
                let written = tokio::task::spawn_blocking(move || write(&folder, &id, &message.formatted()));
                written.await.map_err(io::Error::other)??;
            }
            Self::Memory(kept) => {
                kept.lock().expect("nothing panics while it holds the mails").push(message.formatted());
            }
        }
        Ok(())
    }
}

impl Mailer {
    /// Whether a mail could go out now: the server answers, speaks TLS and takes the login, or the folder can be written to.
    /// Nothing is sent.
    pub async fn test(&self) -> Result<(), MailError> {
        match self {
            Self::Smtp(transport) => {
                let answered = timeout(PATIENCE, transport.test_connection()).await.map_err(|_| MailError::Slow)??;
                if answered { Ok(()) } else { Err(MailError::Slow) }
            }
            Self::Directory(folder) => {
                let folder = folder.clone();
                let tried = tokio::task::spawn_blocking(move || {
                    make_folder(&folder)?;
                    rustix::fs::access(&folder, rustix::fs::Access::WRITE_OK).map_err(io::Error::from)
                });
                Ok(tried.await.map_err(io::Error::other)??)
            }
            Self::Memory(_) => Ok(()),
        }
    }
}

impl Mail {
    fn message(&self) -> Result<Message, MailError> {
        let automatic = HeaderName::new_from_ascii_str("Auto-Submitted");
        let message = Message::builder()
            .from(Mailbox::new(None, self.from.inner().clone()))
            .to(Mailbox::new(None, self.to.inner().clone()))
            .subject(self.subject)
            .date(SystemTime::from(self.at))
            .message_id(Some(format!("<{}@{}>", self.id, self.from.domain())))
            // So that no holiday notice answers.
            .raw_header(HeaderValue::new(automatic, "auto-generated".to_owned()));
        let encoding = ContentTransferEncoding::Base64;
        let body = Body::new_with_encoding(self.text.clone(), encoding).unwrap_or_else(Body::new);
        Ok(message.singlepart(SinglePart::builder().header(ContentType::TEXT_PLAIN).body(body))?)
    }
}

/// Whole or not at all, and for nobody else to read: the link is in it.
fn write(folder: &Path, id: &str, bytes: &[u8]) -> io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    make_folder(folder)?;
    let (partial, whole) = (folder.join(format!(".{id}.partial")), folder.join(format!("{id}.eml")));
    let mut options = std::fs::OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&partial)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&partial, &whole)?;
    std::fs::File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mail() -> Mail {
        Mail {
            from: "noreply@example.jp".parse().unwrap(),
            to: "hanako@example.jp".parse().unwrap(),
            id: "0123".to_owned(),
            at: Timestamp::UNIX_EPOCH,
            subject: "[Kenpo eXpress] ご案内",
            text: "リンク https://example.jp/e/x\n".to_owned(),
        }
    }

    #[tokio::test]
    async fn a_folder_gets_one_whole_file_for_each_mail() {
        let folder = tempfile::tempdir().unwrap();
        let mailer = Mailer::new("directory:out", folder.path(), None, None).unwrap();
        mailer.send(&mail()).await.unwrap();
        // Sent again, as after a crash: the same file.
        mailer.send(&mail()).await.unwrap();
        let files: Vec<_> = std::fs::read_dir(folder.path().join("out")).unwrap().map(|file| file.unwrap()).collect();
        assert_eq!(files.len(), 1);
        assert_eq!(files[0].file_name(), "0123.eml");
        let text = std::fs::read_to_string(files[0].path()).unwrap();
        for line in [
            "From: noreply@example.jp\r\n",
            "To: hanako@example.jp\r\n",
            "Message-ID: <0123@example.jp>\r\n",
            "Date: Thu, 01 Jan 1970 00:00:00 +0000\r\n",
            "Auto-Submitted: auto-generated\r\n",
            "Content-Type: text/plain; charset=utf-8\r\n",
        ] {
            assert!(text.contains(line), "{line} in {text}");
        }
    }

    #[test]
    fn ways_out_that_are_none() {
        for transport in
            ["", "smtp", "smtp://", "smtp://host:x", "http://host", "directory:", "smtp://user@host:25", "smtp://a b"]
        {
            assert!(Mailer::new(transport, Path::new("."), None, None).is_err(), "{transport}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_says_nothing_is_not_waited_for() {
        let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("smtp://127.0.0.1:{}", silent.local_addr().unwrap().port());
        let mailer = Mailer::new(&url, Path::new("."), None, None).unwrap();
        let error = mailer.send(&mail()).await.unwrap_err();
        assert!(matches!(error, MailError::Slow | MailError::Unreachable(_)), "{error:?}");
    }
}
