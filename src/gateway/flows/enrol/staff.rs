//! What staff decide about a PC that waits.

use std::sync::Arc;

use super::EnrolError;
use super::answer::{Asked, Given, give, say};
use super::decide::About;
use super::issue::Wanted;
use crate::domain::ids::UserId;
use crate::domain::user::UserState;
use crate::gateway::flows::receive::Receiver;
use crate::gateway::relay::Relay;
use crate::store::gateway::requests::{self, Answered};
use crate::store::gateway::{enrolments, users};
use crate::store::sqlite::StoreError;
use crate::wire::enrolment::{Outcome, PcId, RefusalReason};

/// What staff say of a PC that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Review {
    /// It replaces the present one, whose certificates end.
    Approve,
    /// It does not.
    Refuse,
}

/// Why nothing was decided.
#[derive(Debug, thiserror::Error)]
pub enum StaffError {
    /// Input: nothing of this user waits.
    #[error("承認待ちの端末はありません (no PC of this user waits for approval)")]
    NothingWaits,
    /// Input: several PCs wait, and it has to be said which is meant.
    #[error("承認待ちの端末が複数あります。--pc で指定してください (several PCs wait; name one with --pc): {0}")]
    Several(String),
    /// Input: the user is disabled.
    #[error("利用者は無効です (the user is disabled)")]
    Disabled,
    /// The rest.
    #[error(transparent)]
    Enrol(#[from] EnrolError),
}

impl From<StoreError> for StaffError {
    fn from(error: StoreError) -> Self {
        Self::Enrol(error.into())
    }
}

/// Decides about the PC of a user that waits; with several, about the named one. Approving one refuses the others.
pub async fn review<R: Relay>(
    receiver: &Arc<Receiver<R>>,
    user: &UserId,
    pc: Option<PcId>,
    review: Review,
    actor: &str,
) -> Result<(), StaffError> {
    let mut transaction = receiver.database.write().await?;
    let waiting = requests::waiting(&mut *transaction, user).await?;
    let chosen = choose(&waiting, pc)?;
    let known = users::find(&mut *transaction, user).await?.ok_or(StoreError::Missing("user"))?;
    if known.state != UserState::Enabled {
        return Err(StaffError::Disabled);
    }
    let enrolment = enrolments::open(&mut *transaction, user).await?;
    let secrets = enrolment.and_then(|open| open.secrets);
    let (Some(secrets), Some(keys)) = (secrets, &chosen.keys) else { return Err(StaffError::NothingWaits) };
    let refused = Outcome::Refused { reason: RefusalReason::NotApproved };
    if review == Review::Approve {
        let pc = chosen.pc.ok_or(StoreError::Corrupt("PC"))?;
        let wanted = Wanted::new(&receiver.keys.union, &known, pc, keys).map_err(EnrolError::from)?;
        for other in waiting.iter().filter(|other| other.id != chosen.id) {
            say(receiver, &mut transaction, asked(other), refused.clone(), None, actor).await?;
        }
        let given = Given { anew: true, login: Some(secrets.login), actor };
        give(receiver, &mut transaction, asked(chosen), &wanted, given).await?;
    } else {
        say(receiver, &mut transaction, asked(chosen), refused, None, actor).await?;
    }
    Ok(receiver.database.commit(transaction).await?)
}

/// The newest request of the PC that is meant.
fn choose(waiting: &[Answered], pc: Option<PcId>) -> Result<&Answered, StaffError> {
    let mut pcs: Vec<PcId> = waiting.iter().filter_map(|one| one.pc).collect();
    pcs.sort_unstable();
    pcs.dedup();
    let meant = match (pc, pcs.as_slice()) {
        (Some(pc), _) => pc,
        (None, [only]) => *only,
        (None, []) => return Err(StaffError::NothingWaits),
        (None, several) => {
            let names: Vec<String> = several.iter().map(ToString::to_string).collect();
            return Err(StaffError::Several(names.join(", ")));
        }
    };
    waiting.iter().rfind(|one| one.pc == Some(meant)).ok_or(StaffError::NothingWaits)
}

fn asked(row: &Answered) -> Asked {
    let about = About { user: row.user.clone(), enrolment: row.enrolment, pc: row.pc };
    Asked { id: row.id, digest: row.digest, about }
}
