//! What can be wrong inside of the encryption: signature, attributes, header block, body.

use openssl::hash::MessageDigest;
use openssl::sha::{sha256, sha384};

#[expect(clippy::wildcard_imports, reason = "the words of a small language")]
use crate::craft::*;
use crate::{Case, case};

pub(crate) fn cases() -> Vec<Case> {
    [accepted(), attacks(), attributes_that_are_wrong(), algorithms(), shape(), entities()]
        .into_iter()
        .flatten()
        .collect()
}

fn sealed(signed: &Signed) -> Vec<u8> {
    Envelope::new(&signed.der()).ber(256)
}

fn signed(alter: impl FnOnce(&mut Signed)) -> Vec<u8> {
    let mut signed = Signed::new();
    alter(&mut signed);
    sealed(&signed)
}

fn by(info: &Info) -> Vec<u8> {
    signed(|signed| signed.signers = vec![info.der()])
}

fn info() -> Info {
    Info::new(&entity())
}

fn entity_of(block: &str, body: &[u8]) -> Vec<u8> {
    sealed(&Signed::of(&[block.as_bytes(), b"\r\n\r\n", body].concat()))
}

fn accepted() -> Vec<Case> {
    let accepted = |name, message| case(name, "accepted", "", message);
    let segments: Vec<u8> = entity().chunks(7).flat_map(octets).collect();
    let more = |attribute: Vec<u8>| {
        let mut info = info();
        let list = info.attributes.as_mut().unwrap();
        list.push(attribute);
        list.sort();
        by(&info)
    };
    let protection = seq(&[&seq(&[&oid(SHA256), &[5, 0]]), &der(0xA1, &[&oid(ECDSA_SHA256)])]);
    vec![
        accepted("signed-in-segments", signed(|signed| signed.content = Some(ber(0x24, &[&segments])))),
        accepted("signed-with-sha512", {
            signed(|signed| {
                let info = Info::sha512(&entity());
                signed.digests = vec![info.digest.clone()];
                signed.signers = vec![info.der()];
            })
        }),
        accepted("signed-by-key-identifier", {
            let mut info = info();
            info.version = 3;
            info.name = der(0x80, &[&info.party.key_identifier()]);
            signed(|signed| {
                signed.version = 3;
                signed.signers = vec![info.der()];
            })
        }),
        accepted("signed-without-certificates", signed(|signed| signed.certificates.clear())),
        accepted("signed-with-another-attribute", more(attribute("1.2.3.4", &[&int(1)]))),
        accepted("signed-with-protected-algorithms", more(attribute("1.2.840.113549.1.9.52", &[&protection]))),
        accepted("signed-certificate-named-with-sha384", {
            let hash = sha384(&Party::new("signer").der());
            let id = certificate_id(&hash, &seq(&[&oid("2.16.840.1.101.3.4.2.2")]));
            by(&info().replace(SIGNING_CERTIFICATE, &[attribute(SIGNING_CERTIFICATE, &[&id])]))
        }),
    ]
}

fn attacks() -> Vec<Case> {
    let invalid = |name, because, message| case(name, "signature.invalid", because, message);
    vec![
        // A genuine signature covers the encoded attributes. Given out as the content of a signature without attributes,
        // they verify for whoever does not insist on attributes.
        invalid("forged-attributes-as-content", "there are none", {
            let genuine = info();
            let list = genuine.attributes.clone().unwrap();
            let content = set(&list.iter().map(Vec::as_slice).collect::<Vec<_>>());
            let mut forged = Info::new(&content);
            forged.attributes = None;
            forged.signature = Some(genuine.party.sign(MessageDigest::sha256(), &content));
            let mut signed = Signed::of(&content);
            signed.signers = vec![forged.der()];
            sealed(&signed)
        }),
        invalid("signed-without-attributes", "there are none", {
            let mut info = info();
            info.signature = Some(info.party.sign(MessageDigest::sha256(), &entity()));
            info.attributes = None;
            by(&info)
        }),
        invalid("signed-content-without-header-altered", "not what was signed", {
            let mut signed = Signed::of(b"no header block");
            signed.content = Some(octets(b"another"));
            sealed(&signed)
        }),
        invalid("signed-content-altered", "not what was signed", {
            signed(|signed| {
                let mut content = entity();
                *content.last_mut().unwrap() ^= 1;
                signed.content = Some(octets(&content));
            })
        }),
        invalid("signature-altered", "does not verify", {
            let mut info = info();
            let mut other = Info::new(b"other").party.sign(MessageDigest::sha256(), b"other");
            other[10] ^= 1;
            info.signature = Some(other);
            by(&info)
        }),
        invalid("signature-empty", "does not verify", by(&Info { signature: Some(Vec::new()), ..info() })),
        invalid("signature-by-another-key", "does not verify", {
            let mut info = info();
            info.party = Party::new("stranger");
            by(&info)
        }),
        invalid("signature-by-another-certificate", "names another", by(&Info::by("stranger", &entity()))),
        invalid("certificate-attribute-of-another", "names another", {
            let id = certificate_id(&sha256(&Party::new("stranger").der()), &[]);
            by(&info().replace(SIGNING_CERTIFICATE, &[attribute(SIGNING_CERTIFICATE, &[&id])]))
        }),
        invalid("certificate-attribute-with-another-serial", "names another", {
            let stranger = Party::new("stranger");
            let names = seq(&[&der(0xA4, &[&stranger.issuer()])]);
            let hash = octets(&sha256(&Party::new("signer").der()));
            let id = seq(&[&seq(&[&seq(&[&hash, &seq(&[&names, &stranger.serial()])])])]);
            by(&info().replace(SIGNING_CERTIFICATE, &[attribute(SIGNING_CERTIFICATE, &[&id])]))
        }),
        case("signers-none", "signature.missing", "not signed", signed(|signed| signed.signers.clear())),
        case("signers-none-and-no-digests", "signature.missing", "not signed", {
            signed(|signed| {
                signed.signers.clear();
                signed.digests.clear();
            })
        }),
        case("not-signed-but-data", "signature.missing", "not signed", {
            Envelope::new(&seq(&[&oid(DATA), &der(0xA0, &[&octets(&entity())])])).der()
        }),
        case("signers-two", "signature.multiple", "more than one", {
            signed(|signed| signed.signers.push(Info::by("stranger", &entity()).der()))
        }),
        case("signers-the-same-twice", "signature.multiple", "more than one", {
            signed(|signed| signed.signers.push(signed.signers[0].clone()))
        }),
        case("signers-two-digests", "signature.multiple", "more than one", {
            signed(|signed| {
                signed.digests.push(seq(&[&oid(SHA512)]));
                signed.signers.push(Info::sha512(&entity()).der());
            })
        }),
    ]
}

fn attributes_that_are_wrong() -> Vec<Case> {
    let invalid = |name, because, info: &Info| case(name, "signature.invalid", because, by(info));
    let replaced = |name: &str, by: &[Vec<u8>]| info().replace(name, by);
    let digest = octets(&sha256(&entity()));
    let time = |text: &[u8]| attribute(SIGNING_TIME, &[&der(0x17, &[text])]);
    let unsorted = |permute: fn(&mut Vec<Vec<u8>>)| {
        let mut info = info();
        permute(info.attributes.as_mut().unwrap());
        info
    };
    vec![
        invalid("attribute-no-content-type", "no content type", &replaced(CONTENT_TYPE, &[])),
        invalid("attribute-no-digest", "no message digest", &replaced(MESSAGE_DIGEST, &[])),
        invalid("attribute-no-time", "no signing time", &replaced(SIGNING_TIME, &[])),
        invalid("attribute-no-certificate", "no signing certificate", &replaced(SIGNING_CERTIFICATE, &[])),
        invalid("attributes-empty", "no content type", &Info { attributes: Some(Vec::new()), ..info() }),
        invalid(
            "attribute-other-content-type",
            "not data",
            &replaced(CONTENT_TYPE, &[attribute(CONTENT_TYPE, &[&oid(SIGNED)])]),
        ),
        invalid(
            "attribute-digest-twice",
            "the same attribute twice",
            &replaced(
                MESSAGE_DIGEST,
                &[attribute(MESSAGE_DIGEST, &[&digest]), attribute(MESSAGE_DIGEST, &[&octets(&[1; 32])])],
            ),
        ),
        invalid(
            "attribute-the-same-twice",
            "order of DER",
            &replaced(MESSAGE_DIGEST, &[attribute(MESSAGE_DIGEST, &[&digest]), attribute(MESSAGE_DIGEST, &[&digest])]),
        ),
        invalid(
            "attribute-digest-of-two-values",
            "several values",
            &replaced(MESSAGE_DIGEST, &[attribute(MESSAGE_DIGEST, &[&digest, &octets(&[1; 32])])]),
        ),
        invalid(
            "attribute-digest-of-no-value",
            "without a value",
            &replaced(MESSAGE_DIGEST, &[attribute(MESSAGE_DIGEST, &[])]),
        ),
        invalid(
            "attribute-digest-no-string",
            "no octet string",
            &replaced(MESSAGE_DIGEST, &[attribute(MESSAGE_DIGEST, &[&der(3, &[&[0], &sha256(&entity())])])]),
        ),
        invalid("attributes-reversed", "order of DER", &unsorted(|list| list.reverse())),
        invalid("attributes-rotated", "order of DER", &unsorted(|list| list.rotate_left(1))),
        invalid("attribute-time-with-zone", "no time", &replaced(SIGNING_TIME, &[time(b"2611220857+0900")])),
        invalid("attribute-time-impossible", "no time", &replaced(SIGNING_TIME, &[time(b"261322085742Z")])),
        invalid("attribute-protected-algorithms-lie", "protected", &{
            let lie = seq(&[&seq(&[&oid(SHA512)]), &der(0xA1, &[&oid(ECDSA_SHA512)])]);
            let mut info = info();
            let list = info.attributes.as_mut().unwrap();
            list.push(attribute("1.2.840.113549.1.9.52", &[&lie]));
            list.sort();
            info
        }),
    ]
}

fn algorithms() -> Vec<Case> {
    let refused = |name, because, message| case(name, "algorithm.refused", because, message);
    vec![
        refused("digest-sha1", "a digest other", signed(|signed| signed.digests = vec![seq(&[&oid(SHA1)])])),
        refused("digest-declared-otherwise", "another digest than declared", {
            signed(|signed| signed.digests = vec![seq(&[&oid(SHA512)])])
        }),
        refused("digest-declared-twice", "another number", signed(|signed| signed.digests.push(seq(&[&oid(SHA512)])))),
        refused("signature-over-another-digest", "another digest than declared", {
            by(&Info { algorithm: seq(&[&oid(ECDSA_SHA512)]), ..info() })
        }),
        refused("signature-with-sha1", "other than ECDSA", {
            by(&Info { algorithm: seq(&[&oid("1.2.840.10045.4.1")]), ..info() })
        }),
        refused(
            "signature-ed25519",
            "other than ECDSA",
            by(&Info { algorithm: seq(&[&oid("1.3.101.112")]), ..info() }),
        ),
        refused("signature-pss-by-default", "another digest than declared", {
            by(&Info { algorithm: seq(&[&oid("1.2.840.113549.1.1.10"), &seq(&[])]), ..info() })
        }),
        refused("signature-rsa-with-our-curve", "not accepted for this", {
            by(&Info { algorithm: seq(&[&oid("1.2.840.113549.1.1.11"), &[5, 0]]), ..info() })
        }),
    ]
}

fn shape() -> Vec<Case> {
    let malformed = |name, because, message| case(name, "format.malformed", because, message);
    vec![
        malformed("inside-plain-text", "another element", Envelope::new(&entity()).der()),
        malformed("inside-nothing", "", Envelope::new(&[]).der()).expecting("format.truncated"),
        malformed("signed-detached", "another element", signed(|signed| signed.content = None)),
        malformed("signed-other-version", "another version", signed(|signed| signed.version = 5)),
        malformed("signed-version-of-others", "another version", signed(|signed| signed.version = 3)),
        malformed("signer-other-version", "another version", by(&Info { version: 3, ..info() })),
        malformed("signed-other-type", "another type", signed(|signed| signed.content_type = SIGNED.into())),
        malformed("signed-with-revocation-list", "another element", {
            signed(|signed| signed.after_certificates = der(0xA1, &[&seq(&[])]))
        }),
        malformed("signed-with-nine-certificates", "8 certificates", {
            signed(|signed| signed.certificates = vec![signed.certificates[0].clone(); 9])
        }),
        malformed("signed-with-attribute-certificate", "another element", {
            signed(|signed| signed.certificates.push(der(0xA1, &[&int(1)])))
        }),
        malformed("signer-with-unsigned-attributes", "more elements", {
            by(&Info { unsigned: der(0xA1, &[&attribute("1.2.3", &[&int(1)])]), ..info() })
        }),
        malformed("signer-that-is-none", "another element", signed(|signed| signed.signers = vec![int(1)])),
        malformed("attribute-nested-deep", "nested too deep", {
            let deep = (0..30).fold(int(1), |inner, _| seq(&[&inner]));
            let mut info = info();
            let list = info.attributes.as_mut().unwrap();
            list.push(attribute("1.2.3.4", &[&deep]));
            list.sort();
            by(&info)
        }),
        malformed("attribute-of-indefinite-length", "indefinite", {
            let mut info = info();
            let list = info.attributes.as_mut().unwrap();
            list.push(seq(&[&oid("1.2.3.4"), &ber(0x31, &[&int(1)])]));
            list.sort();
            by(&info)
        }),
    ]
}

fn entities() -> Vec<Case> {
    let malformed = |name, because, message| case(name, "format.malformed", because, message);
    let with = |from: &str, to: &str| {
        assert!(block().contains(from), "{from}");
        entity_of(&block().replacen(from, to, 1), b"body")
    };
    let refused = |name, text: &str| {
        let message = with("UTF-8''a.csv", &format!("UTF-8''{text}"));
        case(name, "filename.refused", "the file name", message)
    };
    let zstd = format!("{}\r\nContent-Encoding: zstd", block());
    let frame = zstd::bulk::compress(b"body of the file", 3).unwrap();
    vec![
        case("entity-compressed", "accepted", "", entity_of(&zstd, &frame)),
        malformed("entity-compressed-cut", "compressed", entity_of(&zstd, &frame[..frame.len() - 1])),
        malformed("entity-compressed-with-more", "compressed", entity_of(&zstd, &[&frame[..], b"x"].concat())),
        malformed("entity-not-compressed", "compressed", entity_of(&zstd, b"body of the file")),
        malformed("entity-other-encoding", "Content-Encoding", {
            entity_of(&format!("{}\r\nContent-Encoding: gzip", block()), b"body")
        }),
        malformed("entity-without-header", "no end", sealed(&Signed::of(b"no header"))),
        malformed("entity-empty", "no end", sealed(&Signed::of(b""))),
        malformed("entity-header-too-long", "16 KiB", {
            entity_of(&format!("{}\r\nX-Long: {}", block(), "a".repeat(17_000)), b"body")
        }),
        malformed("entity-header-twice", "twice", with("KX-Sequence: 1", "KX-Sequence: 1\r\nkx-sequence: 1")),
        malformed("entity-without-sequence", "KX-Sequence", with("KX-Sequence", "X-Sequence")),
        malformed("entity-sequence-zero", "KX-Sequence", with("KX-Sequence: 1", "KX-Sequence: 0")),
        malformed("entity-two-addressees", "To", with("To: <", "To: <union@06123457.kx>, <")),
        malformed("entity-two-names", "Content-Disposition", with("filename*", "filename=\"b.exe\"; filename*")),
        malformed("entity-line-feed", "control", with("\r\nTo", "\nTo")),
        malformed("entity-name-not-utf8", "Content-Disposition", with("a.csv", "%FF.csv")),
        refused("name-with-a-path", "..%2Fa.csv"),
        refused("name-of-a-device", "CON.csv"),
        refused("name-turned-round", "a%E2%80%AEvsc.exe"),
        refused("name-empty", ""),
    ]
}
