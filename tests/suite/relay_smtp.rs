//! Mail to a real server (aiosmtpd): TLS in both ways, login, refusals.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use jiff::SignedDuration;
use kenpo_express::domain::clock::Clock;
use kenpo_express::pki::{Authority, Profile, Subject};
use kenpo_express::runtime::clock::{SystemClock, SystemRandom};
use kenpo_express::wire::page::Page;
use kenpo_express::wire::union::{USERS, User};
use tempfile::TempDir;

use crate::support::enrolment::decoded;
use crate::support::relay::{RelayWorld, UnionWorld, issue};
use crate::support::soon::answered;

/// A mail server, ended with the test.
pub(crate) struct Server {
    process: Child,
    pub(crate) port: u16,
    folder: TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Python with aiosmtpd, as `tests/run` has made it.
fn python() -> PathBuf {
    let python = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../tools/smtp/bin/python");
    assert!(python.exists(), "the mail server for this test is missing: `tests/run relay_smtp` installs it");
    python
}

impl Server {
    pub(crate) fn start(kind: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let now = SystemClock.now();
        let authority = Authority::create_operator("Mail", now, &SystemRandom).unwrap();
        let profile = Profile::TlsServer { names: vec!["localhost".to_owned()] };
        let own = issue(&authority, Subject::Service("mail".to_owned()), &profile, now);
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write("server.pem", &own.certificate().pem());
        write("server.key", &own.key().to_pem());
        write("root.pem", &authority.certificate().pem());
        write("login", "kx\npass-4711\n");
        write("wrong", "kx\npass-0000\n");
        std::fs::create_dir(folder.path().join("mails")).unwrap();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite/smtp/server.py");
        let mut command = Command::new(python());
        command.arg(script).arg(kind).args(["server.pem", "server.key", "mails"]).current_dir(folder.path());
        // It shows what it thinks of each broken handshake.
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut output = BufReader::new(process.stdout.take().unwrap());
        let line = answered("the mail server is ready", move || {
            let mut line = String::new();
            output.read_line(&mut line).unwrap();
            line
        });
        let port = line.trim().strip_prefix("ready ").unwrap().parse().unwrap();
        Self { process, port, folder }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    async fn relay(&self, scheme: &str, login: &str, root: bool) -> RelayWorld {
        RelayWorld::start_with(|config| {
            config.mail.transport = format!("{scheme}://localhost:{}", self.port);
            "noreply@example.jp".clone_into(&mut config.mail.from);
            config.mail.credentials = self.path(login);
            if root {
                config.mail.root = self.path("root.pem");
            }
        })
        .await
    }

    pub(crate) fn mails(&self) -> Vec<PathBuf> {
        let mut mails: Vec<_> =
            std::fs::read_dir(self.path("mails")).unwrap().map(|mail| mail.unwrap().path()).collect();
        mails.sort();
        mails
    }
}

async fn problem(relay: &RelayWorld, union: &UnionWorld) -> Option<String> {
    // By the task already, or now: what counts is that it was tried.
    let _ = relay.send_mail().await;
    let page: Page<User> = relay.vpn(&union.gateway).get(USERS).await.json();
    page.items.last().unwrap().enrolment.as_ref().unwrap().mail_problem.clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mail_goes_out_within_tls_only_and_is_tried_again() {
    for (kind, scheme) in [("starttls", "smtp"), ("tls", "smtps")] {
        let server = Server::start(kind);
        let relay = server.relay(scheme, "login", true).await;
        let union = relay.union("06123456").await;
        relay.enrol(&union, "hanako-1").await;
        assert_eq!(problem(&relay, &union).await.as_deref(), Some("mail.deferred"), "{kind}");
        relay.clock.advance(SignedDuration::from_mins(1));
        assert_eq!(problem(&relay, &union).await, None, "{kind}");
        let mails = server.mails();
        assert_eq!(mails.len(), 1, "{kind}");
        assert!(mails[0].ends_with("1-tls-known.eml"), "{mails:?}");
        let (head, text) = decoded(&std::fs::read(&mails[0]).unwrap());
        assert!(head.contains("To: hanako-1@example.jp\r\n") && text.contains("/e/"), "{head}");

        relay.enrol(&union, "refused-2").await;
        assert_eq!(problem(&relay, &union).await.as_deref(), Some("mail.refused"), "{kind}");
        // That is the end of it, and shows; the server is not asked again.
        for _ in 0..3 {
            relay.clock.advance(SignedDuration::from_hours(5));
            assert_eq!(problem(&relay, &union).await.as_deref(), Some("mail.refused"), "{kind}");
        }
        assert_eq!(relay.running().app.metrics.mails_failed_total.with_label_values(&["mail.refused"]).get(), 1);
        let failed =
            |users: &Page<User>| users.items.iter().map(|user| user.mail_failed_at.is_some()).collect::<Vec<_>>();
        assert_eq!(failed(&relay.vpn(&union.gateway).get(USERS).await.json()), [false, true], "{kind}");
        // A wrong password, an authority that nobody told of, another way of TLS.
        for (login, root, expected) in [("wrong", true, "mail.login"), ("login", false, "mail.unreachable")] {
            let relay = server.relay(scheme, login, root).await;
            let union = relay.union("06123456").await;
            relay.enrol(&union, "hanako-1").await;
            assert_eq!(problem(&relay, &union).await.as_deref(), Some(expected), "{kind} {login}");
        }
        if scheme == "smtp" {
            let relay = server.relay("smtps", "login", true).await;
            let union = relay.union("06123456").await;
            relay.enrol(&union, "hanako-1").await;
            assert_eq!(problem(&relay, &union).await.as_deref(), Some("mail.unreachable"), "no TLS from the start");
        }
        assert_eq!(server.mails().len(), 1, "{kind}");
    }
}
