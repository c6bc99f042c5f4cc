//! Whether to believe the receipts that the relay hands over.
//!
//! The relay is not trusted with them: each must be signed by whom its stage belongs to, speak of this message (id, tag,
//! digest), name the receipt before it, and none that we have may be missing.

use crate::message::keys::Certificate;
use crate::message::receipt::{Receipt, SignedReceipt, Stage};
use crate::pki;
use crate::wire::Der;

use super::alarm::Alarm;
use super::record::{KeptReceipt, Record};
use super::union::Union;

/// Whose signatures count.
#[derive(Debug)]
pub struct Signers<'a> {
    /// The relay's, pinned at set-up.
    pub relay: &'a [Certificate],
    /// The union's.
    pub union: &'a Union,
}

/// Checks what the relay hands over for `record`, and gives all of it as it may be kept.
pub fn check(record: &Record, offered: &[Der], signers: &Signers<'_>) -> Result<Vec<KeptReceipt>, Alarm> {
    if offered.is_empty() && record.receipts.is_empty() {
        return Err(Alarm::Missing);
    }
    let is_kept = |(kept, offered): (&KeptReceipt, &Der)| kept.der == *offered;
    if offered.len() < record.receipts.len() || !record.receipts.iter().zip(offered).all(is_kept) {
        return Err(Alarm::Withdrawn);
    }
    let mut kept = record.receipts.clone();
    for der in &offered[kept.len()..] {
        let receipt = check_one(record, kept.last(), der, signers)?;
        kept.push(KeptReceipt { receipt, der: der.clone() });
    }
    Ok(kept)
}

fn check_one(
    record: &Record,
    before: Option<&KeptReceipt>,
    der: &Der,
    signers: &Signers<'_>,
) -> Result<Receipt, Alarm> {
    // The relay's word comes first and only there; all that follows is the union's.
    let receipt = if before.is_none() { by_relay(der, signers)? } else { by_union(der, signers)? };
    if receipt.message_id != record.id {
        return Err(Alarm::Message);
    }
    let follows = match before.map(|kept| kept.receipt.stage) {
        None => receipt.stage == Stage::Relayed,
        // Staff may return what never passed the checks.
        Some(Stage::Relayed) => matches!(receipt.stage, Stage::Verified | Stage::Returned),
        Some(Stage::Verified) => matches!(receipt.stage, Stage::Accepted | Stage::Returned),
        Some(Stage::Accepted | Stage::Returned) => false,
    };
    if !follows {
        return Err(Alarm::Order);
    }
    if receipt.previous != before.map(KeptReceipt::hash) {
        return Err(Alarm::Chain);
    }
    if receipt.tag != Some(record.tag) {
        return Err(Alarm::Tag);
    }
    let opened = matches!(receipt.stage, Stage::Verified | Stage::Accepted);
    let digest = record.digest.to_string();
    match &receipt.digest {
        Some(told) if *told != digest => Err(Alarm::Digest),
        None if opened => Err(Alarm::Digest),
        _ => Ok(receipt),
    }
}

fn by_relay(der: &Der, signers: &Signers<'_>) -> Result<Receipt, Alarm> {
    let signed = SignedReceipt::from_der(der.0.clone());
    let receipt = signers.relay.iter().find_map(|signer| signed.verify(signer).ok()).ok_or(Alarm::Signature)?;
    if receipt.by == "relay" { Ok(receipt) } else { Err(Alarm::Signature) }
}

fn by_union(der: &Der, signers: &Signers<'_>) -> Result<Receipt, Alarm> {
    let signed = SignedReceipt::from_der(der.0.clone());
    let verified = |signer: &Certificate| signed.verify(signer).ok();
    // Valid when it was signed: certificates end, receipts stay.
    let at = signers.union.signing.iter().find_map(verified).ok_or(Alarm::Signature)?.at;
    let by_owner = |signer: &Certificate| {
        let owner = pki::owner(signer)?.to_string();
        verified(signer).filter(|receipt| receipt.by == owner)
    };
    signers.union.signer(at, by_owner).ok_or(Alarm::Signature)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::digest::{Sha256, Tag};
    use crate::employer::testing::{Parties, issue, new_id, now, union};
    use crate::message::keys::Credential;
    use crate::pki::{Authority, Profile, Subject};
    use crate::runtime::clock::SystemRandom;

    fn record() -> Record {
        Record {
            id: new_id(),
            from: "hanako-1@06123456.kx".parse().unwrap(),
            to: "union@06123456.kx".parse().unwrap(),
            sequence: 1,
            previous: Sha256::ZERO,
            signature_hash: Sha256([1; 32]),
            recipient: crate::domain::digest::Fingerprint([4; 32]),
            recipient_since: now(),
            tag: Tag([2; 16]),
            digest: Sha256([3; 32]),
            file_name: "a.csv".parse().unwrap(),
            comment: None,
            signed_at: now(),
            size: 1,
            sealed_size: 2,
            uploaded_at: Some(now()),
            receipts: Vec::new(),
            returned: None,
        }
    }

    fn receipt(record: &Record, stage: Stage, previous: Option<&Der>) -> Receipt {
        let by_relay = stage == Stage::Relayed;
        Receipt {
            message_id: record.id,
            stage,
            tag: Some(record.tag),
            digest: (!by_relay).then(|| record.digest.to_string()),
            at: now(),
            by: if by_relay { "relay".to_owned() } else { record.to.to_string() },
            words: None,
            previous: previous.map(|der| SignedReceipt::from_der(der.0.clone()).hash()),
            contiguous: None,
        }
    }

    fn sign(receipt: &Receipt, signer: &Credential) -> Der {
        Der(receipt.sign(signer, now()).unwrap().der().to_vec())
    }

    /// Checks against the parties' own certificates.
    fn check_with(parties: &Parties, record: &Record, offered: &[Der]) -> Result<Vec<KeptReceipt>, Alarm> {
        let relay = vec![parties.relay.certificate().clone()];
        check(record, offered, &Signers { relay: &relay, union: &parties.union() })
    }

    #[test]
    fn a_whole_chain_is_believed_and_kept() {
        let (parties, mut record) = (Parties::new(), record());
        let relayed = sign(&receipt(&record, Stage::Relayed, None), &parties.relay);
        let verified = sign(&receipt(&record, Stage::Verified, Some(&relayed)), &parties.union_signing);
        let accepted = sign(&receipt(&record, Stage::Accepted, Some(&verified)), &parties.union_signing);
        for (known, offered) in [(0, 1), (1, 2), (2, 3), (0, 3)] {
            let all = [relayed.clone(), verified.clone(), accepted.clone()];
            record.receipts = check_with(&parties, &record, &all[..known]).unwrap_or_default();
            let kept = check_with(&parties, &record, &all[..offered]).unwrap();
            assert_eq!(kept.len(), offered);
            record.receipts.clear();
        }
    }

    #[test]
    fn every_lie_has_its_alarm() {
        let (parties, record) = (Parties::new(), record());
        let alarm = |offered: &[Der]| check_with(&parties, &record, offered).unwrap_err();
        let relayed = sign(&receipt(&record, Stage::Relayed, None), &parties.relay);
        let good = receipt(&record, Stage::Verified, Some(&relayed));
        let union = |receipt: Receipt| [relayed.clone(), sign(&receipt, &parties.union_signing)];

        assert_eq!(alarm(&[]), Alarm::Missing);
        assert_eq!(alarm(&[Der(b"nonsense".to_vec())]), Alarm::Signature);
        // The relay cannot speak for the union, nor a user or another union's CA.
        assert_eq!(alarm(&[relayed.clone(), sign(&good, &parties.relay)]), Alarm::Signature);
        assert_eq!(alarm(&[relayed.clone(), sign(&good, &parties.user)]), Alarm::Signature);
        assert_eq!(alarm(&union(Receipt { by: "union@99999999.kx".to_owned(), ..good.clone() })), Alarm::Signature);
        assert_eq!(alarm(&union(Receipt { message_id: new_id(), ..good.clone() })), Alarm::Message);
        assert_eq!(alarm(&union(Receipt { tag: Some(Tag([9; 16])), ..good.clone() })), Alarm::Tag);
        assert_eq!(alarm(&union(Receipt { tag: None, ..good.clone() })), Alarm::Tag);
        assert_eq!(alarm(&union(Receipt { digest: Some(Sha256::ZERO.to_string()), ..good.clone() })), Alarm::Digest);
        assert_eq!(alarm(&union(Receipt { digest: None, ..good.clone() })), Alarm::Digest);
        assert_eq!(alarm(&union(Receipt { stage: Stage::Accepted, ..good.clone() })), Alarm::Order);
        assert_eq!(alarm(&union(Receipt { previous: None, ..good.clone() })), Alarm::Chain);
        assert_eq!(alarm(&union(good)[1..]), Alarm::Signature, "the union's word without the relay's");
    }

    #[test]
    fn an_authority_that_the_relay_made_up_vouches_for_nobody() {
        let (parties, record) = (Parties::new(), record());
        let made_up = Authority::create(&union(), "CA", now(), &SystemRandom).unwrap();
        let signer = issue(&made_up, Subject::Union(union()), &Profile::UnionSigning);
        let relayed = sign(&receipt(&record, Stage::Relayed, None), &parties.relay);
        let verified = sign(&receipt(&record, Stage::Verified, Some(&relayed)), &signer);
        let relay = [parties.relay.certificate().clone()];
        let union = Union { signing: vec![signer.certificate().clone()], ..parties.union() };
        let signers = Signers { relay: &relay, union: &union };
        assert_eq!(check(&record, &[relayed, verified], &signers), Err(Alarm::Signature));
    }

    #[test]
    fn what_was_there_stays_there() {
        let (parties, mut record) = (Parties::new(), record());
        let relayed = sign(&receipt(&record, Stage::Relayed, None), &parties.relay);
        let again = sign(&receipt(&record, Stage::Relayed, None), &parties.relay);
        record.receipts = check_with(&parties, &record, std::slice::from_ref(&relayed)).unwrap();
        assert_eq!(check_with(&parties, &record, &[]).unwrap_err(), Alarm::Withdrawn);
        // ECDSA signs differently each time: the same words, but not the receipt that we have.
        assert_eq!(check_with(&parties, &record, &[again]).unwrap_err(), Alarm::Withdrawn);
    }
}
