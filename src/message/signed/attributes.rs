//! The signed attributes of CAdES-B: all four, each once, with one value, in the one order of DER.

use std::ops::Range;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::SignatureError;
use super::algorithm::{Hash, Scheme};
use crate::message::error::OpenError;
use crate::message::format::der::{self, Der, Element};
use crate::message::format::header::{
    GENERALIZED_TIME, INTEGER, OCTET_STRING, SEQUENCE, SET, UTC_TIME, context_constructed,
};
use crate::message::format::oid;
use crate::message::keys::Certificate;

/// More would be for nothing.
const MAX_ATTRIBUTES: usize = 32;
/// Most certificates that signing-certificate-v2 may name.
const MAX_CERTIFICATES: usize = 8;

/// What the signed attributes say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Attributes {
    pub(super) message_digest: Vec<u8>,
    pub(super) signing_time: Timestamp,
    pub(super) certificate: CertificateId,
}

/// `ESSCertIDv2` (RFC 5035): the signer's certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CertificateId {
    pub(super) hash: Hash,
    pub(super) value: Vec<u8>,
    /// Contents of `IssuerSerial`.
    issuer_serial: Option<Vec<u8>>,
}

impl Attributes {
    /// Reads the contents of `SignedAttributes`. `hash` and `algorithm` (contents of the signature's algorithm identifier)
    /// are what stands beside them, for the attribute that protects them.
    pub(super) fn read(set: &[u8], hash: Hash, algorithm: &[u8]) -> Result<Self, OpenError> {
        der::check(set)?;
        let list = split(set)?;
        let find = |name: &[u8]| list.iter().find(|(oid, _)| *oid == name).map(|(_, value)| *value);
        let missing = |what| SignatureError::Attributes(what);
        let content_type = find(oid::CONTENT_TYPE).ok_or(missing("no content type"))?;
        if content_type.whole != der::oid(oid::DATA) {
            return Err(missing("the content type is not data").into());
        }
        let message_digest = find(oid::MESSAGE_DIGEST).ok_or(missing("no message digest"))?;
        let signing_time = find(oid::SIGNING_TIME).ok_or(missing("no signing time"))?;
        let certificate = find(oid::SIGNING_CERTIFICATE_V2).ok_or(missing("no signing certificate"))?;
        if message_digest.tag != OCTET_STRING {
            return Err(missing("the message digest is no octet string").into());
        }
        if let Some(protection) = find(oid::ALGORITHM_PROTECTION) {
            check_protection(protection, hash, algorithm)?;
        }
        Ok(Self {
            message_digest: message_digest.content.to_vec(),
            signing_time: read_time(signing_time).ok_or(missing("the signing time is no time"))?,
            certificate: CertificateId::read(certificate)?,
        })
    }

    /// The DER of the attributes as a `SET`, as it is signed.
    pub(super) fn write(message_digest: &[u8], signing_time: Timestamp, signer: &Certificate) -> Vec<u8> {
        let attribute = |name, value: &[u8]| der::sequence(&[&der::oid(name), &der::element(SET, &[value])]);
        let directory_name = der::element(context_constructed(4), &[signer.issuer()]);
        let issuer_serial = der::sequence(&[&der::sequence(&[&directory_name]), signer.serial_number()]);
        let hash = der::element(OCTET_STRING, &[signer.fingerprint().as_bytes()]);
        let certificates = der::sequence(&[&der::sequence(&[&hash, &issuer_serial])]);
        der::set_of(vec![
            attribute(oid::CONTENT_TYPE, &der::oid(oid::DATA)),
            attribute(oid::MESSAGE_DIGEST, &der::element(OCTET_STRING, &[message_digest])),
            attribute(oid::SIGNING_TIME, &write_time(signing_time)),
            attribute(oid::SIGNING_CERTIFICATE_V2, &der::sequence(&[&certificates])),
        ])
    }
}

/// Name and only value of each attribute.
fn split(set: &[u8]) -> Result<Vec<(&[u8], Element<'_>)>, OpenError> {
    let mut der = Der::new(set);
    let mut list: Vec<(&[u8], Element<'_>)> = Vec::new();
    let mut before: &[u8] = &[];
    while !der.is_empty() {
        let whole = der.element(SEQUENCE)?;
        if whole.whole <= before {
            return Err(SignatureError::Attributes("not in the order of DER").into());
        }
        before = whole.whole;
        let mut attribute = Der::new(whole.content);
        let name = attribute.oid()?;
        let mut values = attribute.nested(SET)?;
        attribute.finish()?;
        if values.is_empty() {
            return Err(SignatureError::Attributes("an attribute without a value").into());
        }
        let value = values.any()?;
        if !values.is_empty() {
            return Err(SignatureError::Attributes("an attribute with several values").into());
        }
        if list.iter().any(|(known, _)| *known == name) {
            return Err(SignatureError::Attributes("the same attribute twice").into());
        }
        list.push((name, value));
        if list.len() > MAX_ATTRIBUTES {
            return Err(SignatureError::Attributes("more than 32 of them").into());
        }
    }
    Ok(list)
}

/// `CMSAlgorithmProtection` (RFC 6211): not demanded, but if it is there, it must be true.
fn check_protection(value: Element<'_>, hash: Hash, algorithm: &[u8]) -> Result<(), OpenError> {
    let wrong = SignatureError::Attributes("the algorithms are not the protected ones");
    let mut protection = Der::new(value.whole).nested(SEQUENCE)?;
    let declared = Hash::read(&mut protection)?;
    let signature = protection.element(context_constructed(1))?.content;
    let same = declared == hash
        && (signature == algorithm
            || Scheme::read(Der::new(signature), hash)? == Scheme::read(Der::new(algorithm), hash)?);
    if same && protection.is_empty() { Ok(()) } else { Err(wrong.into()) }
}

impl CertificateId {
    /// Reads `SigningCertificateV2`; the signer's certificate is the first that it names.
    fn read(value: Element<'_>) -> Result<Self, OpenError> {
        let mut outer = Der::new(value.whole).nested(SEQUENCE)?;
        let mut list = outer.nested(SEQUENCE)?;
        outer.optional(SEQUENCE)?;
        outer.finish()?;
        let mut first = list.nested(SEQUENCE)?;
        for _ in 1..MAX_CERTIFICATES {
            list.optional(SEQUENCE)?;
        }
        list.finish()?;
        // Left out, the algorithm is SHA-256.
        let names_hash = first.clone().element(SEQUENCE).is_ok();
        let hash = if names_hash { Hash::read(&mut first)? } else { Hash::Sha256 };
        let value = first.element(OCTET_STRING)?.content.to_vec();
        let issuer_serial = first.optional(SEQUENCE)?.map(|part| part.content.to_vec());
        first.finish()?;
        Ok(Self { hash, value, issuer_serial })
    }

    /// Whether it is this certificate.
    pub(super) fn is(&self, certificate: &Certificate) -> bool {
        let same_value = match self.hash {
            Hash::Sha256 => self.value == certificate.fingerprint().as_bytes(),
            other => self.value == other.digest(certificate.der()),
        };
        same_value && self.issuer_serial.as_ref().is_none_or(|part| names_issuer_and_serial(part, certificate))
    }
}

fn names_issuer_and_serial(content: &[u8], certificate: &Certificate) -> bool {
    let directory_name = der::element(context_constructed(4), &[certificate.issuer()]);
    let mut der = Der::new(content);
    let names = der.element(SEQUENCE).is_ok_and(|names| names.content == directory_name);
    let serial = der.element(INTEGER).is_ok_and(|serial| serial.whole == certificate.serial_number());
    names && serial && der.is_empty()
}

/// `Time` (RFC 5652, 11.3): `UTCTime` up to 2049, from then on `GeneralizedTime`, both in seconds and UTC.
fn read_time(value: Element<'_>) -> Option<Timestamp> {
    let text = std::str::from_utf8(value.content).ok()?.strip_suffix('Z')?;
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number = |range: Range<usize>| text.get(range)?.parse::<i16>().ok();
    let (year, rest) = match (value.tag, text.len()) {
        (UTC_TIME, 12) => (number(0..2).map(|year| if year < 50 { 2000 + year } else { 1900 + year })?, 2),
        (GENERALIZED_TIME, 14) => (number(0..4).filter(|year| !(1950..2050).contains(year))?, 4),
        _ => return None,
    };
    let part = |index: usize| i8::try_from(number(rest + 2 * index..rest + 2 * index + 2)?).ok();
    let civil = DateTime::new(year, part(0)?, part(1)?, part(2)?, part(3)?, part(4)?, 0).ok()?;
    civil.to_zoned(TimeZone::UTC).ok().map(|time| time.timestamp())
}

fn write_time(time: Timestamp) -> Vec<u8> {
    let civil = time.to_zoned(TimeZone::UTC);
    if (1950..2050).contains(&civil.year()) {
        der::element(UTC_TIME, &[civil.strftime("%y%m%d%H%M%SZ").to_string().as_bytes()])
    } else {
        der::element(GENERALIZED_TIME, &[civil.strftime("%Y%m%d%H%M%SZ").to_string().as_bytes()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(tag: u8, text: &str) -> Option<Timestamp> {
        read_time(Element { tag, content: text.as_bytes(), whole: &[] })
    }

    #[test]
    fn times_read_back_as_written() {
        for text in ["1950-01-01T00:00:00Z", "1999-12-31T23:59:59Z", "2049-12-31T23:59:59Z", "2050-01-01T00:00:00Z"] {
            let moment: Timestamp = text.parse().unwrap();
            let der = write_time(moment);
            assert_eq!(read_time(Der::new(&der).any().unwrap()), Some(moment), "{text}");
        }
    }

    #[test]
    fn other_spellings_of_a_time_are_refused() {
        assert!(time(UTC_TIME, "261122085743Z").is_some());
        for text in ["2611220857Z", "261122085743", "261122085743+0900", "261322085743Z", "26112208574 Z", "Z", ""] {
            assert_eq!(time(UTC_TIME, text), None, "{text}");
        }
        assert_eq!(time(GENERALIZED_TIME, "20261122085743Z"), None);
        assert_eq!(time(GENERALIZED_TIME, "20510101000000.5Z"), None);
        assert!(time(GENERALIZED_TIME, "20510101000000Z").is_some());
    }
}
