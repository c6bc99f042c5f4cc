//! `kx-message` as a person or a script uses it.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use kenpo_express::domain::clock::Clock;
use kenpo_express::message::open::open;
use kenpo_express::pki::pkcs12::{self, Bundle};
use kenpo_express::pki::profile::USER_VALIDITY;
use kenpo_express::pki::{Authority, KeyKind, Profile, Request, Subject, new_key};
use kenpo_express::runtime::clock::SystemClock;

use crate::message_support::{Fixed, certificate_file, credential, key_file, noise, sealed};

fn kx(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kx-message"));
    command.current_dir(folder).stdin(Stdio::null());
    command
}

fn seal_command(folder: &Path) -> Command {
    let mut command = kx(folder);
    command.arg("seal").arg("--cert").arg(certificate_file("signer")).arg("--key").arg(key_file("signer"));
    command.arg("--to").arg(certificate_file("union")).args(["--from", "yamada-1@06123456.kx"]);
    command.args(["--recipient", "union@06123456.kx"]);
    command
}

fn open_command(folder: &Path) -> Command {
    let mut command = kx(folder);
    command.arg("open").arg("--cert").arg(certificate_file("union")).arg("--key").arg(key_file("union"));
    command
}

fn run(command: &mut Command) -> (i32, Output) {
    let output = command.output().unwrap();
    (output.status.code().expect("it was not killed"), output)
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Names of all files, also hidden ones.
fn files(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_file_goes_there_and_back() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    fs::write(at.join("賞与.csv"), "content").unwrap();
    let mut seal = seal_command(at);
    seal.args(["--sequence", "7", "--comment", "よろしく", "--json", "賞与.csv", "sealed"]);
    let (code, output) = run(&mut seal);
    assert_eq!(code, 0, "{}", said(&output));
    let made: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(made["size"], 7);

    let (code, output) =
        run(open_command(at).arg("--signer").arg(certificate_file("signer")).args(["--json", "sealed", "out"]));
    assert_eq!(code, 0, "{}", said(&output));
    assert_eq!(said(&output), "");
    let found: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    for key in ["id", "tag", "digest", "signature_hash", "size", "sealed_size"] {
        assert_eq!(found[key], made[key], "{key}");
    }
    assert_eq!(found["file_name"], "賞与.csv");
    assert_eq!(found["sequence"], 7);
    assert_eq!(found["comment"], "よろしく");
    assert_eq!(fs::read(at.join("out")).unwrap(), b"content");
    assert_eq!(fs::metadata(at.join("out")).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(files(at), ["out", "sealed", "賞与.csv"]);

    let (code, output) = run(kx(at).args(["inspect", "--json", "sealed"]));
    assert_eq!(code, 0, "{}", said(&output));
    let outline: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(outline["tag"], made["tag"]);
    assert_eq!(outline["cipher"], "aes-256-gcm");
    assert_eq!(outline["recipients"][0]["method"], "ecdh-es+a256kw");
    assert_eq!(outline["recipients"][0]["issuer"], "O=union, CN=union");
    let (code, output) = run(kx(at).args(["inspect", "sealed"]));
    assert_eq!(code, 0);
    assert!(String::from_utf8(output.stdout).unwrap().contains(made["tag"].as_str().unwrap()));
}

#[test]
fn standard_input_and_output_work() {
    let folder = tempfile::tempdir().unwrap();
    let content = noise(300_000);
    let through = |command: &mut Command, input: &[u8]| {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_vec();
        let feed = std::thread::spawn(move || {
            // A command that refuses early does not read on.
            let _ = stdin.write_all(&input);
        });
        let output = child.wait_with_output().unwrap();
        feed.join().unwrap();
        output
    };
    let sealed = through(seal_command(folder.path()).args(["--name", "a.bin", "--compress", "-", "-"]), &content);
    assert!(sealed.status.success(), "{}", said(&sealed));
    let opened = through(
        open_command(folder.path()).arg("--signer").arg(certificate_file("signer")).args(["-", "-"]),
        &sealed.stdout,
    );
    assert!(opened.status.success(), "{}", said(&opened));
    assert!(opened.stdout == content);
    let mut broken = sealed.stdout;
    *broken.last_mut().unwrap() ^= 1;
    let opened = through(open_command(folder.path()).args(["-", "-"]), &broken);
    assert_eq!(opened.status.code(), Some(1));
    assert!(opened.stdout.is_empty());
    assert_eq!(files(folder.path()), Vec::<String>::new());
}

#[test]
fn nothing_is_left_unless_everything_verified() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let (message, _) = sealed(&noise(2 << 20));
    let signer = certificate_file("signer");
    let refused = |message: &[u8], extra: &[&str], code: &str| {
        fs::write(at.join("sealed"), message).unwrap();
        let (status, output) = run(open_command(at).args(extra).args(["sealed", "out"]));
        assert_eq!(status, 1, "{}", said(&output));
        assert!(said(&output).contains(code), "{}", said(&output));
        assert!(output.stdout.is_empty());
        assert_eq!(files(at), ["sealed"]);
    };
    let signer = ["--signer", signer.to_str().unwrap()];
    refused(&message[..message.len() - 30], &signer, "format.truncated");
    refused(&[&message[..], b"\n"].concat(), &signer, "format.trailing-data");
    let mut flipped = message.clone();
    flipped[message.len() / 2] ^= 1;
    refused(&flipped, &signer, "envelope.tampered");
    let stranger = certificate_file("stranger");
    refused(&message, &["--signer", stranger.to_str().unwrap()], "signature.invalid");
    refused(&message, &["--ca", stranger.to_str().unwrap()], "certificate.untrusted");
    let both = [&signer[..], &["--ca", stranger.to_str().unwrap()]].concat();
    refused(&message, &both, "certificate.untrusted");
    refused(b"", &signer, "format.truncated");

    // What was at OUT before stays.
    fs::write(at.join("sealed"), &flipped).unwrap();
    fs::write(at.join("out"), "before").unwrap();
    let (status, _) = run(open_command(at).args(["sealed", "out"]));
    assert_eq!(status, 1);
    assert_eq!(fs::read(at.join("out")).unwrap(), b"before");
}

#[test]
fn an_unchecked_signer_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    fs::write(at.join("sealed"), sealed(b"content").0).unwrap();
    let (code, output) = run(open_command(at).args(["sealed", "out"]));
    assert_eq!(code, 0);
    assert!(said(&output).contains("was not checked") && said(&output).contains("yamada-1"), "{}", said(&output));
    let signer = credential("signer").certificate().fingerprint().to_string();
    assert!(said(&output).contains(&signer));
}

/// Two users of one authority: neither passes as the other, and a certificate for encryption signs nothing.
#[test]
fn the_signer_must_be_the_sender() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let random = Fixed::new(3);
    let now = SystemClock.now();
    let ca = Authority::create(&"06123456".parse().unwrap(), "Test CA", now, &random).unwrap();
    fs::write(at.join("ca.pem"), ca.certificate().pem()).unwrap();
    let ca_key = ca.credential().key().to_pem();
    fs::write(at.join("content"), "content").unwrap();
    for (user, name, profile) in [
        ("yamada-1", "good", Profile::UserSigning),
        ("suzuki-1", "other", Profile::UserSigning),
        ("yamada-1", "encryption", Profile::UserEncryption),
    ] {
        let key = new_key(KeyKind::P256).unwrap();
        let (union, office) = ("06123456".parse().unwrap(), "1234-A".parse().unwrap());
        let subject = Subject::User { union, office, user: user.parse().unwrap() };
        let request = Request::new(subject, &key).unwrap();
        let certificate = ca.issue(&request, &profile, USER_VALIDITY, now, &random).unwrap();
        fs::write(at.join(format!("{name}.pem")), certificate.pem()).unwrap();
        fs::write(at.join(format!("{name}.key")), key.to_pem()).unwrap();
    }
    let check = |name: &str, by: &[&str]| {
        let mut seal = kx(at);
        seal.args(["seal", "--cert", &format!("{name}.pem"), "--key", &format!("{name}.key"), "--to"]);
        seal.arg(certificate_file("union")).args(["--from", "yamada-1@06123456.kx"]);
        seal.args(["--recipient", "union@06123456.kx", "content", "sealed"]);
        let (code, output) = run(&mut seal);
        assert_eq!(code, 0, "{}", said(&output));
        let (code, output) = run(open_command(at).args(by).args(["sealed", "out"]));
        assert_eq!(at.join("out").exists(), code == 0);
        let _ = fs::remove_file(at.join("out"));
        (code, said(&output))
    };
    let ca = &["--ca", "ca.pem"][..];
    assert_eq!(check("good", ca), (0, String::new()));
    assert_eq!(check("good", &["--ca", "ca.pem", "--signer", "good.pem"]), (0, String::new()));
    for (name, by, reason) in [
        ("other", ca, "binding.sender"),
        ("other", &["--signer", "other.pem"], "binding.sender"),
        ("other", &[], "binding.sender"),
        ("encryption", ca, "certificate.not-registered"),
        ("good", &["--ca", "ca.pem", "--signer", "other.pem"], "signature.invalid"),
    ] {
        let (code, said) = check(name, by);
        assert!(code == 1 && said.contains(reason), "{name} {by:?}: {said}");
    }
    // Made by hand: the words must say what is wrong.
    let by_hand = |ca: &Path, ca_key: &Path| {
        let run = |arguments: &[&str]| {
            assert!(Command::new("openssl").current_dir(at).args(arguments).output().unwrap().status.success());
        };
        run(&["req", "-new", "-key", "good.key", "-subj", "/CN=plain", "-out", "plain.csr"]);
        let (ca, ca_key) = (ca.to_str().unwrap(), ca_key.to_str().unwrap());
        run(&["x509", "-req", "-in", "plain.csr", "-CA", ca, "-CAkey", ca_key, "-days", "9", "-out", "plain.pem"]);
        fs::copy(at.join("good.key"), at.join("plain.key")).unwrap();
        check("plain", &["--ca", ca])
    };
    fs::write(at.join("ca.key"), ca_key).unwrap();
    let (code, said) = by_hand(&at.join("ca.pem"), &at.join("ca.key"));
    assert!(code == 1 && said.contains("does not say whose it is"), "{said}");
    let (code, said) = by_hand(&certificate_file("stranger"), &key_file("stranger"));
    assert!(code == 1 && said.contains("RFC 5280"), "{said}");
}

#[test]
fn keys_may_be_in_pkcs12() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    fs::write(at.join("content"), "content").unwrap();
    fs::write(at.join("passphrase"), "秘密 word\nanother line\n").unwrap();
    for name in ["signer", "union"] {
        let bundle = Bundle { credential: credential(name), chain: Vec::new() };
        fs::write(at.join(format!("{name}.p12")), pkcs12::write(&bundle, name, "秘密 word").unwrap()).unwrap();
    }
    let passphrase = ["--passphrase-file", "passphrase"];
    let mut seal = kx(at);
    seal.args(["seal", "--cert", "signer.p12", "--from", "yamada-1@06123456.kx", "--recipient", "union@06123456.kx"]);
    seal.arg("--to").arg(certificate_file("union")).args(passphrase).args(["content", "sealed"]);
    let (code, output) = run(&mut seal);
    assert_eq!(code, 0, "{}", said(&output));
    let mut open = kx(at);
    open.arg("open").arg("--cert").arg(certificate_file("union")).args(["--key", "union.p12"]).args(passphrase);
    let (code, output) = run(open.args(["sealed", "out"]));
    assert_eq!(code, 0, "{}", said(&output));
    assert_eq!(fs::read(at.join("out")).unwrap(), b"content");
    let (code, output) = run(kx(at).args(["open", "--cert", "union.p12", "sealed", "again"]));
    assert_eq!(code, 1);
    assert!(said(&output).contains("--passphrase-file"), "{}", said(&output));
}

#[test]
fn wrong_usage_is_told_from_failure() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    fs::write(at.join("a"), "x").unwrap();
    for arguments in
        [&[][..], &["verify", "a.zip"], &["seal"], &["open", "a", "b"], &["inspect"], &["inspect", "--no-such", "a"]]
    {
        assert_eq!(run(kx(at).args(arguments)).0, 2, "{arguments:?}");
    }
    for arguments in [
        &["--sequence", "0", "a", "out"][..],
        &["--previous", "abc", "a", "out"],
        &["--message-id", "1", "a", "out"],
        &["--json", "a", "-"],
        &["-", "out"],
        &["--name", "../x", "a", "out"],
        &["--name", "CON", "a", "out"],
    ] {
        assert_eq!(run(seal_command(at).args(arguments)).0, 2, "{arguments:?}");
    }
    assert_eq!(run(seal_command(at).args(["no-such-file", "out"])).0, 1);
    assert_eq!(run(kx(at).args(["inspect", "a"])).0, 1);
    let (code, output) = run(kx(at).arg("--version"));
    assert_eq!(code, 0);
    assert!(String::from_utf8(output.stdout).unwrap().starts_with(concat!("kx-message ", env!("CARGO_PKG_VERSION"))));
    assert_eq!(files(at), ["a"]);
}

#[test]
fn a_large_file_needs_little_memory() {
    const SIZE: u64 = 256 << 20;
    const LIMIT: u64 = 48 << 10;
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    File::create(at.join("large")).unwrap().set_len(SIZE).unwrap();
    let used = peak_kibibytes(seal_command(at).args(["large", "sealed"]));
    assert!(used < LIMIT, "sealing took {used} KiB");
    let used = peak_kibibytes(open_command(at).args(["sealed", "out"]));
    assert!(used < LIMIT, "opening took {used} KiB");
    assert_eq!(fs::metadata(at.join("out")).unwrap().len(), SIZE);
    let sealed = File::open(at.join("sealed")).unwrap();
    assert_eq!(open(sealed, &[credential("union")], std::io::sink()).unwrap().0.size(), SIZE);
}

/// Runs to the end and gives the most memory that was resident, as `/proc` counts it.
fn peak_kibibytes(command: &mut Command) -> u64 {
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    loop {
        // A process that has ended but was not waited for has no memory any more.
        let text = fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        peak = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok()).unwrap_or(peak).max(peak);
        if let Some(ended) = child.try_wait().unwrap() {
            assert!(ended.success());
            assert!(peak > 0, "it ended before it was looked at");
            return peak;
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
}
