//! What a sealed request says, and who is proved to have made it.

use std::sync::Arc;

use super::EnrolError;
use crate::domain::digest::Fingerprint;
use crate::domain::ids::{EnrolmentId, RequestId, UserId};
use crate::gateway::flows::receive::Receiver;
use crate::gateway::relay::Relay;
use crate::message::keys::Certificate;
use crate::message::words;
use crate::secret::Maced;
use crate::store::gateway::certificates::{self, Purpose};
use crate::store::gateway::enrolments;
use crate::wire::enrolment::{FirstRequest, PendingRequest, REQUEST_MAC, RefusalReason, Renewal, SealedRequest};

/// A request whose maker is proved, or why it is refused.
#[derive(Debug)]
pub(super) enum Understood {
    /// The first of a PC, by somebody who has the letter's password.
    First(FirstRequest),
    /// A later one, by the holder of this certificate's key.
    Renewal(Renewal, Fingerprint),
    /// Nothing is proved.
    Refused(RefusalReason),
}

pub(super) async fn understand<R: Relay>(
    receiver: &Arc<Receiver<R>>,
    pending: &PendingRequest,
) -> Result<Understood, EnrolError> {
    let (worker, sealed) = (Arc::clone(receiver), pending.sealed.0.clone());
    let opened =
        tokio::task::spawn_blocking(move || words::open::<SealedRequest>(&sealed, &worker.keys.current().encryption));
    let understood = match opened.await.map_err(|_| EnrolError::Internal)? {
        Ok(SealedRequest::Enrolment { enrolment, request }) => first(receiver, pending.id, enrolment, &request).await?,
        Ok(SealedRequest::Renewal { signed, signer }) => renewal(receiver, pending.id, signed.0, signer).await?,
        Err(_) => Understood::Refused(RefusalReason::Malformed),
    };
    // The relay registers what comes with an answer for the user whose credential brought the request, and for nobody else.
    let is_bringers = understood.user().is_none_or(|user| *user == pending.user);
    Ok(if is_bringers { understood } else { Understood::Refused(RefusalReason::Malformed) })
}

impl Understood {
    /// The user who is proved to have made it.
    fn user(&self) -> Option<&UserId> {
        match self {
            Self::First(request) => Some(&request.user),
            Self::Renewal(renewal, _) => Some(&renewal.user),
            Self::Refused(_) => None,
        }
    }
}

async fn first<R: Relay>(
    receiver: &Receiver<R>,
    id: RequestId,
    enrolment: EnrolmentId,
    request: &Maced,
) -> Result<Understood, EnrolError> {
    let known = enrolments::find(receiver.database.read(), enrolment).await?;
    let Some((known, secrets)) = known.and_then(|mut known| known.secrets.take().map(|secrets| (known, secrets)))
    else {
        return Ok(Understood::Refused(RefusalReason::Ended));
    };
    let Ok(first) = secrets.mac.open::<FirstRequest>(REQUEST_MAC, request) else {
        return Ok(Understood::Refused(RefusalReason::Mac));
    };
    // Under its MAC a request says its own id and enrolment: one that was moved under another id is none.
    let belongs = first.id == id && first.enrolment == enrolment && first.user == known.user;
    Ok(if belongs { Understood::First(first) } else { Understood::Refused(RefusalReason::Malformed) })
}

async fn renewal<R: Relay>(
    receiver: &Receiver<R>,
    id: RequestId,
    text: Vec<u8>,
    signer: Fingerprint,
) -> Result<Understood, EnrolError> {
    let mut reader = receiver.database.reader().await?;
    let found = certificates::find(&mut reader, &[signer]).await?.into_iter().next();
    drop(reader);
    let Some(registered) = found.filter(|one| one.purpose == Purpose::Signing) else {
        return Ok(Understood::Refused(RefusalReason::NotNow));
    };
    let checked = tokio::task::spawn_blocking(move || {
        let certificate = Certificate::from_der(&registered.der).ok()?;
        words::verify::<Renewal>(&text, &certificate).ok()
    });
    let checked = checked.await.map_err(|_| EnrolError::Internal)?;
    Ok(match checked {
        Some(renewal) if renewal.id == id => Understood::Renewal(renewal, signer),
        _ => Understood::Refused(RefusalReason::Malformed),
    })
}
