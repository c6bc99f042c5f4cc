//! Certificates that end soon are renewed by the app, with relay and gateway at a time of the test's choice.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use kenpo_express::domain::clock::{Clock, ManualClock};
use kenpo_express::domain::ids::MessageId;
use kenpo_express::employer::app::App;
use kenpo_express::employer::inbox::{InboxState, Wanted};
use kenpo_express::employer::renewal::{Renewed, renew};
use kenpo_express::employer::watch::Nobody;
use kenpo_express::employer::{Home, Pc, User};
use kenpo_express::gateway::admin::Admin;
use kenpo_express::gateway::{Gateway, Running};
use kenpo_express::relay::{self, Relay};
use kenpo_express::runtime::clock::{SystemClock, SystemRandom};
use kenpo_express::runtime::lifecycle::Shutdown;
use kenpo_express::sandbox::enrol::enrolled;
use kenpo_express::sandbox::world::World;
use zeroize::Zeroizing;

use super::exchange_support::free_ports;

/// A user whose certificates end within 90 days, with relay and gateway at that time.
struct Later {
    dir: tempfile::TempDir,
    world: World,
    clock: Arc<dyn Clock>,
    relay: relay::Running,
    shutdown: Shutdown,
    gateway: Running,
    stops: Shutdown,
}

impl Later {
    async fn start() -> Self {
        let (dir, base) = (tempfile::tempdir().unwrap(), free_ports());
        let toml = {
            let world = World::open(dir.path(), base, SystemClock.now(), &SystemRandom).unwrap();
            world.gateway_settings_file()
        };
        let text = fs::read_to_string(&toml).unwrap();
        fs::write(&toml, text + "\n[certificates]\nvalidity_days = 91\n").unwrap();
        let world = enrolled(dir.path(), base).await.unwrap();

        // Two days later: the certificates end within 90 days.
        let clock = Arc::new(ManualClock::new(SystemClock.now()));
        clock.advance(SignedDuration::from_hours(48));
        let clock: Arc<dyn Clock> = clock;
        let (shutdown, stops) = (Shutdown::new(), Shutdown::new());
        let relay = Relay::start(world.relay_settings().unwrap(), Arc::clone(&clock), &shutdown).await.unwrap();
        let settings = world.gateway_settings().unwrap();
        let gateway = Gateway::start(settings, Arc::clone(&clock), Arc::new(SystemRandom), &stops).await.unwrap();
        Self { dir, world, clock, relay, shutdown, gateway, stops }
    }

    /// Opens the user's keys, and goes on in the session that is kept.
    async fn open(&self) -> User {
        let home = self.world.employer_home();
        let pin = fs::read_to_string(home.join("pin.txt")).unwrap();
        let pc = Pc::open(&home, Arc::clone(&self.clock), Arc::new(SystemRandom)).unwrap();
        pc.unlock(pin.parse().unwrap()).await.unwrap()
    }

    async fn log_in(&self) -> User {
        let user = self.open().await;
        let password = fs::read_to_string(self.world.employer_home().join("password.txt")).unwrap();
        user.log_in(Zeroizing::new(password)).await.unwrap();
        user
    }

    /// Sends a file with these keys.
    async fn send(&self, user: &User) -> MessageId {
        let file = self.dir.path().join("届.csv");
        fs::write(&file, b"x").unwrap();
        let app = App::open(user, Arc::new(Nobody)).unwrap();
        let sent = app.send(&[file], None).await.unwrap();
        assert!(sent.iter().all(|sent| sent.trouble.is_none()), "{sent:?}");
        sent.last().unwrap().record.id
    }

    async fn stop(self) {
        self.gateway.stop(&self.stops).await;
        self.relay.stop(&self.shutdown).await;
    }
}

const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread")]
async fn certificates_are_renewed_in_time_and_old_and_new_count_beside_each_other() {
    let later = Later::start().await;
    let user = later.log_in().await;
    let before = user.signing().certificate().clone();
    let renewed = match renew(&user, PATIENCE).await.unwrap() {
        Renewed::Done(renewed) => *renewed,
        other => panic!("{other:?}"),
    };
    let after = renewed.signing().certificate().clone();
    assert!(after != before && after.not_after() > before.not_after());

    // The old one still comes in and signs; so does the new one, also after a new start.
    let mut ids = vec![later.send(&user).await];
    let again = later.log_in().await;
    assert_eq!(*again.signing().certificate(), after);
    assert_eq!(again.home().certificates().signing.len(), 2, "the old ones are kept");
    ids.push(later.send(&again).await);
    assert!(matches!(renew(&again, PATIENCE).await.unwrap(), Renewed::NotDue));

    let admin = Admin::new(&later.gateway.gateway, "staff");
    for id in ids {
        let arrived = async {
            loop {
                match admin.show(id).await {
                    Ok(detail) => return detail.message,
                    Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
                }
            }
        };
        let message = tokio::time::timeout(PATIENCE, arrived).await.expect("it arrives");
        assert_eq!(message.verdict, "accepted", "{message:?}");
    }
    later.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_renewals_at_once_one_comes_to_its_end_and_the_others_lose_nothing() {
    let later = Later::start().await;
    // One logs in; the others are other processes in the same session.
    let mut users = vec![later.log_in().await];
    for _ in 0..3 {
        users.push(later.open().await);
    }
    let mut done = 0;
    for _ in 0..2 {
        let renewals: Vec<_> = users
            .iter()
            .cloned()
            .map(|user| {
                tokio::spawn(async move { renew(&user, PATIENCE).await.map(|new| matches!(new, Renewed::Done(_))) })
            })
            .collect();
        for renewal in renewals {
            done += usize::from(renewal.await.unwrap().unwrap());
        }
    }
    assert_eq!(done, 1, "one set of certificates");
    let home = later.world.employer_home();
    assert!(!home.join("renewal.json").exists());
    let certificates = Home::read(&home).unwrap().certificates().clone();
    let counts = [&certificates.signing, &certificates.encryption, &certificates.device].map(Vec::len);
    assert_eq!(counts, [2, 2, 2], "the old ones and the new ones");
    // There is a key for each that counts: the newest comes in and signs.
    let user = later.log_in().await;
    assert_eq!(user.signing().certificate().der(), &*certificates.signing[0].0);
    later.send(&user).await;
    later.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewal_between_two_receipts_leaves_both_good() {
    let later = Later::start().await;
    let user = later.log_in().await;
    let file = later.dir.path().join("決定通知.pdf");
    fs::write(&file, b"notice").unwrap();
    let admin = Admin::new(&later.gateway.gateway, "staff");
    let to = admin.addressees("hanako-1").await.unwrap();
    let sent = admin.send(&to, None, &file, false).await.unwrap();
    let id: MessageId = sent.messages[0].id.parse().unwrap();
    let stands = async |state: &str| {
        let reached = async {
            while later.gateway.gateway.sender.find(id).await.unwrap().state != state {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(PATIENCE, reached).await.unwrap_or_else(|_| panic!("{state}"));
    };
    stands("relayed").await;

    // Verified under the old certificate; the person has no folder that takes it.
    let app = App::open(&user, Arc::new(Nobody)).unwrap();
    let received = app.receive(Wanted::All, Path::new("/proc")).await.unwrap();
    assert_eq!(received.items[0].state(), InboxState::Verified, "{received:?}");
    drop(app);
    stands("verified").await;
    assert!(matches!(renew(&user, PATIENCE).await.unwrap(), Renewed::Done(_)));

    let user = later.log_in().await;
    let out = later.dir.path().join("out");
    fs::create_dir(&out).unwrap();
    let app = App::open(&user, Arc::new(Nobody)).unwrap();
    let received = app.receive(Wanted::All, &out).await.unwrap();
    let record = received.items[0].record.clone().unwrap();
    assert_eq!(record.state(), InboxState::Accepted, "{received:?}");
    assert!(record.receipts[0].signer != record.receipts[1].signer, "two certificates");
    stands("accepted").await;
    let sent = later.gateway.gateway.sender.find(id).await.unwrap();
    assert!(sent.warnings.is_empty(), "both receipts fit: {sent:?}");
    later.stop().await;
}
