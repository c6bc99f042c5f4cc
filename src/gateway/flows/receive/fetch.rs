//! What both lanes do with the bytes: open, look the signer up, verify.

use std::io::Read;
use std::sync::Arc;

use super::item::Outcome;
use super::run::Run;
use super::trouble::Trouble;
use crate::domain::verdict::Reason;
use crate::failpoint;
use crate::gateway::registry::Examined;
use crate::gateway::relay::Relay;
use crate::message::open::{Opened, Verified, open};
use crate::message::signed::SignatureError;

/// A message that was opened, and verified too if its certificate was at hand.
pub(super) enum Tried {
    Closed(Reason),
    Opened { opened: Box<Opened>, verified: Option<Checked> },
}

/// The registered certificate, and whether the signature holds under it.
type Checked = (Arc<Examined>, Result<Box<Verified>, Reason>);

/// Opens what `input` gives. Blocks.
pub(super) fn try_open<R: Relay>(run: &Run<R>, input: impl Read + Send) -> Result<Tried, Trouble> {
    let receiver = &run.receiver;
    let opened = match open(input, &receiver.keys.current().encryption, std::io::sink()) {
        Ok((opened, _)) => Box::new(opened),
        Err(error) => {
            return match error.reason() {
                Some(reason) => Ok(Tried::Closed(reason)),
                None => Err(Trouble::Wait("open.failed")),
            };
        }
    };
    failpoint!("receive.opened");
    let examined = opened
        .signer()
        .fingerprint()
        .and_then(|fingerprint| receiver.certificates.cached(fingerprint, receiver.clock.now()));
    let verified = examined.map(|examined| {
        let verified = verify(&opened, &examined);
        (examined, verified)
    });
    Ok(Tried::Opened { opened, verified })
}

fn verify(opened: &Opened, examined: &Examined) -> Result<Box<Verified>, Reason> {
    let verified = opened.verify(&examined.certificate).map(Box::new).map_err(SignatureError::reason);
    failpoint!("receive.verified");
    verified
}

/// Finds the signer's certificate, if that is still to be done, and verifies.
pub(super) async fn complete<R: Relay>(run: &Run<R>, tried: Tried) -> Result<Outcome, Trouble> {
    let (opened, verified) = match tried {
        Tried::Closed(reason) => return Ok(Outcome::Closed(reason)),
        Tried::Opened { opened, verified } => (opened, verified),
    };
    if let Some((examined, verified)) = verified {
        return finish(opened, examined, verified);
    }
    let Some(fingerprint) = opened.signer().fingerprint() else {
        return Ok(Outcome::Opened { opened, examined: None, verified: None });
    };
    let found = run.receiver.certificates.find(fingerprint, run.receiver.clock.now()).await;
    let Some(examined) = found.map_err(|_| Trouble::Wait("database"))? else {
        return Ok(Outcome::Opened { opened, examined: None, verified: None });
    };
    let task = tokio::task::spawn_blocking(move || {
        let verified = verify(&opened, &examined);
        (opened, examined, verified)
    });
    let (opened, examined, verified) = task.await.map_err(|_| Trouble::Wait("internal"))?;
    finish(opened, examined, verified)
}

fn finish(
    opened: Box<Opened>,
    examined: Arc<Examined>,
    verified: Result<Box<Verified>, Reason>,
) -> Result<Outcome, Trouble> {
    if examined.revocation_is_unknown() {
        return Err(Trouble::Wait("revocation.unavailable"));
    }
    Ok(Outcome::Opened { opened, examined: Some(examined), verified: Some(verified) })
}
