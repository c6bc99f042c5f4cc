//! The union's own certificates and keys, and whom it trusts, read from the files that the settings name.

use std::path::Path;

use crate::config::{Fault, Faults};
use crate::domain::address::Address;
use crate::domain::ids::InsurerNumber;
use crate::message::keys::{Certificate, Credential, KeyError, PrivateKey};
use crate::pki::ca::Authority;
use crate::pki::crl::RevocationList;
use crate::pki::trust::TrustStore;
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
}

impl Keys {
    /// Reads everything, and says everything that is wrong.
    pub fn load(settings: &GatewaySettings) -> Result<(Self, client::Settings), Faults> {
        let mut reader = Reader::default();
        let ca = reader.certificates("keys.ca", &settings.keys.ca);
        let mut roots = ca.clone();
        for path in &settings.keys.trusted {
            roots.extend(reader.certificates("keys.trusted", path));
        }
        let authority = settings.keys.ca_key().and_then(|key| reader.authority(&settings.keys.ca, key));
        let revocation =
            settings.revocation.lists.iter().filter_map(|path| reader.list(path, &roots)).collect::<Vec<_>>();
        let credentials = |reader: &mut Reader, key, paths: &[std::path::PathBuf]| -> Vec<Credential> {
            paths.iter().filter_map(|path| reader.credential(key, path)).collect()
        };
        let signing = credentials(&mut reader, "keys.signing", &settings.keys.signing);
        let encryption = credentials(&mut reader, "keys.encryption", &settings.keys.encryption);
        let relay_roots = reader.certificates("relay.ca", &settings.relay.ca);
        let relay_receipt = reader.certificates("relay.receipt_certificates", &settings.relay.receipt_certificates);
        let tls = reader.credential("relay.credential", &settings.relay.credential);
        let (Some(ca), Some(tls), true) = (ca.into_iter().next(), tls, reader.faults.is_empty()) else {
            return Err(Faults(reader.faults));
        };
        let relay = client::Settings {
            connect_timeout: std::time::Duration::from_secs(settings.relay.connect_timeout_seconds),
            idle_timeout: std::time::Duration::from_secs(settings.relay.idle_timeout_seconds),
            source_address: settings.relay.source_address(),
            interface: settings.relay.interface(),
            ..client::Settings::new(settings.relay.url(), relay_roots, tls)
        };
        let union = settings.insurer();
        let trust = TrustStore::new(roots);
        Ok((Self { union, signing, encryption, authority, trust, revocation, ca, relay_receipt }, relay))
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
