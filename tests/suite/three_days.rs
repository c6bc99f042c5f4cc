//! Three days without the VPN, on a clock that is moved by hand: everything that a gateway does by itself goes on asking seldom, loses nothing,
//! and drains by itself when the relay is there again, in order and without a storm.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::SignedDuration;
use kenpo_express::domain::clock::Clock;
use kenpo_express::domain::ids::{MessageId, RequestId};
use kenpo_express::domain::schedule::{Interval, Plan};
use kenpo_express::domain::verdict::Verdict;
use kenpo_express::gateway::config::{NoticeSettings, StaffSettings};
use kenpo_express::gateway::flows::notices::StaffNotices;
use kenpo_express::gateway::keeper::Keeper;
use kenpo_express::gateway::tasks;
use kenpo_express::gateway::watch::rules::Thresholds;
use kenpo_express::gateway::watch::{Lookout, Senses};
use kenpo_express::mail::Mailer;
use kenpo_express::runtime::clock::SystemRandom;
use kenpo_express::runtime::lifecycle::Shutdown;
use kenpo_express::runtime::task::{Task, Tasks};

use crate::gateway_relay::Told;
use crate::gateway_support::GatewayWorld;
use crate::message_support::noise;
use crate::send_support::{Person, SendWorld, id, user};
use crate::support::enrolment::decoded;

const STEP: SignedDuration = SignedDuration::from_mins(15);
const STEPS: usize = 72 * 4;
/// Tasks that ask the relay a question which it holds: they follow each other, whatever the clock says.
const HELD: [&str; 3] = ["arrivals", "news", "requests"];

/// What `kx-gateway serve` starts, as far as it has to do with the relay or with what comes of its absence.
struct All {
    world: SendWorld,
    tasks: Tasks,
    by_time: Vec<Task>,
    mails: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl All {
    fn start(world: SendWorld) -> Self {
        let (receiver, push) = (&world.gateway.receiver, &world.push);
        let all = Tasks::new(Arc::clone(&receiver.clock), &Shutdown::new());
        let orders = tasks::orders::start(receiver, &all);
        tasks::certificates::start(receiver, &orders, &all);
        tasks::compare::start(receiver, &orders, &all);
        tasks::upkeep::start(push, &all);
        tasks::requests::start(receiver, &orders, &all);
        let keeper = Arc::new(Keeper::new(receiver, Plan::every(Interval::nearest(300), true)));
        let pull = tasks::pull::start(receiver, &keeper, &all);
        tasks::schedule::start(&keeper, &pull, &all);
        tasks::arrivals::start(receiver, &keeper, &pull, &all);
        let sending = tasks::push::start(push, &all);
        tasks::news::start(push, &sending, &all);
        let mails = Arc::<Mutex<Vec<Vec<u8>>>>::default();
        let staff = StaffSettings {
            address: "staff@example.jp".to_owned(),
            kinds: vec!["arrival".to_owned(), "alert".to_owned()],
        };
        let settings = NoticeSettings { staff: vec![staff], window_seconds: 300 };
        let (from, mailer) = ("kx@example.jp".parse().unwrap(), Mailer::Memory(Arc::clone(&mails)));
        tasks::notices::start(StaffNotices::new(receiver, settings, from, mailer), receiver, &all);
        let day = SignedDuration::from_hours(24);
        let thresholds = Thresholds {
            pull: SignedDuration::from_mins(60),
            schedule: day * 14,
            disk: day * 3,
            certificates: day * 60,
            authority: day * 425,
            clock: SignedDuration::from_mins(15),
        };
        let (shown, due, outlook, late) = (all.clone(), Arc::clone(&keeper), Arc::clone(&keeper), keeper);
        let senses = Senses {
            tasks: Box::new(move || shown.snapshot()),
            vpn: Box::new(|| None),
            due: Box::new(move |since, now| due.due(since, now)),
            lateness: Box::new(move || late.lateness()),
            outlook: Box::new(move |now, within| outlook.outlook(now, within)),
        };
        tasks::watch::start(&Arc::new(Lookout::new(receiver, thresholds, senses)), &all);
        let shown = all.snapshot();
        let by_time =
            shown.iter().filter(|task| !HELD.contains(&&*task.name)).map(|task| all.find(&task.name).unwrap());
        Self { by_time: by_time.collect(), world, tasks: all, mails }
    }

    /// The clock goes on, and whatever has a time of its own finds that it has come.
    async fn step(&self, by: SignedDuration) {
        self.world.gateway.clock.advance(by);
        for name in HELD {
            self.tasks.find(name).unwrap().activate();
        }
        for task in &self.by_time {
            let runs = task.status().runs;
            let ran = async {
                while task.status().runs == runs {
                    task.activate();
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            };
            tokio::time::timeout(Duration::from_secs(60), ran).await.unwrap_or_else(|_| panic!("{} runs", task.name()));
        }
        self.world.gateway.receiver.beside.idle().await;
    }

    fn mails(&self) -> Vec<String> {
        std::mem::take(&mut *self.mails.lock().unwrap()).iter().map(|mail| decoded(mail).1).collect()
    }
}

/// What happens at either end meanwhile.
#[derive(Default)]
struct Meanwhile {
    /// What employers have deposited, by whom.
    deposited: Vec<(usize, MessageId)>,
    /// What the union has handed in for whom, in this order.
    handed_in: BTreeMap<usize, Vec<MessageId>>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_days_without_vpn_drain_by_themselves_in_order_and_without_a_storm() {
    let world = SendWorld::on(GatewayWorld::new().await, false);
    let relay = world.gateway.relay.clone();
    let mut senders = Vec::new();
    for user in ["yamada-1", "suzuki-1", "sato-1"] {
        senders.push(world.gateway.sender(user).await);
    }
    let mut people: Vec<Person> = Vec::new();
    for user in ["tanaka-1", "ito-1", "abe-1"] {
        people.push(world.person(user, "5678").await);
    }
    let all = All::start(world);
    let world = &all.world;
    for _ in 0..3 {
        all.step(STEP).await;
    }
    // What is told from here on counts.
    relay.told();
    all.mails();

    relay.away(true);
    relay.in_vain();
    let mut meanwhile = Meanwhile::default();
    let request = RequestId::new(world.gateway.clock.now(), &SystemRandom);
    for step in 0..STEPS {
        all.step(STEP).await;
        if step % 3 == 0 {
            let by = step / 3 % 3;
            meanwhile.deposited.push((by, world.gateway.send(&mut senders[by], &noise(500))));
        }
        if step % 6 == 1 {
            let to = step / 6 % 3;
            let staged = world.stage(vec![user(&people[to].id)], &noise(700)).await;
            meanwhile.handed_in.entry(to).or_default().push(id(&staged.messages[0].id));
        }
        if step == 100 {
            let admin = world.gateway.admin("hanako").await;
            admin.disable_user(&"sato-1".parse().unwrap(), "left".parse().unwrap(), None).await.unwrap();
        }
        if step == 150 {
            relay.request(request, &"tanaka-1".parse().unwrap(), b"nothing that could be opened");
        }
    }
    let in_vain = relay.in_vain();
    // A step is longer than any pause, so whoever asks tries once or twice in each, and no more however much is in line.
    let steps = u64::try_from(STEPS).unwrap();
    assert!(in_vain < steps * 12, "{in_vain} questions to a relay that is away, in {steps} steps");
    let told = all.mails();
    assert!((1..=6).contains(&told.len()), "staff are told that it is away, and not again and again: {told:?}");
    assert!(world.relay.all().is_empty());

    relay.asked();
    relay.away(false);
    // Nobody does anything but wait. How long one pause may be stands in the configuration: five minutes.
    for _ in 0..6 {
        all.step(SignedDuration::from_mins(3)).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }

    // What employers sent: all of it once, each stream in its order; what came from the user who was disabled meanwhile is no longer believed.
    let kept = world.gateway.kept().await;
    for (number, sender) in senders.iter().enumerate() {
        let own: BTreeSet<_> = meanwhile.deposited.iter().filter(|(by, _)| *by == number).map(|(_, id)| *id).collect();
        let of_this: Vec<_> = kept.iter().filter(|message| own.contains(&message.id)).collect();
        let mut numbers: Vec<u64> = of_this.iter().filter_map(|one| Some(one.content.as_ref()?.sequence)).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, (1..=sender.sequence).collect::<Vec<_>>(), "nothing lost, nothing twice");
        let accepted = Verdict::Accepted { warnings: BTreeSet::new() };
        let believed = of_this.iter().filter(|one| one.verdict == accepted).count();
        assert_eq!(believed, if number == 2 { 0 } else { of_this.len() }, "of {number}");
    }
    for (_, id) in &meanwhile.deposited {
        assert!(relay.acknowledged(*id) && relay.requests(*id).len() == 1, "fetched once");
    }
    // What the union sent: all of it once, to each person in the order in which it was handed in.
    let there = world.relay.all();
    assert_eq!(there.len(), meanwhile.handed_in.values().map(Vec::len).sum::<usize>());
    for (to, ids) in &meanwhile.handed_in {
        let theirs: Vec<_> =
            there.iter().filter(|delivery| delivery.recipients[0].user == people[*to].id).map(|one| one.id).collect();
        assert_eq!(theirs, *ids, "in the order in which it was handed in");
        for id in ids {
            assert_eq!(world.relay.uploads(*id), 1);
            assert_eq!(world.state(*id).await, "relayed");
        }
    }
    assert!(world.relay.most() <= 16, "{} uploads at the same time", world.relay.most());
    // What the relay is told about users: once, the disabling before anything else about users. This one lists nobody, as if it had forgotten
    // them, so it hears of everybody who may come in. The revocation list: the newest, not each of those days.
    let told: Vec<_> = relay.told().iter().map(Told::kind).collect();
    let count = |kind: &str| told.iter().filter(|told| **told == kind).count();
    assert_eq!((count("disable"), count("answer"), count("register")), (1, 1, 5), "{told:?}");
    assert!((1..=2).contains(&count("certificates")), "{told:?}");
    assert!(told.len() <= 9, "{told:?}");
    let first = |kind: &str| told.iter().position(|told| *told == kind);
    assert!(first("disable") < first("register"), "{told:?}");
    // Questions beside the files themselves.
    let asked = relay.asked() - u64::try_from(meanwhile.deposited.len()).unwrap();
    assert!(asked < 90, "{asked}");
    // Staff: that it is over, and what came, in a few mails for all of it.
    let mails = all.mails();
    assert!((1..=6).contains(&mails.len()), "{mails:?}");
    assert!(mails.iter().any(|mail| mail.contains("新しく受信したファイル")), "{mails:?}");
    all.tasks.shutdown().finish(Duration::from_secs(20)).await;
}
