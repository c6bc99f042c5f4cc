//! Certificates as others see them: OpenSSL's command is the oracle, and hostile certificates are made with its library.

mod formats;
mod issue;
mod trust;

use std::path::Path;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::{SignedDuration, Timestamp};
use kenpo_express::domain::address::Address;
use kenpo_express::domain::clock::Random;
use kenpo_express::message::keys::{Certificate, Credential, PrivateKey};
use kenpo_express::pki::crl::{CrlError, NoRevocationData, Revoked, Status};
use kenpo_express::pki::profile::{USER_VALIDITY, may_encrypt, may_sign};
use kenpo_express::pki::request::pkcs10;
use kenpo_express::pki::trust::Untrusted;
use kenpo_express::pki::{
    Authority, KeyKind, PkiError, Profile, Request, RevocationList, Subject, TrustStore, new_key, owner, pkcs12,
};

/// Different bytes at every call, the same in every run.
#[derive(Debug, Default)]
struct Counter(AtomicU64);

impl Random for Counter {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let number = self.0.fetch_add(1, Ordering::Relaxed).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            chunk.copy_from_slice(&number.to_be_bytes()[..chunk.len()]);
        }
    }
}

struct Union {
    ca: Authority,
    random: Counter,
}

fn now() -> Timestamp {
    "2026-07-01T00:00:00Z".parse().unwrap()
}

fn days(number: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * number)
}

fn user() -> Subject {
    Subject::User {
        union: "06123456".parse().unwrap(),
        office: "1234-A".parse().unwrap(),
        user: "hanako-1".parse().unwrap(),
    }
}

impl Union {
    fn new() -> Self {
        let random = Counter::default();
        let ca = Authority::create(&"06123456".parse().unwrap(), "Test CA", now(), &random).unwrap();
        Self { ca, random }
    }

    fn issue(&self, subject: Subject, profile: &Profile, kind: KeyKind) -> Credential {
        let key = new_key(kind).unwrap();
        let request = Request::new(subject, &key).unwrap();
        let certificate = self.ca.issue(&request, profile, USER_VALIDITY, now(), &self.random).unwrap();
        Credential::new(certificate, key).unwrap()
    }

    fn trust(&self) -> TrustStore {
        TrustStore::new(vec![self.ca.certificate().clone()])
    }
}

fn openssl(folder: &Path, line: &str) -> Output {
    Command::new("openssl").args(line.split(' ')).current_dir(folder).output().unwrap()
}

fn put(folder: &Path, name: &str, content: impl AsRef<[u8]>) {
    std::fs::write(folder.join(name), content).unwrap();
}

/// Makes a self-signed or issued certificate with OpenSSL's command; answers certificate and key.
fn foreign(folder: &Path, name: &str, issuer: Option<&str>, extensions: &str) -> Credential {
    foreign_with_key(folder, name, issuer, extensions, "ec -pkeyopt ec_paramgen_curve:P-256")
}

fn foreign_with_key(folder: &Path, name: &str, issuer: Option<&str>, extensions: &str, key: &str) -> Credential {
    put(folder, "ext.cnf", format!("[req]\ndistinguished_name=dn\n[dn]\n[ext]\n{extensions}\n"));
    let made = openssl(
        folder,
        &format!("req -new -config ext.cnf -newkey {key} -nodes -keyout {name}.key -subj /CN={name} -out {name}.csr"),
    );
    assert!(made.status.success(), "{made:?}");
    let signer = match issuer {
        Some(issuer) => format!("-CA {issuer}.pem -CAkey {issuer}.key"),
        None => format!("-signkey {name}.key"),
    };
    let made = openssl(
        folder,
        &format!(
            "x509 -req -in {name}.csr {signer} -days 36500 -extfile ext.cnf -extensions ext -set_serial 77 -sha256 -out {name}.pem"
        ),
    );
    assert!(made.status.success(), "{made:?}");
    let read = |ending: &str| std::fs::read(folder.join(format!("{name}.{ending}"))).unwrap();
    Credential::new(Certificate::from_pem(&read("pem")).unwrap(), PrivateKey::from_pem(&read("key")).unwrap()).unwrap()
}

const CA: &str = "basicConstraints=critical,CA:true\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid";
const LEAF: &str = "basicConstraints=critical,CA:false\nkeyUsage=critical,digitalSignature\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid";

/// A time at which what OpenSSL's command makes (it knows only the present) is valid for certain.
fn much_later() -> Timestamp {
    "2060-01-01T00:00:00Z".parse().unwrap()
}
