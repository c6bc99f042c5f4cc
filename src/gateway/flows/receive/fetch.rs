//! What both lanes do with the bytes: open, scan, look the signer up, verify.

use std::io::{self, Read, Write};
use std::sync::Arc;

use super::item::Outcome;
use super::run::Run;
use super::trouble::Trouble;
use crate::domain::ids::MessageId;
use crate::domain::policy::Scan;
use crate::domain::verdict::Reason;
use crate::failpoint;
use crate::gateway::registry::Examined;
use crate::gateway::relay::Relay;
use crate::gateway::scan::{Scanner, Scanning, Unscanned};
use crate::message::open::{Opened, Verified, open};
use crate::message::signed::SignatureError;

/// A message that was opened, and verified too if its certificate was at hand.
pub(super) enum Tried {
    Closed(Reason),
    Opened { opened: Box<Opened>, verified: Option<Checked>, scan: Scan },
}

/// The registered certificate, and whether the signature holds under it.
type Checked = (Arc<Examined>, Result<Box<Verified>, Reason>);

/// Opens what `input` gives of a parcel, with the scanner reading along where there is one. `is_whole`: all of it is here. Blocks.
pub(super) fn try_open<R: Relay>(
    run: &Run<R>,
    id: MessageId,
    is_whole: bool,
    input: impl Read + Send,
) -> Result<Tried, Trouble> {
    let receiver = &run.receiver;
    let begin =
        |scanner| if is_whole { Scanner::begin_whole(scanner, id, &run.stop) } else { Ok(scanner.begin(&run.stop)) };
    let mut scanning = receiver.scanner.as_deref().map(begin).transpose()?;
    let mut nowhere = io::sink();
    let content: &mut (dyn Write + Send) = match &mut scanning {
        Some(scanning) => scanning,
        None => &mut nowhere,
    };
    let opened = match open(input, &receiver.keys.current().encryption, content) {
        Ok((opened, _)) => Box::new(opened),
        Err(error) => {
            if let Some(trouble) = scanning.as_ref().and_then(Scanning::trouble) {
                return Err(trouble.into());
            }
            return match error.reason() {
                Some(reason) => Ok(Tried::Closed(reason)),
                None => Err(Trouble::Wait("open.failed")),
            };
        }
    };
    failpoint!("receive.opened");
    // Whoever signed it: what two persons let out of quarantine later was looked into as well.
    let scan = scanning.map_or(Ok(Scan::NotScanned), Scanning::finish)?;
    failpoint!("receive.scanned");
    let examined = opened
        .signer()
        .fingerprint()
        .and_then(|fingerprint| receiver.certificates.cached(fingerprint, receiver.clock.now()));
    let verified = examined.map(|examined| {
        let verified = verify(&opened, &examined);
        (examined, verified)
    });
    Ok(Tried::Opened { opened, verified, scan })
}

fn verify(opened: &Opened, examined: &Examined) -> Result<Box<Verified>, Reason> {
    let verified = opened.verify(&examined.certificate).map(Box::new).map_err(SignatureError::reason);
    failpoint!("receive.verified");
    verified
}

/// Finds the signer's certificate, if that is still to be done, and verifies.
pub(super) async fn complete<R: Relay>(run: &Run<R>, tried: Tried) -> Result<Outcome, Trouble> {
    let (opened, verified, scan) = match tried {
        Tried::Closed(reason) => return Ok(Outcome::Closed(reason)),
        Tried::Opened { opened, verified, scan } => (opened, verified, scan),
    };
    if let Some((examined, verified)) = verified {
        return finish(opened, examined, verified, scan);
    }
    let Some(fingerprint) = opened.signer().fingerprint() else {
        return Ok(Outcome::Opened { opened, examined: None, verified: None, scan });
    };
    let found = run.receiver.certificates.find(fingerprint, run.receiver.clock.now()).await;
    let Some(examined) = found.map_err(|_| Trouble::Wait("database"))? else {
        return Ok(Outcome::Opened { opened, examined: None, verified: None, scan });
    };
    let task = tokio::task::spawn_blocking(move || {
        let verified = verify(&opened, &examined);
        (opened, examined, verified)
    });
    let (opened, examined, verified) = task.await.map_err(|_| Trouble::Wait("internal"))?;
    finish(opened, examined, verified, scan)
}

fn finish(
    opened: Box<Opened>,
    examined: Arc<Examined>,
    verified: Result<Box<Verified>, Reason>,
    scan: Scan,
) -> Result<Outcome, Trouble> {
    if examined.revocation_is_unknown() {
        return Err(Trouble::Wait("revocation.unavailable"));
    }
    Ok(Outcome::Opened { opened, examined: Some(examined), verified: Some(verified), scan })
}

impl From<Unscanned> for Trouble {
    fn from(unscanned: Unscanned) -> Self {
        match unscanned {
            Unscanned::Stopped => Self::Stopped,
            other => Self::Wait(other.code()),
        }
    }
}
