//! OpenSSL's command as the oracle, both ways: it opens and verifies what we seal, we accept what it seals.

use std::fs::{self, File};
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use kenpo_express::domain::verdict::Reason;
use kenpo_express::message::open::open;
use kenpo_express::message::seal::seal;

use crate::message_support::{Fixed, certificate, certificate_file, credential, draft, key_file, noise};

/// A header block as somebody else might write it.
const BLOCK: &str = "From: <yamada-1@06123456.kx>\r\nTo: <union@06123456.kx>\r\nDate: Sun, 22 Nov 2026 17:57:42 +0900\r\n\
    Subject: =?utf-8?q?caf=C3=A9?=\r\nMESSAGE-ID: <0191e3c4-7a5b-7c3d-8e4f-a1b2c3d4e5f6@kx>\r\nMime-Version: 1.0\r\n\
    Content-Type: application/octet-stream;\r\n charset=binary\r\ncontent-transfer-encoding: BINARY\r\n\
    Content-Disposition: attachment;\r\n filename*=utf-8''a%2Ecsv\r\nKX-Sequence: 3\r\nX-Mailer: something\r\n\
    KX-Previous: 00000000000000000000000000000000000000000000000000000000000000ff\r\n\r\n";

fn openssl(folder: &Path, arguments: &[&str]) {
    let output = Command::new("openssl").current_dir(folder).args(arguments).stdin(Stdio::null()).output();
    let output = output.expect("the openssl command is installed");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Signs and encrypts with OpenSSL's command. `whole`: in one piece, not as a stream.
fn seal_with_openssl(folder: &Path, entity: &Path, signer: &str, sign: &[&str], to: &[(&str, &[&str])], whole: bool) {
    let (cert, key) = (certificate_file(signer), key_file(signer));
    let stream: &[&str] = if whole { &[] } else { &["-stream"] };
    let mut arguments = vec!["cms", "-sign", "-binary", "-nodetach", "-outform", "DER", "-out", "signed"];
    arguments.extend(["-in", text(entity), "-signer", text(&cert), "-inkey", text(&key)]);
    arguments.extend(sign);
    if !sign.contains(&"rsa_padding_mode:pss") {
        // OpenSSL 3.0 cannot stream with PSS.
        arguments.extend(stream);
    }
    openssl(folder, &arguments);
    let recipients: Vec<_> = to.iter().map(|(name, options)| (certificate_file(name), options)).collect();
    let mut arguments = vec!["cms", "-encrypt", "-binary", "-aes-256-gcm", "-outform", "DER", "-out", "sealed"];
    arguments.extend(["-in", "signed"]);
    arguments.extend(stream);
    for (file, options) in &recipients {
        arguments.extend(["-recip", text(file)]);
        arguments.extend(**options);
    }
    openssl(folder, &arguments);
}

/// Decrypts and verifies with OpenSSL's command, into `entity`.
fn open_with_openssl(folder: &Path, recipient: &str, signer: &str) {
    let (cert, key) = (certificate_file(recipient), key_file(recipient));
    let decrypt = ["cms", "-decrypt", "-inform", "DER", "-in", "sealed", "-out", "signed", "-binary"];
    openssl(folder, &[&decrypt[..], &["-recip", text(&cert), "-inkey", text(&key)]].concat());
    let cert = certificate_file(signer);
    let verify = ["cms", "-verify", "-inform", "DER", "-in", "signed", "-out", "entity", "-binary", "-cades"];
    openssl(folder, &[&verify[..], &["-CAfile", text(&cert), "-purpose", "any"]].concat());
}

const ECDH: &[&str] = &["-keyopt", "ecdh_kdf_md:sha256"];
const OAEP: &[&str] = &["-keyopt", "rsa_padding_mode:oaep", "-keyopt", "rsa_oaep_md:sha256"];

#[test]
fn openssl_opens_what_we_seal() {
    let folder = tempfile::tempdir().unwrap();
    for (signer, recipient) in
        [("signer", "union"), ("signer-p384", "union-p384"), ("signer-rsa", "union-rsa"), ("signer", "union-rsa")]
    {
        for size in [0, 1, (64 << 10) - 1, 64 << 10, (64 << 10) + 1, 3 << 20] {
            let content = noise(size);
            let recipients = [certificate("stranger"), certificate(recipient)];
            let out = File::create(folder.path().join("sealed")).unwrap();
            seal(&draft(), &credential(signer), &recipients, &Fixed::new(5), &content[..], out).unwrap();
            open_with_openssl(folder.path(), recipient, signer);
            let entity = fs::read(folder.path().join("entity")).unwrap();
            let block = entity.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
            assert!(entity[block + 4..] == content, "{signer} to {recipient}, {size}");
        }
    }
}

#[test]
fn we_open_what_openssl_seals() {
    let folder = tempfile::tempdir().unwrap();
    let entity = folder.path().join("entity");
    for size in [0, 1, (64 << 10) - 1, 64 << 10, (64 << 10) + 1] {
        let content = noise(size);
        fs::write(&entity, [BLOCK.as_bytes(), &content].concat()).unwrap();
        for (signer, sign) in [
            ("signer", &["-cades", "-md", "sha256"][..]),
            ("signer", &["-cades", "-md", "sha512", "-nosmimecap"]),
            ("signer-p384", &["-cades", "-md", "sha384", "-keyid"]),
            ("signer-rsa", &["-cades", "-md", "sha256"]),
            ("signer-rsa", &["-cades", "-md", "sha384", "-keyopt", "rsa_padding_mode:pss"]),
        ] {
            for whole in [false, true] {
                let to = [("union", ECDH), ("union-rsa", OAEP), ("union-p384", &["-keyopt", "ecdh_kdf_md:sha512"])];
                seal_with_openssl(folder.path(), &entity, signer, sign, &to, whole);
                let sealed = fs::read(folder.path().join("sealed")).unwrap();
                for (recipient, _) in to {
                    let (opened, read) = open(&sealed[..], &[credential(recipient)], Vec::new()).unwrap();
                    assert!(read == content, "{signer} {sign:?} to {recipient}, {size}");
                    let verified = opened.verify(&certificate(signer)).unwrap();
                    assert_eq!(verified.header().comment.as_deref(), Some("café"));
                    assert_eq!(verified.header().file_name.as_ref().unwrap().as_str(), "a.csv");
                    assert_eq!(verified.header().date, "2026-11-22T08:57:42Z".parse().unwrap());
                    assert_eq!(verified.header().sequence, 3);
                    assert_eq!(verified.sealed_size(), sealed.len() as u64);
                }
            }
        }
    }
}

/// Nothing in the envelope is signed, so this opens; what it says about its addressee stays what was signed.
#[test]
fn a_signature_moved_into_another_envelope_still_names_its_addressee() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let out = File::create(at.join("sealed")).unwrap();
    seal(&draft(), &credential("signer"), &[certificate("union")], &Fixed::new(5), &b"content"[..], out).unwrap();
    open_with_openssl(at, "union", "signer");
    let other = certificate_file("stranger");
    let encrypt = ["cms", "-encrypt", "-binary", "-aes-256-gcm", "-outform", "DER", "-in", "signed", "-out", "moved"];
    openssl(at, &[&encrypt[..], &["-recip", text(&other)], ECDH].concat());
    let moved = File::open(at.join("moved")).unwrap();
    let (opened, content) = open(moved, &[credential("stranger")], Vec::new()).unwrap();
    assert_eq!(content, b"content");
    let verified = opened.verify(&certificate("signer")).unwrap();
    assert_eq!(verified.header().to, "union@06123456.kx".parse().unwrap());
    assert_eq!(verified.header().id, draft().id);
}

#[test]
fn a_hundred_megabytes_both_ways() {
    const SIZE: usize = 100 << 20;
    let folder = tempfile::tempdir().unwrap();
    let piece = noise(1 << 20);
    let entity = folder.path().join("entity");
    let mut file = BufWriter::new(File::create(&entity).unwrap());
    file.write_all(BLOCK.as_bytes()).unwrap();
    for _ in 0..SIZE / piece.len() {
        file.write_all(&piece).unwrap();
    }
    drop(file);
    seal_with_openssl(folder.path(), &entity, "signer", &["-cades", "-md", "sha256"], &[("union", ECDH)], false);
    let sealed = File::open(folder.path().join("sealed")).unwrap();
    let (opened, mut check) = open(sealed, &[credential("union")], Repeats::new(&piece)).unwrap();
    assert!(opened.verify(&certificate("signer")).is_ok());
    assert_eq!(opened.size(), SIZE as u64);
    check.expect(SIZE);

    let sealed = File::create(folder.path().join("sealed")).unwrap();
    let mut content = BufReader::new(File::open(&entity).unwrap());
    content.seek_relative(i64::try_from(BLOCK.len()).unwrap()).unwrap();
    seal(&draft(), &credential("signer"), &[certificate("union")], &Fixed::new(9), content, sealed).unwrap();
    open_with_openssl(folder.path(), "union", "signer");
    let mut read = BufReader::new(File::open(&entity).unwrap());
    let mut block = Vec::new();
    while !block.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        read.read_exact(&mut byte).unwrap();
        block.push(byte[0]);
    }
    let mut check = Repeats::new(&piece);
    std::io::copy(&mut read, &mut check).unwrap();
    check.expect(SIZE);
}

/// Checks that what is written is a piece, again and again.
struct Repeats<'a> {
    piece: &'a [u8],
    seen: usize,
}

impl<'a> Repeats<'a> {
    fn new(piece: &'a [u8]) -> Self {
        Self { piece, seen: 0 }
    }

    fn expect(&mut self, size: usize) {
        assert_eq!(self.seen, size);
    }
}

impl Write for Repeats<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let place = self.seen % self.piece.len();
        let count = bytes.len().min(self.piece.len() - place);
        assert!(bytes[..count] == self.piece[place..place + count], "other bytes at {}", self.seen);
        self.seen += count;
        Ok(count)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn what_openssl_makes_otherwise_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    fs::write(at.join("entity"), BLOCK).unwrap();
    let reason = |key: &str| {
        let sealed = File::open(at.join("sealed")).unwrap();
        let opened = open(sealed, &[credential(key)], Vec::new());
        opened.err().and_then(|error| error.reason()).map(Reason::code)
    };
    let entity = at.join("entity");
    for (sign, expected) in [
        (&["-cades", "-md", "sha256"][..], None),
        (&["-cades", "-md", "sha1"], Some("algorithm.refused")),
        (&["-cades", "-md", "sha224"], Some("algorithm.refused")),
        (&["-md", "sha256"], Some("signature.invalid")),
        (&["-md", "sha256", "-noattr"], Some("signature.invalid")),
        (&["-cades", "-md", "sha256", "-nocerts"], None),
        (&["-cades", "-econtent_type", "1.2.3.4"], Some("format.malformed")),
    ] {
        seal_with_openssl(at, &entity, "signer", sign, &[("union", ECDH)], false);
        assert_eq!(reason("union"), expected, "{sign:?}");
    }
    let (first, second) = (certificate_file("signer-rsa"), key_file("signer-rsa"));
    let two = ["-cades", "-md", "sha256", "-signer", text(&first), "-inkey", text(&second)];
    seal_with_openssl(at, &entity, "signer", &two, &[("union", ECDH)], false);
    assert_eq!(reason("union"), Some("signature.multiple"));

    openssl(
        at,
        &[
            "cms",
            "-sign",
            "-binary",
            "-nodetach",
            "-cades",
            "-outform",
            "DER",
            "-in",
            "entity",
            "-out",
            "signed",
            "-signer",
            text(&certificate_file("signer")),
            "-inkey",
            text(&key_file("signer")),
        ],
    );
    let recipient = certificate_file("union");
    let rsa = certificate_file("union-rsa");
    let encrypt = |options: &[&str]| {
        let common = ["cms", "-encrypt", "-binary", "-outform", "DER", "-in", "signed", "-out", "sealed"];
        openssl(at, &[&common[..], options].concat());
    };
    for (options, key, expected) in [
        (&["-aes-256-cbc", "-recip", text(&recipient)][..], "union", "envelope.unauthenticated"),
        (&["-aes-128-gcm", "-recip", text(&recipient), ECDH[0], ECDH[1]], "union", "algorithm.refused"),
        (&["-aes-192-gcm", "-recip", text(&recipient), ECDH[0], ECDH[1]], "union", "algorithm.refused"),
        (&["-aes-256-gcm", "-recip", text(&recipient), "-keyopt", "ecdh_kdf_md:sha1"], "union", "algorithm.refused"),
        (&["-aes-256-gcm", "-recip", text(&rsa)], "union-rsa", "algorithm.refused"),
        (&["-aes-256-gcm", "-recip", text(&rsa), "-keyopt", "rsa_padding_mode:oaep"], "union-rsa", "algorithm.refused"),
        (&["-aes-256-gcm", "-secretkey", &"00".repeat(32), "-secretkeyid", "00"], "union", "algorithm.refused"),
        (&["-aes-256-gcm", "-recip", text(&recipient), ECDH[0], ECDH[1]], "stranger", "envelope.not-for-us"),
    ] {
        encrypt(options);
        assert_eq!(reason(key), Some(expected), "{options:?}");
    }
    fs::copy(at.join("signed"), at.join("sealed")).unwrap();
    assert_eq!(reason("union"), Some("format.malformed"));
}
