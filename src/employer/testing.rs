//! A union, a user of it and a relay, for the tests.

use jiff::Timestamp;

use super::ledger::Ledger;
use super::outgoing::Letter;
use super::record::Record;
use crate::domain::address::Address;
use crate::domain::ids::{InsurerNumber, MessageId, UserId};
use crate::message::keys::Credential;
use crate::pki::profile::USER_VALIDITY;
use crate::pki::{Authority, KeyKind, Profile, Request, Subject, TrustStore, new_key};
use crate::runtime::clock::SystemRandom;

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

    pub(super) fn union_ca(&self) -> TrustStore {
        TrustStore::new(vec![self.ca.certificate().clone()])
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
