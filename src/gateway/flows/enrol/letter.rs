//! A new enrolment: two passwords, a kit, an order to the relay. The passwords are in what is returned and nowhere else.

use jiff::Timestamp;
use zeroize::Zeroizing;

use super::issue::KIT_VALIDITY;
use crate::domain::clock::Random;
use crate::domain::ids::EnrolmentId;
use crate::gateway::keys::Keys;
use crate::message::keys::Certificate;
use crate::pki::{KeyKind, PkiError, Profile, Request, Subject, new_key};
use crate::secret::password::make_password;
use crate::secret::{DownloadKeys, PasswordKeys, Salt};
use crate::store::gateway::enrolments::{Enrolment, Secrets};
use crate::store::gateway::users::{Contact, User};
use crate::wire::Der;
use crate::wire::enrolment::{EnrolmentOrder, KIT_MAC, KIT_PURPOSE, Kit, KitBody};
use crate::wire::union::Entrance;

/// The words on the letter.
#[derive(Clone)]
pub struct Passwords {
    /// 電子証明書ダウンロード用パスワード.
    pub download: Zeroizing<String>,
    /// KXログイン用初期パスワード.
    pub login: Zeroizing<String>,
}

impl std::fmt::Debug for Passwords {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Passwords(..)")
    }
}

/// An enrolment that nobody knows of yet.
#[derive(Debug)]
pub struct Prepared {
    /// For the letter.
    pub passwords: Passwords,
    /// For the database.
    pub enrolment: Enrolment,
    /// The certificate of the credential in the kit.
    pub device: Certificate,
    /// For the relay.
    pub order: EnrolmentOrder,
}

/// Makes one. Blocks for a quarter of a second and takes 64 MiB.
pub fn prepare(
    keys: &Keys,
    entrance: &Entrance,
    user: &User,
    contact: &Contact,
    now: Timestamp,
    random: &dyn Random,
) -> Result<Prepared, PkiError> {
    let authority = keys.authority.as_ref().ok_or(PkiError::NotAnAuthority)?;
    let id = EnrolmentId::new(now, random);
    let passwords = Passwords { download: make_password(random), login: make_password(random) };
    let (login_salt, download_salt) = (Salt::new(random), Salt::new(random));
    let login = PasswordKeys::derive(&passwords.login, &login_salt);
    let download = DownloadKeys::derive(&passwords.download, &download_salt);

    let key = new_key(KeyKind::P256)?;
    let (union, office) = (keys.union.clone(), user.office.clone());
    let subject = Subject::Device { union: union.clone(), office: office.clone(), user: user.id.clone() };
    let device = authority.issue(&Request::new(subject, &key)?, &Profile::Device, KIT_VALIDITY, now, random)?;

    let der = |certificate: &Certificate| Der(certificate.der().to_vec());
    let body = KitBody {
        enrolment: id,
        union,
        office: office.clone(),
        user: user.id.clone(),
        relay: entrance.url.clone(),
        relay_roots: entrance.roots.clone(),
        relay_receipts: keys.relay_receipt.iter().map(der).collect(),
        union_ca: vec![der(&keys.ca)],
    };
    let kit = Kit { kit: login.mac.seal(KIT_MAC, &body), login_salt, device: device.pem() + &key.to_pem() };
    let text = Zeroizing::new(serde_json::to_vec(&kit).expect("a kit is plain data"));
    let order = EnrolmentOrder {
        id,
        office,
        mail: contact.mail.as_str().to_owned(),
        device: der(&device),
        download_salt,
        download_verifier: download.proof.verifier(),
        kit: download.kit.seal(KIT_PURPOSE, &text, random),
        login: login.login.verifier(),
    };
    let secrets = Secrets { mac: login.mac, login: login.login.verifier() };
    let enrolment = Enrolment {
        id,
        user: user.id.clone(),
        made_at: now,
        secrets: Some(secrets),
        login_salt,
        download_salt,
        mismatches: 0,
        pc: None,
    };
    Ok(Prepared { passwords, enrolment, device, order })
}
