//! The integrator's guide, word for word: every example in docs/integration.md is run against the real gateway.

use std::path::Path;
use std::process::{Command, Stdio};

use kenpo_express::domain::clock::Clock;
use kenpo_express::pki::{Authority, Profile, Subject};
use kenpo_express::runtime::clock::{SystemClock, SystemRandom};
use kenpo_express::secret::mac::hmac_sha256;
use serde_json::Value;

use crate::api_foreign::client;
use crate::exchange_support::{Folder, text};
use crate::message_support::noise;
use crate::support::relay::issue;

/// The examples in a language.
fn examples(language: &str) -> Vec<String> {
    let guide = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/integration.md")).unwrap();
    let blocks = guide.split("\n```").skip(1).step_by(2);
    blocks.filter_map(|block| block.strip_prefix(&format!("{language}\n")).map(str::to_owned)).collect()
}

struct Guide {
    folder: Folder,
    port: u16,
}

impl Guide {
    /// A sandbox that has received a file, and a gateway whose API is on.
    fn new() -> (Self, crate::exchange_support::Server, crate::exchange_support::Server) {
        let folder = Folder::new();
        assert!(folder.exchange(&[]).status.success());
        let now = SystemClock.now();
        let authority = Authority::create_operator("Core", now, &SystemRandom).unwrap();
        let profile = Profile::TlsServer { names: vec!["127.0.0.1".to_owned()] };
        let own = issue(&authority, Subject::Service("api".to_owned()), &profile, now);
        let write = |name: &str, text: &str| std::fs::write(folder.path("sandbox/gateway").join(name), text).unwrap();
        write("api.pem", &own.certificate().pem());
        write("api.key", &own.key().to_pem());
        std::fs::write(folder.path("ca.pem"), authority.certificate().pem()).unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let settings = folder.path("sandbox/gateway/gateway.toml");
        let before = std::fs::read_to_string(&settings).unwrap();
        std::fs::write(&settings, format!("{before}\n[api]\nlisten = \"127.0.0.1:{port}\"\n")).unwrap();
        let server = folder.serve("kx-server", "relay.log");
        let gateway = folder.serve("kx-gateway", "gateway.log");
        // The sandbox's staff have accepted the sample; this one waits for them.
        let file = folder.file("届.csv", b"content");
        assert!(folder.run("kx-employer", &["send", file.to_str().unwrap()]).status.success());
        folder.wait_until_verified();
        (Self { folder, port }, server, gateway)
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        let own = Path::new(env!("CARGO_BIN_EXE_kx-gateway")).parent().unwrap().display().to_string();
        command.env("PATH", format!("{own}:{}", std::env::var("PATH").unwrap()));
        command.env("KX_GATEWAY_CONFIG", self.folder.path("sandbox/gateway/gateway.toml"));
        command.env("KX_API", format!("https://127.0.0.1:{}", self.port));
        command.env("CURL_CA_BUNDLE", self.folder.path("ca.pem")).env("REQUESTS_CA_BUNDLE", self.folder.path("ca.pem"));
        command.current_dir(self.folder.path("")).stdin(Stdio::null());
        command
    }

    /// Runs examples, one after the other in one shell, as a reader does.
    fn shell(&self, example: &str) -> String {
        let output = self.command(Path::new("sh")).args(["-eu", "-c", example]).output().unwrap();
        assert!(output.status.success(), "{example}\n{}\n{}", text(&output.stdout), text(&output.stderr));
        text(&output.stdout)
    }
}

#[test]
fn every_example_of_the_guide_does_what_it_says() {
    let (guide, server, gateway) = Guide::new();
    let examples = examples("sh");
    assert!(examples.len() >= 9, "{}", examples.len());
    let all = guide.shell(&examples.join("\n"));
    for expected in ["見本事業所", "hanako-1", "large.bin", "\"taken\"", "etag: \"", "\"recalled\""] {
        assert!(all.contains(expected), "{expected}\n{all}");
    }
    let written = |name: &str| text(&std::fs::read(guide.folder.path(name)).unwrap());
    assert!(written("sent.json").contains("notice.txt") && written("events.json").contains("received.archived"));
    assert!(!all.contains("@example.jp") && !all.contains("花子"), "no person");
    let page: Value = serde_json::from_slice(&std::fs::read(guide.folder.path("page.json")).unwrap()).unwrap();
    let file = guide.folder.path(&format!("{}.bin", page["items"][0]["id"].as_str().unwrap()));
    assert_eq!(std::fs::read(&file).unwrap().len() as u64, page["items"][0]["size"].as_u64().unwrap());

    std::fs::write(guide.folder.path("給与.csv"), noise(3_000_000)).unwrap();
    std::fs::write(guide.folder.path("tus.py"), &self::examples("python tus")[0]).unwrap();
    let sent = guide.command(&client("python")).args(["tus.py", "給与.csv"]).output().unwrap();
    assert!(sent.status.success(), "{}", text(&sent.stderr));
    let log = text(&std::fs::read(guide.folder.path("gateway.log")).unwrap());
    let token: Value = serde_json::from_slice(&std::fs::read(guide.folder.path("token.json")).unwrap()).unwrap();
    let secret = token["token"].as_str().unwrap().splitn(3, '_').nth(2).unwrap();
    assert!(log.lines().count() > 10 && secret.len() > 40, "the log is as full as it gets");
    assert!(!log.contains(secret), "no token in the log");
    gateway.stop();
    server.stop();
}

#[test]
fn the_signature_is_checked_as_the_guide_has_it() {
    let (key, body) = ("a-key-of-more-than-32-characters-4711", r#"{"id":"1"}"#);
    let code = hex::encode(hmac_sha256(key.as_bytes(), &[b"1000.", body.as_bytes()]));
    let header = format!("t=1000,v1={code}");
    let script = format!(
        "{}
assert is_from_gateway(b'{key}', '{header}', b'{body}', 1100)
assert not is_from_gateway(b'{key}', '{header}', b'{body} ', 1100)
assert not is_from_gateway(b'another', '{header}', b'{body}', 1100)
assert not is_from_gateway(b'{key}', '{header}', b'{body}', 2000)
",
        examples("python signature")[0]
    );
    let checked = Command::new("python3").args(["-c", &script]).output().unwrap();
    assert!(checked.status.success(), "{}", text(&checked.stderr));
}
