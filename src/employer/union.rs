//! The union's certificates as the relay hands them over, checked against the union's CA and its revocation list.

use std::path::Path;

use jiff::{SignedDuration, Timestamp};

use super::error::EmployerError;
use super::home::{self, HomeError};
use super::identity::Identity;
use crate::domain::address::Address;
use crate::domain::policy::CLOCK_SKEW;
use crate::message::keys::Certificate;
use crate::pki::crl::Status;
use crate::pki::{self, RevocationList, TrustStore};
use crate::wire::Der;
use crate::wire::employer::UnionInfo;

/// Name of the file with the newest revocation list.
const REVOKED: &str = "revoked.crl";

/// What the union lets us know, checked.
#[derive(Debug)]
pub struct Union {
    /// The newest certificate to seal for.
    pub encryption: Certificate,
    /// Those that it signs with and has not revoked; trusted only as far as the CA vouches for them at the time of a signature.
    pub signing: Vec<Certificate>,
    /// Who vouches.
    pub authorities: TrustStore,
    /// Whom the CA has revoked, by the newest list that was ever seen here.
    pub revoked: RevocationList,
}

impl Union {
    /// Checks what the relay says and what time it says it is. Otherwise like [`Self::check`].
    ///
    /// # Errors
    /// [`EmployerError::Clock`] before anything is judged by a clock that must be wrong.
    pub fn told(
        (info, at): &(UnionInfo, Timestamp),
        identity: &Identity,
        folder: &Path,
        now: Timestamp,
    ) -> Result<Self, EmployerError> {
        check_clock(*at, now)?;
        Self::check(info, identity, folder, now)
    }

    /// Checks what the relay says. The newest revocation list is kept in `folder`, and an older one is never gone back to.
    /// Without one that is not overdue nothing is believed: a relay that withholds the newer ones gains the time until the
    /// last one is due, and then nobody sends any more. Blocks.
    pub fn check(info: &UnionInfo, identity: &Identity, folder: &Path, now: Timestamp) -> Result<Self, EmployerError> {
        let who = identity.who();
        if (&info.union, &info.user, &info.office) != (&who.union, &who.user, &who.office) {
            return Err(EmployerError::Identity);
        }
        let revoked = newest_list(folder, identity.union_ca(), info.certificates.revoked.as_ref())?
            .filter(|list| list.is_current(now))
            .ok_or(EmployerError::NoRevocationList)?;
        let authorities = TrustStore::new(identity.union_ca().to_vec());
        let owner = Some(identity.to());
        // The relay's order is not believed: it might put one first that was replaced.
        let encryption = good(&info.certificates.encryption, &revoked, now)
            .filter(|certificate| {
                authorities.path(certificate, &[], now).is_ok()
                    && pki::owner(certificate) == owner
                    && pki::profile::may_encrypt(certificate)
            })
            .max_by_key(Certificate::not_before)
            .ok_or(EmployerError::UnionCertificate)?;
        let signing = good(&info.certificates.signing, &revoked, now).collect();
        Ok(Self { encryption, signing, authorities, revoked })
    }

    /// Since when a certificate is revoked, by that list.
    pub fn revoked_at(&self, certificate: &Certificate, now: Timestamp) -> Option<Timestamp> {
        match self.revoked.status(certificate, now) {
            Ok(Status::Revoked { at }) => Some(at),
            _ => None,
        }
    }

    /// The certificate of the union, out of those that it signs with, that satisfies `holds`, if it could sign at that time.
    pub fn signer<T>(&self, at: Timestamp, holds: impl Fn(&Certificate) -> Option<T>) -> Option<T> {
        self.signing.iter().find_map(|certificate| {
            let found = holds(certificate)?;
            let is_union = matches!(pki::owner(certificate), Some(Address::Union(_)));
            let trusted = self.authorities.path(certificate, &[], at).is_ok() && pki::profile::may_sign(certificate);
            (is_union && trusted).then_some(found)
        })
    }
}

/// Whether our clock is near enough to the relay's. What we sign has our time in it, and certificates are judged by it.
pub(super) fn check_clock(theirs: Timestamp, ours: Timestamp) -> Result<(), EmployerError> {
    let ahead: SignedDuration = ours.duration_since(theirs);
    if ahead.abs() <= CLOCK_SKEW { Ok(()) } else { Err(EmployerError::Clock { ahead }) }
}

/// Those that can be read and of which the list says that they are not revoked.
fn good(ders: &[Der], list: &RevocationList, now: Timestamp) -> impl Iterator<Item = Certificate> {
    let read = ders.iter().filter_map(|der| Certificate::from_der(&der.0).ok());
    read.filter(move |certificate| matches!(list.status(certificate, now), Ok(Status::Good)))
}

/// The newer one of the list that we have and the one that is offered.
fn newest_list(
    folder: &Path,
    authorities: &[Certificate],
    offered: Option<&Der>,
) -> Result<Option<RevocationList>, EmployerError> {
    let read = |der: &[u8]| authorities.iter().find_map(|ca| RevocationList::read(der, ca).ok());
    let path = folder.join(REVOKED);
    let kept = match home::read(&path) {
        Err(HomeError::File(_, error)) if error.kind() == std::io::ErrorKind::NotFound => None,
        // One of the CA before this enrolment says nothing any more.
        other => read(&other?),
    };
    let Some(offered) = offered else { return Ok(kept) };
    let offered = read(&offered.0).ok_or(EmployerError::UnionCertificate)?;
    match kept {
        Some(kept) if kept.number() >= offered.number() => Ok(Some(kept)),
        _ => {
            home::write(&path, offered.der())?;
            Ok(Some(offered))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::employer::testing::{Parties, now};
    use crate::pki::crl::Revoked;

    #[test]
    fn what_the_ca_revoked_is_gone_for_good() {
        let (mut parties, folder) = (Parties::new(), tempfile::tempdir().unwrap());
        let identity = parties.identity("kx-initial-1");
        let before = parties.renew_encryption(now() + jiff::SignedDuration::from_mins(10));
        let old = before.certificate().clone();
        let new = parties.union_encryption.certificate().clone();
        let check = |info: &UnionInfo| {
            Union::check(info, &identity, folder.path(), now() + jiff::SignedDuration::from_hours(1))
        };
        let list = |number, revoked: &[&Certificate]| {
            let entries: Vec<_> = revoked.iter().map(|one| Revoked { serial: one.serial(), at: now() }).collect();
            let list = parties.ca.crl(number, &entries, now(), now() + jiff::SignedDuration::from_hours(24)).unwrap();
            Some(Der(list.der().to_vec()))
        };
        let mut info = parties.info();
        info.certificates.encryption = [&new, &old].map(|one| Der(one.der().to_vec())).to_vec();
        info.certificates.revoked = None;
        assert!(matches!(check(&info), Err(EmployerError::NoRevocationList)), "nobody says that it is good");
        info.certificates.revoked = list(1, &[]);
        assert_eq!(check(&info).unwrap().encryption, new);

        info.certificates.revoked = list(2, &[&new, parties.union_signing.certificate()]);
        let checked = check(&info).unwrap();
        assert_eq!((checked.encryption, checked.signing.len()), (old.clone(), 0));
        // An older list, or none, brings nobody back.
        for revoked in [list(1, &[]), list(2, &[]), None] {
            info.certificates.revoked = revoked;
            assert_eq!(check(&info).unwrap().encryption, old);
        }
        // What the relay withholds is noticed when the list that is here is due.
        let later = now() + jiff::SignedDuration::from_hours(24);
        info.certificates.revoked = list(2, &[]);
        let overdue = Union::check(&info, &identity, folder.path(), later);
        assert!(matches!(overdue, Err(EmployerError::NoRevocationList)));
        info.certificates.revoked = list(3, &[&new, &old]);
        assert!(matches!(check(&info), Err(EmployerError::UnionCertificate)));
        info.certificates.revoked = Some(Der(b"no list".to_vec()));
        assert!(matches!(check(&info), Err(EmployerError::UnionCertificate)));
        info.office = "99".parse().unwrap();
        assert!(matches!(check(&info), Err(EmployerError::Identity)));
    }
}
