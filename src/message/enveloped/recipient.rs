//! `RecipientInfo` (RFC 5652, 6.2): who can get at the content key, and how.

use openssl::error::ErrorStack;

use super::agreement::{self, Agreed, Kdf};
use super::{ContentKey, EnvelopeError, transport};
use crate::message::error::{OpenError, SealError};
use crate::message::format::der::{self, Der, Element};
use crate::message::format::header::{
    BIT_STRING, INTEGER, NULL, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE, context, context_constructed,
};
use crate::message::format::{FormatError, oid};
use crate::message::keys::{Certificate, Credential, KeyKind};

/// Most recipients that a message can have.
pub(super) const MAX_RECIPIENTS: usize = 1_000;

/// One recipient, as the envelope names it. All parts are as they stand there: nothing vouches for them.
#[derive(Debug)]
pub(in crate::message) struct Recipient<'a> {
    pub(in crate::message) name: Name<'a>,
    pub(in crate::message) method: Method<'a>,
    encrypted_key: &'a [u8],
}

/// How a recipient is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::message) enum Name<'a> {
    IssuerAndSerial { issuer: &'a [u8], serial: &'a [u8] },
    KeyIdentifier(&'a [u8]),
}

/// How a recipient gets at the content key.
#[derive(Debug, Clone, Copy)]
pub(in crate::message) enum Method<'a> {
    Transport,
    Agreement(Agreement<'a>),
}

/// What the recipients of one key agreement share.
#[derive(Debug, Clone, Copy)]
pub(in crate::message) struct Agreement<'a> {
    kdf: Kdf,
    point: &'a [u8],
    wrap: &'a [u8],
    ukm: Option<&'a [u8]>,
}

impl<'a> Name<'a> {
    pub(in crate::message) fn read(element: Element<'a>) -> Result<Self, FormatError> {
        match element.tag {
            SEQUENCE => {
                let mut name = Der::new(element.content);
                let issuer = name.element(SEQUENCE)?.whole;
                let serial = name.element(INTEGER)?.whole;
                name.finish()?;
                Ok(Self::IssuerAndSerial { issuer, serial })
            }
            tag if tag == context(0) => Ok(Self::KeyIdentifier(element.content)),
            _ => Err(FormatError::Malformed("a name that is neither issuer and serial number nor a key identifier")),
        }
    }

    /// Whether this is the name of that certificate.
    pub(in crate::message) fn names(&self, certificate: &Certificate) -> bool {
        match self {
            Self::IssuerAndSerial { issuer, serial } => {
                *issuer == certificate.issuer() && *serial == certificate.serial_number()
            }
            Self::KeyIdentifier(identifier) => Some(*identifier) == certificate.key_identifier(),
        }
    }
}

/// Reads the contents of `RecipientInfos`. One of a kind that is not accepted spoils the whole envelope: whoever holds
/// that key has the content key too.
pub(in crate::message) fn read(infos: &[u8]) -> Result<Vec<Recipient<'_>>, OpenError> {
    let mut infos = Der::new(infos);
    let mut recipients = Vec::new();
    while !infos.is_empty() {
        let info = infos.any()?;
        match info.tag {
            SEQUENCE => recipients.push(read_transport(info.content)?),
            tag if tag == context_constructed(1) => read_agreement(info.content, &mut recipients)?,
            tag if tag == context_constructed(2) => {
                return Err(EnvelopeError::Algorithm("a recipient with a key-encryption key").into());
            }
            tag if tag == context_constructed(3) => {
                return Err(EnvelopeError::Algorithm("a recipient with a password").into());
            }
            tag if tag == context_constructed(4) => {
                return Err(EnvelopeError::Algorithm("a recipient of another kind").into());
            }
            _ => return Err(FormatError::Malformed("a recipient that is none").into()),
        }
        if recipients.len() > MAX_RECIPIENTS {
            return Err(FormatError::Malformed("more than 1,000 recipients").into());
        }
    }
    if recipients.is_empty() { Err(FormatError::Malformed("no recipient").into()) } else { Ok(recipients) }
}

fn read_transport(content: &[u8]) -> Result<Recipient<'_>, OpenError> {
    let mut info = Der::new(content);
    let version = info.small_integer()?;
    let name = Name::read(info.any()?)?;
    if version != if matches!(name, Name::KeyIdentifier(_)) { 2 } else { 0 } {
        return Err(FormatError::Malformed("a recipient of another version").into());
    }
    let mut algorithm = info.nested(SEQUENCE)?;
    if algorithm.oid()? != oid::RSA_OAEP {
        return Err(EnvelopeError::Algorithm("a key transport other than RSA-OAEP").into());
    }
    if !transport::parameters_are_accepted(algorithm)? {
        return Err(EnvelopeError::Algorithm("RSA-OAEP with another hash than SHA-256").into());
    }
    let encrypted_key = info.element(OCTET_STRING)?.content;
    info.finish()?;
    Ok(Recipient { name, method: Method::Transport, encrypted_key })
}

fn read_agreement<'a>(content: &'a [u8], recipients: &mut Vec<Recipient<'a>>) -> Result<(), OpenError> {
    let mut info = Der::new(content);
    if info.small_integer()? != 3 {
        return Err(FormatError::Malformed("a recipient of another version").into());
    }
    let mut originator = info.nested(context_constructed(0))?;
    let mut key = originator.nested(context_constructed(1))?;
    originator.finish()?;
    let mut key_algorithm = key.nested(SEQUENCE)?;
    if key_algorithm.oid()? != oid::EC_PUBLIC_KEY {
        return Err(EnvelopeError::Algorithm("a key agreement other than ECDH").into());
    }
    // The curve is the recipient key's. It may be named again here, or not.
    if key_algorithm.optional(OBJECT_IDENTIFIER)?.is_none() {
        key_algorithm.optional(NULL)?;
    }
    key_algorithm.finish()?;
    let [0, point @ ..] = key.element(BIT_STRING)?.content else {
        return Err(FormatError::Malformed("a point with unused bits").into());
    };
    key.finish()?;
    let ukm = match info.optional(context_constructed(1))? {
        Some(ukm) => Some(Der::new(ukm.content).element(OCTET_STRING)?.content),
        None => None,
    };
    let mut algorithm = info.nested(SEQUENCE)?;
    let kdf = match algorithm.oid()? {
        oid::ECDH_SHA256 => Kdf::Sha256,
        oid::ECDH_SHA384 => Kdf::Sha384,
        oid::ECDH_SHA512 => Kdf::Sha512,
        _ => return Err(EnvelopeError::Algorithm("a key derivation other than X9.63 with SHA-2").into()),
    };
    let wrap = algorithm.element(SEQUENCE)?;
    algorithm.finish()?;
    let mut wrap_algorithm = Der::new(wrap.content);
    if wrap_algorithm.oid()? != oid::AES_256_WRAP {
        return Err(EnvelopeError::Algorithm("a key wrap other than AES-256").into());
    }
    wrap_algorithm.optional(NULL)?;
    wrap_algorithm.finish()?;
    let agreement = Agreement { kdf, point, wrap: wrap.whole, ukm };
    let mut keys = info.nested(SEQUENCE)?;
    info.finish()?;
    while !keys.is_empty() {
        let mut key = keys.nested(SEQUENCE)?;
        let name = match key.any()? {
            // RecipientKeyIdentifier: a sequence of its own, whose first element is the identifier.
            Element { tag, content, .. } if tag == context_constructed(0) => {
                Name::KeyIdentifier(Der::new(content).element(OCTET_STRING)?.content)
            }
            element if element.tag == SEQUENCE => Name::read(element)?,
            _ => return Err(FormatError::Malformed("a recipient without a name").into()),
        };
        let encrypted_key = key.element(OCTET_STRING)?.content;
        key.finish()?;
        recipients.push(Recipient { name, method: Method::Agreement(agreement), encrypted_key });
        if recipients.len() > MAX_RECIPIENTS {
            return Err(FormatError::Malformed("more than 1,000 recipients").into());
        }
    }
    Ok(())
}

/// The one recipient that names a certificate of ours, with the credential that it names.
pub(super) fn find<'a, 'k>(
    recipients: &'a [Recipient<'a>],
    keys: &'k [Credential],
) -> Result<(&'a Recipient<'a>, &'k Credential), EnvelopeError> {
    let mut found = recipients.iter().filter_map(|recipient| {
        keys.iter().find(|key| recipient.name.names(key.certificate())).map(|key| (recipient, key))
    });
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(one),
        (None, _) => Err(EnvelopeError::NotForUs),
        (Some(_), Some(_)) => Err(EnvelopeError::AmbiguousRecipient),
    }
}

impl Recipient<'_> {
    /// Gets at the content key with the private key of the certificate that is named.
    pub(super) fn content_key(&self, credential: &Credential) -> Result<ContentKey, OpenError> {
        let private = credential.key().pkey();
        let kind = credential.certificate().key_kind();
        let key = match (self.method, kind) {
            (Method::Transport, KeyKind::Rsa) => transport::decrypt(private, self.encrypted_key),
            (Method::Agreement(agreement), KeyKind::P256 | KeyKind::P384) => {
                let agreed = Agreed { point: agreement.point.to_vec(), wrapped: self.encrypted_key.to_vec() };
                agreement::unwrap(kind, private, agreement.kdf, &agreed, agreement.wrap, agreement.ukm)
            }
            _ => Ok(None),
        };
        Ok(key.map_err(OpenError::Crypto)?.ok_or(EnvelopeError::WrongKey)?)
    }
}

/// The DER of the `RecipientInfo` that gives the content key to the owner of a certificate.
pub(super) fn write(key: &ContentKey, recipient: &Certificate) -> Result<Vec<u8>, SealError> {
    let info = match recipient.key_kind() {
        KeyKind::P256 | KeyKind::P384 => write_agreement(key, recipient),
        KeyKind::Rsa => write_transport(key, recipient),
        KeyKind::Refused => return Err(SealError::RecipientKey),
    };
    Ok(info?)
}

fn write_transport(key: &ContentKey, recipient: &Certificate) -> Result<Vec<u8>, ErrorStack> {
    let encrypted = transport::encrypt(key, recipient.public_key())?;
    Ok(der::sequence(&[
        &der::element(INTEGER, &[&[0]]),
        &der::sequence(&[recipient.issuer(), recipient.serial_number()]),
        &transport::algorithm(),
        &der::element(OCTET_STRING, &[&encrypted]),
    ]))
}

fn write_agreement(key: &ContentKey, recipient: &Certificate) -> Result<Vec<u8>, ErrorStack> {
    let wrap = der::sequence(&[&der::oid(oid::AES_256_WRAP)]);
    let agreed = agreement::wrap(key, recipient.public_key(), &wrap)?;
    let originator_key = der::element(
        context_constructed(1),
        &[&der::sequence(&[&der::oid(oid::EC_PUBLIC_KEY)]), &der::element(BIT_STRING, &[&[0], &agreed.point])],
    );
    let name = der::sequence(&[recipient.issuer(), recipient.serial_number()]);
    let encrypted = der::sequence(&[&name, &der::element(OCTET_STRING, &[&agreed.wrapped])]);
    Ok(der::element(
        context_constructed(1),
        &[
            &der::element(INTEGER, &[&[3]]),
            &der::element(context_constructed(0), &[&originator_key]),
            &der::sequence(&[&der::oid(oid::ECDH_SHA256), &wrap]),
            &der::sequence(&[&encrypted]),
        ],
    ))
}
