//! The relay's keys and certificates, made where they are not there yet.

use crate::message::keys::Certificate;
use crate::operations::keyfiles::{Issuer, KeyFileError, KeyFiles};
use crate::pki::{Profile, Subject};

/// By which names and addresses each listener is reached.
#[derive(Debug, Clone)]
pub struct Names {
    /// By the unions' gateways.
    pub vpn: Vec<String>,
    /// By the employers' apps, and by browsers on the enrolment page.
    pub employer: Vec<String>,
}

/// Makes what the relay shows and signs with, under the names that the shipped configuration has. Answers the certificate of
/// its receipts.
pub fn make(files: &KeyFiles<'_>, operator: &Issuer, names: &Names) -> Result<Certificate, KeyFileError> {
    let relay = || Subject::Service("relay".to_owned());
    let server = |names: &[String]| Profile::TlsServer { names: names.to_vec() };
    files.pair("tls/vpn", operator, relay(), &server(&names.vpn))?;
    files.pair("tls/employer", operator, relay(), &server(&names.employer))?;
    files.pair("receipts/receipts", operator, relay(), &Profile::ReceiptSigning)
}
