//! Requests for certificates, and whether to believe the answers that the relay hands over.

use jiff::Timestamp;

use super::error::EmployerError;
use super::identity::Identity;
use super::union::Union;
use crate::domain::address::Address;
use crate::domain::clock::Random;
use crate::domain::ids::{RequestId, UserId};
use crate::domain::policy::CLOCK_SKEW;
use crate::message::keys::{Certificate, PrivateKey};
use crate::message::words;
use crate::pki::request::pkcs10;
use crate::pki::{self, KeyKind, PkiError, PublicKey, Subject, new_key};
use crate::wire::Der;
use crate::wire::enrolment::{Answer, CertificateRequest, KeyRequests, Outcome, SealedRequest};

/// The three keys of a PC, just made.
pub(super) struct NewKeys {
    /// For signing and TLS.
    pub(super) signing: PrivateKey,
    /// For receiving.
    pub(super) encryption: PrivateKey,
    /// For TLS before the PIN.
    pub(super) device: PrivateKey,
}

impl NewKeys {
    /// Makes them.
    pub(super) fn make() -> Result<Self, PkiError> {
        let key = || new_key(KeyKind::P256);
        Ok(Self { signing: key()?, encryption: key()?, device: key()? })
    }

    /// What is asked for them.
    pub(super) fn requests(&self, user: &UserId) -> Result<KeyRequests, PkiError> {
        let request = |key| pkcs10(user, key).map(Der);
        Ok(KeyRequests {
            signing: request(&self.signing)?,
            encryption: request(&self.encryption)?,
            device: request(&self.device)?,
        })
    }
}

/// Seals a request for the union's eyes.
pub(super) fn seal(
    id: RequestId,
    request: &SealedRequest,
    union: &Union,
    random: &dyn Random,
) -> Result<CertificateRequest, EmployerError> {
    let sealed = words::seal(request, std::slice::from_ref(&union.encryption), random)?;
    Ok(CertificateRequest { id, sealed: Der(sealed) })
}

/// Reads the union's answer to a request.
///
/// # Errors
/// [`EmployerError::Answer`] when it is not the union's, or about another request or other bytes.
pub(super) fn read(der: &Der, request: &CertificateRequest, union: &Union) -> Result<Outcome, EmployerError> {
    let verified = |signer: &Certificate| words::verify::<Answer>(&der.0, signer).ok();
    // The answer says when it was given, under the signature that is checked.
    let answer = union.signing.iter().find_map(verified).ok_or(EmployerError::Answer)?;
    union.signer(answer.at, verified).ok_or(EmployerError::Answer)?;
    if answer.request == request.id && answer.digest == request.digest() {
        Ok(answer.outcome)
    } else {
        Err(EmployerError::Answer)
    }
}

/// The keys that were asked for: signing, encryption, device. The private ones may be shut in, meanwhile.
pub(super) fn public_keys(requests: &KeyRequests) -> Result<[PublicKey; 3], PkiError> {
    let key = |der: &Der| pki::Request::from_pkcs10(Subject::Service(String::new()), &der.0).map(|request| request.key);
    Ok([key(&requests.signing)?, key(&requests.encryption)?, key(&requests.device)?])
}

/// Checks certificates that were issued to us: from the union's CA, for us, and for the keys that we asked for.
pub(super) fn check_issued(
    issued: [&Der; 3],
    asked_for: &[PublicKey; 3],
    identity: &Identity,
    union: &Union,
    now: Timestamp,
) -> Result<(), EmployerError> {
    let read = |der: &Der| Certificate::from_der(&der.0).map_err(|_| EmployerError::Answer);
    let certificates = [read(issued[0])?, read(issued[1])?, read(issued[2])?];
    let are_good = certificates.iter().zip(asked_for).all(|(certificate, key)| {
        // Just issued by a clock that may be as far ahead of ours as clocks may be.
        let begun =
            if certificate.not_before().duration_since(now) <= CLOCK_SKEW { certificate.not_before() } else { now };
        PublicKey::of_certificate(certificate).is_ok_and(|is| is == *key)
            && union.authorities.path(certificate, &[], now.max(begun)).is_ok()
    });
    let [signing, encryption, _] = &certificates;
    let own: Option<Address> = Some(identity.from());
    let are_ours = pki::owner(signing) == own
        && pki::owner(encryption) == own
        && pki::profile::may_sign(signing)
        && pki::profile::may_encrypt(encryption);
    if are_good && are_ours { Ok(()) } else { Err(EmployerError::Answer) }
}
