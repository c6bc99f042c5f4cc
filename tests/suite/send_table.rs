//! How a message to an employer ends, by the real relay and the real app: what the union's book and the employer's say of it, side by side.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::SignedDuration;
use kenpo_express::domain::clock::{Clock, ManualClock};
use kenpo_express::domain::ids::MessageId;
use kenpo_express::domain::user::DisableReason;
use kenpo_express::employer::app::App;
use kenpo_express::employer::inbox::{self, Inbox, Wanted};
use kenpo_express::employer::watch::Nobody;
use kenpo_express::employer::{Pc, User};
use kenpo_express::gateway::Gateway;
use kenpo_express::gateway::admin::Admin;
use kenpo_express::gateway::flows::send::{SendError, To};
use kenpo_express::gateway::view::sent::SentView;
use kenpo_express::relay::tasks::end_deliveries;
use kenpo_express::relay::{Relay, Running};
use kenpo_express::runtime::clock::{SystemClock, SystemRandom};
use kenpo_express::runtime::lifecycle::Shutdown;
use kenpo_express::sandbox::enrol::enrolled;
use kenpo_express::sandbox::parties::user;
use kenpo_express::sandbox::world::World;
use tokio_util::sync::CancellationToken;

use super::exchange_support::{files_below, free_ports};
use super::message_support::noise;
use super::send_support::new_dispatch;

/// All three parties. The gateway goes by a clock of its own, and both are moved by hand.
struct Trio {
    world: World,
    relay: Running,
    shutdown: Shutdown,
    clock: Arc<ManualClock>,
    gateways: Arc<ManualClock>,
    gateway: Gateway,
    user: User,
    dir: tempfile::TempDir,
}

async fn log_in(home: &Path, clock: &Arc<ManualClock>) -> User {
    let read = |name| fs::read_to_string(home.join(name)).unwrap().trim().to_owned();
    let pc = Pc::open(home, Arc::<ManualClock>::clone(clock), Arc::new(SystemRandom)).unwrap();
    let user = pc.unlock(read("pin.txt").parse().unwrap()).await.unwrap();
    user.log_in(read("password.txt").into()).await.unwrap();
    user
}

impl Trio {
    async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let world = enrolled(&dir.path().join("w"), free_ports()).await.unwrap();
        let clock = || Arc::new(ManualClock::new(SystemClock.now()));
        let (clock, gateways, shutdown) = (clock(), clock(), Shutdown::new());
        let mut settings = world.relay_settings().unwrap();
        // The app's list of what is revoked counts for longer than that.
        (settings.deliveries.expire_days, settings.deliveries.reminder_days) = (1, Vec::new());
        let relay = Relay::start(settings, Arc::<ManualClock>::clone(&clock), &shutdown).await.unwrap();
        let gateway = Gateway::open(
            world.gateway_settings().unwrap(),
            Arc::<ManualClock>::clone(&gateways),
            Arc::new(SystemRandom),
        )
        .await
        .unwrap();
        let user = log_in(&world.employer_home(), &clock).await;
        fs::create_dir(dir.path().join("out")).unwrap();
        Self { world, relay, shutdown, clock, gateways, gateway, user, dir }
    }

    async fn stop(self) {
        self.relay.stop(&self.shutdown).await;
    }

    fn later(&self, time: SignedDuration) {
        self.clock.advance(time);
        self.gateways.advance(time);
    }

    async fn stage(&self, content: &[u8]) -> MessageId {
        let new = new_dispatch(vec![To::User(user())], content.len());
        let view = self.gateway.sender.stage(new, std::io::Cursor::new(content.to_vec())).await.unwrap();
        view.messages[0].id.parse().unwrap()
    }

    async fn run(&self) {
        self.gateway.sender.run(&CancellationToken::new()).await.unwrap();
    }

    async fn send(&self, content: &[u8]) -> MessageId {
        let id = self.stage(content).await;
        self.run().await;
        assert_eq!(self.sent(id).await.state, "relayed");
        id
    }

    async fn sent(&self, id: MessageId) -> SentView {
        self.gateway.sender.find(id).await.unwrap()
    }

    fn app(&self) -> App {
        App::open(&self.user, Arc::new(Nobody)).unwrap()
    }

    fn out(&self) -> PathBuf {
        self.dir.path().join("out")
    }

    async fn receive(&self) -> Inbox {
        self.app().receive(Wanted::All, &self.out()).await.unwrap()
    }

    /// Gives a person's app the first bytes of a message, and no more than that.
    async fn fetch(&self, id: MessageId) {
        let client = self.user.client().unwrap();
        let page = client.inbox(kenpo_express::wire::page::PageQuery::default()).await.unwrap();
        let parcel = page.items.into_iter().find(|parcel| parcel.id == id).unwrap();
        client.inbox_content(id, parcel.size, 0).await.unwrap().chunk().await.unwrap().unwrap();
    }

    /// What the employer's book says of a message.
    fn book(&self, id: MessageId) -> Option<&'static str> {
        let known = inbox::known(&self.world.employer_home()).unwrap();
        known.iter().find(|one| one.id == id).map(|one| one.state().code())
    }

    /// Damages a message where the relay keeps it.
    fn damage(&self, id: MessageId) {
        let name = id.to_string();
        let is_it = |path: &Path| path.file_name().is_some_and(|file| file.to_string_lossy().contains(&name));
        let kept: Vec<_> =
            files_below(&self.world.dir.join("relay/data")).into_iter().filter(|path| is_it(path)).collect();
        let [path] = kept.as_slice() else { panic!("{kept:?}") };
        let mut bytes = fs::read(path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(path, bytes).unwrap();
    }
}

/// What happens to a message after the relay has it.
#[derive(Debug, Clone, Copy)]
enum Event {
    Received,
    GivenBack,
    TakenBack,
    TakenBackTooLate,
    Damaged,
    Expired,
}

/// What both books say when it is over.
struct Row {
    event: Event,
    union: &'static str,
    warnings: &'static [&'static str],
    employer: Option<&'static str>,
    /// Whether the union keeps its sealed bytes still.
    kept: bool,
}

const fn row(event: Event, union: &'static str, employer: Option<&'static str>) -> Row {
    Row { event, union, warnings: &[], employer, kept: false }
}

/// In an order in which what comes before does not cover up what comes after.
const TABLE: [Row; 6] = [
    row(Event::Received, "accepted", Some("accepted")),
    row(Event::GivenBack, "returned", Some("returned")),
    row(Event::TakenBack, "recalled", None),
    row(Event::TakenBackTooLate, "accepted", Some("accepted")),
    Row { warnings: &["receipt.missing"], kept: true, ..row(Event::Damaged, "fetched", Some("quarantined")) },
    row(Event::Expired, "expired", None),
];

async fn happens(trio: &mut Trio, event: Event, id: MessageId) {
    match event {
        Event::Received => drop(trio.receive().await),
        Event::GivenBack => drop(trio.app().return_message(id, "対象者が違います").await.unwrap()),
        Event::TakenBack => {
            assert_eq!(trio.gateway.sender.recall(id, "uid:1").await.unwrap().state, "recalled");
        }
        Event::TakenBackTooLate => {
            trio.receive().await;
            let refused = trio.gateway.sender.recall(id, "uid:1").await.unwrap_err();
            assert!(matches!(refused, SendError::Collected(_)), "{refused}");
        }
        Event::Damaged => {
            trio.damage(id);
            trio.receive().await;
        }
        Event::Expired => {
            trio.later(SignedDuration::from_hours(24 * 2));
            assert_eq!(end_deliveries(&trio.relay.app).await, Ok(()));
            trio.user = log_in(&trio.world.employer_home(), &trio.clock).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn however_a_message_ends_both_books_say_the_same() {
    let mut trio = Trio::start().await;
    for (number, row) in (1..).zip(&TABLE) {
        let id = trio.send(&noise(70_000)).await;
        happens(&mut trio, row.event, id).await;
        // The union hears, says what is to be said about the number, and the app hears that.
        trio.run().await;
        trio.run().await;
        let inbox = trio.receive().await;
        assert!(inbox.offline.is_none() && inbox.alarms.is_empty(), "{:?}: {inbox:?}", row.event);
        assert!(inbox.missing.is_empty() || number > 4, "{:?}: the number is explained: {inbox:?}", row.event);
        assert!(inbox.items.iter().all(|item| item.parcel.is_none()), "{:?}: nothing waits", row.event);
        let view = trio.sent(id).await;
        assert_eq!((view.state, view.sequence), (row.union, Some(number)), "{:?}", row.event);
        assert_eq!(view.warnings, row.warnings, "{:?}", row.event);
        assert_eq!(trio.book(id).filter(|state| *state != "withdrawn"), row.employer, "{:?}", row.event);
        assert_eq!(trio.gateway.sender.outbox.sealed(id).exists(), row.kept, "{:?}", row.event);
        let stages: Vec<_> =
            trio.gateway.sender.receipts(id).await.unwrap().into_iter().map(|receipt| receipt.stage).collect();
        let last = if matches!(row.union, "accepted" | "returned") { row.union } else { "relayed" };
        assert_eq!(stages.last().map(String::as_str), Some(last), "{:?}: what both have signed", row.event);
    }
    assert_eq!(fs::read_dir(trio.out()).unwrap().count(), 2, "the two that were taken, and no others");
    // Staged while the certificate counted, and not sent before it had lapsed: it has no number, and nobody waits for it.
    let late = trio.stage(b"late").await;
    trio.gateways.advance(SignedDuration::from_hours(24 * 366));
    trio.run().await;
    let view = trio.sent(late).await;
    assert_eq!((view.state, view.reasons, view.sequence), ("stopped", vec!["certificate.expired".to_owned()], None));
    assert_eq!(trio.book(late), None);
    trio.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_the_user_is_disabled_what_was_had_stays_had_and_the_rest_is_stopped() {
    let trio = Trio::start().await;
    let had = trio.send(b"had").await;
    trio.receive().await;
    let (begun, waiting) = (trio.send(&noise(70_000)).await, trio.send(b"waiting").await);
    trio.fetch(begun).await;
    let staged = trio.stage(b"staged").await;
    trio.later(SignedDuration::from_secs(2));
    let admin = Admin::new(&trio.gateway, "staff");
    admin.disable_user(&user(), DisableReason::Other, None).await.unwrap();
    admin.tell_relay(&user()).await.unwrap();
    trio.run().await;
    trio.run().await;
    let stopped = || vec!["user.disabled".to_owned()];
    for (id, state, reasons, sequence, book) in [
        (had, "accepted", Vec::new(), Some(1), Some("accepted")),
        (begun, "fetched", Vec::new(), Some(2), None),
        (waiting, "stopped", stopped(), Some(3), None),
        (staged, "stopped", stopped(), None, None),
    ] {
        let view = trio.sent(id).await;
        assert_eq!((view.state, view.reasons, view.sequence, view.warnings.len()), (state, reasons, sequence, 0));
        assert_eq!(trio.book(id), book, "{state}");
    }
    assert!(trio.user.client().unwrap().union().await.is_err(), "and the app is out");
    assert!(!trio.gateway.sender.has_work().await.unwrap());
    trio.stop().await;
}
