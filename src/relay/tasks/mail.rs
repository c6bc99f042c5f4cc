//! Puts into the outbox what was noted for mails, and sends what is there.
//!
//! A mail is noted as sent after the server has taken it. A crash between the two sends it again: SMTP has no way to exclude
//! that, but the message id is the same both times. What the server refuses for good is not tried again, and shows at the user.

use jiff::{SignedDuration, Timestamp};

use super::gather::gather;
use crate::failpoint;
use crate::mail::{MailAddress, MailError, sender};
use crate::relay::fault::chain;
use crate::relay::mail::{GIVE_UP, compose};
use crate::relay::sessions::later;
use crate::relay::state::State;
use crate::secret::Token;
use crate::store::relay::outbox::{self, Content, Waiting};
use crate::store::relay::{enrolments, mail_failures};
use crate::store::sqlite::StoreError;

/// Mails of one run.
const BATCH: i64 = 200;

/// Sends what is due. A mail that does not go waits longer each time, from half a minute to three hours, and holds up no other.
pub async fn send_mail(state: &State) -> Result<(), &'static str> {
    let failed = |error: StoreError| {
        tracing::error!(code = "outbox.failed", error = chain(&error), "the outbox cannot be read or written");
        "outbox.failed"
    };
    let _alone = state.sending.lock().await;
    // What is there already goes out even so.
    let gathered = gather(state).await;
    let now = state.clock.now();
    let since = now.checked_sub(GIVE_UP).unwrap_or(Timestamp::MIN);
    let mut problem = None;
    let due = outbox::due(state.database.read(), now, since, BATCH).await.map_err(failed)?;
    // Each of them goes or waits now, so the next run finds others.
    let more = i64::try_from(due.len()).is_ok_and(|listed| listed == BATCH);
    for waiting in due {
        if state.shutdown.is_stopping() {
            break;
        }
        // The user may have been disabled since it was listed.
        if outbox::is_waiting(state.database.read(), waiting.seq).await.map_err(failed)? {
            problem = send(state, &waiting).await.map_err(failed)?.or(problem);
        }
    }
    if more {
        state.ring_outbox();
    }
    gathered?;
    problem.map_or(Ok(()), Err)
}

/// Answers the code of what went wrong, if something did.
async fn send(state: &State, waiting: &Waiting) -> Result<Option<&'static str>, StoreError> {
    let tried = state.clock.now();
    let result = match (sender(&state.config.mail.from), waiting.recipient.parse::<MailAddress>()) {
        (Ok(from), Ok(to)) => {
            let hours = state.config.enrolment.link_hours;
            let mail = compose(waiting, &from, to, &state.entrances().page, hours, tried);
            state.mailer.send(&mail).await.map_err(|error| {
                // What the server says may have the address in it: only the code is told.
                (error.code(), matches!(error, MailError::Refused(_)))
            })
        }
        (Ok(_), Err(_)) => Err(("mail.address", true)),
        (Err(_), _) => Err(("mail.sender", false)),
    };
    failpoint!("notices.sent");
    let now = state.clock.now();
    let mut transaction = state.database.write().await?;
    // Meanwhile the user may have another address, or none.
    let is_meant = outbox::is_waiting(&mut *transaction, waiting.seq).await?;
    match result {
        Ok(()) => {
            if let Content::Link { token, .. } = &waiting.content {
                let hours = SignedDuration::from_hours(state.config.enrolment.link_hours.into());
                let link = Token::hash_of(token);
                enrolments::mailed(&mut transaction, waiting.user, link, now, later(now, hours)).await?;
            }
            outbox::sent(&mut transaction, waiting.seq).await?;
            if is_meant {
                mail_failures::went_out(&mut transaction, waiting.user, &waiting.message_id, now).await?;
            }
            state.metrics.mails_sent_total.inc();
            tracing::info!(code = "mail.sent", mail = waiting.message_id, "a mail went out");
        }
        Err((code, true)) => {
            outbox::refused(&mut transaction, waiting.seq, code).await?;
            if is_meant {
                mail_failures::failed(&mut transaction, waiting.user, now).await?;
            }
            state.metrics.mails_failed_total.with_label_values(&[code]).inc();
            tracing::warn!(code, mail = waiting.message_id, "a mail was refused for good");
        }
        Err((code, false)) => {
            let next = later(now, pause(state, waiting.tries));
            outbox::failed(&mut transaction, waiting.seq, code, next).await?;
            state.metrics.mails_failed_total.with_label_values(&[code]).inc();
            tracing::warn!(code, mail = waiting.message_id, tries = waiting.tries + 1, "a mail did not go out");
        }
    }
    state.database.commit(transaction).await?;
    Ok(result.err().map(|(code, _)| code))
}

/// Half a minute, doubled with each try up to three hours, give or take a quarter.
fn pause(state: &State, tries: u32) -> SignedDuration {
    let seconds = (30_i64 << tries.min(10)).min(3 * 3_600);
    let mut byte = [0];
    state.random.fill(&mut byte);
    SignedDuration::from_secs(seconds * (192 + i64::from(byte[0]) / 2) / 256)
}
