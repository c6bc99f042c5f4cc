//! What becomes of a request whose maker is proved.

use super::issue::Wanted;
use super::understand::Understood;
use super::{EnrolError, MISMATCHES, RENEWAL_OPENS};
use crate::domain::digest::Fingerprint;
use crate::domain::ids::{EnrolmentId, UserId};
use crate::domain::user::UserState;
use crate::gateway::flows::receive::Receiver;
use crate::gateway::relay::Relay;
use crate::store::gateway::certificates::{self, Purpose};
use crate::store::gateway::{enrolments, offices, requests, users};
use crate::store::sqlite::{Connection, StoreError};
use crate::wire::enrolment::{FirstRequest, KeyRequests, PcId, RefusalReason, Renewal};

/// PCs of one enrolment that may wait for staff at the same time.
const WAITING: usize = 8;
/// Certificates for signing that a user may have at the same time: old, new, and some that got lost on the way.
const OVERLAP: usize = 6;

/// Whose request it is, as far as that is proved.
#[derive(Debug, Clone, Default)]
pub(super) struct About {
    pub(super) user: Option<UserId>,
    pub(super) enrolment: Option<EnrolmentId>,
    pub(super) pc: Option<PcId>,
}

#[derive(Debug)]
pub(super) enum Verdict {
    /// Certificates; `anew` when whatever the user had before ends.
    Issue { wanted: Box<Wanted>, anew: bool },
    /// Staff decide.
    Wait(KeyRequests),
    /// No.
    Refuse(RefusalReason),
}

#[derive(Debug)]
pub(super) struct Decision {
    pub(super) about: About,
    pub(super) verdict: Verdict,
}

pub(super) async fn decide<R: Relay>(
    receiver: &Receiver<R>,
    connection: &mut Connection,
    understood: Understood,
) -> Result<Decision, EnrolError> {
    match understood {
        Understood::Refused(reason) => Ok(Decision { about: About::default(), verdict: Verdict::Refuse(reason) }),
        Understood::First(request) => {
            let about =
                About { user: Some(request.user.clone()), enrolment: Some(request.enrolment), pc: Some(request.pc) };
            Ok(Decision { about, verdict: first(receiver, connection, request).await? })
        }
        Understood::Renewal(renewal, signer) => {
            let about = About { user: Some(renewal.user.clone()), enrolment: None, pc: Some(renewal.pc) };
            let verdict = renew(receiver, connection, renewal, signer).await?;
            // Somebody else's name in it proves nothing about that user.
            let refused = matches!(verdict, Verdict::Refuse(_));
            Ok(Decision { about: if refused { About::default() } else { about }, verdict })
        }
    }
}

async fn first<R: Relay>(
    receiver: &Receiver<R>,
    connection: &mut Connection,
    request: FirstRequest,
) -> Result<Verdict, EnrolError> {
    let user = users::find(&mut *connection, &request.user).await?.ok_or(StoreError::Missing("user"))?;
    if matches!(user.state, UserState::Disabled { .. }) {
        return Ok(Verdict::Refuse(RefusalReason::Disabled));
    }
    let open = enrolments::open(&mut *connection, &request.user).await?;
    let Some(enrolment) = open.filter(|open| open.id == request.enrolment) else {
        return Ok(Verdict::Refuse(RefusalReason::Ended));
    };
    if enrolment.mismatches >= MISMATCHES {
        return Ok(Verdict::Refuse(RefusalReason::Locked));
    }
    if !names_fit(connection, &user, &request).await? {
        let so_far = enrolments::count_mismatch(connection, enrolment.id).await?;
        let reason = if so_far >= MISMATCHES { RefusalReason::Locked } else { RefusalReason::Names };
        return Ok(Verdict::Refuse(reason));
    }
    let Ok(wanted) = Wanted::new(receiver.keys.union(), &user, request.pc, &request.keys) else {
        return Ok(Verdict::Refuse(RefusalReason::Malformed));
    };
    // The name of the present PC proves nothing: it is no secret.
    if enrolment.pc.is_none() {
        return Ok(Verdict::Issue { wanted: Box::new(wanted), anew: true });
    }
    let waiting = requests::waiting(&mut *connection, &request.user).await?;
    let full = waiting.len() >= WAITING;
    Ok(if full { Verdict::Refuse(RefusalReason::NotApproved) } else { Verdict::Wait(request.keys) })
}

async fn names_fit(
    connection: &mut Connection,
    user: &users::User,
    request: &FirstRequest,
) -> Result<bool, StoreError> {
    let contact = users::contact(&mut *connection, &user.id).await?.ok_or(StoreError::Missing("contact"))?;
    let office = offices::find(connection, &user.office).await?.ok_or(StoreError::Missing("office"))?;
    let fits =
        [office.name.is(&request.office_name), contact.name.is(&request.user_name), contact.mail.is(&request.mail)];
    Ok(fits.into_iter().all(|fits| fits))
}

async fn renew<R: Relay>(
    receiver: &Receiver<R>,
    connection: &mut Connection,
    renewal: Renewal,
    signer: Fingerprint,
) -> Result<Verdict, EnrolError> {
    let now = receiver.clock.now();
    let user = users::find(&mut *connection, &renewal.user).await?;
    let all = certificates::of_user(&mut *connection, &renewal.user).await?;
    let signing = || all.iter().filter(|one| one.purpose == Purpose::Signing && one.revoked_at.is_none());
    let present = signing().find(|one| one.fingerprint == signer && one.pc == Some(renewal.pc));
    let (Some(user), Some(present)) = (user, present) else {
        return Ok(Verdict::Refuse(RefusalReason::NotNow));
    };
    if user.state != UserState::Enabled {
        return Ok(Verdict::Refuse(RefusalReason::Disabled));
    }
    let opens = present.not_after.checked_sub(RENEWAL_OPENS).unwrap_or(present.not_before);
    let is_time = opens <= now && now < present.not_after;
    if !is_time || signing().filter(|one| one.not_after > now).count() >= OVERLAP {
        return Ok(Verdict::Refuse(RefusalReason::NotNow));
    }
    Ok(match Wanted::new(receiver.keys.union(), &user, renewal.pc, &renewal.keys) {
        Ok(wanted) => Verdict::Issue { wanted: Box::new(wanted), anew: false },
        Err(_) => Verdict::Refuse(RefusalReason::Malformed),
    })
}
