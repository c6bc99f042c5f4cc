//! The real `kx-server`, stopped as by a power cut where something is half done: what was told stays, what was not told did not
//! happen, and nothing happens twice. And what it has learnt of a message in the end: nothing.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};

use axum::body::Body;
use hyper::{Method, Request};
use jiff::SignedDuration;
use kenpo_express::domain::clock::Clock;
use kenpo_express::domain::digest::Sha256;
use kenpo_express::domain::ids::MessageId;
use kenpo_express::message::entity::ContentEncoding;
use kenpo_express::message::receipt::{Receipt, Return, Stage};
use kenpo_express::message::seal::{Draft, seal};
use kenpo_express::message::words;
use kenpo_express::relay::Config;
use kenpo_express::relay::tasks::end_deliveries;
use kenpo_express::runtime::clock::SystemRandom;
use kenpo_express::wire::Der;
use kenpo_express::wire::delivery::{ACKNOWLEDGEMENTS, DeliveryState, inbox_content};
use kenpo_express::wire::problem::Code;
use kenpo_express::wire::tus;
use kenpo_express::wire::union::{Acknowledgement, AcknowledgementOutcome as Outcome, Acknowledgements};
use serde_json::Value;

use crate::exchange_servers::holders;
use crate::relay_delivery_support::{World, creation, taking_back, whole};
use crate::support::http::{Client, get, json};
use crate::support::soon::{answered, end_of};

/// `kx-server` in a process of its own, on the folder of a relay that has stopped.
struct Server {
    process: Child,
    vpn: SocketAddr,
    employer: SocketAddr,
    log: std::thread::JoinHandle<String>,
}

/// A configuration file with these settings, and ports that are free.
fn settings(config: &Config) -> String {
    let pair = |name: &str, certificate: &std::path::Path, key: &std::path::Path| {
        let (certificate, key) = (certificate.display(), key.display());
        format!("[{name}]\naddress = '127.0.0.1:0'\ncertificate = '{certificate}'\nkey = '{key}'\n")
    };
    let (certificate, key) = (config.receipts.certificate.display(), config.receipts.key.display());
    [
        format!("data = '{}'\n[log]\nfilter = 'trace'\n", config.data.display()),
        pair("vpn", &config.vpn.certificate, &config.vpn.key),
        pair("employer", &config.employer.certificate, &config.employer.key),
        "[enrolment]\naddress = '127.0.0.1:0'\n[watch]\naddress = '127.0.0.1:0'\n".to_owned(),
        format!("[receipts]\ncertificate = '{certificate}'\nkey = '{key}'\n"),
        "[mail]\ntransport = 'memory'\n[parcels]\ndisk_reserve_bytes = 0\n".to_owned(),
    ]
    .concat()
}

impl Server {
    fn spawn(world: &World, failpoint: &str) -> Child {
        let file = world.relay.config.data.with_file_name("server.toml");
        fs::write(&file, settings(&world.relay.config)).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_kx-server"));
        command.arg("--config").arg(file).arg("serve").env("KX_FAILPOINT", failpoint).stderr(Stdio::piped());
        command.spawn().unwrap()
    }

    /// Starts it and waits until it serves.
    fn start(world: &World, failpoint: &str) -> Self {
        let mut process = Self::spawn(world, failpoint);
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines().map_while(Result::ok);
        let (ready, log, lines) = answered("the server is ready", move || {
            let mut log = String::new();
            let ready = lines.by_ref().find_map(|line| {
                log.push_str(&line);
                serde_json::from_str::<Value>(&line).ok().filter(|said| said["code"] == "server.ready")
            });
            (ready.unwrap(), log, lines)
        });
        let address = |name: &str| ready[name].as_str().unwrap().parse().unwrap();
        let (vpn, employer) = (address("vpn"), address("employer"));
        // Somebody must go on reading, or the server would be stopped by a full pipe.
        let log = std::thread::spawn(move || lines.fold(log, |log, line| log + "\n" + line.as_str()));
        Self { process, vpn, employer, log }
    }

    fn gateway(&self, world: &World) -> Client {
        Client::new(self.vpn, world.relay.operator.certificate(), Some(&world.union.gateway))
    }

    fn app(&self, world: &World) -> Client {
        let session = Some(world.relay.session_of(&world.hanako));
        Client::new(self.employer, world.relay.operator.certificate(), Some(&world.hanako)).within(session)
    }

    /// Ends it as SIGTERM does. Answers what it has logged.
    fn stop(mut self) -> String {
        let sent = Command::new("kill").args(["-TERM", &self.process.id().to_string()]).status().unwrap();
        assert!(sent.success() && end_of(&mut self.process, "the server ends when it is told").success());
        self.log.join().unwrap()
    }
}

/// Asks a server that stops in the middle of it; then the relay is here again.
async fn crash_in(world: &mut World, failpoint: &str, ask: impl AsyncFn(&World, &Server)) {
    world.relay.stop().await;
    let mut server = Server::start(world, failpoint);
    ask(world, &server).await;
    let status = end_of(&mut server.process, failpoint);
    assert_eq!(status.signal(), Some(6), "{failpoint}: {status}");
    world.relay.resume().await;
}

fn acknowledging(id: MessageId, receipt: Der) -> Request<Body> {
    let items = vec![Acknowledgement { id, receipt: Some(receipt) }];
    json(Method::POST, ACKNOWLEDGEMENTS, &Acknowledgements { items })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deposit_is_there_once_or_not_at_all() {
    let mut world = World::start().await;
    for (failpoint, there) in [("deposit.signed", false), ("deposit.committed", true)] {
        let id = world.id();
        crash_in(&mut world, failpoint, async |world: &World, server: &Server| {
            assert!(server.gateway(world).send(whole(id, &["hanako-1"], 700)).await.is_err());
        })
        .await;
        assert_eq!(world.inbox(&world.hanako).await.contains(&id), there, "{failpoint}");
        assert_eq!(world.gateway().send(whole(id, &["hanako-1"], 700)).await.unwrap().status, 201);
        assert_eq!(world.news(id).await, ["relayed"], "{failpoint}");
        // All bytes of a begun upload are there: it becomes visible at the start.
        let id = world.id();
        let (bytes, _) = crate::support::relay::parcel(2_000_000);
        crash_in(&mut world, failpoint, async |world: &World, server: &Server| {
            let create = creation(id, &["hanako-1"], bytes.len()).header("content-type", tus::OFFSET_CONTENT_TYPE);
            assert!(server.gateway(world).send(create.body(Body::from(bytes.clone())).unwrap()).await.is_err());
        })
        .await;
        assert_eq!(world.news(id).await, ["relayed"], "{failpoint}");
        assert!(world.fetch(&world.hanako, id).await.body == bytes);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_given_out_or_taken_back_stays_so() {
    let mut world = World::start().await;
    let id = world.deposit(&["hanako-1"], 700).await;
    crash_in(&mut world, "inbox.fetched", async |world: &World, server: &Server| {
        assert!(server.app(world).send(get(&inbox_content(id))).await.is_err());
    })
    .await;
    assert_eq!(world.news(id).await, ["relayed", "fetched hanako-1"]);
    assert_eq!(world.withdraw(id, &[]).await.code(), Code::DeliveryCollected);
    let receipt = world.receipt(&world.hanako, id, Stage::Verified);
    for (failpoint, told) in [("inbox.acknowledging", 2), ("inbox.acknowledged", 4)] {
        crash_in(&mut world, failpoint, async |world: &World, server: &Server| {
            assert!(server.app(world).send(acknowledging(id, receipt.clone())).await.is_err());
        })
        .await;
        assert_eq!(world.news(id).await.len(), told, "{failpoint}");
    }
    assert_eq!(world.acknowledge(&world.hanako, vec![(id, Some(receipt))]).await, [Outcome::AlreadyAcknowledged]);
    assert_eq!(world.news(id).await.len(), 4);
    for (failpoint, state) in
        [("withdrawal.taken", DeliveryState::Waiting), ("withdrawal.committed", DeliveryState::Withdrawn)]
    {
        let id = world.deposit(&["hanako-1"], 700).await;
        crash_in(&mut world, failpoint, async |world: &World, server: &Server| {
            assert!(server.gateway(world).send(taking_back(id, &["hanako-1"])).await.is_err());
        })
        .await;
        assert_eq!(world.delivery(id).await.state, state, "{failpoint}");
        assert_eq!(world.withdraw(id, &["hanako-1"]).await.status, 200);
        // The server's clock was the real one, and further on.
        world.relay.clock.advance(SignedDuration::from_hours(1));
        assert_eq!(end_deliveries(&world.relay.running().app).await, Ok(()));
        assert_eq!(world.news(id).await, ["relayed", "withdrawn", "deleted"], "{failpoint}");
        assert!(world.withdrawals(&world.hanako).await.iter().any(|(known, _)| *known == id));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_clock_ends_ends_once() {
    let mut world = World::start().await;
    let failpoints = ["deliveries.expiring", "deliveries.expired", "deliveries.deleting", "deliveries.deleted"];
    for failpoint in failpoints {
        let id = world.deposit(&["hanako-1"], 700).await;
        // The server has the real clock.
        let mut transaction = world.relay.running().app.database.write().await.unwrap();
        sqlx::query("UPDATE deliveries SET expires_at = 1, delete_at = 2, remind_at = NULL WHERE message_id = $1")
            .bind(id.to_string())
            .execute(&mut *transaction)
            .await
            .unwrap();
        world.relay.running().app.database.commit(transaction).await.unwrap();
        // Its tasks run at its start.
        world.relay.stop().await;
        let mut server = Server::spawn(&world, failpoint);
        let mut log = server.stderr.take().unwrap();
        std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
        let status = end_of(&mut server, failpoint);
        assert_eq!(status.signal(), Some(6), "{failpoint}: {status}");
        world.relay.resume().await;
        assert_eq!(end_deliveries(&world.relay.running().app).await, Ok(()));
        assert_eq!(world.news(id).await, ["relayed", "expired", "deleted"], "{failpoint}");
        assert!(!world.delivery(id).await.kept);
    }
    let usage =
        kenpo_express::store::relay::usage::of(world.relay.running().app.database.read(), &world.union.insurer, None);
    assert_eq!(usage.await.unwrap(), kenpo_express::store::relay::usage::Usage::default());
}

/// Content, file name, comment and the reason of a return go through it; neither its files nor its log at its most talkative hold any of
/// them, in whatever form.
#[tokio::test(flavor = "multi_thread")]
async fn the_relay_learns_nothing_of_what_a_union_sends() {
    const CONTENT: &str = "被扶養者三名分の資格確認書ひみつ-plain-8231";
    const NAME: &str = "極秘決定通知書Kettei.pdf";
    const COMMENT: &str = "人事のご担当者さまへ内密にNaimitsu";
    const REASON: &str = "別の事業所の通知書が入っていますBetsuno";
    let mut world = World::start().await;
    let (id, now) = (world.id(), world.relay.clock.now());
    let draft = Draft {
        id,
        date: now,
        from: "union@06123456.kx".parse().unwrap(),
        to: "hanako-1@06123456.kx".parse().unwrap(),
        sequence: 1,
        previous: Sha256::ZERO,
        file_name: NAME.parse().unwrap(),
        content_type: "application/pdf".into(),
        comment: Some(COMMENT.into()),
        encoding: ContentEncoding::Identity,
    };
    let union = [world.union.encryption.certificate().clone()];
    let mut sealed = Vec::new();
    let content = CONTENT.repeat(20_000);
    seal(&draft, &world.union.signing, &union, &SystemRandom, content.as_bytes(), &mut sealed).unwrap();
    let said = Return { message_id: id, reason: REASON.into() };
    let receipt = Receipt {
        message_id: id,
        stage: Stage::Returned,
        tag: None,
        digest: None,
        at: now,
        by: "hanako-1@06123456.kx".into(),
        words: Some(words::seal(&said, &union, &SystemRandom).unwrap()),
        previous: None,
        contiguous: None,
    };
    let receipt = Der(receipt.sign(&world.hanako, now).unwrap().der().to_vec());
    world.relay.stop().await;
    let server = Server::start(&world, "none");
    let create = creation(id, &["hanako-1"], sealed.len()).header("content-type", tus::OFFSET_CONTENT_TYPE);
    let created = server.gateway(&world).send(create.body(Body::from(sealed.clone())).unwrap()).await.unwrap();
    assert_eq!(created.status, 201);
    assert!(server.app(&world).get(&inbox_content(id)).await.body == sealed);
    assert_eq!(server.app(&world).send(acknowledging(id, receipt)).await.unwrap().status, 200);
    let log = server.stop();
    assert!(log.lines().count() > 10, "the log is as full as it gets: {log}");
    let folder = world.relay.config.data.parent().unwrap();
    fs::write(folder.join("server.log"), log).unwrap();
    let secrets = [CONTENT, &NAME[..NAME.len() - 4], "Kettei", COMMENT, "Naimitsu", REASON, "Betsuno"];
    assert_eq!(holders(folder, &secrets), Vec::<String>::new());
    // The search does find what is there.
    assert!(!holders(folder, &["delivery.fetched"]).is_empty());
}
