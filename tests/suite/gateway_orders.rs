//! Orders of a gateway that has forgotten some, or whose relay has; and what is kept of them.

use jiff::SignedDuration;
use kenpo_express::domain::user::DisableReason;
use kenpo_express::gateway::flows::compare::{Compared, compare};
use kenpo_express::gateway::flows::enrol::Review;
use kenpo_express::gateway::flows::{enrol, orders, upkeep};
use kenpo_express::gateway::relay::Relay;
use kenpo_express::store::gateway::{audit, orders as line, requests, runs};
use kenpo_express::wire::enrolment::PcId;
use kenpo_express::wire::page::{Cursor, PageQuery};
use kenpo_express::wire::problem::Code;
use kenpo_express::wire::union::{OrderNumber, User, UserRegistration};

use crate::enrol_gateway_support::{Invited, Pc, contact, invite, letter, world};
use crate::gateway_relay::Told;
use crate::gateway_support::GatewayWorld;

fn kinds(world: &GatewayWorld) -> Vec<&'static str> {
    world.relay.told().iter().map(Told::kind).filter(|kind| *kind != "certificates").collect()
}

fn registrations(world: &GatewayWorld) -> Vec<UserRegistration> {
    let told = world.relay.told().into_iter();
    told.filter_map(|told| match told {
        Told::Register(registration) => Some(registration),
        _ => None,
    })
    .collect()
}

/// A user as a relay lists one.
fn listed(invited: &Invited, enabled: bool, order: OrderNumber) -> User {
    User {
        id: invited.user().clone(),
        cursor: Cursor(1),
        office: "12-34".parse().unwrap(),
        enabled,
        order,
        certificates: vec![],
        devices: vec![],
        enrolment: None,
        pin_locked: false,
        login_locked_until: None,
        last_login_at: None,
        mail_failed_at: None,
    }
}

async fn actions(world: &GatewayWorld) -> Vec<(String, String, String)> {
    let entries = audit::list(world.receiver.database.read(), None, 1_000).await.unwrap();
    let entries = entries.into_iter().rev();
    entries.map(|entry| (entry.action.clone(), entry.subject.clone(), entry.before.clone())).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_has_forgotten_orders_goes_on_behind_them() {
    let (world, admin) = world().await;
    let invited = invite(&world, &admin, "sakiko-1").await;
    let user = invited.user();
    // In a life of before, this gateway had come much further.
    world.relay.has_taken(user, OrderNumber(5_000));
    world.relay.away(true);
    admin.disable_user(user, DisableReason::Other, None).await.unwrap();
    admin.enable_user(user, "課長").await.unwrap();
    admin.letter(user, false).await.unwrap();
    world.relay.away(false);
    world.relay.told();
    world.clock.advance(SignedDuration::from_secs(301));
    orders::send_due(&world.receiver).await.unwrap();
    assert_eq!(kinds(&world), ["disable", "register", "enable", "enrol"], "in their order");
    assert!(world.relay.number(user) > OrderNumber(5_000));
    assert_eq!(admin.status().await.unwrap().open_orders, []);
    let renumbered = actions(&world).await.into_iter().filter(|(action, ..)| action == "order.renumbered").count();
    assert_eq!(renumbered, 1, "once for all that stood in the line");
    // What comes now is later by itself, also about others.
    let before = world.relay.number(user);
    admin.mail_link(user).await.unwrap();
    let other = invite(&world, &admin, "hanako-2").await;
    assert!(world.relay.number(user) > before && world.relay.number(other.user()) > before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_that_claims_a_number_beyond_all_counting_is_not_believed() {
    let (world, admin) = world().await;
    let invited = invite(&world, &admin, "sakiko-1").await;
    for claimed in [OrderNumber(i64::MAX), OrderNumber(OrderNumber::LARGEST.0 + 1)] {
        world.relay.has_taken(invited.user(), claimed);
        admin.mail_link(invited.user()).await.unwrap();
        world.clock.advance(SignedDuration::from_secs(301));
        assert_eq!(orders::send_due(&world.receiver).await, Err("order.overtaken"));
        let open = line::open(world.receiver.database.read(), 10).await.unwrap();
        assert!(open.iter().all(|order| order.number < 1_000), "{open:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_approval_that_the_relay_has_no_use_for_still_starts_the_login_again() {
    let (world, admin) = world().await;
    let invited = invite(&world, &admin, "sakiko-1").await;
    let (old, new) = (Pc::new(), Pc::new());
    invited.ask(&world, &old).await;
    invited.ask(&world, &new).await;
    world.relay.refuse(Some(("answer", Code::RequestUnknown)));
    admin.review_device(invited.user(), Some(new.id.mark()), Review::Approve).await.unwrap();
    orders::send_due(&world.receiver).await.unwrap();
    let told = registrations(&world).pop().expect("the certificates are registered");
    assert_eq!((told.devices[0].pc, told.login.as_ref()), (new.id, Some(&invited.login)));
    assert_eq!(admin.status().await.unwrap().open_orders, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_of_long_ago_that_is_asked_for_again_ends_no_new_enrolment() {
    let (world, admin) = world().await;
    let invited = invite(&world, &admin, "sakiko-1").await;
    let first = invited.first(&world, &Pc::new());
    let sealed = invited.seal(&world, &first);
    crate::enrol_gateway_support::ask(&world, first.id, invited.user(), &sealed).await;
    admin.reset_pin(invited.user()).await.unwrap();
    letter(&world, &admin, invited.user(), false).await;
    // A relay that came back from a backup lists the request once more.
    world.relay.request(first.id, invited.user(), &sealed);
    enrol::take(&world.receiver, PageQuery::default()).await.unwrap();
    orders::send_due(&world.receiver).await.unwrap();
    assert_eq!(kinds(&world), ["answer"], "a registration of nothing would end the enrolment");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_that_has_forgotten_a_disabling_is_told_again() {
    let (world, admin) = world().await;
    let invited = invite(&world, &admin, "sakiko-1").await;
    invited.ask(&world, &Pc::new()).await;
    let before = world.relay.number(invited.user());
    admin.disable_user(invited.user(), DisableReason::Lost, None).await.unwrap();
    orders::send_due(&world.receiver).await.unwrap();
    world.relay.told();
    // As it was before; and somebody of whom nobody here has ever heard.
    let stranger = User { id: "stranger-9".parse().unwrap(), cursor: Cursor(2), ..listed(&invited, true, before) };
    world.relay.list(vec![listed(&invited, true, before), stranger]);
    let compared = compare(&world.receiver).await.unwrap();
    assert_eq!(compared, Compared { told: 1, strangers: 1, alarms: 0 });
    orders::send_due(&world.receiver).await.unwrap();
    assert_eq!(kinds(&world), ["disable", "disable"]);
    let differs = actions(&world).await.into_iter().filter(|(action, ..)| action == "relay.differs");
    let differs: Vec<(String, String)> = differs.map(|(_, subject, what)| (subject, what)).collect();
    let expected = [("sakiko-1", "disabled"), ("stranger-9", "stranger")].map(|(a, b)| (a.to_owned(), b.to_owned()));
    assert_eq!(differs, expected);
    // Once both are as they should be, there is nothing to say.
    let now = world.relay.number(invited.user());
    world.relay.list(vec![listed(&invited, false, now)]);
    assert_eq!(compare(&world.receiver).await.unwrap(), Compared::default());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_that_has_forgotten_certificates_is_told_of_them_and_of_nothing_revoked() {
    let (world, admin) = world().await;
    let invited = invite(&world, &admin, "sakiko-1").await;
    let after_letter = world.relay.number(invited.user());
    let pc = Pc::new();
    let credential = pc.credential(&invited.ask(&world, &pc).await);
    world.relay.list(vec![]);
    assert_eq!(compare(&world.receiver).await.unwrap().told, 1);
    orders::send_due(&world.receiver).await.unwrap();
    let told = registrations(&world).pop().expect("it is registered again");
    assert_eq!(told.certificates[0].0, credential.certificate().der());
    // A relay that is further on than we are knows of a revocation, perhaps: staff are told, and nobody is let in.
    let ahead = OrderNumber(world.relay.number(invited.user()).0 + 100);
    world.relay.list(vec![listed(&invited, true, ahead)]);
    assert_eq!(compare(&world.receiver).await.unwrap(), Compared { told: 0, strangers: 0, alarms: 1 });
    orders::send_due(&world.receiver).await.unwrap();
    assert_eq!(kinds(&world), Vec::<&str>::new());
    assert!(after_letter < ahead);
    // As long as they do not decide, it is said every month and not every day.
    let told = async || actions(&world).await.iter().filter(|(_, _, what)| what.contains("certificates")).count();
    let before = told().await;
    for (days, more) in [(1, 0), (28, 0), (2, 1), (1, 1)] {
        world.clock.advance(SignedDuration::from_hours(24 * days));
        assert_eq!(compare(&world.receiver).await.unwrap().alarms, 1);
        assert_eq!(told().await, before + more, "{days}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn old_requests_and_orders_are_trimmed_and_the_audit_is_not() {
    let (world, admin) = world().await;
    let invited = invite(&world, &admin, "sakiko-1").await;
    invited.ask(&world, &Pc::new()).await;
    for _ in 0..3 {
        admin.mail_link(invited.user()).await.unwrap();
        orders::send_due(&world.receiver).await.unwrap();
    }
    let waiting = Pc::new();
    invited.ask(&world, &waiting).await;
    world.relay.away(true);
    admin.mail_link(invited.user()).await.unwrap();
    let read = world.receiver.database.read();
    let of_user = async || line::of_user(read, invited.user(), 100).await.unwrap();
    let (before, recorded) = (of_user().await, actions(&world).await.len());
    world.clock.advance(SignedDuration::from_hours(24 * 399));
    upkeep::trim(&world.receiver).await.unwrap();
    assert_eq!(of_user().await.len(), before.len(), "not before its time");
    world.clock.advance(SignedDuration::from_hours(24 * 2));
    upkeep::trim(&world.receiver).await.unwrap();
    let after = of_user().await;
    let open = after.iter().filter(|order| order.confirmed_at.is_none()).count();
    let mut kept: Vec<&str> =
        after.iter().filter(|order| order.confirmed_at.is_some()).map(|o| o.kind.code()).collect();
    kept.sort_unstable();
    assert_eq!(
        (open, kept),
        (1, vec!["answer", "enrol", "issue", "link"]),
        "what is open, and the newest of each kind"
    );
    let still: Vec<Option<PcId>> =
        requests::waiting(read, invited.user()).await.unwrap().into_iter().map(|one| one.pc).collect();
    assert_eq!(still, [Some(waiting.id)], "what waits for staff is not forgotten");
    assert_eq!(actions(&world).await.len(), recorded);
    // Numbers go on rising.
    world.relay.away(false);
    orders::send_due(&world.receiver).await.unwrap();
    assert!(world.relay.number(invited.user()).0 >= before[0].number);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_jumps_ahead_empties_nothing() {
    let (world, _) = world().await;
    world.pull().await;
    let runs = async || runs::list(world.receiver.database.read(), 10).await.unwrap().len();
    world.clock.advance(SignedDuration::from_hours(24 * 3_650));
    assert_eq!(upkeep::trim_by_two_clocks(&world.receiver).await.unwrap_err().code(), "clock");
    assert_eq!(runs().await, 1, "the relay says that nothing is old yet");
    upkeep::trim(&world.receiver).await.unwrap();
    assert_eq!(runs().await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_disabling_wipes_stands_in_no_file_any_more() {
    let (world, admin) = world().await;
    let invited = invite(&world, &admin, "sakiko-1").await;
    let holds = |words: &[u8]| {
        ["gateway.db", "gateway.db-wal"].iter().any(|file| {
            let bytes = std::fs::read(world.folder.path().join(file)).unwrap_or_default();
            bytes.windows(words.len()).any(|some| some == words)
        })
    };
    let secrets = [&invited.mac.as_bytes()[..], &invited.login.as_bytes()[..]];
    assert!(secrets.iter().all(|secret| holds(secret)), "they are looked for in the right place");
    admin.disable_user(invited.user(), DisableReason::Lost, None).await.unwrap();
    assert!(!secrets.iter().any(|secret| holds(secret)), "they stay in the log");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kit_goes_to_the_relay_after_the_newest_revocation_list_whoever_is_first_to_reach_it() {
    // The gateway has never run: nothing was announced, and there is no list yet.
    let world = GatewayWorld::new().await;
    let admin = world.admin("staff").await;
    let (office, user) = ("12-34".parse().unwrap(), "sakiko-1".parse().unwrap());
    orders::remember(&world.receiver, &world.receiver.relay.handshake().await.unwrap().entrance).await.unwrap();
    admin.add_office(&office, &"見本".parse().unwrap()).await.unwrap();
    admin.register_user(&office, Some(&user), &contact()).await.unwrap();
    admin.letter(&user, false).await.unwrap();
    let told = async || {
        let told = world.relay.told().into_iter();
        told.map(|told| if matches!(told, Told::Certificates(true)) { "list" } else { told.kind() }).collect::<Vec<_>>()
    };
    // While the relay does not take the list, nobody is sent a kit who could do nothing with it.
    world.relay.refuse(Some(("certificates", Code::Unavailable)));
    assert!(orders::send_about(&world.receiver, &user).await.is_err());
    assert!(!told().await.contains(&"enrol"));
    world.relay.refuse(None);
    world.clock.advance(SignedDuration::from_secs(301));
    orders::send_about(&world.receiver, &user).await.unwrap();
    let order = told().await;
    let place = |kind| order.iter().position(|told| *told == kind);
    assert!(place("list").is_some() && place("list") < place("enrol"), "{order:?}");
    // It has the newest one: the next kit goes alone. After a newer list it does not.
    orders::send_due(&world.receiver).await.unwrap();
    told().await;
    admin.letter(&user, true).await.unwrap();
    orders::send_about(&world.receiver, &user).await.unwrap();
    assert_eq!(told().await.last(), Some(&"enrol"));
}
