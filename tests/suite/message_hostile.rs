//! Messages that were cut, flipped and mutated: always a named error, never a panic, never another content.

use kenpo_express::domain::verdict::Reason;
use kenpo_express::message::error::OpenError;
use kenpo_express::message::inspect::inspect;
use kenpo_express::message::keys::Credential;
use kenpo_express::message::open::open;
use kenpo_express::message::receipt::{Receipt, SignedReceipt, Stage};

use crate::message_support::{Fixed, certificate, credential, noise, opened, sealed};

const CONTENT: &[u8] = b"the content of a small message";

fn reason(message: &[u8], keys: &[Credential]) -> Option<Reason> {
    match open(message, keys, Vec::new()) {
        Ok(_) => None,
        Err(error) => Some(error.reason().expect("memory does not fail")),
    }
}

#[test]
fn cut_anywhere_it_is_truncated() {
    let keys = [credential("union")];
    let (message, _) = sealed(CONTENT);
    for end in 0..message.len() {
        assert_eq!(reason(&message[..end], &keys), Some(Reason::FormatTruncated), "cut at {end} of {}", message.len());
        assert!(inspect(&message[..end]).is_err(), "cut at {end}");
    }
    // Also where a second thread is at work, and where the input comes in pieces.
    let (message, _) = sealed(&noise(3 << 20));
    for cut in [1, 20, 1000, 1 << 20, 2 << 20] {
        let end = message.len() - cut;
        assert_eq!(reason(&message[..end], &keys), Some(Reason::FormatTruncated), "{cut} before the end");
    }
}

#[test]
fn more_after_the_end_is_refused() {
    let keys = [credential("union")];
    for size in [10, 3 << 20] {
        let (message, _) = sealed(&noise(size));
        for more in [&[0][..], &[0, 0], b"\n", &message] {
            let longer = [&message[..], more].concat();
            assert_eq!(reason(&longer, &keys), Some(Reason::FormatTrailingData));
            assert!(inspect(&longer[..]).is_err());
        }
    }
}

#[test]
fn a_flipped_bit_never_passes() {
    let keys = [credential("union")];
    let (message, _) = sealed(CONTENT);
    for place in 0..message.len() {
        for bit in [0x01, 0x10, 0x80] {
            let mut flipped = message.clone();
            flipped[place] ^= bit;
            // A name or algorithm of somebody else's is the one thing that may be altered unseen; here there is none.
            let reason = reason(&flipped, &keys);
            assert!(reason.is_some(), "bit {bit:#x} of octet {place} was flipped, and it opened");
        }
    }
    let place = message.len() - 10;
    let mut flipped = message.clone();
    flipped[place] ^= 1;
    assert_eq!(reason(&flipped, &keys), Some(Reason::EnvelopeTampered));
}

/// A source that gives what it has in small pieces, as a network does.
struct Trickle<'a>(&'a [u8], usize);

impl std::io::Read for Trickle<'_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let count = self.1.min(out.len()).min(self.0.len());
        out[..count].copy_from_slice(&self.0[..count]);
        self.0 = &self.0[count..];
        Ok(count)
    }
}

#[test]
fn how_the_input_arrives_does_not_matter() {
    let keys = [credential("union")];
    for (size, steps) in [(1000, &[1, 2, 3, 7][..]), (700_000, &[999, 65_537]), (3 << 20, &[100_003])] {
        let content = noise(size);
        let (message, _) = sealed(&content);
        for step in steps {
            let (opened, read) = open(Trickle(&message, *step), &keys, Vec::new()).unwrap();
            assert!(read == content, "{size} in steps of {step}");
            assert!(opened.verify(&certificate("signer")).is_ok());
        }
    }
}

/// Fails after so many octets.
struct Failing<'a>(&'a [u8]);

impl std::io::Read for Failing<'_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        if self.0.is_empty() {
            return Err(std::io::Error::other("the line is gone"));
        }
        std::io::Read::read(&mut self.0, out)
    }
}

impl std::io::Write for Failing<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let count = bytes.len().min(self.0.len());
        self.0 = &self.0[count..];
        if count == 0 { Err(std::io::Error::other("the disk is full")) } else { Ok(count) }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_local_failure_says_nothing_about_the_message() {
    let keys = [credential("union")];
    let (message, _) = sealed(&noise(2 << 20));
    for end in [0, 1, 100, 1000, 1 << 20, message.len() - 1, message.len()] {
        let error = open(Failing(&message[..end]), &keys, Vec::new()).map(|_| ()).unwrap_err();
        assert!(matches!(error, OpenError::Input(_)), "{end}: {error}");
        assert_eq!(error.reason(), None);
    }
    let room = vec![0; 1 << 20];
    for room in [&room[..], &[]] {
        let error = open(&message[..], &keys, Failing(room)).map(|_| ()).unwrap_err();
        assert!(matches!(error, OpenError::Output(_)), "{error}");
        assert_eq!(error.reason(), None);
    }
}

/// One or a few random changes: octets set, flipped, put in, taken out, doubled, moved.
fn mutate(message: &[u8], random: &Fixed) -> Vec<u8> {
    let mut mutated = message.to_vec();
    for _ in 0..=random.below(3) {
        let place = random.below(mutated.len());
        let length = 1 + random.below(8.min(mutated.len() - place));
        match random.below(7) {
            0 => mutated[place] ^= 1 << random.below(8),
            1 => mutated[place] = u8::try_from(random.below(256)).unwrap(),
            2 => mutated[place] = [0x00, 0x7F, 0x80, 0x81, 0x82, 0x84, 0x88, 0xFF][random.below(8)],
            3 => mutated.insert(place, u8::try_from(random.below(256)).unwrap()),
            4 => drop(mutated.drain(place..place + length)),
            5 => {
                let part = mutated[place..place + length].to_vec();
                let target = random.below(mutated.len());
                mutated.splice(target..target, part);
            }
            _ => mutated.truncate(place.max(1)),
        }
        if mutated.is_empty() {
            break;
        }
    }
    mutated
}

#[test]
fn mutated_messages_never_pass_with_another_content() {
    let random = Fixed::new(0x00C0_FFEE);
    let keys = [credential("union")];
    let (message, sealed) = sealed(CONTENT);
    let mut refused = 0;
    for _ in 0..6_000 {
        let mutated = mutate(&message, &random);
        let _ = inspect(&mutated[..]);
        match open(&mutated[..], &keys, Vec::new()) {
            Ok((opened, content)) => {
                assert_eq!(content, CONTENT);
                assert_eq!(opened.tag(), sealed.tag);
                assert!(opened.verify(&certificate("signer")).is_ok());
                assert_eq!(opened.signature_hash(), sealed.signature_hash);
            }
            Err(error) => {
                assert!(error.reason().is_some(), "{error}");
                refused += 1;
            }
        }
    }
    assert!(refused > 5_500, "{refused}");
}

fn receipt() -> (Receipt, SignedReceipt) {
    let receipt = Receipt {
        message_id: "0191e3c4-7a5b-7c3d-8e4f-a1b2c3d4e5f6".parse().unwrap(),
        stage: Stage::Returned,
        tag: None,
        digest: Some("ab".repeat(32)),
        at: "2026-11-22T08:57:42.123Z".parse().unwrap(),
        by: "union@06123456.kx".into(),
        words: Some(vec![1, 2, 3]),
        previous: None,
        contiguous: Some(7),
    };
    let signed = receipt.sign(&credential("union"), receipt.at).unwrap();
    (receipt, signed)
}

#[test]
fn a_receipt_holds_for_its_signer_only() {
    let (receipt, signed) = receipt();
    assert_eq!(signed.verify(&certificate("union")).unwrap(), receipt);
    assert!(signed.verify(&certificate("signer")).is_err());
    let again = SignedReceipt::from_der(signed.der().to_vec());
    assert_eq!(again.hash(), signed.hash());
    assert_eq!(again.verify(&certificate("union")).unwrap(), receipt);
}

/// The signature of a receipt is not inside an envelope: mutations reach the reader of signatures itself.
#[test]
fn mutated_receipts_never_pass_with_another_text() {
    let random = Fixed::new(0xBEEF);
    let (receipt, whole) = receipt();
    let signer = certificate("union");
    let mut refused = 0;
    for _ in 0..6_000 {
        match SignedReceipt::from_der(mutate(whole.der(), &random)).verify(&signer) {
            Ok(read) => assert_eq!(read, receipt),
            Err(_) => refused += 1,
        }
    }
    assert!(refused > 3_000, "{refused}");
    for end in 0..whole.der().len() {
        assert!(SignedReceipt::from_der(whole.der()[..end].to_vec()).verify(&signer).is_err());
    }
}

#[test]
fn a_message_is_no_receipt_and_other_text_is_none_either() {
    let (message, _) = sealed(CONTENT);
    assert!(SignedReceipt::from_der(message).verify(&certificate("signer")).is_err());
    assert!(SignedReceipt::from_der(vec![0x30; 200_000]).verify(&certificate("signer")).is_err());
    assert!(opened(receipt().1.der(), &["union"]).is_err());
}
