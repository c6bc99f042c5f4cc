//! A union, a user of it, a relay, and a disk that loses power, for the tests.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use jiff::Timestamp;

use super::disk::{Disk, LocalDisk};
use super::identity::Identity;
use super::kit::Unproven;
use super::ledger::Ledger;
use super::outgoing::Letter;
use super::record::Record;
use super::union::Union;
use crate::domain::address::Address;
use crate::domain::ids::{EnrolmentId, InsurerNumber, MessageId, UserId};
use crate::message::keys::{Certificate, Credential};
use crate::pki::profile::USER_VALIDITY;
use crate::pki::{Authority, KeyKind, Profile, Request, RevocationList, Subject, TrustStore, new_key};
use crate::runtime::clock::SystemRandom;
use crate::secret::{PasswordKeys, Salt};
use crate::wire::Der;
use crate::wire::employer::UnionInfo;
use crate::wire::enrolment::{KIT_MAC, Kit, KitBody};
use crate::wire::union::UnionCertificates;

pub(super) struct Parties {
    pub(super) ca: Authority,
    pub(super) union_signing: Credential,
    pub(super) union_encryption: Credential,
    pub(super) user: Credential,
    pub(super) relay: Credential,
}

pub(super) fn now() -> Timestamp {
    "2026-07-01T00:00:00Z".parse().unwrap()
}

pub(super) fn union() -> InsurerNumber {
    "06123456".parse().unwrap()
}

pub(super) fn user() -> UserId {
    "hanako-1".parse().unwrap()
}

pub(super) fn new_id() -> MessageId {
    MessageId::new(now(), &SystemRandom)
}

pub(super) fn issue(ca: &Authority, subject: Subject, profile: &Profile) -> Credential {
    issue_at(ca, subject, profile, now())
}

fn issue_at(ca: &Authority, subject: Subject, profile: &Profile, at: Timestamp) -> Credential {
    let key = new_key(KeyKind::P256).unwrap();
    let request = Request::new(subject, &key).unwrap();
    Credential::new(ca.issue(&request, profile, USER_VALIDITY, at, &SystemRandom).unwrap(), key).unwrap()
}

impl Parties {
    pub(super) fn new() -> Self {
        let ca = Authority::create(&union(), "CA", now(), &SystemRandom).unwrap();
        let operator = Authority::create_operator("KX", now(), &SystemRandom).unwrap();
        let subject = Subject::User { union: union(), office: "12-34".parse().unwrap(), user: user() };
        Self {
            union_signing: issue(&ca, Subject::Union(union()), &Profile::UnionSigning),
            union_encryption: issue(&ca, Subject::Union(union()), &Profile::UnionEncryption),
            user: issue(&ca, subject, &Profile::UserSigning),
            relay: issue(&operator, Subject::Service("relay".to_owned()), &Profile::ReceiptSigning),
            ca,
        }
    }

    /// The union as one sees it who believes its CA.
    pub(super) fn union(&self) -> Union {
        Union {
            encryption: self.union_encryption.certificate().clone(),
            signing: vec![self.union_signing.certificate().clone()],
            authorities: TrustStore::new(vec![self.ca.certificate().clone()]),
            revoked: RevocationList::read(&self.revoked().0, self.ca.certificate()).unwrap(),
        }
    }

    /// The union as an honest relay shows it.
    pub(super) fn info(&self) -> UnionInfo {
        UnionInfo {
            union: union(),
            user: user(),
            office: "12-34".parse().unwrap(),
            certificates: UnionCertificates {
                encryption: vec![der(self.union_encryption.certificate())],
                signing: vec![der(self.union_signing.certificate())],
                revoked: Some(self.revoked()),
            },
            receipt_certificate: der(self.relay.certificate()),
        }
    }

    /// The first revocation list: nobody is on it.
    fn revoked(&self) -> Der {
        let due = now() + jiff::SignedDuration::from_hours(24 * 14);
        Der(self.ca.crl(1, &[], now(), due).unwrap().der().to_vec())
    }

    /// A kit with this initial password.
    pub(super) fn kit(&self, password: &str) -> Kit {
        let subject = Subject::Device { union: union(), office: "12-34".parse().unwrap(), user: user() };
        let device = issue(&self.ca, subject, &Profile::Device);
        let login_salt = Salt::from([9; 16]);
        let body = KitBody {
            enrolment: EnrolmentId::new(now(), &SystemRandom),
            union: union(),
            office: "12-34".parse().unwrap(),
            user: user(),
            relay: "https://localhost:1".to_owned(),
            relay_roots: vec![der(self.relay.certificate())],
            relay_receipts: vec![der(self.relay.certificate())],
            union_ca: vec![der(self.ca.certificate())],
        };
        let kit = PasswordKeys::derive(password, &login_salt).mac.seal(KIT_MAC, &body);
        Kit { kit, login_salt, device: device.certificate().pem() + &device.key().to_pem() }
    }

    /// What is believed of such a kit.
    pub(super) fn identity(&self, password: &str) -> Identity {
        let kit = self.kit(password);
        let keys = PasswordKeys::derive(password, &kit.login_salt);
        Unproven::parse(&serde_json::to_vec(&kit).unwrap()).unwrap().prove(&keys.mac).unwrap()
    }

    /// The union gets a new certificate for encryption; answers the old one.
    pub(super) fn renew_encryption(&mut self, at: Timestamp) -> Credential {
        let new = issue_at(&self.ca, Subject::Union(union()), &Profile::UnionEncryption, at);
        std::mem::replace(&mut self.union_encryption, new)
    }

    /// Seals some bytes under the next number.
    pub(super) fn seal(&self, ledger: &Ledger, content: &[u8]) -> Result<Record, super::ledger::LedgerError> {
        let letter = Letter {
            id: new_id(),
            date: now(),
            from: Address::User(union(), user()),
            to: Address::Union(union()),
            name: "算定基礎届.csv".parse().unwrap(),
            comment: Some("七月分".to_owned()),
            size: content.len() as u64,
        };
        ledger.seal(&letter, &self.user, self.union_encryption.certificate(), &SystemRandom, content, || true)
    }
}

fn der(certificate: &Certificate) -> Der {
    Der(certificate.der().to_vec())
}

/// Loses power after so many steps; then nothing more happens, and what was not made durable is cut short.
#[derive(Debug)]
pub(super) struct PowerCut {
    left: Mutex<u32>,
    volatile: Mutex<HashMap<u64, PathBuf>>,
}

impl PowerCut {
    pub(super) fn after(steps: u32) -> Self {
        Self { left: Mutex::new(steps), volatile: Mutex::default() }
    }

    pub(super) fn comes_back(&self) {
        *self.left.lock().unwrap() = u32::MAX;
    }

    fn step(&self) -> io::Result<()> {
        let mut left = self.left.lock().unwrap();
        if *left == 0 {
            return Err(io::Error::other("power cut"));
        }
        *left -= 1;
        Ok(())
    }

    pub(super) fn lose_what_is_volatile(&self) {
        for path in self.volatile.lock().unwrap().values() {
            if let Ok(file) = fs::OpenOptions::new().write(true).open(path) {
                file.set_len(file.metadata().unwrap().len() / 2).unwrap();
            }
        }
    }
}

impl Disk for PowerCut {
    fn create(&self, path: &Path) -> io::Result<File> {
        self.step()?;
        let file = LocalDisk.create(path)?;
        self.volatile.lock().unwrap().insert(file.metadata()?.ino(), path.to_owned());
        Ok(file)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        self.step()?;
        self.volatile.lock().unwrap().remove(&file.metadata()?.ino());
        LocalDisk.sync(file)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.step()?;
        let volatile = fs::metadata(from).is_ok_and(|m| self.volatile.lock().unwrap().contains_key(&m.ino()));
        assert!(!volatile, "{} gets its name before it is durable", to.display());
        LocalDisk.rename(from, to)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        self.step()?;
        LocalDisk.sync_folder(folder)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.step()?;
        LocalDisk.remove(path)
    }

    fn available(&self, folder: &Path) -> io::Result<u64> {
        LocalDisk.available(folder)
    }
}
