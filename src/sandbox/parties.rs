//! Everybody's certificates and keys, made where they are not there yet.

use std::path::Path;

use jiff::Timestamp;

use super::error::SandboxError;
use crate::domain::clock::Random;
use crate::domain::ids::{InsurerNumber, OfficeCode, UserId};
use crate::domain::person::OfficeName;
use crate::employer::disk::{LocalDisk, replace};
use crate::gateway::init::keys as gateway;
use crate::message::keys::Certificate;
use crate::operations::keyfiles::KeyFiles;
use crate::operations::owner::Owner;
use crate::pki::{Profile, Subject};
use crate::relay::init::keys as relay;
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

/// Somebody at an employer's.
#[derive(Debug, Clone)]
pub(super) struct Person {
    pub(super) office: OfficeCode,
    pub(super) office_name: OfficeName,
    pub(super) user: UserId,
    pub(super) contact: Contact,
}

impl Person {
    /// The one whom the exchange is shown with.
    pub(super) fn first() -> Self {
        Self { office: office(), office_name: office_name(), user: user(), contact: contact() }
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
    fn at<'a>(folder: &'a Path, now: Timestamp, random: &'a dyn Random) -> KeyFiles<'a> {
        KeyFiles { folder, owner: Owner::default(), now, random }
    }
    for folder in ["relay", "gateway"] {
        let folder = dir.join(folder);
        make_folder(&folder).map_err(|error| SandboxError::Folder(folder.clone(), error))?;
    }
    let operator = at(dir, now, random).authority("operator/ca", None, "KX Sandbox Operator")?;
    let reached = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let names = relay::Names { vpn: reached.clone(), employer: reached.clone() };
    let receipts = relay::make(&at(&dir.join("relay"), now, random), &operator, &names)?;
    let folder = dir.join("gateway");
    let files = at(&folder, now, random);
    let own = gateway::make(&files, &union(), "見本健康保険組合")?;
    // The union's own certificate in life; whoever made this sandbox trusts neither.
    let console = || Subject::Service("console".to_owned());
    files.pair("console", &operator, console(), &Profile::TlsServer { names: reached })?;
    files.certificates("relay-ca.pem", &operator.certificate().pem())?;
    files.certificates("relay-receipt.pem", &receipts.pem())?;
    Ok(Parties { union_ca: own.ca, union_tls: own.tls, operator_ca: operator.certificate().clone() })
}

/// Writes a file of mode 0600, whole or not at all, making its folder where need be.
pub fn write(path: &Path, text: &str) -> Result<(), SandboxError> {
    write_bytes(path, text.as_bytes())
}

/// The same for what is no text of ours.
pub(super) fn write_bytes(path: &Path, bytes: &[u8]) -> Result<(), SandboxError> {
    let folder = path.parent().expect("files of the sandbox are in a folder");
    let written = make_folder(folder).and_then(|()| replace(&LocalDisk, path, bytes));
    written.map_err(|error| SandboxError::Folder(path.to_owned(), error))
}
