//! What the union says to itself about a message that it deposits: which place in the stream it has, and what names its bytes. The relay
//! keeps that with the message's row. A gateway that came back from a backup reads it there, also when the bytes are gone.

use crate::domain::address::Address;
use crate::domain::clock::Random;
use crate::domain::ids::MessageId;
use crate::domain::sequence::Link;
use crate::gateway::keys::Keys;
use crate::message::words::{self, WordsError};
use crate::store::gateway::sent::Sealed;
use crate::wire::Der;
use crate::wire::delivery::Place;

/// Signs it, and seals that for ourselves: the relay learns nothing by it. Blocks.
pub(super) fn make(
    id: MessageId,
    to: &Address,
    link: &Link,
    sealed: &Sealed,
    keys: &Keys,
    random: &dyn Random,
) -> Result<Vec<u8>, WordsError> {
    let place = Place {
        place_of: id,
        to: to.clone(),
        sequence: link.sequence,
        previous: link.previous,
        signature_hash: link.hash,
        digest: sealed.digest,
        tag: sealed.tag,
        sealed_size: sealed.size,
        signed_at: sealed.signed_at,
    };
    let signed = words::sign(&place, keys.signer(), sealed.signed_at)?;
    let own: Vec<_> = keys.encryption.iter().take(1).map(|own| own.certificate().clone()).collect();
    words::seal(&Der(signed), &own, random)
}

/// Reads what the relay has kept; nothing when we did not say it about this message. Blocks.
pub(super) fn read(id: MessageId, kept: &Der, keys: &Keys) -> Option<Place> {
    let signed: Der = words::open(&kept.0, &keys.encryption).ok()?;
    let said = keys.signing.iter().find_map(|own| words::verify::<Place>(&signed.0, own.certificate()).ok())?;
    (said.place_of == id && *said.to.union() == keys.union).then_some(said)
}
