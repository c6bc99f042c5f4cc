//! What the relay's bytes, our own word about a place, or our statement tell of a message that we have forgotten.

use std::fs::File;
use std::io;
use std::path::Path;

use super::super::outcome::SendRunError;
use crate::domain::address::Address;
use crate::domain::file_name::FileName;
use crate::domain::sequence::Link;
use crate::gateway::keys::Keys;
use crate::message::keys::Credential;
use crate::message::open::{Opened, open};
use crate::message::words;
use crate::store::gateway::sent::Sealed;
use crate::wire::delivery::{Delivery, Place, Statement};

/// What is known of a message that we have forgotten.
pub(super) struct Found {
    pub(super) to: Address,
    pub(super) link: Link,
    /// What names its bytes. Nothing is known of one that was taken back before it came.
    pub(super) sealed: Option<Sealed>,
    /// What is in it, as long as the relay has it.
    pub(super) content: Option<Content>,
}

impl From<Place> for Found {
    fn from(place: Place) -> Self {
        let link = Link { sequence: place.sequence, previous: place.previous, hash: place.signature_hash };
        let Place { to, digest, tag, sealed_size: size, signed_at, .. } = place;
        Self { to, link, sealed: Some(Sealed { digest, tag, size, signed_at }), content: None }
    }
}

/// What is in a message.
pub(super) struct Content {
    pub(super) file_name: FileName,
    pub(super) media_type: String,
    pub(super) comment: Option<String>,
    pub(super) size: u64,
}

impl Found {
    /// Whether this is about its number.
    pub(super) fn is_meant_by(&self, said: &Statement) -> bool {
        (&said.to, said.sequence) == (&self.to, self.link.sequence)
            && (said.previous, said.signature_hash) == (self.link.previous, self.link.hash)
    }
}

impl From<Statement> for Found {
    fn from(said: Statement) -> Self {
        let link = Link { sequence: said.sequence, previous: said.previous, hash: said.signature_hash };
        Self { to: said.to, link, sealed: None, content: None }
    }
}

/// What we said about the number of a delivery that nobody gets, if the relay has that. Blocks.
pub(super) fn said(delivery: &Delivery, keys: &Keys) -> Option<Statement> {
    let kept = delivery.statement.as_ref()?;
    let verify = |own: &Credential| words::verify::<Statement>(&kept.0, own.certificate()).ok();
    let said = keys.signing.iter().find_map(verify)?;
    (said.message_id == delivery.id && *said.to.union() == keys.union).then_some(said)
}

/// Opens a message of ours; nothing when it is none. Blocks.
pub(super) fn read(path: &Path, keys: &Keys, delivery: &Delivery) -> Result<Option<Found>, SendRunError> {
    match open(File::open(path)?, &keys.encryption, io::sink()) {
        Ok((opened, _)) => {
            let name = opened.signer().fingerprint();
            let own = keys.signing.iter().find(|own| Some(own.certificate().fingerprint()) == name);
            // Sealed for us and from us, as it says: that must not be passed over for want of an old key.
            if own.is_none() && opened.header().from == keys.address() {
                return Err(SendRunError::Unreadable);
            }
            Ok(own.and_then(|own| found(&opened, own, keys, delivery)))
        }
        Err(error) if error.reason().is_none() => Err(io::Error::from(error).into()),
        Err(_) => Ok(None),
    }
}

fn found(opened: &Opened, own: &Credential, keys: &Keys, delivery: &Delivery) -> Option<Found> {
    let verified = opened.verify(own.certificate()).ok()?;
    let header = verified.header();
    let ours = header.from == keys.address() && header.id == delivery.id && *header.to.union() == keys.union;
    let digest = verified.digest().try_into().ok()?;
    let link = Link { sequence: header.sequence, previous: header.previous, hash: verified.signature_hash() };
    let content = Content {
        file_name: header.file_name.clone().ok()?,
        media_type: header.content_type.clone(),
        comment: header.comment.clone(),
        size: verified.size(),
    };
    let sealed =
        Sealed { digest, tag: verified.tag(), size: verified.sealed_size(), signed_at: verified.signing_time() };
    ours.then(|| Found { to: header.to.clone(), link, sealed: Some(sealed), content: Some(content) })
}
