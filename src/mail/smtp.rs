//! Mail to a server: TLS 1.2 or newer in any case, from the start or by STARTTLS.

use std::path::Path;
use std::time::Duration;

use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, Tokio1Executor};
use zeroize::Zeroizing;

use super::error::MailerError;

/// How long the server may take for each step.
const TIMEOUT: Duration = Duration::from_secs(30);

pub(super) type Transport = AsyncSmtpTransport<Tokio1Executor>;

/// User and password at the mail server.
#[derive(Clone)]
pub struct Login {
    user: String,
    password: Zeroizing<String>,
}

impl Login {
    /// From a file: the user on its first line, the password on its second.
    pub fn read(file: &Path) -> Result<Self, MailerError> {
        let text = std::fs::read_to_string(file).map_err(|error| MailerError::File(file.to_owned(), error))?;
        let text = Zeroizing::new(text);
        let mut lines = text.lines();
        match (lines.next(), lines.next()) {
            (Some(user), Some(password)) if !user.is_empty() && !password.is_empty() => {
                Ok(Self { user: user.to_owned(), password: Zeroizing::new(password.to_owned()) })
            }
            _ => Err(MailerError::Credentials),
        }
    }
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Login(..)")
    }
}

/// `smtp://HOST:PORT` or `smtps://HOST:PORT`; the ports of RFC 6409 and RFC 8314 without one.
pub(super) fn transport(url: &str, login: Option<&Login>, root: Option<&[u8]>) -> Result<Transport, MailerError> {
    let (scheme, rest) = url.split_once("://").ok_or(MailerError::Transport)?;
    let (host, port) = match rest.rsplit_once(':') {
        Some((host, port)) => (host, Some(port.parse::<u16>().map_err(|_| MailerError::Transport)?)),
        None => (rest, None),
    };
    let valid = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'.';
    if host.is_empty() || !host.bytes().all(valid) {
        return Err(MailerError::Transport);
    }
    let mut parameters = TlsParameters::builder(host.to_owned());
    if let Some(pem) = root {
        parameters = parameters.add_root_certificate(Certificate::from_pem(pem).map_err(MailerError::Tls)?);
    }
    let parameters = parameters.build().map_err(MailerError::Tls)?;
    let (tls, usual) = match scheme {
        "smtp" => (Tls::Required(parameters), 587),
        "smtps" => (Tls::Wrapper(parameters), 465),
        _ => return Err(MailerError::Transport),
    };
    let mut builder = Transport::builder_dangerous(host).port(port.unwrap_or(usual)).tls(tls).timeout(Some(TIMEOUT));
    if let Some(login) = login {
        builder = builder.credentials(Credentials::new(login.user.clone(), login.password.to_string()));
    }
    Ok(builder.build())
}
