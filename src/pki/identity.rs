//! Whose a certificate is.
//!
//! A certificate of ours carries its owner in one URI of its `subjectAltName`: `urn:kx:UNION:user:USER` for a user,
//! `urn:kx:UNION:device:USER` for a PC, `urn:kx:UNION:union` for the union itself. The common name repeats the id for people who look at the certificate;
//! nothing is decided by it.

use openssl::nid::Nid;
use openssl::x509::{X509Name, X509NameBuilder};

use super::PkiError;
use crate::domain::address::Address;
use crate::domain::ids::{InsurerNumber, OfficeCode, UserId};
use crate::message::keys::Certificate;

const PREFIX: &str = "urn:kx:";

/// Whom a certificate is issued to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// One user of an office.
    User {
        /// The union that registers the user.
        union: InsurerNumber,
        /// The user's office, as `O`.
        office: OfficeCode,
        /// The user, as `CN`.
        user: UserId,
    },
    /// The PC of a user. Owns nothing that can be sent: [`owner`] knows only users and unions.
    Device {
        /// The union that registers the user.
        union: InsurerNumber,
        /// The user's office, as `O`.
        office: OfficeCode,
        /// The user, as `CN`.
        user: UserId,
    },
    /// The union itself.
    Union(InsurerNumber),
    /// A service of an operator, such as the relay. The name is for people.
    Service(String),
}

impl Subject {
    /// The distinguished name.
    pub(crate) fn name(&self) -> Result<X509Name, PkiError> {
        let (common_name, organisation) = match self {
            Self::User { office, user, .. } | Self::Device { office, user, .. } => {
                (user.as_str(), Some(office.as_str()))
            }
            Self::Union(union) => ("union", Some(union.as_str())),
            Self::Service(name) => (name.as_str(), None),
        };
        distinguished_name(common_name, organisation)
    }

    /// The owner as the URI says it. A service has none: it is nobody's end of a message.
    pub(crate) fn uri(&self) -> Option<String> {
        match self {
            Self::User { union, user, .. } => Some(format!("{PREFIX}{union}:user:{user}")),
            Self::Device { union, user, .. } => Some(format!("{PREFIX}{union}:device:{user}")),
            Self::Union(union) => Some(format!("{PREFIX}{union}:union")),
            Self::Service(_) => None,
        }
    }
}

/// `CN` and, if there is one, `O`.
pub(crate) fn distinguished_name(common_name: &str, organisation: Option<&str>) -> Result<X509Name, PkiError> {
    let mut name = X509NameBuilder::new()?;
    if let Some(organisation) = organisation {
        name.append_entry_by_nid(Nid::ORGANIZATIONNAME, organisation)?;
    }
    name.append_entry_by_nid(Nid::COMMONNAME, common_name)?;
    Ok(name.build())
}

/// Who owns the certificate, by its one `urn:kx:` URI. None without it, with more than one, or when it is not exactly
/// of our form: then only the registry can say.
pub fn owner(certificate: &Certificate) -> Option<Address> {
    parse(&our_uri(certificate)?)
}

/// Of which user's PC the certificate is, by its one `urn:kx:` URI. None for certificates of persons and unions.
pub fn device_owner(certificate: &Certificate) -> Option<(InsurerNumber, UserId)> {
    parse_device(&our_uri(certificate)?)
}

fn our_uri(certificate: &Certificate) -> Option<String> {
    let names = certificate.x509().subject_alt_names()?;
    let mut ours = names.iter().filter_map(|name| name.uri()).filter(|uri| is_ours(uri));
    match (ours.next(), ours.next()) {
        (Some(uri), None) => Some(uri.to_owned()),
        _ => None,
    }
}

/// Schemes and namespaces are compared without case (RFC 8141), so that `URN:KX:` cannot hide beside `urn:kx:`.
fn is_ours(uri: &str) -> bool {
    uri.get(..PREFIX.len()).is_some_and(|start| start.eq_ignore_ascii_case(PREFIX))
}

fn parse(uri: &str) -> Option<Address> {
    let (union, who) = uri.strip_prefix(PREFIX)?.split_once(':')?;
    let union = union.parse().ok()?;
    match who.strip_prefix("user:") {
        Some(user) => Some(Address::User(union, user.parse().ok()?)),
        None if who == "union" => Some(Address::Union(union)),
        None => None,
    }
}

fn parse_device(uri: &str) -> Option<(InsurerNumber, UserId)> {
    let (union, user) = uri.strip_prefix(PREFIX)?.split_once(":device:")?;
    Some((union.parse().ok()?, user.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_exact_form_names_an_owner() {
        let user = Address::User("06123456".parse().unwrap(), "hanako-1".parse().unwrap());
        assert_eq!(parse("urn:kx:06123456:user:hanako-1"), Some(user));
        assert_eq!(parse("urn:kx:06123456:union"), Some(Address::Union("06123456".parse().unwrap())));
        for uri in [
            "",
            "urn:kx:06123456",
            "urn:kx:06123456:",
            "urn:kx:06123456:user:",
            "urn:kx:06123456:user:union",
            "urn:kx:06123456:user:Hanako",
            "urn:kx:06123456:user:a:b",
            "urn:kx:06123456:union:",
            "urn:kx:6123456:union",
            "URN:KX:06123456:union",
            "urn:kx:06123456:office:1",
            "urn:kx:06123456:device:hanako-1",
            " urn:kx:06123456:union",
        ] {
            assert_eq!(parse(uri), None, "{uri}");
        }
    }

    #[test]
    fn a_device_is_nobodys_end_of_a_message() {
        let owner = ("06123456".parse().unwrap(), "hanako-1".parse().unwrap());
        assert_eq!(parse_device("urn:kx:06123456:device:hanako-1"), Some(owner));
        for uri in ["urn:kx:06123456:user:hanako-1", "urn:kx:06123456:device:", "urn:kx:0612345:device:a", ":device:a"]
        {
            assert_eq!(parse_device(uri), None, "{uri}");
        }
    }
}
