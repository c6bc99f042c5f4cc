//! Certificates for the three keys of a PC.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::EnrolError;
use crate::domain::ids::{InsurerNumber, UserId};
use crate::gateway::flows::receive::Receiver;
use crate::gateway::relay::Relay;
use crate::message::keys::Certificate;
use crate::pki::profile::SERVICE_VALIDITY;
use crate::pki::{Authority, PkiError, Profile, Request, Subject};
use crate::store::gateway::certificates::{self, Purpose, Registered};
use crate::store::gateway::users::User;
use crate::store::sqlite::{Connection, StoreError};
use crate::wire::Der;
use crate::wire::enrolment::{KeyRequests, Outcome, PcId, StreamPosition};

/// Requests that were read and whose askers hold the keys, for a user and a PC.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    user: UserId,
    pc: PcId,
    signing: Request,
    encryption: Request,
    device: Request,
}

impl Wanted {
    /// Reads the requests. Whom they are for is said by the registry; three keys must be three.
    pub(super) fn new(union: &InsurerNumber, user: &User, pc: PcId, keys: &KeyRequests) -> Result<Self, PkiError> {
        let (union, office, id) = (union.clone(), user.office.clone(), user.id.clone());
        let person = Subject::User { union: union.clone(), office: office.clone(), user: id.clone() };
        let device = Subject::Device { union, office, user: id };
        let wanted = Self {
            user: user.id.clone(),
            pc,
            signing: Request::from_pkcs10(person.clone(), &keys.signing.0)?,
            encryption: Request::from_pkcs10(person, &keys.encryption.0)?,
            device: Request::from_pkcs10(device, &keys.device.0)?,
        };
        let keys = [&wanted.signing.key, &wanted.encryption.key, &wanted.device.key];
        let distinct = keys[0] != keys[1] && keys[1] != keys[2] && keys[0] != keys[2];
        if distinct { Ok(wanted) } else { Err(PkiError::Key) }
    }

    pub(super) fn user(&self) -> &UserId {
        &self.user
    }

    pub(super) fn pc(&self) -> PcId {
        self.pc
    }
}

/// What was issued.
#[derive(Debug)]
pub(super) struct Issued {
    signing: Certificate,
    encryption: Certificate,
    device: Certificate,
}

impl Issued {
    pub(super) fn outcome(&self, stream: Option<StreamPosition>) -> Outcome {
        let der = |certificate: &Certificate| Der(certificate.der().to_vec());
        let (signing, encryption, device) = (der(&self.signing), der(&self.encryption), der(&self.device));
        Outcome::Issued { signing, encryption, device, stream }
    }
}

/// Issues, on a blocking thread.
pub(super) async fn issue<R: Relay>(receiver: &Arc<Receiver<R>>, wanted: &Wanted) -> Result<Issued, EnrolError> {
    let (worker, wanted, now) = (Arc::clone(receiver), wanted.clone(), receiver.clock.now());
    let task = tokio::task::spawn_blocking(move || {
        let keys = worker.keys.current();
        let authority = keys.authority.as_ref().ok_or(PkiError::NotAnAuthority)?;
        let issue = |request: &Request, profile, validity| -> Result<Certificate, PkiError> {
            authority.issue(request, &profile, validity, now, worker.random.as_ref())
        };
        let validity = worker.limits.user_validity;
        Ok::<_, PkiError>(Issued {
            signing: issue(&wanted.signing, Profile::UserSigning, validity)?,
            encryption: issue(&wanted.encryption, Profile::UserEncryption, validity)?,
            // Longer, so that the PIN still opens the keys when the certificates have ended, and the app can say so.
            device: issue(&wanted.device, Profile::Device, validity.max(SERVICE_VALIDITY))?,
        })
    });
    Ok(task.await.map_err(|_| EnrolError::Internal)??)
}

/// Registers what was issued.
pub(super) async fn register(
    connection: &mut Connection,
    authority: &Authority,
    wanted: &Wanted,
    issued: &Issued,
    now: Timestamp,
) -> Result<(), StoreError> {
    let ca = authority.certificate();
    for (certificate, purpose) in [
        (&issued.signing, Purpose::Signing),
        (&issued.encryption, Purpose::Encryption),
        (&issued.device, Purpose::Device),
    ] {
        let registered = Registered::new(certificate, &wanted.user, purpose, ca, now).on(wanted.pc);
        certificates::insert(connection, &registered).await?;
    }
    Ok(())
}

/// How long the credential in a kit is valid: kits are kept for the day when the PC is replaced.
pub(super) const KIT_VALIDITY: SignedDuration = SignedDuration::from_hours(24 * 365 * 10);
