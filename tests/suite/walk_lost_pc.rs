//! The PC is lost: from `user disable` returning to the relay refusing it everywhere, with real processes over TLS.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use kenpo_express::employer::refusal::PinRefused;
use kenpo_express::employer::{EmployerError, Home, Pc};
use kenpo_express::runtime::clock::{SystemClock, SystemRandom};
use kenpo_express::sandbox::enrol::{enrolled, log_in};
use kenpo_express::wire::client::{ClientError, EmployerClient};

use super::exchange_support::{Folder, json, text, wait_for};
use super::walk_support::{ConnectProxy, Manners};
use crate::support::soon::end_of;

/// Asks again and again until the answer is no; how long that took.
async fn until_refused(since: Instant, mut is_refused: impl AsyncFnMut() -> bool) -> Duration {
    while !is_refused().await {
        assert!(since.elapsed() < Duration::from_secs(20), "it is never refused");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    since.elapsed()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_pc_is_shut_out_everywhere_within_a_second() {
    let folder = Folder::new();
    let world = enrolled(&folder.path("sandbox"), folder.base).await.unwrap();
    let home = world.employer_home();
    let _relay = folder.serve("kx-server", "relay.log");
    let _gateway = folder.serve("kx-gateway", "gateway.log");
    let user = log_in(&home).await.unwrap();
    let session = user.client().unwrap();
    session.union().await.unwrap();

    // A large file is on its way over a slow line.
    let proxy = ConnectProxy::start(Manners { pace: Some(2 << 20), ..Manners::default() }).await;
    let toml = fs::read_to_string(home.join("employer.toml")).unwrap();
    fs::write(home.join("employer.toml"), format!("{toml}\n[network]\nproxy = \"http://{}\"\n", proxy.address))
        .unwrap();
    let file = folder.file("大きい届.bin", &vec![0x5A; 60 << 20]);
    let mut sending = folder.start_sending(&file);
    wait_for(|| proxy.bytes.load(Ordering::SeqCst) > 4 << 20, "the upload is under way");
    fs::write(home.join("employer.toml"), toml).unwrap();
    assert!(sending.try_wait().unwrap().is_none());

    let lost_at = "2026-01-01T00:00:00Z";
    let arguments = ["user", "disable", "hanako-1", "--reason", "lost", "--lost-at", lost_at];
    let disabled = folder.run("kx-gateway", &arguments);
    let since = Instant::now();
    assert!(disabled.status.success(), "{}", text(&disabled.stderr));

    let connection = Home::read(&home).unwrap().connection(user.signing().clone());
    let handshake = until_refused(since, async || {
        // A new connection each time.
        let answer = EmployerClient::new(&connection).unwrap().union().await;
        matches!(answer, Err(ClientError::Untrusted(_) | ClientError::Refused(_) | ClientError::Unreachable(_)))
    });
    let kept = until_refused(since, async || session.union().await.is_err());
    let pin = until_refused(since, async || {
        let pc = Pc::open(&home, Arc::new(SystemClock), Arc::new(SystemRandom)).unwrap();
        let refused = pc.unlock("0000".parse().unwrap()).await.unwrap_err();
        !matches!(refused, EmployerError::Pin(PinRefused::Wrong { .. } | PinRefused::Locked))
    });
    let upload = async {
        let (status, took) =
            tokio::task::spawn_blocking(move || (end_of(&mut sending, "the upload ends"), since.elapsed()))
                .await
                .unwrap();
        assert!(!status.success(), "the upload does not come to its end");
        took
    };
    let (handshake, kept, pin, upload) = tokio::join!(handshake, kept, pin, upload);
    println!("refused after `user disable`: handshake {handshake:?}, session {kept:?}, PIN {pin:?}, upload {upload:?}");
    for (door, took) in [("handshake", handshake), ("session", kept), ("PIN", pin), ("upload", upload)] {
        assert!(took < Duration::from_secs(1), "{door}: {took:?}");
    }

    // A thief with the disk and the PIN: no key comes out, and nothing that is said helps to guess.
    let thief = folder.run("kx-employer", &["sent"]);
    assert!(!thief.status.success());
    assert!(text(&thief.stderr).contains("健康保険組合"), "{}", text(&thief.stderr));
    let users = json(&folder.run("kx-gateway", &["user", "list", "--json"]));
    assert_eq!(users[0]["state"], "disabled", "{users:#?}");
    assert!(users[0]["order"]["confirmed_at"].is_string(), "requested and confirmed are two times: {users:#?}");
}
