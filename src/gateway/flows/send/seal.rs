//! A message is sealed under the next number of its addressee's stream: into the outbox, without that number being taken yet.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::sync::Arc;

use super::content::{ContentError, Contents};
use super::recipients::Recipients;
use super::trouble::Trouble;
use super::{Sender, place};
use crate::domain::digest::Sha256;
use crate::domain::sequence::Link;
use crate::gateway::relay::Relay;
use crate::message::entity::ContentEncoding;
use crate::message::error::SealError;
use crate::message::keys::Certificate;
use crate::message::seal::{Draft, seal};
use crate::store::gateway::dispatches::Dispatch;
use crate::store::gateway::sent::{self, Sealed, Sent};

/// How much is gathered before it goes to the disk.
const WRITE: usize = 128 << 10;
/// What an envelope takes beside the content, at most: framing of the stream, header block, signature and certificate.
const FRAME: u64 = 64 << 10;
/// What each recipient takes, at most.
const PER_RECIPIENT: u64 = 2 << 10;

/// A message whose turn it is.
pub(super) struct Turn {
    pub(super) sent: Sent,
    pub(super) dispatch: Arc<Dispatch>,
    pub(super) recipients: Recipients,
    /// The newest place in the stream.
    pub(super) newest: Option<Link>,
}

/// A message that is sealed and has no number yet.
pub(super) struct Fresh {
    pub(super) turn: Turn,
    pub(super) file: File,
    pub(super) link: Link,
    pub(super) sealed: Sealed,
    /// What the relay keeps for us about its place.
    pub(super) place: Vec<u8>,
}

/// Room that a sealed message of a file of `size` bytes takes, at most.
pub(super) fn sealed_size(size: u64, recipients: usize) -> u64 {
    // BER segments take less than a thousandth.
    size.saturating_add(size / 1_000).saturating_add(FRAME).saturating_add(PER_RECIPIENT * recipients as u64)
}

impl<R: Relay> Sender<R> {
    /// Everything that sealing needs to know, or why its turn passes.
    pub(super) async fn take_turn(&self, sent: Sent, dispatch: Arc<Dispatch>) -> Result<Turn, Box<(Sent, Trouble)>> {
        let recipients = match self.recipients(&sent.addressee).await {
            Ok(Ok(recipients)) => recipients,
            Ok(Err(unfit)) => return Err(Box::new((sent, unfit.into()))),
            Err(error) => return Err(Box::new((sent, error.into()))),
        };
        match sent::newest(self.receiver.database.read(), &sent.addressee).await {
            Ok(newest) => Ok(Turn { sent, dispatch, recipients, newest }),
            Err(error) => Err(Box::new((sent, error.into()))),
        }
    }

    /// Seals a message. Blocks.
    pub(super) fn seal(&self, turn: Turn, contents: &Contents) -> Result<Fresh, Box<(Turn, Trouble)>> {
        match self.try_seal(&turn, contents) {
            Ok((file, link, sealed, place)) => Ok(Fresh { turn, file, link, sealed, place }),
            Err(trouble) => {
                self.outbox.give_up(turn.sent.id);
                Err(Box::new((turn, trouble)))
            }
        }
    }

    fn try_seal(&self, turn: &Turn, contents: &Contents) -> Result<(File, Link, Sealed, Vec<u8>), Trouble> {
        let (keys, dispatch) = (self.keys(), &turn.dispatch);
        let room = sealed_size(dispatch.size, turn.recipients.all.len());
        let Some(_room) = self.disk.admit(room)? else { return Err(Trouble::Wait("disk.low")) };
        let (sequence, previous) = turn.newest.map_or((1, Sha256::ZERO), |newest| (newest.sequence + 1, newest.hash));
        let draft = Draft {
            id: turn.sent.id,
            date: self.receiver.clock.now(),
            from: keys.address(),
            to: turn.sent.addressee.clone(),
            sequence,
            previous,
            file_name: dispatch.file_name.clone(),
            content_type: dispatch.content_type.clone(),
            comment: dispatch.comment.clone(),
            encoding: ContentEncoding::Identity,
        };
        let mut certificates: Vec<Certificate> =
            turn.recipients.all.iter().map(|one| one.certificate.clone()).collect();
        // The union reads again what it sent.
        certificates.extend(keys.encryption.first().map(|own| own.certificate().clone()));
        let mut output = BufWriter::with_capacity(WRITE, self.outbox.begin(turn.sent.id)?);
        let random = self.receiver.random.as_ref();
        let path = self.outbox.staged(dispatch.id);
        let done = contents.read(dispatch, &path, &keys.encryption, |source| {
            seal(&draft, keys.signer(), &certificates, random, source, &mut output)
        })??;
        if done.size != dispatch.size {
            return Err(ContentError::Damaged.into());
        }
        output.flush()?;
        let file = output.into_inner().map_err(std::io::IntoInnerError::into_error)?;
        let signed_at = jiff::Timestamp::from_second(draft.date.as_second()).unwrap_or(draft.date);
        let sealed = Sealed { digest: done.digest, tag: done.tag, size: done.sealed_size, signed_at };
        let link = Link { sequence, previous, hash: done.signature_hash };
        let place = place::make(draft.id, &draft.to, &link, &sealed, &keys, random).map_err(|error| {
            let error = &error as &dyn std::error::Error;
            tracing::error!(code = "send.place", error, "what the relay is to keep about a message cannot be made");
            Trouble::Failed("seal")
        })?;
        Ok((file, link, sealed, place))
    }
}

impl From<SealError> for Trouble {
    fn from(error: SealError) -> Self {
        match error {
            SealError::Input(error) | SealError::Output(error) => error.into(),
            other => {
                tracing::error!(
                    code = "send.seal",
                    error = &other as &dyn std::error::Error,
                    "a message cannot be sealed"
                );
                Self::Failed("seal")
            }
        }
    }
}
