//! The union's own certificates and keys, and whom it trusts, read from the files that the settings name; others may take
//! their place while the gateway runs.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use jiff::Timestamp;

use crate::config::{Fault, Faults};
use crate::domain::address::Address;
use crate::domain::ids::InsurerNumber;
use crate::message::keys::{Certificate, Credential, KeyError, PrivateKey};
use crate::pki::ca::Authority;
use crate::pki::crl::RevocationList;
use crate::pki::identity::owner;
use crate::pki::profile::{may_encrypt, may_sign};
use crate::pki::trust::{TrustStore, Untrusted};
use crate::wire::client;

use super::config::GatewaySettings;

/// What the union is and has.
#[derive(Debug)]
pub struct Keys {
    /// Its number.
    pub union: InsurerNumber,
    /// Signs receipts, the newest first.
    pub signing: Vec<Credential>,
    /// Opens messages, the newest first.
    pub encryption: Vec<Credential>,
    /// Issues and revokes, where the union has its own CA here.
    pub authority: Option<Authority>,
    /// Whose certificates are believed.
    pub trust: TrustStore,
    /// What other authorities revoked.
    pub revocation: Vec<RevocationList>,
    /// The certificate of the union's own CA.
    pub ca: Certificate,
    /// What the relay signs its receipts with.
    pub relay_receipt: Vec<Certificate>,
    /// What we show to the relay.
    pub tls: Certificate,
}

impl Keys {
    /// Reads everything, and says everything that is wrong.
    pub fn load(settings: &GatewaySettings) -> Result<(Self, client::Settings), Faults> {
        let (read, mut faults, old) = Self::read(settings);
        faults.extend(old);
        if faults.is_empty() { read.ok_or(Faults(faults)) } else { Err(Faults(faults)) }
    }

    /// Like [`Self::load`] for what needs no old key: files of old ones that cannot be read are left out, and told of.
    pub fn load_present(settings: &GatewaySettings) -> Result<(Self, client::Settings, Vec<Fault>), Faults> {
        match Self::read(settings) {
            (Some((keys, relay)), faults, old) if faults.is_empty() => Ok((keys, relay, old)),
            (_, mut faults, old) => {
                faults.extend(old);
                Err(Faults(faults))
            }
        }
    }

    /// What can be read, what is wrong, and what is wrong with old keys.
    fn read(settings: &GatewaySettings) -> (Option<(Self, client::Settings)>, Vec<Fault>, Vec<Fault>) {
        let mut reader = Reader::default();
        let ca = reader.certificates("keys.ca", &settings.keys.ca);
        let mut roots = ca.clone();
        for path in &settings.keys.trusted {
            roots.extend(reader.certificates("keys.trusted", path));
        }
        let authority = settings.keys.ca_key().and_then(|key| reader.authority(&settings.keys.ca, key));
        let revocation =
            settings.revocation.lists.iter().filter_map(|path| reader.list(path, &roots)).collect::<Vec<_>>();
        let mut old = Vec::new();
        let mut credentials = |reader: &mut Reader, key, paths: &[PathBuf]| -> Vec<Credential> {
            let read = |(place, path): (usize, &PathBuf)| {
                let before = reader.faults.len();
                let read = reader.credential(key, path);
                if place > 0 {
                    old.extend(reader.faults.split_off(before));
                }
                read
            };
            paths.iter().enumerate().filter_map(read).collect()
        };
        let signing = credentials(&mut reader, "keys.signing", &settings.keys.signing);
        let encryption = credentials(&mut reader, "keys.encryption", &settings.keys.encryption);
        let relay_roots = reader.certificates("relay.ca", &settings.relay.ca);
        let relay_receipt = reader.certificates("relay.receipt_certificates", &settings.relay.receipt_certificates);
        let tls = reader.credential("relay.credential", &settings.relay.credential);
        let (Some(ca), Some(tls)) = (ca.into_iter().next(), tls) else { return (None, reader.faults, old) };
        let relay = client::Settings {
            connect_timeout: std::time::Duration::from_secs(settings.relay.connect_timeout_seconds),
            idle_timeout: std::time::Duration::from_secs(settings.relay.idle_timeout_seconds),
            source_address: settings.relay.source_address(),
            interface: settings.relay.interface(),
            guard: settings.relay.guard(),
            ..client::Settings::new(settings.relay.url(), relay_roots, tls)
        };
        let (union, tls) = (settings.insurer(), relay.credential.certificate().clone());
        let trust = TrustStore::new(roots);
        let keys = Self { union, signing, encryption, authority, trust, revocation, ca, relay_receipt, tls };
        (Some((keys, relay)), reader.faults, old)
    }

    /// The union's address.
    pub fn address(&self) -> Address {
        Address::Union(self.union.clone())
    }

    /// What the union signs with now.
    pub fn signer(&self) -> &Credential {
        self.signing.first().expect("settings without a signing credential are refused when they are loaded")
    }
}

impl Keys {
    /// Everything that is wrong with the files that the settings name, or with what is in them now. What cannot be read hides
    /// nothing of the rest. Without a union nobody knows whose they must be.
    pub fn examine(settings: &GatewaySettings, union: Option<&InsurerNumber>, now: Timestamp) -> Vec<Fault> {
        let mut faults = Self::load(settings).err().map_or_else(Vec::new, |faults| faults.0);
        // What cannot be read has been said by now.
        let mut reader = Reader::default();
        let Some(ca) = reader.certificates("keys.ca", &settings.keys.ca).into_iter().next() else { return faults };
        let own = Own { ca: &ca, union: union.cloned().map(Address::Union), now };
        let mut read = |key, paths: &[PathBuf]| -> Vec<Option<Credential>> {
            paths.iter().map(|path| reader.credential(key, path)).collect()
        };
        let signing = read("keys.signing", &settings.keys.signing);
        let encryption = read("keys.encryption", &settings.keys.encryption);
        let tls = reader.credential("relay.credential", &settings.relay.credential);
        faults.extend(own.check("keys.signing", signing.iter().map(Option::as_ref), may_sign));
        faults.extend(own.check("keys.encryption", encryption.iter().map(Option::as_ref), may_encrypt));
        faults.extend(tls.and_then(|tls| check_tls(tls.certificate(), now)));
        faults
    }

    /// Whether employers and the relay can work with them now: what the union signs with and is sealed to is of its CA, its
    /// own and for that use, and the newest of each kind is valid, as is what the relay is shown. Says everything that is
    /// wrong.
    pub fn check(&self, now: Timestamp) -> Result<(), Faults> {
        let own = Own { ca: &self.ca, union: Some(self.address()), now };
        let mut faults = own.check("keys.signing", self.signing.iter().map(Some), may_sign);
        faults.extend(own.check("keys.encryption", self.encryption.iter().map(Some), may_encrypt));
        faults.extend(check_tls(&self.tls, now));
        if faults.is_empty() { Ok(()) } else { Err(Faults(faults)) }
    }
}

fn check_tls(certificate: &Certificate, now: Timestamp) -> Option<Fault> {
    let is_valid = (certificate.not_before()..certificate.not_after()).contains(&now);
    (!is_valid).then(|| Fault::new("relay.credential", "the certificate is not valid now"))
}

/// What the union's own certificates must fit.
struct Own<'a> {
    ca: &'a Certificate,
    union: Option<Address>,
    now: Timestamp,
}

impl Own<'_> {
    /// A list, the newest first; without those that cannot be read.
    fn check<'c>(
        &self,
        key: &'static str,
        credentials: impl Iterator<Item = Option<&'c Credential>>,
        is_fit: fn(&Certificate) -> bool,
    ) -> Vec<Fault> {
        let ca = TrustStore::new(vec![self.ca.clone()]);
        let problem = |(place, credential): (usize, Option<&Credential>)| {
            let certificate = credential?.certificate();
            let problem = match ca.path(certificate, &[], self.now) {
                _ if self.union.is_some() && owner(certificate) != self.union => "does not name this union",
                _ if !is_fit(certificate) => "is not for this use",
                Err(Untrusted::Expired | Untrusted::NotYetValid) if place == 0 => "is not valid now, and is the newest",
                // Old ones stay for what was sealed to them.
                Ok(()) | Err(Untrusted::Expired | Untrusted::NotYetValid) => return None,
                Err(_) => "is not from the union's CA (keys.ca)",
            };
            Some(Fault::new(key, format!("certificate {} of the list {problem}", place + 1)))
        };
        credentials.enumerate().filter_map(problem).collect()
    }
}

/// The keys as they are now. Cheap to clone; all clones change over together. Whoever works with them takes
/// [`Self::current`] and goes on with that to the end of the one thing it does.
#[derive(Debug, Clone)]
pub struct KeyRing {
    union: InsurerNumber,
    current: Arc<ArcSwap<Keys>>,
}

impl KeyRing {
    /// Begins with these.
    pub fn new(keys: Keys) -> Self {
        Self { union: keys.union.clone(), current: Arc::new(ArcSwap::from_pointee(keys)) }
    }

    /// Whose they are; that never changes.
    pub const fn union(&self) -> &InsurerNumber {
        &self.union
    }

    /// The union's address.
    pub fn address(&self) -> Address {
        Address::Union(self.union.clone())
    }

    /// The present ones.
    pub fn current(&self) -> Arc<Keys> {
        self.current.load_full()
    }

    /// Puts others in their place.
    pub fn replace(&self, keys: Keys) {
        self.current.store(Arc::new(keys));
    }
}

/// Reads files and remembers what is wrong with them.
#[derive(Default)]
struct Reader {
    faults: Vec<Fault>,
}

impl Reader {
    fn file(&mut self, key: &'static str, path: &Path) -> Option<Vec<u8>> {
        match std::fs::read(path) {
            Ok(bytes) => Some(bytes),
            Err(error) => {
                self.faults.push(Fault::new(key, format!("{} cannot be read: {error}", path.display())));
                None
            }
        }
    }

    fn take<T>(&mut self, key: &'static str, path: &Path, result: Result<T, impl std::fmt::Display>) -> Option<T> {
        result.map_err(|error| self.faults.push(Fault::new(key, format!("{}: {error}", path.display())))).ok()
    }

    fn certificates(&mut self, key: &'static str, path: &Path) -> Vec<Certificate> {
        let Some(pem) = self.file(key, path) else { return Vec::new() };
        let read = Certificate::all_from_pem(&pem);
        let some = read.and_then(|all| if all.is_empty() { Err(KeyError::Empty) } else { Ok(all) });
        self.take(key, path, some).unwrap_or_default()
    }

    fn credential(&mut self, key: &'static str, path: &Path) -> Option<Credential> {
        let pem = self.file(key, path)?;
        let pair = Certificate::from_pem(&pem).and_then(|certificate| {
            let private = PrivateKey::from_pem(&pem)?;
            Credential::new(certificate, private)
        });
        self.take(key, path, pair)
    }

    fn authority(&mut self, certificate: &Path, key: &Path) -> Option<Authority> {
        let (certificate, pem) = (self.file("keys.ca", certificate)?, self.file("keys.ca_key", key)?);
        self.take("keys.ca_key", key, Authority::load(&certificate, &pem))
    }

    fn list(&mut self, path: &Path, roots: &[Certificate]) -> Option<RevocationList> {
        let der = self.file("revocation.lists", path)?;
        let read = roots.iter().find_map(|issuer| RevocationList::read(&der, issuer).ok());
        self.take("revocation.lists", path, read.ok_or("not a revocation list of an authority that is trusted here"))
    }
}
