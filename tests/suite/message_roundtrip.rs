//! What was sealed opens again, with every kind of key and at every size at which something changes inside.

use kenpo_express::domain::digest::{Sha256, Tag};
use kenpo_express::message::entity::ContentEncoding;
use kenpo_express::message::error::SealError;
use kenpo_express::message::format::trailing_tag;
use kenpo_express::message::seal::seal;

use crate::message_support::{Fixed, certificate, credential, draft, noise, opened, sealed, sealed_as};

#[test]
fn every_size_comes_back() {
    let large = noise((9 << 20) + 1);
    let edges = [16 << 10, 64 << 10, 256 << 10, (16 + 64) << 10, (16 + 64 + 256) << 10, 1 << 20];
    let around = edges.into_iter().flat_map(|edge| [edge - 700, edge - 1, edge, edge + 1]);
    for size in [0, 1, 2, 1000, large.len()].into_iter().chain(around) {
        let (message, sealed) = sealed(&large[..size]);
        let (opened, content) = opened(&message, &["union"]).unwrap();
        assert!(content == large[..size], "{size}");
        let verified = opened.verify(&certificate("signer")).unwrap();
        assert_eq!(verified.size(), size as u64);
        assert_eq!(verified.sealed_size(), message.len() as u64);
        assert_eq!(sealed.size, size as u64);
        assert_eq!(sealed.sealed_size, message.len() as u64);
        assert_eq!(verified.tag(), sealed.tag);
        assert_eq!(verified.digest(), sealed.digest.as_bytes());
        assert_eq!(verified.signature_hash(), sealed.signature_hash);
        assert_eq!(trailing_tag(&message[message.len() - 64..]), Some(sealed.tag));
        assert_eq!(trailing_tag(&message[..message.len() - 1]), None);
    }
}

#[test]
fn the_header_comes_back() {
    let mut draft = draft();
    draft.sequence = u64::MAX;
    draft.previous = Sha256([9; 32]);
    draft.date = "2026-11-22T08:57:42.999Z".parse().unwrap();
    let (message, _) = sealed_as(&draft, "signer", &["union"], b"x");
    let (opened, _) = opened(&message, &["union"]).unwrap();
    let header = opened.header();
    assert_eq!(header.id, draft.id);
    assert_eq!(header.date, "2026-11-22T08:57:42Z".parse().unwrap());
    assert_eq!(opened.signing_time(), header.date);
    assert_eq!((&header.from, &header.to), (&draft.from, &draft.to));
    assert_eq!((header.sequence, header.previous), (draft.sequence, draft.previous));
    assert_eq!(header.file_name.as_ref(), Ok(&draft.file_name));
    assert_eq!(header.content_type, draft.content_type);
    assert_eq!(header.comment, draft.comment);
    assert_eq!(header.encoding, ContentEncoding::Identity);
    assert_eq!(opened.signer().fingerprint(), Some(certificate("signer").fingerprint()));
    assert_eq!(opened.signer().certificate(), Some(certificate("signer")));
}

#[test]
fn every_kind_of_key_works() {
    for signer in ["signer", "signer-p384", "signer-rsa"] {
        let recipients = ["union", "union-p384", "union-rsa"];
        let (message, _) = sealed_as(&draft(), signer, &recipients, b"content");
        for recipient in recipients {
            let (opened, content) = opened(&message, &["stranger", recipient]).unwrap();
            assert_eq!(content, b"content");
            assert!(opened.verify(&certificate(signer)).is_ok(), "{signer} to {recipient}");
        }
    }
}

#[test]
fn keys_that_are_too_weak_are_refused_when_sealing() {
    let seal_as = |signer, recipient| {
        seal(&draft(), &credential(signer), &[certificate(recipient)], &Fixed::new(1), &b""[..], Vec::new())
            .unwrap_err()
    };
    for name in ["weak-rsa", "p521"] {
        assert!(matches!(seal_as("signer", name), SealError::RecipientKey));
        assert!(matches!(seal_as(name, "union"), SealError::SignerKey));
    }
    let none = seal(&draft(), &credential("signer"), &[], &Fixed::new(1), &b""[..], Vec::new());
    assert!(matches!(none, Err(SealError::NoRecipient)));
    let many = vec![certificate("union"); 1_001];
    let many = seal(&draft(), &credential("signer"), &many, &Fixed::new(1), &b""[..], Vec::new());
    assert!(matches!(many, Err(SealError::TooManyRecipients)));
}

#[test]
fn compression_is_used_where_it_wins() {
    let text = "被保険者番号,氏名,標準報酬月額\r\n".repeat(40_000).into_bytes();
    let mut draft = draft();
    draft.encoding = ContentEncoding::Zstd;
    let (message, sealed) = sealed_as(&draft, "signer", &["union"], &text);
    assert!(message.len() < text.len() / 10);
    assert_eq!(sealed.size, text.len() as u64);
    let (opened_text, content) = opened(&message, &["union"]).unwrap();
    assert!(content == text);
    assert_eq!((opened_text.size(), opened_text.header().encoding), (text.len() as u64, ContentEncoding::Zstd));
    for bytes in [noise(300_000), noise(10), vec![]] {
        let (message, _) = sealed_as(&draft, "signer", &["union"], &bytes);
        let (opened, content) = opened(&message, &["union"]).unwrap();
        assert!(content == bytes);
        assert_eq!(opened.header().encoding, ContentEncoding::Identity);
    }
}

#[test]
fn the_tag_is_found_in_every_form_of_the_end() {
    let tag = Tag([0xAB; 16]);
    for marks in 0..=3 {
        let tail = [&[1, 2, 3, 4, 0x10], &tag.0[..], &vec![0; 2 * marks]].concat();
        assert_eq!(trailing_tag(&tail), Some(tag), "{marks}");
    }
    for tail in [&[][..], &[0; 6], &[0; 64], &[4, 0x10, 1, 2]] {
        assert_eq!(trailing_tag(tail), None);
    }
}
