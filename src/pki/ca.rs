//! An authority: a union's CA for its users and itself, or an operator's for the relay.

use jiff::{SignedDuration, Timestamp};
use openssl::asn1::{Asn1Integer, Asn1Time};
use openssl::bn::BigNum;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::x509::extension::{AuthorityKeyIdentifier, BasicConstraints, CrlNumber, KeyUsage, SubjectKeyIdentifier};
use openssl::x509::{X509, X509Builder, X509CrlBuilder, X509Extension, X509KeyUsage, X509Ref, X509RevokedBuilder};

use super::crl::{RevocationList, Revoked};
use super::identity::{Subject, distinguished_name};
use super::key::{KeyKind, PublicKey, new_key};
use super::profile::{AUTHORITY_VALIDITY, Profile};
use super::request::Request;
use super::trust::TrustStore;
use super::{PkiError, asn1_time};
use crate::domain::clock::Random;
use crate::domain::ids::InsurerNumber;
use crate::message::keys::{Certificate, Credential, PrivateKey};

/// What every certificate is dated back by, so that a receiver whose clock is a little late does not refuse a
/// certificate just issued.
const BACKDATED: SignedDuration = SignedDuration::from_mins(5);

/// The trial certificate's life. It is never given to anybody.
const TRIAL: SignedDuration = SignedDuration::from_secs(1);

/// For the trial certificate, whose serial number nobody sees.
#[derive(Debug)]
struct NoRandom;

impl Random for NoRandom {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(0);
    }
}

/// Issues and revokes certificates.
#[derive(Debug, Clone)]
pub struct Authority {
    credential: Credential,
}

impl Authority {
    /// Makes a union's authority, with a new P-256 key, valid for [`AUTHORITY_VALIDITY`]. The name is for people.
    pub fn create(union: &InsurerNumber, name: &str, now: Timestamp, random: &dyn Random) -> Result<Self, PkiError> {
        Self::create_with(new_key(KeyKind::P256)?, Some(union), name, now, random)
    }

    /// Makes the authority of an operator (for the relay's certificates), which belongs to no union.
    pub fn create_operator(name: &str, now: Timestamp, random: &dyn Random) -> Result<Self, PkiError> {
        Self::create_with(new_key(KeyKind::P256)?, None, name, now, random)
    }

    /// Makes an authority with a key that is there: a union's, or an operator's without one.
    pub fn create_with(
        key: PrivateKey,
        union: Option<&InsurerNumber>,
        name: &str,
        now: Timestamp,
        random: &dyn Random,
    ) -> Result<Self, PkiError> {
        let name = distinguished_name(name, union.map(InsurerNumber::as_str))?;
        let mut builder = builder(now, end(now, AUTHORITY_VALIDITY)?, random)?;
        builder.set_subject_name(&name)?;
        builder.set_issuer_name(&name)?;
        builder.set_pubkey(PublicKey::of(&key)?.pkey())?;
        builder.append_extension(BasicConstraints::new().critical().ca().pathlen(0).build()?)?;
        builder.append_extension(KeyUsage::new().critical().key_cert_sign().crl_sign().build()?)?;
        let subject_key = SubjectKeyIdentifier::new().build(&builder.x509v3_context(None, None))?;
        builder.append_extension(subject_key)?;
        let authority_key = AuthorityKeyIdentifier::new().keyid(true).build(&builder.x509v3_context(None, None))?;
        builder.append_extension(authority_key)?;
        builder.sign(key.pkey(), MessageDigest::sha256())?;
        let certificate = Certificate::from_x509(builder.build())?;
        Ok(Self { credential: Credential::new(certificate, key)? })
    }

    /// Reads an authority from its certificate and key in PEM.
    pub fn load(certificate: &[u8], key: &[u8]) -> Result<Self, PkiError> {
        Self::from_credential(Credential::new(Certificate::from_pem(certificate)?, PrivateKey::from_pem(key)?)?)
    }

    /// Takes a certificate and key, if the certificate may issue others and revoke them.
    pub fn from_credential(credential: Credential) -> Result<Self, PkiError> {
        KeyKind::of(credential.key().pkey())?;
        let authority = Self { credential };
        if authority.would_be_believed() { Ok(authority) } else { Err(PkiError::NotAnAuthority) }
    }

    /// The authority's own certificate: what others trust.
    pub fn certificate(&self) -> &Certificate {
        self.credential.certificate()
    }

    /// Certificate and key, for keeping them in files.
    pub fn credential(&self) -> &Credential {
        &self.credential
    }

    /// Issues a certificate that is valid from now (dated back by 5 minutes) for so long, but never longer than the
    /// authority itself. A union's authority issues for no other union.
    pub fn issue(
        &self,
        request: &Request,
        profile: &Profile,
        validity: SignedDuration,
        now: Timestamp,
        random: &dyn Random,
    ) -> Result<Certificate, PkiError> {
        profile.check(&request.subject)?;
        self.check_union(&request.subject)?;
        self.check_validity(now)?;
        let issuer = self.certificate().x509();
        let mut builder = builder(now, end(now, validity)?.min(self.certificate().not_after()), random)?;
        let subject = request.subject.name()?;
        builder.set_subject_name(&subject)?;
        builder.set_issuer_name(issuer.subject_name())?;
        builder.set_pubkey(request.key.pkey())?;
        builder.append_extension(BasicConstraints::new().critical().build()?)?;
        builder.append_extension(profile.key_usage(request.key.kind())?)?;
        builder.append_extension(profile.extended_key_usage()?)?;
        if let Some(names) = profile.alternative_names(request)? {
            let names = names.build(&builder.x509v3_context(Some(issuer), None))?;
            builder.append_extension(names)?;
        }
        let subject_key = SubjectKeyIdentifier::new().build(&builder.x509v3_context(Some(issuer), None))?;
        builder.append_extension(subject_key)?;
        builder.append_extension(authority_key_identifier(&builder, issuer)?)?;
        builder.sign(self.credential.key().pkey(), MessageDigest::sha256())?;
        Ok(Certificate::from_x509(builder.build())?)
    }

    /// Makes the revocation list number `number` (they must rise), good until `next_update`.
    pub fn crl(
        &self,
        number: u64,
        revoked: &[Revoked],
        now: Timestamp,
        next_update: Timestamp,
    ) -> Result<RevocationList, PkiError> {
        self.check_validity(now)?;
        if next_update <= now {
            return Err(PkiError::Period);
        }
        let issuer = self.certificate().x509();
        let mut builder = X509CrlBuilder::new()?;
        builder.set_issuer_name(issuer.subject_name())?;
        builder.set_last_update(&*asn1_time(now)?)?;
        builder.set_next_update(&*asn1_time(next_update)?)?;
        // A certificate builder is the only thing that gives the context that the identifier is made in.
        builder.append_extension(authority_key_identifier(&X509Builder::new()?, issuer)?)?;
        builder.append_extension(CrlNumber::new(BigNum::from_slice(&number.to_be_bytes())?)?.build()?)?;
        for entry in revoked {
            let mut one = X509RevokedBuilder::new()?;
            let serial = BigNum::from_hex_str(&entry.serial)?;
            one.set_serial_number(&*Asn1Integer::from_bn(&serial)?)?;
            one.set_revocation_date(&*asn1_time(entry.at)?)?;
            builder.add_revoked(one.build())?;
        }
        builder.sort()?;
        builder.sign(self.credential.key().pkey(), MessageDigest::sha256())?;
        RevocationList::read(&builder.build()?.to_der()?, self.certificate()).map_err(|_| PkiError::Period)
    }

    /// Issues a certificate on trial and checks it as everybody else would: basic constraints, key usage, signature.
    fn would_be_believed(&self) -> bool {
        let usage = self.certificate().x509().key_usage();
        let at = self.certificate().not_before();
        let on_trial = Request::new(Subject::Service("trial".to_owned()), self.credential.key())
            .and_then(|request| self.issue(&request, &Profile::ReceiptSigning, TRIAL, at, &NoRandom));
        usage.is_some_and(|usage| usage.contains(X509KeyUsage::CRL_SIGN))
            && on_trial
                .is_ok_and(|trial| TrustStore::new(vec![self.certificate().clone()]).path(&trial, &[], at).is_ok())
    }

    /// An authority that carries a union's number as its organisation speaks for that union alone.
    fn check_union(&self, subject: &Subject) -> Result<(), PkiError> {
        let (Subject::User { union, .. } | Subject::Union(union)) = subject else { return Ok(()) };
        let name = self.certificate().x509().subject_name();
        let organisation = name.entries_by_nid(Nid::ORGANIZATIONNAME).next().and_then(|o| o.data().to_string().ok());
        match organisation.and_then(|text| text.parse::<InsurerNumber>().ok()) {
            Some(own) if own != *union => Err(PkiError::Subject),
            _ => Ok(()),
        }
    }

    fn check_validity(&self, now: Timestamp) -> Result<(), PkiError> {
        let valid = self.certificate().not_before() <= now && now < self.certificate().not_after();
        if valid { Ok(()) } else { Err(PkiError::AuthorityNotValid) }
    }
}

fn authority_key_identifier(builder: &X509Builder, issuer: &X509Ref) -> Result<X509Extension, PkiError> {
    Ok(AuthorityKeyIdentifier::new().keyid(true).build(&builder.x509v3_context(Some(issuer), None))?)
}

fn builder(now: Timestamp, not_after: Timestamp, random: &dyn Random) -> Result<X509Builder, PkiError> {
    let not_before = now.checked_sub(BACKDATED).map_err(|_| PkiError::Period)?;
    if not_after <= now {
        return Err(PkiError::Period);
    }
    let mut builder = X509::builder()?;
    builder.set_version(2)?;
    builder.set_serial_number(&*serial(random)?)?;
    let (from, to): (Asn1Time, Asn1Time) = (asn1_time(not_before)?, asn1_time(not_after)?);
    builder.set_not_before(&from)?;
    builder.set_not_after(&to)?;
    Ok(builder)
}

/// 128 random bits but for the first two, which make it positive and never short.
fn serial(random: &dyn Random) -> Result<Asn1Integer, PkiError> {
    let mut bytes = [0; 16];
    random.fill(&mut bytes);
    bytes[0] = bytes[0] & 0x7f | 0x40;
    let number = BigNum::from_slice(&bytes)?;
    Ok(Asn1Integer::from_bn(&number)?)
}

fn end(now: Timestamp, validity: SignedDuration) -> Result<Timestamp, PkiError> {
    now.checked_add(validity).map_err(|_| PkiError::Period)
}
