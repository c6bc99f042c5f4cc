//! Whom a message is sealed for: the enabled users behind an addressee, each with the newest encryption certificate that
//! counts now. Looked up when a file is staged and again in front of the transaction that gives it a number; that transaction
//! sees whether the registry has changed since.

use std::collections::HashMap;

use jiff::Timestamp;

use super::Sender;
use crate::domain::address::Address;
use crate::domain::ids::{OfficeCode, UserId};
use crate::domain::user::UserState;
use crate::gateway::relay::Relay;
use crate::message::keys::Certificate;
use crate::store::gateway::certificates::{self, Purpose, Registered};
use crate::store::gateway::users::{self, User};
use crate::store::gateway::{offices, registry_version};
use crate::store::sqlite::StoreError;
use crate::wire::delivery::MAX_RECIPIENTS;

/// Why nothing can be sealed for an addressee now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unfit {
    /// No such user.
    UserUnknown,
    /// The user is disabled.
    UserDisabled,
    /// No such office.
    OfficeUnknown,
    /// No user of the office is enabled.
    OfficeEmpty,
    /// The user has no certificate yet.
    CertificateMissing,
    /// The newest certificate has ended.
    CertificateExpired,
    /// The newest certificate is not valid yet.
    CertificateNotYetValid,
    /// The certificates are revoked.
    CertificateRevoked,
    /// No authority that we trust vouches for the certificate.
    CertificateUntrusted,
    /// The office has more enabled users than one message can be for.
    TooMany,
    /// A current revocation list is required and missing: for the time being.
    RevocationUnknown,
}

impl Unfit {
    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::UserUnknown => "user.unknown",
            Self::UserDisabled => "user.disabled",
            Self::OfficeUnknown => "office.unknown",
            Self::OfficeEmpty => "office.empty",
            Self::CertificateMissing => "certificate.missing",
            Self::CertificateExpired => "certificate.expired",
            Self::CertificateNotYetValid => "certificate.not-yet-valid",
            Self::CertificateRevoked => "certificate.revoked",
            Self::CertificateUntrusted => "certificate.untrusted",
            Self::TooMany => "recipients.too-many",
            Self::RevocationUnknown => "revocation.unknown",
        }
    }

    /// Whether it may pass by itself.
    pub const fn is_temporary(self) -> bool {
        matches!(self, Self::RevocationUnknown | Self::CertificateNotYetValid)
    }
}

/// The users behind an addressee, as the registry had them at one moment.
#[derive(Debug, Clone)]
pub(super) struct Recipients {
    /// What the registry was then.
    pub(super) version: i64,
    /// At least one.
    pub(super) all: Vec<Recipient>,
    /// Enabled users of an office for whom nothing can be sealed.
    pub(super) left_out: Vec<(UserId, Unfit)>,
}

/// A user, with the certificate to seal for.
#[derive(Debug, Clone)]
pub(super) struct Recipient {
    pub(super) user: UserId,
    pub(super) certificate: Certificate,
}

impl Recipients {
    /// Whether all certificates are still valid.
    pub(super) fn are_valid(&self, now: Timestamp) -> bool {
        self.all.iter().all(|one| now < one.certificate.not_after())
    }

    /// Whether it is sealed for the same certificates of the same users.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        let names = |these: &Self| -> Vec<_> {
            these.all.iter().map(|one| (one.user.clone(), one.certificate.fingerprint())).collect()
        };
        names(self) == names(other)
    }
}

/// What the registry has about some addressees.
#[derive(Debug, Default)]
pub(super) struct Known {
    version: i64,
    users: HashMap<UserId, User>,
    /// Offices that there are, with their enabled users.
    offices: HashMap<OfficeCode, Vec<User>>,
    /// Encryption certificates.
    certificates: HashMap<UserId, Vec<Registered>>,
}

impl Known {
    /// The office of an addressee, where it is known.
    pub(super) fn office_of(&self, to: &Address) -> Option<OfficeCode> {
        match to {
            Address::Office(_, office) => Some(office.clone()),
            Address::User(_, user) => self.users.get(user).map(|user| user.office.clone()),
            Address::Union(_) => None,
        }
    }
}

impl<R: Relay> Sender<R> {
    /// What the registry has about these addressees, read in groups.
    pub(super) async fn known(&self, to: &[Address]) -> Result<Known, StoreError> {
        let (mut ids, mut codes) = (Vec::new(), Vec::new());
        for one in to {
            match one {
                Address::User(_, user) => ids.push(user.clone()),
                Address::Office(_, office) => codes.push(office.clone()),
                Address::Union(_) => {}
            }
        }
        let mut reader = self.receiver.database.reader().await?;
        let version = registry_version(&mut *reader).await?;
        let mut known = Known { version, ..Known::default() };
        for office in offices::find_all(&mut reader, &codes).await? {
            known.offices.insert(office.code, Vec::new());
        }
        for user in users::enabled_of_offices(&mut reader, &codes).await? {
            ids.push(user.id.clone());
            known.offices.entry(user.office.clone()).or_default().push(user);
        }
        for user in users::find_all(&mut reader, &ids).await? {
            known.users.insert(user.id.clone(), user);
        }
        known.certificates = certificates::of_users(&mut reader, &ids, &[Purpose::Encryption]).await?;
        Ok(known)
    }

    /// Whom a message to this addressee would be sealed for now.
    pub(super) async fn recipients(&self, to: &Address) -> Result<Result<Recipients, Unfit>, StoreError> {
        self.choose(to, &self.known(std::slice::from_ref(to)).await?).await
    }

    /// Whom a message to this addressee would be sealed for, by what is known.
    pub(super) async fn choose(&self, to: &Address, known: &Known) -> Result<Result<Recipients, Unfit>, StoreError> {
        let users: Vec<&User> = match to {
            Address::User(_, user) => match known.users.get(user) {
                Some(user) => vec![user],
                None => return Ok(Err(Unfit::UserUnknown)),
            },
            Address::Office(_, office) => match known.offices.get(office) {
                Some(users) => users.iter().collect(),
                None => return Ok(Err(Unfit::OfficeUnknown)),
            },
            Address::Union(_) => return Ok(Err(Unfit::UserUnknown)),
        };
        let (mut all, mut left_out, mut why) = (Vec::new(), Vec::new(), Unfit::OfficeEmpty);
        for user in users {
            let registered = known.certificates.get(&user.id).map_or(&[][..], Vec::as_slice);
            match self.certificate_of(user, registered).await? {
                Ok(certificate) => all.push(Recipient { user: user.id.clone(), certificate }),
                // The others wait with whoever can have it soon: nobody of an office is passed over for a while.
                Err(unfit) if unfit.is_temporary() => return Ok(Err(unfit)),
                Err(unfit) => {
                    why = unfit;
                    left_out.push((user.id.clone(), unfit));
                }
            }
        }
        Ok(match all.len() {
            0 => Err(why),
            1..=MAX_RECIPIENTS => Ok(Recipients { version: known.version, all, left_out }),
            _ => Err(Unfit::TooMany),
        })
    }

    /// The newest certificate of a user, out of those for encryption, that something can be sealed to now.
    async fn certificate_of(
        &self,
        user: &User,
        registered: &[Registered],
    ) -> Result<Result<Certificate, Unfit>, StoreError> {
        match user.state {
            UserState::Disabled { .. } => return Ok(Err(Unfit::UserDisabled)),
            UserState::Registered => return Ok(Err(Unfit::CertificateMissing)),
            UserState::Enabled => {}
        }
        let mut registered: Vec<&Registered> = registered.iter().collect();
        registered.sort_by_key(|one| (one.not_before, one.registered_at));
        let (now, mut why) = (self.receiver.clock.now(), Unfit::CertificateMissing);
        for one in registered.into_iter().rev() {
            match self.judge(one, now).await? {
                Ok(certificate) => return Ok(Ok(certificate)),
                // What is wrong with the newest one that is not simply replaced says most.
                Err(unfit) if why == Unfit::CertificateMissing => why = unfit,
                Err(_) => {}
            }
        }
        Ok(Err(why))
    }

    /// Whether something can be sealed to a registered certificate now.
    pub(super) async fn judge(
        &self,
        one: &Registered,
        now: Timestamp,
    ) -> Result<Result<Certificate, Unfit>, StoreError> {
        if one.revoked_at.is_some() {
            return Ok(Err(Unfit::CertificateRevoked));
        }
        if now >= one.not_after {
            return Ok(Err(Unfit::CertificateExpired));
        }
        if now < one.not_before {
            return Ok(Err(Unfit::CertificateNotYetValid));
        }
        let known = &self.receiver.certificates;
        let examined = match known.cached(one.fingerprint, now) {
            Some(examined) => examined,
            None => known.find(one.fingerprint, now).await?.ok_or(StoreError::Missing("certificate"))?,
        };
        Ok(if examined.is_untrusted() {
            Err(Unfit::CertificateUntrusted)
        } else if examined.revoked_elsewhere_at().is_some() {
            Err(Unfit::CertificateRevoked)
        } else if examined.revocation_is_unknown() {
            Err(Unfit::RevocationUnknown)
        } else {
            Ok(examined.certificate.clone())
        })
    }
}
