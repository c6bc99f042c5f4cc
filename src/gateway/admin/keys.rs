//! The union's own certificates: which there are, and that one counts no more.

use jiff::Timestamp;
use serde::Serialize;

use super::{Admin, AdminError};
use crate::gateway::flows::revocation as list;
use crate::gateway::keys::Keys;
use crate::message::keys::{Certificate, Credential};
use crate::pki::identity::owner;
use crate::pki::trust::{TrustStore, Untrusted};
use crate::store::gateway::revocation;

/// A certificate of the union itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the fields are named like what they show")]
pub struct OwnCertificate {
    /// `signing` or `encryption`.
    pub purpose: &'static str,
    pub fingerprint: String,
    pub not_before: Timestamp,
    pub not_after: Timestamp,
    /// Whether it is the newest: what the union signs with, or what is sealed to.
    pub in_use: bool,
    pub revoked_at: Option<Timestamp>,
}

/// A certificate that was put on the revocation list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Revoked {
    /// SHA-256 over the certificate.
    pub fingerprint: String,
    /// Whether nothing is left to sign with, or to seal to: employers cannot send until there is.
    pub in_use: bool,
}

impl Admin {
    /// What the union signs with and is sealed to, the newest first.
    pub async fn own_certificates(&self) -> Result<Vec<OwnCertificate>, AdminError> {
        let receiver = &self.gateway.receiver;
        let (keys, revoked) = (receiver.keys.current(), revocation::own(receiver.database.read()).await?);
        let view = |purpose, credentials: &[Credential]| {
            let one = |(place, credential): (usize, &Credential)| {
                let certificate = credential.certificate();
                let fingerprint = certificate.fingerprint();
                OwnCertificate {
                    purpose,
                    fingerprint: fingerprint.to_string(),
                    not_before: certificate.not_before(),
                    not_after: certificate.not_after(),
                    in_use: place == 0,
                    revoked_at: revoked.iter().find(|one| one.fingerprint == fingerprint).map(|one| one.at),
                }
            };
            credentials.iter().enumerate().map(one).collect::<Vec<_>>()
        };
        Ok([view("signing", &keys.signing), view("encryption", &keys.encryption)].concat())
    }

    /// Puts a certificate of the union itself on the revocation list of its CA, for good. The running gateway tells the
    /// relay: only what it has read itself may be announced. The one in use is revoked only if that is said too: with it gone,
    /// employers cannot send until its successor is there.
    pub async fn revoke_own(&self, certificate: &Certificate, also_in_use: bool) -> Result<Revoked, AdminError> {
        let receiver = &self.gateway.receiver;
        let keys = receiver.keys.current();
        check_own(&keys, certificate, self.now())?;
        let in_use = is_in_use(&keys, certificate);
        if in_use && !also_in_use {
            return Err(AdminError::InUse);
        }
        let fingerprint = certificate.fingerprint().to_string();
        let mut transaction = receiver.database.write().await?;
        if !revocation::revoke_own(&mut transaction, certificate, self.now()).await? {
            return Err(AdminError::RevokedBefore);
        }
        list::renew(&mut transaction, &keys, self.now()).await?;
        self.log(&mut transaction, "keys.revoked", &fingerprint, "registered", "revoked").await?;
        receiver.database.commit(transaction).await?;
        Ok(Revoked { fingerprint, in_use })
    }
}

/// Only what the union's CA issued, by a key that is here, to the union itself.
fn check_own(keys: &Keys, certificate: &Certificate, now: Timestamp) -> Result<(), AdminError> {
    if keys.authority.is_none() {
        return Err(AdminError::NoAuthority);
    }
    let path = TrustStore::new(vec![keys.ca.clone()]).path(certificate, &[], now);
    if matches!(path, Err(Untrusted::NoPath | Untrusted::Key)) || owner(certificate) != Some(keys.address()) {
        return Err(AdminError::NotOwn);
    }
    Ok(())
}

fn is_in_use(keys: &Keys, certificate: &Certificate) -> bool {
    let newest = [keys.signing.first(), keys.encryption.first()];
    newest.into_iter().flatten().any(|credential| credential.certificate() == certificate)
}
