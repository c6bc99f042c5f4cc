//! What can go wrong between us and the relay, and whose fault it is.

use std::error::Error;
use std::io;

use crate::wire::problem::{Code, Problem};

/// A request that did not bring what it was for.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// No connection, or it broke: the network or the relay is away.
    #[error("the relay cannot be reached")]
    Unreachable(#[source] Box<dyn Error + Send + Sync>),
    /// The way that is prescribed to the relay is not there: nothing was sent.
    #[error(transparent)]
    Shut(#[from] Shut),
    /// A proxy on the way lets nothing through: our own surroundings.
    #[error("the HTTP proxy does not let the connection through")]
    Proxy(#[source] Box<dyn Error + Send + Sync>),
    /// TLS refused one of the two: a certificate that does not verify, is not known, or has expired.
    #[error("the secure connection was refused")]
    Untrusted(#[source] rustls::Error),
    /// The relay was silent for too long.
    #[error("the relay did not answer in time")]
    TimedOut,
    /// The relay understood and said no.
    #[error("the relay refused: {}", .0.code.as_str())]
    Refused(Problem),
    /// The relay answered something that the contract does not know: a fault of the relay, or not a relay at all.
    #[error("the relay's answer is not as agreed: {0}")]
    Protocol(#[source] Fault),
    /// A file of our own could not be read while it was sent.
    #[error("the file to send cannot be read")]
    Local(#[source] io::Error),
}

/// The prescribed way is not there, by a stable code. Nothing was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the way to the relay is shut: {0}")]
pub struct Shut(pub &'static str);

/// Which certificate stands in the way of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Distrust {
    /// The relay's, which is out of its time by our clock.
    TheirTime,
    /// Ours, which is out of its time by the relay's clock.
    OurTime,
    /// One of both, for another reason.
    Other,
}

/// In what an answer differs from the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A status that this request never has.
    #[error("unexpected status {0}")]
    Status(u16),
    /// The body is not the JSON that was expected.
    #[error("the body is not the expected JSON")]
    Json,
    /// Larger than such an answer can be.
    #[error("the answer is too large")]
    TooLarge,
    /// `Content-Length` is missing or not what follows from the list.
    #[error("the length is not the one announced")]
    Length,
    /// `Content-Range` is not what was asked for.
    #[error("the range is not the one asked for")]
    Range,
    /// The bytes are encoded in a way that nobody asked for.
    #[error("the content is encoded")]
    Encoding,
    /// A page that is longer than asked, goes backwards or contradicts its own cursor.
    #[error("the page is not in order")]
    Page,
    /// An answer about something else than was asked.
    #[error("the answer is about something else")]
    Other,
    /// tus headers that are missing or impossible.
    #[error("the upload's headers make no sense")]
    Upload,
}

impl ClientError {
    /// Whether the same request may well succeed later, with nothing changed on our side.
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::Shut(_) | Self::Proxy(_) | Self::TimedOut => true,
            Self::Refused(problem) => is_temporary(problem),
            Self::Untrusted(_) | Self::Protocol(_) | Self::Local(_) => false,
        }
    }

    /// Which of these it is, as a word for logs.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Unreachable(_) => "relay.unreachable",
            Self::Shut(shut) => shut.0,
            Self::Proxy(_) => "relay.proxy",
            Self::Untrusted(_) => "relay.untrusted",
            Self::TimedOut => "relay.timed-out",
            Self::Refused(_) => "relay.refused",
            Self::Protocol(_) => "relay.protocol",
            Self::Local(_) => "relay.local",
        }
    }

    /// What is behind it, as far as that is one of a known set of words; for logs.
    pub(super) fn cause(&self) -> Option<String> {
        match self {
            Self::Unreachable(error) | Self::Proxy(error) => {
                let kind = chain(&**error).find_map(|cause| Some(cause.downcast_ref::<io::Error>()?.kind()));
                kind.map(|kind| format!("{kind:?}"))
            }
            Self::Untrusted(rustls::Error::AlertReceived(alert)) => Some(format!("{alert:?}")),
            _ => self.distrust().map(|distrust| format!("{distrust:?}")),
        }
    }

    /// Whose certificate kept the connection from standing, if one did.
    pub fn distrust(&self) -> Option<Distrust> {
        use rustls::CertificateError as Bad;
        let Self::Untrusted(error) = self else { return None };
        Some(match error {
            rustls::Error::InvalidCertificate(
                Bad::Expired | Bad::ExpiredContext { .. } | Bad::NotValidYet | Bad::NotValidYetContext { .. },
            ) => Distrust::TheirTime,
            rustls::Error::AlertReceived(rustls::AlertDescription::CertificateExpired) => Distrust::OurTime,
            _ => Distrust::Other,
        })
    }

    /// The code of the relay's refusal, if it was one.
    pub fn code(&self) -> Option<Code> {
        match self {
            Self::Refused(problem) => Some(problem.code),
            _ => None,
        }
    }

    /// Finds out what is behind an error of the HTTP client. The address is dropped: errors end up in logs.
    pub(super) fn from_transport(error: reqwest::Error) -> Self {
        let error = error.without_url();
        if error.is_timeout() {
            return Self::TimedOut;
        }
        if let Some(shut) = chain(&error).find_map(|cause| cause.downcast_ref::<Shut>()) {
            return Self::Shut(*shut);
        }
        if let Some(tls) = tls_error(&error) {
            return Self::Untrusted(tls);
        }
        if is_of_proxy(&error) {
            return Self::Proxy(Box::new(error));
        }
        Self::Unreachable(Box::new(error))
    }
}

impl From<Fault> for ClientError {
    fn from(fault: Fault) -> Self {
        Self::Protocol(fault)
    }
}

fn is_temporary(problem: &Problem) -> bool {
    match problem.code {
        Code::RequestTimeout
        | Code::QuotaExceeded
        | Code::StorageFull
        | Code::UploadOffset
        | Code::UploadChecksum
        | Code::UploadBusy
        | Code::TooManyRequests
        | Code::Unavailable
        | Code::Internal => true,
        Code::Unknown => problem.status >= 500 || problem.status == 429,
        _ => false,
    }
}

/// The TLS error in a chain of causes.
fn tls_error(error: &(dyn Error + 'static)) -> Option<rustls::Error> {
    chain(error).find_map(|cause| cause.downcast_ref::<rustls::Error>().cloned())
}

/// Whether no connection has taken the request.
pub(super) fn was_never_sent(error: &reqwest::Error) -> bool {
    chain(error).any(|cause| cause.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_canceled))
}

/// The library's error of a failed CONNECT has no public type, only its words.
fn is_of_proxy(error: &(dyn Error + 'static)) -> bool {
    chain(error).any(|cause| cause.to_string().starts_with("tunnel error"))
}

/// An error and what it was caused by.
fn chain<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    std::iter::successors(Some(error), |cause| behind(*cause))
}

/// I/O errors hide what they wrap from `source`, so they are opened.
fn behind<'e>(cause: &'e (dyn Error + 'static)) -> Option<&'e (dyn Error + 'static)> {
    match cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(inner) => Some(inner),
        None => cause.source(),
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;
    use crate::domain::clock::Clock;
    use crate::runtime::clock::SystemClock;
    use crate::wire::client::DeviceClient;
    use crate::wire::client::testing::{Liar, json};

    #[tokio::test]
    async fn a_certificate_out_of_its_time_is_told_from_others() {
        let now = SystemClock.now();
        let (past, future) = (now - SignedDuration::from_hours(24 * 800), now + SignedDuration::from_hours(24 * 10));
        for (made_at, expected) in [
            ([past, now], Distrust::TheirTime),
            ([future, now], Distrust::TheirTime),
            ([now, past], Distrust::OurTime),
            ([now, future], Distrust::OurTime),
        ] {
            let liar = Liar::start_at(made_at, |_| json("{}")).await;
            let error = DeviceClient::new(&liar.settings).unwrap().union().await.unwrap_err();
            assert_eq!(error.distrust(), Some(expected), "{error:?}");
        }
    }
}
