//! The schedule as a running gateway follows it.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use kenpo_express::domain::clock::Clock;
use kenpo_express::domain::schedule::{Blackout, Interval, Plan, jst};
use kenpo_express::domain::verdict::Verdict;
use kenpo_express::gateway::admin::schedule::PlanChange;
use kenpo_express::gateway::flows::By;
use kenpo_express::gateway::flows::receive::{Cause, Order};
use kenpo_express::gateway::keeper::Keeper;
use kenpo_express::runtime::lifecycle::Shutdown;
use kenpo_express::store::gateway::audit;
use kenpo_express::store::gateway::messages::Message;

use tokio_util::sync::CancellationToken;

use crate::gateway_support::GatewayWorld;
use crate::message_support::noise;
use crate::schedule_support::{Serving, day};
use crate::support::relay::message_id;
use crate::support::soon::soon;

const MINUTE: SignedDuration = SignedDuration::from_mins(1);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn runs_come_as_planned_and_one_makes_up_for_a_downtime() {
    let serving = Serving::start(GatewayWorld::new().await).await;
    assert_eq!(serving.causes().await, ["timer"], "the first start of all pulls at once");
    serving.at(day(2, "08:00")).await;
    serving.set_times(&["09:00", "12:00"]).await;
    let before = serving.causes().await.len();
    serving.at(day(2, "08:59:59")).await;
    assert_eq!(serving.causes().await.len(), before, "what was changed by another process counts within a second");
    assert_eq!(serving.pull.status().next, Some(day(2, "09:00")));
    serving.at(day(2, "09:00:01")).await;
    serving.at(day(2, "09:00:02")).await;
    let runs = serving.runs().await;
    assert_eq!(runs.len(), before + 1);
    let run = runs.last().unwrap();
    assert_eq!((run.cause.as_str(), run.planned_at), ("timer", Some(day(2, "09:00"))));
    assert_eq!((run.lateness_seconds, run.result.as_deref()), (Some(1.0), Some("done")));

    // Two days without a gateway, with four planned runs in them.
    let world = serving.stop().await;
    world.clock.advance(SignedDuration::from_hours(48));
    let serving = Serving::start(world).await;
    serving.look().await;
    let runs = serving.runs().await;
    assert_eq!(runs.len(), before + 2, "{runs:?}");
    let run = runs.last().unwrap();
    assert_eq!((run.cause.as_str(), run.planned_at), ("catch-up", Some(day(2, "12:00"))));
    assert!(serving.keeper.lateness().unwrap() > SignedDuration::from_hours(40));
    // Another start finds nothing to make up for.
    let serving = Serving::start(serving.stop().await).await;
    serving.look().await;
    assert_eq!(serving.causes().await.len(), before + 2);
    serving.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_pulled_in_blackouts_pauses_and_holidays_not_even_what_arrives() {
    let serving = Serving::start(GatewayWorld::new().await).await;
    let mut sender = serving.world.sender("yamada-1").await;
    serving.at(day(2, "10:00")).await;
    let daily = Blackout::daily("12:00".parse().unwrap(), "13:00".parse().unwrap()).unwrap();
    serving.admin.add_blackout(&daily, Some("保守")).await.unwrap();
    serving.at(day(2, "12:00:30")).await;
    soon("the window stands in the way", async || !serving.keeper.may_poll()).await;
    let (listed, runs) = (serving.world.relay.listed_from().len(), serving.causes().await.len());
    let first = serving.world.send(&mut sender, &noise(100));
    for minute in 1..59 {
        serving.at(day(2, "12:00:30") + MINUTE * minute).await;
    }
    // One question may have been on its way when the window began.
    assert!(serving.world.relay.listed_from().len() <= listed + 1, "the long poll waits at the relay");
    assert_eq!(serving.causes().await.len(), runs);
    serving.at(day(2, "13:00")).await;
    assert!(serving.world.find(first).await.is_some(), "at its end");

    serving.admin.pause("回線工事", Some(day(3, "09:00"))).await.unwrap();
    serving.look().await;
    let runs = serving.causes().await.len();
    let second = serving.world.send(&mut sender, &noise(100));
    serving.at(day(3, "08:59")).await;
    assert_eq!(serving.causes().await.len(), runs);
    assert_eq!(serving.pull.status().next, Some(day(3, "09:00")));
    serving.at(day(3, "09:00")).await;
    assert!(serving.world.find(second).await.is_some(), "a pause ends by itself");

    // By hand it goes the same way, whatever stands in the way, and the audit knows by whom.
    serving.admin.pause("回線工事", None).await.unwrap();
    serving.look().await;
    let third = serving.world.send(&mut sender, &noise(100));
    assert!(serving.keeper.order(Order::by(Cause::Command, By { actor: "hanako", origin: "" })));
    serving.pull.activate();
    serving.look().await;
    assert!(serving.world.find(third).await.is_some());
    let run = serving.runs().await.pop().unwrap();
    assert_eq!((run.cause.as_str(), run.actor.as_deref(), run.tally.archived), ("command", Some("hanako"), 1));
    serving.admin.resume().await.unwrap();
    let entries = audit::list(serving.world.receiver.database.read(), None, 100).await.unwrap();
    let by_hand = entries.iter().filter(|entry| entry.actor == "hanako").map(|entry| entry.action.as_str());
    let expected =
        ["schedule.resumed", "pull.ordered", "schedule.paused", "schedule.paused", "schedule.blackout-added"];
    assert_eq!(by_hand.collect::<Vec<_>>(), expected);
    assert!(entries.iter().all(|entry| !entry.after.contains("回線工事")), "a person's words stay in the schedule");
    serving.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_cut_off_or_failed_is_begun_again() {
    let serving = Serving::start(GatewayWorld::new().await).await;
    serving.set_times(&["00:00"]).await;
    serving.world.relay.away(true);
    let midnight = day(3, "00:00");
    serving.at(midnight).await;
    assert_eq!(serving.runs().await.last().unwrap().result.as_deref(), Some("relay.unreachable"));
    serving.world.relay.away(false);
    for _ in 0..10 {
        serving.after(MINUTE).await;
    }
    let runs = serving.runs().await;
    let last = runs.last().unwrap();
    assert_eq!((last.cause.as_str(), last.result.as_deref()), ("retry", Some("done")), "not only the next midnight");
    assert!(runs.len() <= 4, "{runs:?}");

    // A process that was killed in a run: the next one takes it up, though nothing is planned for long.
    let world = serving.stop().await;
    let mut transaction = world.receiver.database.write().await.unwrap();
    let new = kenpo_express::store::gateway::runs::NewRun { cause: "timer", planned_at: None, actor: None };
    kenpo_express::store::gateway::runs::start(&mut transaction, new, world.clock.now()).await.unwrap();
    world.receiver.database.commit(transaction).await.unwrap();
    let serving = Serving::start(world).await;
    assert_eq!(serving.causes().await.last().unwrap(), "catch-up");

    // A large parcel that was parked, after a run that is done.
    let runs = serving.causes().await.len();
    let world = serving.stop().await;
    world.receiver.spool.part(message_id(world.clock.as_ref()), 2 << 20).unwrap().append(b"the beginning").unwrap();
    let serving = Serving::start(world).await;
    assert_eq!(serving.causes().await[runs..], ["catch-up"]);
    // Nothing was left: it keeps to the plan.
    let serving = Serving::start(serving.stop().await).await;
    assert_eq!(serving.causes().await.len(), runs + 1);
    serving.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_write_that_failed_the_schedule_goes_on() {
    let serving = Serving::start(GatewayWorld::new().await).await;
    serving.at(day(2, "08:00")).await;
    serving.set_times(&["09:00"]).await;
    serving.look().await;
    serving.admin.pause("回線工事", Some(day(2, "10:00"))).await.unwrap();
    // Killed in a run; the next process comes after a moment that fell into the pause, so that the mark has to be moved.
    let world = serving.stop().await;
    let mut transaction = world.receiver.database.write().await.unwrap();
    let new = kenpo_express::store::gateway::runs::NewRun { cause: "timer", planned_at: None, actor: None };
    kenpo_express::store::gateway::runs::start(&mut transaction, new, world.clock.now()).await.unwrap();
    let refuse = "CREATE TRIGGER refuse BEFORE UPDATE OF mark ON schedule BEGIN SELECT RAISE(ABORT, 'full'); END";
    sqlx::query(refuse).execute(&mut *transaction).await.unwrap();
    world.receiver.database.commit(transaction).await.unwrap();
    world.clock.advance(day(3, "08:00").duration_since(world.clock.now()));
    let serving = Serving::start(world).await;
    serving.look().await;
    let before = serving.causes().await.len();
    // There is room again.
    let mut transaction = serving.world.receiver.database.write().await.unwrap();
    sqlx::query("DROP TRIGGER refuse").execute(&mut *transaction).await.unwrap();
    serving.world.receiver.database.commit(transaction).await.unwrap();
    serving.look().await;
    assert_eq!(serving.causes().await[before..], ["catch-up"], "what was cut off is begun again");
    serving.at(day(3, "09:00")).await;
    assert_eq!(serving.causes().await[before..], ["catch-up", "timer"]);
    serving.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_changed_makes_nothing_late_and_what_was_due_stays_due_overnight() {
    let serving = Serving::start(GatewayWorld::new().await).await;
    let due = |since| serving.keeper.due(since, serving.world.clock.now());
    serving.at(day(2, "08:00")).await;
    serving.set_times(&["09:00"]).await;
    serving.at(day(2, "09:00")).await;
    let done = serving.world.clock.now();
    // At three staff choose another time, which was before three.
    serving.at(day(2, "15:00")).await;
    serving.set_times(&["10:00"]).await;
    serving.look().await;
    serving.at(day(2, "16:30")).await;
    assert_eq!(due(done), None, "ten o'clock counts from tomorrow on");

    // The relay is away at ten, and the night comes.
    serving.world.relay.away(true);
    let nightly = Blackout::daily("22:00".parse().unwrap(), "06:00".parse().unwrap()).unwrap();
    serving.admin.add_blackout(&nightly, None).await.unwrap();
    serving.look().await;
    serving.at(day(3, "10:00")).await;
    serving.at(day(3, "21:59")).await;
    assert_eq!(due(done), Some(day(3, "10:00")));
    serving.at(day(3, "23:00")).await;
    assert_eq!(due(done), Some(day(3, "10:00")), "that it is night is no all-clear");
    serving.world.relay.away(false);
    serving.stop().await;

    // A rest of three hours: what is pulled at its end is not late.
    let serving = Serving::start(GatewayWorld::new().await).await;
    serving.admin.pause("回線工事", None).await.unwrap();
    serving.look().await;
    serving.after(SignedDuration::from_hours(3)).await;
    let before = serving.causes().await.len();
    serving.admin.resume().await.unwrap();
    serving.look().await;
    assert_eq!(serving.causes().await[before..], ["timer"]);
    assert!(serving.keeper.lateness().unwrap() < MINUTE);
    serving.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_schedule_that_would_never_run_is_refused() {
    let serving = Serving::start(GatewayWorld::new().await).await;
    let window = |from: &str, until: &str| Blackout::daily(from.parse().unwrap(), until.parse().unwrap()).unwrap();
    serving.admin.add_blackout(&window("22:00", "06:00"), None).await.unwrap();
    let at_night = PlanChange {
        moments: Some(Plan {
            times: ["23:00".parse().unwrap()].into(),
            interval: None,
            ..Plan::every(Interval::nearest(1), false)
        }),
        days: None,
        long_poll: Some(false),
    };
    let refused = serving.admin.set_plan(at_night).await.unwrap_err();
    assert!(refused.to_string().contains("blackouts"), "{refused}");
    serving.set_times(&["12:00"]).await;
    let refused = serving.admin.add_blackout(&window("06:00", "13:00"), None).await.unwrap_err();
    assert!(refused.to_string().contains("blackouts"), "{refused}");
    serving.admin.add_blackout(&window("06:00", "12:00"), None).await.unwrap();
    serving.look().await;
    assert!(serving.pull.status().next.is_some());
    serving.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_jumps_in_the_middle_of_a_transfer_loses_nothing_and_makes_no_storm() {
    const DAY: i64 = 24;
    for hours in [DAY, -DAY, 3_650 * DAY, -3_650 * DAY] {
        let serving = Serving::start(GatewayWorld::new().await).await;
        let mut sender = serving.world.sender("yamada-1").await;
        serving.set_times(&["03:00"]).await;
        serving.look().await;
        let before = serving.causes().await.len();
        let (clock, jumped) = (serving.world.clock.clone(), std::sync::atomic::AtomicBool::new(false));
        serving.world.relay.before_content(move || {
            if !jumped.swap(true, std::sync::atomic::Ordering::SeqCst) {
                clock.advance(SignedDuration::from_hours(hours));
            }
        });
        let id = serving.world.send(&mut sender, &noise(3 << 20));
        serving.at(day(3, "03:00")).await;
        for _ in 0..30 {
            serving.after(MINUTE).await;
        }
        let kept = serving.world.kept().await;
        assert_eq!(kept.iter().filter(|message| message.id == id).count(), 1, "{hours}");
        assert!(serving.world.relay.acknowledged(id), "{hours}");
        let runs = serving.causes().await;
        assert!((1..=3).contains(&(runs.len() - before)), "{hours}: {runs:?}");
        // Back to where it was; the plan goes on there.
        serving.after(SignedDuration::from_hours(-hours)).await;
        serving.look().await;
        let (before, next) = (serving.causes().await.len(), serving.pull.status().next.unwrap());
        let now = serving.world.clock.now();
        assert!(next > now && next.duration_since(now) <= SignedDuration::from_hours(DAY), "{hours}: {next}");
        assert_eq!(jst(next).time(), jiff::civil::time(3, 0, 0, 0), "{hours}");
        serving.at(next).await;
        assert_eq!(serving.causes().await.len(), before + 1, "{hours}");
        serving.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_three_days_without_vpn_it_drains_by_itself_in_order_and_without_a_storm() {
    const PARCELS: usize = 120;
    let serving = Serving::start(GatewayWorld::new().await).await;
    let relay = serving.world.relay.clone();
    let mut senders = Vec::new();
    for user in ["yamada-1", "suzuki-1", "sato-1"] {
        senders.push(serving.world.sender(user).await);
    }
    relay.away(true);
    relay.asked();
    let mut sent = Vec::new();
    for step in 0..144 {
        serving.after(SignedDuration::from_mins(30)).await;
        if step < PARCELS {
            let sender = &mut senders[step % 3];
            sent.push(serving.world.send(sender, &noise(500)));
        }
    }
    let asked = relay.asked();
    assert!(asked < 144 * 6, "fewer than twelve questions in an hour: {asked}");
    assert!(serving.world.kept().await.is_empty());

    relay.away(false);
    // Nobody does anything but wait.
    serving.after(SignedDuration::from_mins(6)).await;
    serving.after(SignedDuration::from_mins(6)).await;
    let kept = serving.world.kept().await;
    assert_eq!(kept.len(), PARCELS);
    for (user, sender) in senders.iter().enumerate() {
        let own: Vec<_> = sent.iter().skip(user).step_by(3).collect();
        let of_this = kept.iter().filter(|message| own.contains(&&message.id));
        let mut numbers: Vec<u64> = of_this.map(|message| message.content.as_ref().unwrap().sequence).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, (1..=sender.sequence).collect::<Vec<_>>(), "nothing lost, nothing twice");
    }
    let in_order = |message: &Message| message.verdict == Verdict::Accepted { warnings: BTreeSet::new() };
    assert!(kept.iter().all(in_order), "each stream in its order");
    for id in &sent {
        assert!(relay.acknowledged(*id) && relay.requests(*id).len() == 1, "fetched once");
    }
    let asked = relay.asked() - u64::try_from(PARCELS).unwrap();
    assert!(asked < 60, "beside the files themselves: {asked}");
    serving.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_and_a_signal_are_minded() {
    let serving = Serving::start(GatewayWorld::new().await).await;
    let before = serving.causes().await.len();
    serving.pull.activate();
    soon("it runs", async || serving.causes().await.len() > before).await;
    assert_eq!(serving.causes().await.last().unwrap(), "signal");
    let shutdown: Shutdown = serving.tasks.shutdown().clone();
    serving.stop().await;
    assert!(shutdown.is_stopping() && !shutdown.hard().is_cancelled(), "nothing had to be cut off");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_while_a_run_begins_makes_nothing_run_twice() {
    let world = GatewayWorld::new().await;
    let admin = world.admin("hanako").await;
    let keeper = Keeper::new(&world.receiver, Plan::every(Interval::nearest(300), false));
    assert!(keeper.look().await.unwrap().ordered, "the first start of all");
    let order = keeper.take().unwrap();
    // The run has not written down yet that it begins.
    admin.put_holiday("2030-05-07".parse().unwrap(), "創立記念日").await.unwrap();
    assert!(!keeper.look().await.unwrap().ordered, "it is under way");
    keeper.ended(&world.receiver.run(order, &CancellationToken::new()).await);
    assert!(!keeper.look().await.unwrap().ordered);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_of_the_plan_before_takes_nothing_back_of_the_new_one() {
    let serving = Serving::start(GatewayWorld::new().await).await;
    serving.at(day(2, "08:00")).await;
    serving.set_times(&["09:00"]).await;
    serving.at(day(2, "09:30")).await;
    let before = serving.causes().await.len();
    let planned = Order::planned(Cause::Timer, day(2, "09:00"));
    serving.world.clock.advance(MINUTE * 60);
    // Ordered by the plan that was; until it begins, there is another one with a moment between the two.
    serving.set_times(&["10:00"]).await;
    serving.world.receiver.run(planned, &CancellationToken::new()).await.unwrap();
    let serving = Serving::start(serving.stop().await).await;
    serving.look().await;
    let causes = serving.causes().await;
    assert_eq!(causes.len(), before + 1, "the new plan counts from when it was set: {causes:?}");
    serving.stop().await;
}
