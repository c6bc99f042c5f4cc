//! What can be wrong outside of the encryption, and what may look different.

use openssl::rsa::Padding;

#[expect(clippy::wildcard_imports, reason = "the words of a small language")]
use crate::craft::*;
use crate::{Case, case};

pub(crate) fn cases() -> Vec<Case> {
    [accepted(), shape(), recipients(), algorithms(), tampered()].into_iter().flatten().collect()
}

fn good() -> Envelope {
    Envelope::new(&Signed::new().der())
}

fn altered(alter: impl FnOnce(&mut Envelope)) -> Vec<u8> {
    let mut envelope = good();
    alter(&mut envelope);
    envelope.der()
}

fn for_recipient(recipient: Vec<u8>) -> Vec<u8> {
    altered(|envelope| envelope.recipients = vec![recipient])
}

fn agreement(alter: impl FnOnce(&mut Agreement)) -> Vec<u8> {
    let mut agreement = Agreement::new("union");
    alter(&mut agreement);
    for_recipient(agreement.der())
}

fn oaep(hash: &str, mask: &str) -> Vec<u8> {
    let hash = seq(&[&oid(hash), &[5, 0]]);
    let mask = seq(&[&oid("1.2.840.113549.1.1.8"), &seq(&[&oid(mask), &[5, 0]])]);
    seq(&[&oid("1.2.840.113549.1.1.7"), &seq(&[&der(0xA0, &[&hash]), &der(0xA1, &[&mask])])])
}

fn accepted() -> Vec<Case> {
    let identifier = Party::new("union").key_identifier();
    let two = {
        let mut agreement = Agreement::new("union");
        agreement.keys.insert(0, (Party::new("stranger").issuer_and_serial(), vec![0; 40]));
        agreement.der()
    };
    let bare = {
        let mut signed = Signed::new();
        signed.content_info = false;
        let mut envelope = Envelope::new(&signed.der());
        envelope.inner_type = SIGNED.into();
        envelope.der()
    };
    let rsa = for_recipient(transport("union-rsa", Padding::PKCS1_OAEP, &oaep(SHA256, SHA256)));
    let mut list = vec![
        case("envelope-definite", "accepted", "", good().der()),
        case("envelope-one-octet-segments", "accepted", "", good().ber(1)),
        case("envelope-odd-segments", "accepted", "", good().ber(333)),
        case("envelope-constructed-definite", "accepted", "", {
            let good = good();
            let (first, rest) = good.ciphertext.split_at(5);
            good.with(der, &der(0xA0, &[&octets(first), &octets(&[]), &octets(rest)]))
        }),
        case("envelope-bare-signed-data", "accepted", "", bare),
        case(
            "recipient-by-key-identifier",
            "accepted",
            "",
            agreement(|agreement| agreement.keys[0].0 = der(0xA0, &[&octets(&identifier)])),
        ),
        case("recipient-second-of-an-agreement", "accepted", "", for_recipient(two)),
        case(
            "recipient-with-keying-material",
            "accepted",
            "",
            for_recipient(Agreement::with("union", Some(b"keying material"), ECDH_SHA256, &[]).der()),
        ),
        case(
            "recipient-with-sha512-and-null",
            "accepted",
            "",
            for_recipient(Agreement::with("union", None, "1.3.132.1.11.3", &[5, 0]).der()),
        ),
        case(
            "recipient-curve-named-again",
            "accepted",
            "",
            agreement(|agreement| agreement.curve = oid("1.2.840.10045.3.1.7")),
        ),
    ];
    list.push(Case { key: "union-rsa", ..case("recipient-by-transport", "accepted", "", rsa) });
    let p384 = for_recipient(Agreement::with("union-p384", None, "1.3.132.1.11.2", &[]).der());
    list.push(Case { key: "union-p384", ..case("recipient-with-p384-and-sha384", "accepted", "", p384) });
    list
}

fn shape() -> Vec<Case> {
    let malformed = |name, because, message| case(name, "format.malformed", because, message);
    let good = good();
    let nested = |depth: usize| (0..depth).fold(octets(b"x"), |inner, _| ber(0x24, &[&inner]));
    let mut not_shortest = good.der();
    not_shortest.splice(1..4, [0x83, 0, not_shortest[2], not_shortest[3]]);
    vec![
        malformed("shape-text", "another element", b"MIME-Version: 1.0\r\n\r\nnot sealed at all".to_vec()),
        malformed("shape-zeros", "another element", vec![0; 100]),
        malformed("shape-only-signed", "another type", Signed::new().der()),
        malformed("shape-other-version", "another version", altered(|envelope| envelope.version = 2)),
        malformed("shape-inner-type", "another type", altered(|envelope| envelope.inner_type = "1.2.3".into())),
        malformed("shape-length-not-shortest", "shortest form", not_shortest),
        malformed(
            "shape-indefinite-recipients",
            "indefinite",
            good.with_recipients(der, &ber(0x31, &[&good.recipients[0]]), &der(0x80, &[&good.ciphertext])),
        ),
        malformed("shape-indefinite-primitive", "indefinite", good.with(der, &ber(0x80, &[&good.ciphertext]))),
        malformed("shape-nested-segments", "no plain octet string", good.with(der, &ber(0xA0, &[&nested(1)]))),
        malformed("shape-nested-deep", "no plain octet string", good.with(der, &ber(0xA0, &[&nested(5_000)]))),
        malformed("shape-segment-of-another-type", "no plain octet string", good.with(der, &ber(0xA0, &[&int(1)]))),
        malformed(
            "shape-segment-too-long",
            "longer than what",
            good.with(der, &der(0xA0, &[&[4, 0x82, 0x7F, 0xFF], &*good.ciphertext])),
        ),
        malformed("shape-length-of-nine", "eight octets", [&[0x30, 0x89], &[1; 9][..], &[0; 40]].concat()),
        malformed("shape-authenticated-attributes", "more elements", {
            let mut envelope = Envelope::new(&Signed::new().der());
            envelope.before_tag = der(0xA1, &[&attribute(CONTENT_TYPE, &[&oid(DATA)])]);
            envelope.der()
        })
        .because("another element"),
        malformed(
            "shape-unauthenticated-attributes",
            "more elements",
            altered(|envelope| envelope.after_tag = der(0xA2, &[&attribute(CONTENT_TYPE, &[&oid(DATA)])])),
        ),
        malformed("shape-short-tag", "another length", altered(|envelope| envelope.tag.truncate(12))),
        case("shape-huge-definite", "size.refused", "60 GiB", [&[0x30, 0x88], &[1; 8][..], &[0; 40]].concat()),
        case("shape-huge-segment", "size.refused", "60 GiB", {
            good.with(ber, &ber(0xA0, &[&[4, 0x85, 0x0F, 0x40, 0, 0, 0], &*good.ciphertext]))
        }),
        malformed("shape-huge-identifier", "longer than it may be", {
            [&[0x30, 0x80, 6, 0x84, 0x7F, 0xFF, 0xFF, 0xFF][..], &[1; 50]].concat()
        }),
        case("cut-in-the-content", "format.truncated", "too early", good.ber(64)[..400].to_vec()),
        case("cut-before-the-last-octet", "format.truncated", "too early", {
            let message = good.ber(64);
            message[..message.len() - 1].to_vec()
        }),
        case("cut-to-nothing", "format.truncated", "too early", Vec::new()),
        case("more-after-the-end", "format.trailing-data", "follows the end", [good.der(), b"\n".to_vec()].concat()),
        case("the-message-twice", "format.trailing-data", "follows the end", [good.ber(64), good.ber(64)].concat()),
        case("more-inside-the-envelope", "format.trailing-data", "follows the end", {
            Envelope::new(&[Signed::new().der(), vec![0]].concat()).der()
        }),
        case("cut-inside-the-envelope", "format.truncated", "too early", {
            let signed = Signed::new().der();
            Envelope::new(&signed[..signed.len() - 10]).der()
        }),
    ]
}

fn recipients() -> Vec<Case> {
    let refused = |name, because, message| case(name, "algorithm.refused", because, message);
    let rsa = |name, because, message| Case { key: "union-rsa", ..case(name, "algorithm.refused", because, message) };
    let malformed = |name, because, message| case(name, "format.malformed", because, message);
    let kek = der(0xA2, &[&int(4), &seq(&[&octets(b"id")]), &seq(&[&oid(AES_256_WRAP)]), &octets(&[0; 40])]);
    let password = der(0xA3, &[&int(0), &seq(&[&oid("1.2.840.113549.1.9.16.3.9")]), &octets(&[0; 40])]);
    let other = der(0xA4, &[&oid("1.2.3"), &int(1)]);
    let good = || Agreement::new("union").der();
    vec![
        case("not-for-us", "envelope.not-for-us", "not encrypted for", for_recipient(Agreement::new("stranger").der())),
        malformed("recipients-none", "no recipient", altered(|envelope| envelope.recipients.clear())),
        malformed(
            "recipients-us-twice",
            "more than once",
            altered(|envelope| envelope.recipients = vec![good(), good()]),
        ),
        malformed("recipients-us-twice-in-one", "more than once", {
            agreement(|agreement| agreement.keys.push(agreement.keys[0].clone()))
        }),
        malformed("recipients-too-many", "1,000", {
            let stranger = Party::new("stranger").issuer_and_serial();
            agreement(|agreement| agreement.keys.extend(vec![(stranger, vec![0; 40]); 1_000]))
        }),
        malformed("recipient-of-no-kind", "that is none", for_recipient(int(1))),
        refused("recipient-with-a-key", "key-encryption key", for_recipient(kek.clone())),
        refused("recipient-with-a-password", "password", for_recipient(password)),
        refused("recipient-of-another-kind", "another kind", for_recipient(other)),
        refused("recipient-with-a-key-beside-us", "key-encryption key", {
            altered(|envelope| envelope.recipients.push(kek))
        }),
        rsa("recipient-pkcs1", "other than RSA-OAEP", {
            for_recipient(transport("union-rsa", Padding::PKCS1, &seq(&[&oid("1.2.840.113549.1.1.1"), &[5, 0]])))
        }),
        rsa("recipient-oaep-sha1", "another hash", {
            for_recipient(transport("union-rsa", Padding::PKCS1_OAEP, &oaep(SHA1, SHA1)))
        }),
        rsa("recipient-oaep-mgf1-sha1", "another hash", {
            for_recipient(transport("union-rsa", Padding::PKCS1_OAEP, &oaep(SHA256, SHA1)))
        }),
        rsa("recipient-oaep-default", "another hash", {
            let default = seq(&[&oid("1.2.840.113549.1.1.7"), &seq(&[])]);
            for_recipient(transport("union-rsa", Padding::PKCS1_OAEP, &default))
        }),
        refused("recipient-kdf-sha1", "key derivation", {
            agreement(|agreement| agreement.kdf = "1.3.133.16.840.63.0.2".into())
        }),
        refused("recipient-kdf-sha224", "key derivation", {
            agreement(|agreement| agreement.kdf = "1.3.132.1.11.0".into())
        }),
        refused("recipient-wrap-aes128", "key wrap", {
            agreement(|agreement| agreement.wrap = seq(&[&oid("2.16.840.1.101.3.4.1.5")]))
        }),
        refused("recipient-wrap-padded", "key wrap", {
            agreement(|agreement| agreement.wrap = seq(&[&oid("2.16.840.1.101.3.4.1.48")]))
        }),
    ]
}

fn algorithms() -> Vec<Case> {
    let refused = |name, because, algorithm: Vec<u8>| {
        case(name, "algorithm.refused", because, altered(|envelope| envelope.algorithm = algorithm))
    };
    vec![
        refused("cipher-aes-128-gcm", "a cipher", gcm("2.16.840.1.101.3.4.1.6", &[7; 12], &int(16))),
        refused("cipher-aes-192-gcm", "a cipher", gcm("2.16.840.1.101.3.4.1.26", &[7; 12], &int(16))),
        refused("cipher-aes-256-ccm", "a cipher", gcm("2.16.840.1.101.3.4.1.47", &[7; 12], &int(16))),
        refused("cipher-aes-256-cbc", "a cipher", seq(&[&oid("2.16.840.1.101.3.4.1.42"), &octets(&[7; 16])])),
        refused("cipher-nonce-of-16", "a nonce", gcm(AES_256_GCM, &[7; 16], &int(16))),
        refused("cipher-nonce-of-8", "a nonce", gcm(AES_256_GCM, &[7; 8], &int(16))),
        refused("cipher-tag-of-12", "a tag", gcm(AES_256_GCM, &[7; 12], &int(12))),
        refused("cipher-tag-by-default", "a tag", gcm(AES_256_GCM, &[7; 12], &[])),
        case("relabelled-as-enveloped", "envelope.unauthenticated", "without authentication", {
            let mut envelope = good();
            envelope.content_type = ENVELOPED.into();
            envelope.version = 2;
            envelope.algorithm = seq(&[&oid("2.16.840.1.101.3.4.1.42"), &octets(&[7; 16])]);
            envelope.ber(64)
        }),
        case("relabelled-as-encrypted", "envelope.unauthenticated", "without authentication", {
            altered(|envelope| envelope.content_type = "1.2.840.113549.1.7.6".into())
        }),
    ]
}

fn tampered() -> Vec<Case> {
    let tampered = |name, because, message| case(name, "envelope.tampered", because, message);
    vec![
        tampered("tampered-tag", "were altered", altered(|envelope| envelope.tag[0] ^= 1)),
        tampered("tampered-first-octet", "were altered", altered(|envelope| envelope.ciphertext[0] ^= 1)),
        tampered("tampered-body", "were altered", altered(|envelope| envelope.ciphertext[700] ^= 0x80)),
        tampered("tampered-nonce", "were altered", {
            altered(|envelope| envelope.algorithm = gcm(AES_256_GCM, &[8; 12], &int(16)))
        }),
        tampered("tampered-shortened", "were altered", altered(|envelope| envelope.ciphertext.truncate(100))),
        tampered("wrong-key-wrapped", "does not open", agreement(|agreement| agreement.keys[0].1[3] ^= 1)),
        tampered("wrong-key-length", "does not open", agreement(|agreement| agreement.keys[0].1.truncate(32))),
        tampered("wrong-key-empty", "does not open", agreement(|agreement| agreement.keys[0].1.clear())),
        tampered("wrong-key-for-another", "does not open", {
            let mut agreement = Agreement::new("stranger");
            agreement.keys[0].0 = Party::new("union").issuer_and_serial();
            for_recipient(agreement.der())
        }),
        tampered(
            "point-off-the-curve",
            "does not open",
            agreement(|agreement| agreement.point = point_off_the_curve()),
        ),
        tampered("point-at-infinity", "does not open", agreement(|agreement| agreement.point = vec![0])),
        tampered("point-of-another-curve", "does not open", {
            agreement(|agreement| agreement.point = Agreement::new("union-p384").point)
        }),
        tampered("point-compressed", "does not open", {
            agreement(|agreement| {
                agreement.point.truncate(33);
                agreement.point[0] = 2;
            })
        }),
        tampered("transport-for-our-curve", "does not open", {
            let mut info = transport("union-rsa", Padding::PKCS1_OAEP, &oaep(SHA256, SHA256));
            let rsa = Party::new("union-rsa").issuer_and_serial();
            let place = info.windows(rsa.len()).position(|window| window == rsa).unwrap();
            let rest = info.split_off(place + rsa.len());
            for_recipient(seq(&[&int(0), &Party::new("union").issuer_and_serial(), &rest]))
        }),
    ]
}
