//! What staff decide about a PC that waits.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::EnrolError;
use super::answer::{Asked, Given, give, say};
use super::decide::About;
use super::issue::Wanted;
use crate::domain::ids::UserId;
use crate::domain::user::UserState;
use crate::gateway::flows::By;
use crate::gateway::flows::receive::Receiver;
use crate::gateway::relay::Relay;
use crate::store::gateway::requests::{self, Answered};
use crate::store::gateway::{enrolments, users};
use crate::store::sqlite::StoreError;
use crate::wire::enrolment::{Outcome, PcId, PcMark, RefusalReason};

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
    /// Input: it has to be said which PC is approved, and the person has to have said it.
    #[error(
        "承認する端末のPC番号を --pc で指定してください。登録済みの電話番号で利用者本人に電話し、「パソコンの初期設定の画面に表示されているPC番号8桁を\
         読み上げてください」と尋ねます。こちらから番号を言わないでください。本人に心当たりがなければ --refuse で拒否してください (name the PC that is \
         approved with --pc: call the person at the number that you have on record, and ask: \"please read out the PC \
         number, 8 digits, that the set-up shows on your screen\"; never say a number yourself; if the person knows \
         nothing of it, refuse with --refuse)"
    )]
    Unnamed,
    /// Input: several PCs wait, and it has to be said which is refused.
    #[error("承認待ちの端末が複数あります。--pc で指定してください (several PCs wait; name one with --pc): {0}")]
    Several(String),
    /// Input: the PC that was named does not wait.
    #[error(
        "PC番号 {0} の端末は承認を待っていません。本人にもう一度読み上げてもらってください。それでも一致しなければ、待っているのは別のパソコンです。承認せず、\
         --refuse で拒否してください (no PC with the number {0} waits: have it read out once more; if it still does not fit, \
         the PC that waits is another one: do not approve it, refuse it with --refuse)"
    )]
    Other(PcMark),
    /// Attack: two set-ups claim to be the same PC.
    #[error(
        "PC番号 {0} で、鍵の異なる申請が複数あります。誰かが同じ端末を名乗っています。--refuse で拒否し、user letter --new-passwords で\
         作り直してください (several requests with different keys carry the number {0}: somebody claims to be the same PC; \
         refuse them with --refuse, and make a new letter with user letter --new-passwords)"
    )]
    Doubtful(PcMark),
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

/// Decides about a PC of a user that waits. One that is approved has to be named, by the number that the person reads out;
/// the others are refused then.
pub async fn review<R: Relay>(
    receiver: &Arc<Receiver<R>>,
    user: &UserId,
    pc: Option<PcMark>,
    review: Review,
    by: By<'_>,
) -> Result<(), StaffError> {
    let mut transaction = receiver.database.write().await?;
    let waiting = requests::waiting(&mut *transaction, user).await?;
    let chosen = choose(&waiting, pc, review)?;
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
        let wanted = Wanted::new(receiver.keys.union(), &known, pc, keys).map_err(EnrolError::from)?;
        for other in waiting.iter().filter(|other| other.id != chosen.id) {
            say(receiver, &mut transaction, asked(other), refused.clone(), None, by).await?;
        }
        let given = Given { anew: true, login: Some(secrets.login), by };
        give(receiver, &mut transaction, asked(chosen), &wanted, given).await?;
    } else {
        say(receiver, &mut transaction, asked(chosen), refused, None, by).await?;
    }
    Ok(receiver.database.commit(transaction).await?)
}

/// The newest request of the PC that is meant.
fn choose(waiting: &[Answered], pc: Option<PcMark>, review: Review) -> Result<&Answered, StaffError> {
    let newest = waiting.last().ok_or(StaffError::NothingWaits)?;
    let mark = |one: &Answered| one.pc.map(PcId::mark);
    let Some(meant) = pc else {
        let others: BTreeSet<PcMark> = waiting.iter().filter_map(mark).collect();
        return match review {
            Review::Approve => Err(StaffError::Unnamed),
            Review::Refuse if others.len() <= 1 => Ok(newest),
            Review::Refuse => {
                let names: Vec<String> = others.iter().map(ToString::to_string).collect();
                Err(StaffError::Several(names.join(", ")))
            }
        };
    };
    let mut fitting = waiting.iter().filter(|one| mark(one) == Some(meant));
    let chosen = fitting.next_back().ok_or(StaffError::Other(meant))?;
    // The name of a PC is no secret: whoever knows it can use it with keys of his own.
    if review == Review::Approve && fitting.any(|other| other.keys != chosen.keys) {
        return Err(StaffError::Doubtful(meant));
    }
    Ok(chosen)
}

fn asked(row: &Answered) -> Asked {
    let about = About { user: row.user.clone(), enrolment: row.enrolment, pc: row.pc };
    Asked { id: row.id, digest: row.digest, about }
}
