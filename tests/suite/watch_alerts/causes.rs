//! How each rule is made to find something, and how that is mended.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use kenpo_express::domain::schedule::Outlook;
use kenpo_express::gateway::admin::received::Review;
use kenpo_express::gateway::flows::compare::compare;
use kenpo_express::gateway::flows::send::{NewDispatch, Origin, Sender as Push, To};
use kenpo_express::gateway::flows::{orders, revocation};
use kenpo_express::gateway::keys::Keys;
use kenpo_express::pki::{Authority, Profile, Subject, TrustStore};
use kenpo_express::runtime::clock::SystemRandom;
use kenpo_express::runtime::task::{Cause, Snapshot};
use kenpo_express::store::gateway::events::{self, Kind, NewEvent};
use kenpo_express::store::gateway::orders::{self as orders_store, NewOrder};
use kenpo_express::store::gateway::waiting::{self, Waiting};
use kenpo_express::store::gateway::{history, hook_letters, set_keys_problem};
use kenpo_express::wire::page::Cursor;
use kenpo_express::wire::union::{OrderNumber, User};

use tokio_util::sync::CancellationToken;

use super::stage::Stage;
use crate::api_support::recipient;
use crate::gateway_relay::{FakeRelay, Lie};
use crate::gateway_support::{GatewayWorld, Sender, sender};
use crate::send_support::{id, new_dispatch};
use crate::support::relay::{issue, message_id};

const fn hours(hours: i64) -> SignedDuration {
    SignedDuration::from_hours(hours)
}

/// Brings about what the rule finds.
pub(super) async fn provoke(stage: &Stage, code: &str) {
    let world = &stage.world;
    match code {
        "pull.overdue" => stage.advance(hours(2)),
        "schedule.late" => stage.hearsay.lock().unwrap().lateness = Some(hours(2)),
        "schedule.idle" => outlook(stage, Outlook { paused_since: None, begins: false }),
        "schedule.paused" => {
            outlook(stage, Outlook { paused_since: Some(world.clock_now()), begins: true });
            stage.look().await;
            assert!(!stage.fires(code).await, "a pause of a day is an order, and nothing to be reminded of");
            stage.advance(hours(25));
        }
        "relay.silent" => {
            world.relay.away(true);
            for _ in 0..5 {
                world.pull().await;
            }
        }
        "relay.clock" => {
            stage.advance(hours(1));
            world.pull().await;
        }
        "relay.differs" => {
            world.sender("yamada-1").await;
            world.relay.list(vec![ahead("yamada-1")]);
            assert_eq!(compare(&world.receiver).await.unwrap().alarms, 1);
        }
        "disk.filling" => free_space(stage, 20.0 * 3_600.0).await,
        "disk.reserve" => fs::write(filler(stage), vec![1; 20 << 20]).unwrap(),
        "certificate.own" => stage.advance(hours(24 * 310)),
        "certificate.authority" => {
            let end = world.receiver.keys.current().ca.not_after();
            stage.advance(end.duration_since(world.clock_now()) - hours(24 * 420));
        }
        "certificate.relay" => {
            let ends = world.receiver.keys.current().relay_receipt[0].not_after();
            stage.advance(ends.duration_since(world.clock_now()) - hours(24 * 20));
        }
        "certificate.employers" => {
            world.sender("yamada-1").await;
            stage.advance(hours(24 * 360));
        }
        "revocation.old" => stage.advance(hours(49)),
        "keys.refused" => keys_problem(world, Some("keys.signing: is not valid now")).await,
        "quarantine.waiting" => {
            let mut stranger = Sender::new("mori-5", world.union.user("mori-5", world.clock_now()));
            world.send(&mut stranger, b"from somebody unknown");
            world.pull().await;
        }
        "sequence.broken" => {
            let mut sender = world.sender("yamada-1").await;
            sender.sequence += 1;
            world.send(&mut sender, b"the one before is missing");
            world.pull().await;
        }
        "task.failing" => tell(stage, |task| task.last_result = Some("database".into())),
        "task.stuck" => tell(stage, |task| task.late_seconds = 7_200),
        vpn if vpn.starts_with("vpn.") => {
            stage.hearsay.lock().unwrap().vpn =
                Some(Err(kenpo_express::gateway::watch::rules::Rule::of(vpn).unwrap().code));
        }
        other => provoke_at_work(stage, other).await,
    }
}

/// Brings about what rules find that look at what has to be done.
async fn provoke_at_work(stage: &Stage, code: &str) {
    let world = &stage.world;
    match code {
        "receipt.refused" => {
            event(world, Kind::SentAlarm).await;
        }
        "parcels.old" => {
            let mut sender = world.sender("yamada-1").await;
            let id = world.send(&mut sender, b"does not come");
            world.relay.lie(id, vec![Lie::Broken; 12]);
            world.pull().await;
            stage.advance(hours(25));
        }
        "scanner.away" => wait(world, "scanner.away").await,
        "orders.old" => {
            let mut transaction = world.receiver.database.write().await.unwrap();
            orders_store::insert(&mut transaction, &[NewOrder::certificates()], world.clock_now()).await.unwrap();
            world.receiver.database.commit(transaction).await.unwrap();
            stage.advance(hours(2));
        }
        "outgoing.old" => {
            sql(
                world,
                "INSERT INTO dispatches (number, id, origin, actor, held, file_name, content_type, size, staged_at)
                     VALUES (1, 'd', 'command', 'a', 0, 'f', 't', 1, 0);
                 INSERT INTO sent (number, id, dispatch, addressee, state, created_at) VALUES (1, 'd', 1, 'a', 'released', $now)",
            )
            .await;
            stage.advance(hours(2));
        }
        "statements.unconfirmed" => {
            recipient(world, "hanako-1").await;
            let (push, content) = (push(world), b"taken back");
            let new = NewDispatch {
                origin: Origin::Command,
                actor: "staff".to_owned(),
                ..new_dispatch(vec![To::User("hanako-1".parse().unwrap())], content.len())
            };
            let staged = push.stage(new, &content[..]).await.unwrap();
            push.run(&CancellationToken::new()).await.unwrap();
            world.relay.away(true);
            assert_eq!(push.recall(id(&staged.messages[0].id), "staff").await.unwrap().state, "recalling");
        }
        "mail.old" => {
            sql(world, &mail("9000000000000000")).await;
            stage.advance(hours(2));
        }
        "mail.refused" => sql(world, &mail("NULL")).await,
        "hooks.given-up" => {
            let number = event(world, Kind::ReceivedArchived).await;
            sql(world, &format!("INSERT INTO hook_letters (event, way, next_try) VALUES ({number}, 'url', NULL)"))
                .await;
        }
        other => panic!("no test makes {other} fire"),
    }
}

/// Puts it right; also when nothing is wrong.
pub(super) async fn mend(stage: &Stage, code: &str) {
    let world = &stage.world;
    match code {
        "pull.overdue" => assert!(world.pull().await.is_done()),
        "schedule.late" => stage.hearsay.lock().unwrap().lateness = Some(SignedDuration::ZERO),
        "schedule.idle" | "schedule.paused" => outlook(stage, Outlook { paused_since: None, begins: true }),
        "relay.silent" => {
            world.relay.away(false);
            stage.advance(hours(1));
            assert!(world.pull().await.is_done());
        }
        "relay.clock" => {
            // Back to the relay's time.
            let off = world.receiver.metrics.relay_clock_difference_seconds.get();
            if off.abs() > 900.0 {
                stage.advance(SignedDuration::try_from_secs_f64(off).unwrap());
            }
            world.pull().await;
        }
        "relay.differs" => {
            world.relay.list(vec![]);
            compare(&world.receiver).await.unwrap();
        }
        "disk.filling" => free_space(stage, f64::INFINITY).await,
        "disk.reserve" => {
            let _ = fs::remove_file(filler(stage));
        }
        "certificate.own" | "certificate.relay" => renew(world, false),
        "certificate.authority" => renew(world, true),
        "certificate.employers" => {
            let (user, now) = ("yamada-1", world.clock_now());
            world.register(user, world.union.user(user, now).certificate()).await;
            // Users are looked at every ten minutes.
            stage.advance(SignedDuration::from_mins(11));
        }
        "revocation.old" => revocation::renew_daily(&world.receiver).await.unwrap(),
        "keys.refused" => keys_problem(world, None).await,
        "quarantine.waiting" => {
            let admin = world.admin("staff").await;
            for message in world.kept().await.iter().filter(|message| message.state.code() == "quarantined") {
                admin.return_quarantined(message.id, "unknown").await.unwrap();
            }
        }
        "sequence.broken" => {
            let admin = world.admin("staff").await;
            for message in world.kept().await.iter().filter(|message| message.state.code() == "archived") {
                admin.review(message.id, &Review::Accept).await.unwrap();
            }
        }
        "receipt.refused" => stage.advance(hours(25)),
        "parcels.old" => {
            for _ in 0..8 {
                world.pull().await;
                stage.advance(hours(1));
            }
            assert!(world.waiting().await.is_empty());
        }
        "scanner.away" => sql(world, "DELETE FROM waiting").await,
        "orders.old" => {
            stage.advance(hours(1));
            orders::send_due(&world.receiver).await.unwrap();
        }
        "outgoing.old" => sql(world, "DELETE FROM sent").await,
        "statements.unconfirmed" => {
            world.relay.away(false);
            stage.advance(SignedDuration::from_secs(301));
            push(world).run(&CancellationToken::new()).await.unwrap();
        }
        "mail.old" | "mail.refused" => sql(world, "DELETE FROM staff_mails WHERE address = 'a@example.jp'").await,
        "hooks.given-up" => {
            let mut transaction = world.receiver.database.write().await.unwrap();
            hook_letters::drop_dead(&mut transaction).await.unwrap();
            world.receiver.database.commit(transaction).await.unwrap();
        }
        "task.failing" | "task.stuck" => tell(stage, |_| ()),
        vpn if vpn.starts_with("vpn.") => stage.hearsay.lock().unwrap().vpn = Some(Ok(())),
        other => panic!("no test makes {other} clear"),
    }
}

fn outlook(stage: &Stage, outlook: Outlook) {
    stage.hearsay.lock().unwrap().outlook = Some(outlook);
}

fn push(world: &GatewayWorld) -> Arc<Push<FakeRelay>> {
    Arc::new(sender(&world.receiver, world.folder.path(), false))
}

fn filler(stage: &Stage) -> PathBuf {
    stage.disk.as_ref().expect("a disk of its own").path().join("filler")
}

/// The last hours of free space, so that it is used up after so many seconds.
async fn free_space(stage: &Stage, seconds: f64) {
    // It is looked at once in a minute.
    stage.advance(SignedDuration::from_mins(1));
    let world = &stage.world;
    let (now, free) = (world.clock_now(), world.receiver.disk.free().unwrap());
    let free = kenpo_express::gateway::watch::series::float(free);
    let mut transaction = world.receiver.database.write().await.unwrap();
    for minutes in 1..300_i32 {
        let at = now - SignedDuration::from_mins(minutes.into());
        let value = free * (1.0 + 60.0 * f64::from(minutes) / seconds);
        history::record(&mut transaction, at, &[(history_number(), value)]).await.unwrap();
    }
    world.receiver.database.commit(transaction).await.unwrap();
}

fn history_number() -> u16 {
    kenpo_express::gateway::watch::series::Series::find("disk_free_bytes").unwrap().number
}

/// New certificates for everything, of a new authority if need be.
fn renew(world: &GatewayWorld, anew: bool) {
    let (keys, now) = (world.receiver.keys.current(), world.clock_now());
    let new = || Authority::create(&keys.union, "A union", now, &SystemRandom).unwrap();
    let made = anew.then(new);
    let authority = made.as_ref().unwrap_or(&world.union.authority);
    let own = |profile| issue(authority, Subject::Union(keys.union.clone()), &profile, now);
    let relay = issue(authority, Subject::Service("relay".to_owned()), &Profile::ReceiptSigning, now);
    let ca = authority.certificate().clone();
    let renewed = Keys {
        union: keys.union.clone(),
        signing: vec![own(Profile::UnionSigning)],
        encryption: vec![own(Profile::UnionEncryption)],
        authority: keys.authority.clone(),
        trust: TrustStore::new(vec![ca.clone()]),
        revocation: Vec::new(),
        ca,
        relay_receipt: vec![relay.certificate().clone()],
        tls: own(Profile::TlsClient).certificate().clone(),
    };
    world.receiver.keys.replace(renewed);
}

/// A user as a relay lists it that knows later orders than we do.
fn ahead(user: &str) -> User {
    User {
        id: user.parse().unwrap(),
        cursor: Cursor(1),
        office: "1234-A".parse().unwrap(),
        enabled: false,
        order: OrderNumber(100),
        certificates: vec![],
        devices: vec![],
        enrolment: None,
        pin_locked: false,
        login_locked_until: None,
        last_login_at: None,
        mail_failed_at: None,
    }
}

async fn keys_problem(world: &GatewayWorld, problem: Option<&str>) {
    let mut transaction = world.receiver.database.write().await.unwrap();
    set_keys_problem(&mut transaction, problem).await.unwrap();
    world.receiver.database.commit(transaction).await.unwrap();
}

async fn event(world: &GatewayWorld, kind: Kind) -> i64 {
    let mut transaction = world.receiver.database.write().await.unwrap();
    let event = NewEvent { at: world.clock_now(), kind, subject: "x".to_owned(), office: None, user: None };
    events::insert(&mut transaction, &[event]).await.unwrap();
    let number = events::newest(&mut *transaction).await.unwrap();
    world.receiver.database.commit(transaction).await.unwrap();
    number
}

async fn wait(world: &GatewayWorld, cause: &str) {
    let now = world.clock_now();
    let waits = Waiting {
        id: message_id(world.clock.as_ref()),
        cause: cause.to_owned(),
        size: 1,
        first_seen: now,
        last_try: now,
        next_try: now,
        tries: 1,
    };
    let mut transaction = world.receiver.database.write().await.unwrap();
    waiting::put(&mut transaction, &waits, 1).await.unwrap();
    world.receiver.database.commit(transaction).await.unwrap();
}

fn mail(next_at: &str) -> String {
    format!(
        "INSERT INTO staff_mails (address, message_id, gathered, made_at, next_at)
         VALUES ('a@example.jp', 'm', '{{\"files\":{{}}}}', $now, {next_at})"
    )
}

/// As another program would: what the flows themselves bring about only after days of trying.
async fn sql(world: &GatewayWorld, statements: &str) {
    let statements = statements.replace("$now", &world.clock_now().as_microsecond().to_string());
    let mut transaction = world.receiver.database.write().await.unwrap();
    sqlx::raw_sql(sqlx::AssertSqlSafe(statements)).execute(&mut *transaction).await.unwrap();
    world.receiver.database.commit(transaction).await.unwrap();
}

/// A task that is well, but for this.
fn tell(stage: &Stage, change: impl FnOnce(&mut Snapshot)) {
    let now: Timestamp = stage.world.clock_now();
    let mut task = Snapshot {
        name: "example".into(),
        running_since: None,
        runs: 1,
        failures: 0,
        last_cause: Some(Cause::Timer),
        last_began_at: Some(now),
        last_ended_at: Some(now),
        last_result: Some("done".into()),
        next_at: Some(now + hours(1)),
        running_seconds: None,
        late_seconds: 0,
    };
    change(&mut task);
    stage.hearsay.lock().unwrap().tasks = vec![task];
}
