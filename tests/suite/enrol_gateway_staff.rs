//! What staff decide: disabling, enabling, PINs that are forgotten, warnings, letters as files, the lost PC's report.

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use kenpo_express::domain::ids::UserId;
use kenpo_express::domain::user::DisableReason;
use kenpo_express::gateway::flows::enrol::Review;
use kenpo_express::gateway::flows::{expiry, orders, revocation as lists};
use kenpo_express::gateway::tasks;
use kenpo_express::runtime::lifecycle::Shutdown;
use kenpo_express::runtime::task::Tasks;
use kenpo_express::store::gateway::revocation;
use kenpo_express::store::gateway::users::Contact;
use kenpo_express::wire::enrolment::Outcome;
use kenpo_express::wire::problem::Code;

use crate::enrol_gateway_support::{Pc, contact, invite, letter, world};
use crate::gateway_relay::Told;
use crate::gateway_support::{GatewayWorld, Sender};

const DAY: SignedDuration = SignedDuration::from_hours(24);

fn kinds(world: &GatewayWorld) -> Vec<&'static str> {
    world.relay.told().iter().map(Told::kind).collect()
}

/// As the database keeps it.
fn now(world: &GatewayWorld) -> Timestamp {
    Timestamp::from_microsecond(world.clock_now().as_microsecond()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn disabling_waits_for_nothing_and_drops_what_it_makes_void() {
    let (world, admin) = world().await;
    let invited = invite(&world, &admin, "sakiko-1").await;
    world.relay.away(true);
    admin.letter(invited.user(), true).await.unwrap();
    admin.mail_link(invited.user()).await.unwrap();
    let _ = orders::send_due(&world.receiver).await;
    let before = revocation::newest(world.receiver.database.read()).await.unwrap().unwrap().number;
    let disabled = admin.disable_user(invited.user(), DisableReason::Stolen, Some(world.clock_now())).await.unwrap();
    assert_eq!((disabled.user.state, disabled.user.enrolment), ("disabled", None));
    assert!(disabled.user.order.unwrap().confirmed_at.is_none(), "requested");
    world.relay.away(false);
    world.clock.advance(SignedDuration::from_secs(301));
    orders::send_due(&world.receiver).await.unwrap();
    let told = kinds(&world);
    assert_eq!((told[0], told.contains(&"enrol"), told.contains(&"link")), ("disable", false, false), "{told:?}");
    assert!(revocation::newest(world.receiver.database.read()).await.unwrap().unwrap().number > before);
    let incident = admin.incident(invited.user()).await.unwrap();
    assert!(incident.disabling.unwrap().confirmed_at.is_some(), "confirmed");
    assert!(admin.letter(invited.user(), true).await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disabling_is_never_put_off_for_long() {
    let (world, admin) = world().await;
    let invited = invite(&world, &admin, "sakiko-1").await;
    world.relay.away(true);
    admin.disable_user(invited.user(), DisableReason::Stolen, None).await.unwrap();
    for _ in 0..20 {
        world.clock.advance(SignedDuration::from_secs(301));
        assert!(orders::send_due(&world.receiver).await.is_err());
    }
    world.relay.away(false);
    world.relay.told();
    world.clock.advance(SignedDuration::from_secs(2));
    orders::send_due(&world.receiver).await.unwrap();
    assert_eq!(kinds(&world)[0], "disable");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_the_relay_answers_again_everything_is_due_at_once() {
    let (world, admin) = world().await;
    let invited = invite(&world, &admin, "sakiko-1").await;
    world.relay.away(true);
    admin.mail_link(invited.user()).await.unwrap();
    for _ in 0..20 {
        world.clock.advance(SignedDuration::from_secs(301));
        assert!(orders::send_due(&world.receiver).await.is_err());
    }
    world.relay.away(false);
    world.relay.told();
    world.pull().await;
    orders::send_due(&world.receiver).await.unwrap();
    assert_eq!(kinds(&world), ["link"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disabling_does_not_wait_for_the_breaker() {
    let (world, admin) = world().await;
    let invited = invite(&world, &admin, "sakiko-1").await;
    for _ in 0..5 {
        world.receiver.breaker.failed(world.clock_now(), world.receiver.random.as_ref());
    }
    assert!(!world.receiver.breaker.allows(world.clock_now()));
    admin.disable_user(invited.user(), DisableReason::Stolen, None).await.unwrap();
    let shutdown = Shutdown::new();
    let all = Tasks::new(Arc::clone(&world.receiver.clock), &shutdown);
    let task = tasks::orders::start(&world.receiver, &all);
    let told = tokio::time::timeout(Duration::from_secs(20), async {
        while !kinds(&world).contains(&"disable") {
            task.activate();
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    assert!(told.await.is_ok(), "the disabling waits");
    shutdown.finish(Duration::from_secs(5)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_whom_the_relay_does_not_know_is_made_known_to_be_disabled() {
    let (world, admin) = world().await;
    let invited = invite(&world, &admin, "sakiko-1").await;
    admin.disable_user(invited.user(), DisableReason::Other, None).await.unwrap();
    world.relay.told();
    world.relay.refuse(Some(("disable", Code::UserUnknown)));
    assert!(orders::send_due(&world.receiver).await.is_err());
    let told = world.relay.told();
    let registered = told.iter().find_map(|told| match told {
        Told::Register(registration) => Some(registration),
        _ => None,
    });
    assert!(registered.is_some_and(|nothing| nothing.certificates.is_empty() && nothing.devices.is_empty()));
    world.relay.refuse(None);
    world.clock.advance(SignedDuration::from_secs(301));
    orders::send_due(&world.receiver).await.unwrap();
    assert!(kinds(&world).contains(&"disable"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn enabling_needs_a_second_person_and_a_new_letter() {
    let (world, admin) = world().await;
    let invited = invite(&world, &admin, "sakiko-1").await;
    let pc = Pc::new();
    let mut sender = Sender::new("sakiko-1", pc.credential(&invited.ask(&world, &pc).await));
    let lost_at = now(&world);
    world.clock.advance(SignedDuration::from_secs(1));
    let before_report = world.send(&mut sender, b"after the loss, before the report");
    world.pull().await;
    world.clock.advance(SignedDuration::from_secs(1));
    let disabled = admin.disable_user(invited.user(), DisableReason::Lost, Some(lost_at)).await.unwrap();
    assert_eq!(disabled.suspects, [before_report.to_string()]);
    for approver in ["staff", "STAFF", "", " "] {
        assert!(admin.enable_user(invited.user(), approver).await.is_err(), "{approver:?}");
    }
    let enabled = admin.enable_user(invited.user(), "課長").await.unwrap();
    assert_eq!((enabled.state, enabled.lost_at), ("enabled", Some(lost_at)));
    orders::send_due(&world.receiver).await.unwrap();
    let told = world.relay.told();
    let registered = told.iter().find_map(|told| match told {
        Told::Register(registration) => Some(registration.clone()),
        _ => None,
    });
    assert!(registered.unwrap().certificates.is_empty(), "the old ones stay out");
    let id = world.send(&mut sender, b"from the lost PC");
    world.pull().await;
    assert!(!world.find(id).await.is_some_and(|message| message.verdict.is_accepted()));

    world.clock.advance(SignedDuration::from_secs(1));
    let next = letter(&world, &admin, invited.user(), false).await;
    let pc = Pc::new();
    let mut sender = Sender::new("sakiko-1", pc.credential(&next.ask(&world, &pc).await));
    let id = world.send(&mut sender, b"from the new PC");
    world.pull().await;
    assert!(world.find(id).await.unwrap().verdict.is_accepted(), "a PC from after the loss is not suspect");
    // Another loss: what came from the new PC before it is not suspect.
    world.clock.advance(SignedDuration::from_secs(1));
    let again = admin.disable_user(invited.user(), DisableReason::Lost, Some(world.clock_now())).await.unwrap();
    assert_eq!(again.suspects, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forgotten_pin_ends_the_keys_and_a_new_letter_makes_new_ones() {
    let (world, admin) = world().await;
    let invited = invite(&world, &admin, "sakiko-1").await;
    let pc = Pc::new();
    invited.ask(&world, &pc).await;
    admin.reset_pin(invited.user()).await.unwrap();
    orders::send_due(&world.receiver).await.unwrap();
    let told = world.relay.told();
    let nothing = |told: &Told| matches!(told, Told::Register(r) if r.certificates.is_empty() && r.devices.is_empty());
    assert!(told.iter().any(nothing) && told.iter().any(|told| told.kind() == "certificates"));
    assert!(admin.reset_pin(invited.user()).await.is_err() && admin.mail_link(invited.user()).await.is_err());
    let next = letter(&world, &admin, invited.user(), false).await;
    assert!(matches!(next.ask(&world, &pc.rekeyed()).await.answer.outcome, Outcome::Issued { .. }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn expiry_is_told_60_days_before_and_then_every_14_and_not_to_the_disabled() {
    let (world, admin) = world().await;
    let (one, other) = (invite(&world, &admin, "sakiko-1").await, invite(&world, &admin, "hanako-2").await);
    for invited in [&one, &other] {
        invited.ask(&world, &Pc::new()).await;
    }
    let mut notices = Vec::new();
    for day in 1..=365 {
        world.clock.advance(DAY);
        if day == 310 {
            admin.disable_user(other.user(), DisableReason::Left, None).await.unwrap();
        }
        for _ in 0..2 {
            expiry::warn(&world.receiver).await.unwrap();
            orders::send_due(&world.receiver).await.unwrap();
        }
        notices.extend(world.relay.told().into_iter().filter_map(|told| match told {
            Told::Notice(user) => Some((day, user.to_string())),
            _ => None,
        }));
        if day == 306 {
            assert_eq!(admin.status().await.unwrap().certificates_ending, 2);
        }
    }
    let sakiko: Vec<i32> = notices.iter().filter(|(_, user)| user == "sakiko-1").map(|(day, _)| *day).collect();
    let hanako: Vec<i32> = notices.iter().filter(|(_, user)| user == "hanako-2").map(|(day, _)| *day).collect();
    assert_eq!((sakiko, hanako), (vec![305, 319, 333, 347, 361], vec![305]));
    let status = admin.status().await.unwrap();
    assert_eq!((status.certificates_ending, status.certificates_ended), (0, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_revocation_list_is_renewed_every_day_and_its_number_rises() {
    let (world, _admin) = world().await;
    world.relay.told();
    let mut numbers = Vec::new();
    for _ in 0..3 {
        for _ in 0..3 {
            lists::renew_daily(&world.receiver).await.unwrap();
        }
        numbers.push(revocation::newest(world.receiver.database.read()).await.unwrap().unwrap().number);
        orders::send_due(&world.receiver).await.unwrap();
        assert_eq!(kinds(&world).iter().filter(|kind| **kind == "certificates").count(), 1);
        world.clock.advance(DAY);
    }
    assert_eq!(numbers, [1, 2, 3]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_letter_is_written_once_for_its_owner_and_says_what_is_needed() {
    let (world, admin) = world().await;
    let evil = Contact { name: "<script>alert('髙﨑')</script>&\"".parse().unwrap(), ..contact() };
    let user = "sakiko-1".parse().unwrap();
    admin.register_user(&"12-34".parse().unwrap(), Some(&user), &evil).await.unwrap();
    let path = world.folder.path().join("letter.html");
    std::fs::write(&path, b"somebody's").unwrap();
    assert!(admin.write_letter(&user, false, &path).await.is_err(), "never over another file");
    assert_eq!(std::fs::read(&path).unwrap(), b"somebody's");
    assert_eq!(admin.user(&user).await.unwrap().state, "registered", "a letter that was not written is none");
    std::fs::remove_file(&path).unwrap();
    admin.write_letter(&user, false, &path).await.unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let page = std::fs::read_to_string(&path).unwrap();
    for text in [
        "初期パスワード及び登録情報のお知らせ",
        "電子証明書ダウンロード用パスワード",
        "KXログイン用初期パスワード",
        "見本工業㈱",
        "sakiko@example.co.jp",
        "見本健康保険組合",
        "業務課 03-0000-0000",
    ] {
        assert!(page.contains(text), "{text}");
    }
    assert!(!page.contains("<script") && page.contains("髙﨑"));
    assert!(!page.contains("sakiko-1"), "nothing that can be avoided");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_letter_that_cannot_be_made_stops_none_of_the_others() {
    let (world, admin) = world().await;
    let ids: Vec<UserId> = ["ichiro-1", "jiro-2", "saburo-3"].map(|id| id.parse().unwrap()).into();
    for id in &ids {
        admin.register_user(&"12-34".parse().unwrap(), Some(id), &contact()).await.unwrap();
    }
    let folder = world.folder.path().join("letters");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("jiro-2.html"), b"somebody's").unwrap();
    let written = admin.write_letters(&ids, &folder).await;
    let good: Vec<bool> = written.iter().map(|(_, written)| written.is_ok()).collect();
    assert_eq!(good, [true, false, true]);
    let states: Vec<&str> = [admin.user(&ids[0]).await, admin.user(&ids[1]).await, admin.user(&ids[2]).await]
        .map(|view| view.unwrap().state)
        .into();
    assert_eq!(states, ["enabled", "registered", "enabled"]);
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 3, "nothing else is left there");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_letter_whose_enrolment_is_not_kept_is_never_seen() {
    let (world, admin) = world().await;
    let user: UserId = "sakiko-1".parse().unwrap();
    admin.register_user(&"12-34".parse().unwrap(), Some(&user), &contact()).await.unwrap();
    // The database refuses the commit itself.
    let mut transaction = world.receiver.database.write().await.unwrap();
    sqlx::raw_sql(
        "CREATE TABLE guard_a (id INTEGER PRIMARY KEY);
         CREATE TABLE guard_b (id INTEGER REFERENCES guard_a (id) DEFERRABLE INITIALLY DEFERRED);
         CREATE TRIGGER guard AFTER INSERT ON enrolments BEGIN INSERT INTO guard_b VALUES (7); END;",
    )
    .execute(&mut *transaction)
    .await
    .unwrap();
    transaction.commit().await.unwrap();
    let folder = world.folder.path().join("letters");
    std::fs::create_dir(&folder).unwrap();
    let path = folder.join("letter.html");
    assert!(admin.write_letter(&user, false, &path).await.is_err());
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0, "its passwords would be dead");
    let mut transaction = world.receiver.database.write().await.unwrap();
    sqlx::raw_sql("DROP TRIGGER guard").execute(&mut *transaction).await.unwrap();
    transaction.commit().await.unwrap();
    admin.write_letter(&user, false, &path).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_report_of_a_lost_pc_can_be_printed() {
    let (world, admin) = world().await;
    let invited = invite(&world, &admin, "sakiko-1").await;
    let pc = Pc::new();
    let mut sender = Sender::new("sakiko-1", pc.credential(&invited.ask(&world, &pc).await));
    let lost_at = now(&world);
    world.clock.advance(SignedDuration::from_secs(1));
    let id = world.send(&mut sender, b"content");
    world.pull().await;
    admin.disable_user(invited.user(), DisableReason::Stolen, Some(lost_at)).await.unwrap();
    let path = world.folder.path().join("report.html");
    let incident = admin.write_incident(invited.user(), &path).await.unwrap();
    assert_eq!(
        incident.arrived.iter().map(|one| (one.id.clone(), one.suspect)).collect::<Vec<_>>(),
        [(id.to_string(), true)]
    );
    assert_eq!((incident.sent_to_user, incident.relay.is_none()), (0, true));
    let page = std::fs::read_to_string(&path).unwrap();
    assert!(page.contains(&id.to_string()) && page.contains("一件もありません") && page.contains("髙橋"));
    let json = serde_json::to_value(&incident).unwrap();
    assert_eq!(json["user"]["lost_at"], lost_at.to_string());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_decided_about_pcs_of_the_disabled() {
    let (world, admin) = world().await;
    let invited = invite(&world, &admin, "sakiko-1").await;
    invited.ask(&world, &Pc::new()).await;
    invited.ask(&world, &Pc::new()).await;
    admin.disable_user(invited.user(), DisableReason::Lost, None).await.unwrap();
    assert!(admin.review_device(invited.user(), None, Review::Approve).await.is_err());
    assert_eq!(admin.status().await.unwrap().devices_waiting, Vec::<String>::new());
}
