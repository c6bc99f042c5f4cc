//! Sending when something is wrong on our side: people who are shut out, a registry that changes, damaged copies, a full disk.

use std::sync::Arc;

use jiff::SignedDuration;
use kenpo_express::domain::ids::MessageId;
use kenpo_express::gateway::flows::send::{SendError, SendRunError};
use kenpo_express::store::gateway::events::{self, Kind};
use kenpo_express::store::gateway::registry_changed;
use kenpo_express::wire::problem::Code;

use crate::gateway_support::GatewayWorld;
use crate::message_support::noise;
use crate::send_support::{SendWorld, id, office, statement, user};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_cannot_be_sent_to_is_stopped_with_a_code() {
    let world = SendWorld::new().await;
    for name in ["disabled-1", "revoked-1"] {
        world.person(name, name).await;
    }
    world.office("empty").await;
    world.disable("disabled-1").await;
    world.revoke("revoked-1").await;
    let to = vec![
        user(&"disabled-1".parse().unwrap()),
        user(&"revoked-1".parse().unwrap()),
        office("empty"),
        office("disabled-1"),
    ];
    let view = world.stage(to, b"content").await;
    let reasons: Vec<_> = view.messages.iter().map(|one| (one.state, one.reasons[0].as_str())).collect();
    let expected = ["user.disabled", "certificate.revoked", "office.empty", "office.empty"];
    assert_eq!(reasons, expected.map(|code| ("stopped", code)));
    assert_eq!(world.event_count(Kind::SentStopped).await, 4);
    // Staged in time, sealed too late.
    let person = world.person("late-1", "late").await;
    let view = world.stage(vec![user(&person.id), office("late")], b"content").await;
    world.gateway.clock.advance(SignedDuration::from_hours(24 * 366));
    assert_eq!(world.run().await.sealed, 0);
    for one in &view.messages {
        assert_eq!(world.sent(id(&one.id)).await.reasons, ["certificate.expired"]);
    }
    assert_eq!(world.relay.all().len(), 0);
}

/// Has them sealed while the relay refuses all: a line that breaks at the first upload leaves the others to the next run.
async fn until_sealed(world: &SendWorld, messages: &[MessageId]) {
    for _ in 0..200 {
        let mut states = Vec::new();
        for message in messages {
            states.push(world.state(*message).await);
        }
        // However many runs it took: the relay is asked again, and every message is due.
        world.gateway.clock.advance(SignedDuration::from_mins(10));
        if states.iter().all(|state| *state == "sealed") {
            return;
        }
        assert!(world.try_run().await.is_err());
    }
    panic!("they are sealed in one of many runs");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_disabled_between_sealing_and_depositing_gets_nothing() {
    let world = SendWorld::new().await;
    let (hanako, taro) = (world.person("hanako-1", "1234-A").await, world.person("taro-1", "1234-A").await);
    let view = world.stage(vec![user(&hanako.id), office("1234-A")], b"content").await;
    let (to_user, to_office) = (id(&view.messages[0].id), id(&view.messages[1].id));
    // The line breaks when both have their numbers.
    world.relay.refuse_all(Some(Code::Unavailable));
    assert!(matches!(world.try_run().await, Err(SendRunError::Relay(_))));
    until_sealed(&world, &[to_user, to_office]).await;
    world.disable("hanako-1").await;
    world.relay.refuse_all(None);
    world.run().await;
    assert_eq!(
        (world.state(to_user).await, world.sent(to_user).await.reasons),
        ("stopped", vec!["user.disabled".to_owned()])
    );
    assert_eq!((world.relay.uploads(to_user), world.is_kept(to_user)), (0, false));
    let said = statement(&world, to_user).unwrap();
    assert_eq!((said.message_id, said.sequence, said.to.to_string()), (to_user, 1, "hanako-1@06123456.kx".to_owned()));
    // The office's other user gets it.
    let users: Vec<_> = world.relay.find(to_office).unwrap().recipients.into_iter().map(|one| one.user).collect();
    assert_eq!(users, std::slice::from_ref(&taro.id));
    let view = world.sent(to_office).await;
    assert!(view.state == "relayed" && view.recipients[0].dropped_at.is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_registry_that_changes_while_a_message_is_sealed_is_looked_at_again() {
    let world = Arc::new(SendWorld::new().await);
    let (first, second) = (world.person("first-1", "one").await, world.person("second-1", "two").await);
    // While the first one is on its way the second one's certificate is replaced.
    let runtime = tokio::runtime::Handle::current();
    let changer = Arc::clone(&world);
    world.relay.before_deposit(move || {
        tokio::task::block_in_place(|| runtime.block_on(changer.revoke("second-1")));
    });
    let view = world.stage(vec![user(&first.id)], b"content").await;
    world.run().await;
    assert_eq!(world.state(id(&view.messages[0].id)).await, "relayed");
    let view = world.stage(vec![user(&second.id)], b"content").await;
    assert_eq!(view.messages[0].reasons, ["certificate.revoked"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn our_own_copy_that_is_damaged_or_gone_is_never_sent() {
    let world = SendWorld::new().await;
    let person = world.person("hanako-1", "1234-A").await;
    for size in [1_000, 6 << 20] {
        for damage in [true, false] {
            let view = world.stage(vec![user(&person.id)], &noise(size)).await;
            let path = world.push.outbox.staged(id(&view.id));
            if damage {
                let mut bytes = std::fs::read(&path).unwrap();
                let middle = bytes.len() / 2;
                bytes[middle] ^= 1;
                std::fs::write(&path, bytes).unwrap();
            } else {
                std::fs::remove_file(&path).unwrap();
            }
            assert_eq!(world.run().await.sealed, 0);
            let code = if damage { "content.damaged" } else { "content.gone" };
            let view = world.sent(id(&view.messages[0].id)).await;
            assert_eq!((view.state, view.reasons), ("failed", vec![code.to_owned()]), "{size}");
        }
    }
    assert_eq!(world.relay.all().len(), 0);
    let next = world.send_to(&person, b"next").await;
    assert_eq!(world.sent(next).await.sequence, Some(1), "what was never sealed left no gap");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_at_staging_and_puts_off_at_sealing() {
    let folder = tempfile::tempdir().unwrap();
    let world = SendWorld::on(GatewayWorld::within(folder.path(), 0).await, false);
    let person = world.person("hanako-1", "1234-A").await;
    let tight = |reserve| {
        let mut push = crate::gateway_support::sender(&world.gateway.receiver, world.gateway.folder.path(), false);
        push.disk = kenpo_express::stream::disk::Disk::new(push.outbox.folder(), reserve);
        Arc::new(push)
    };
    let content = noise(200_000);
    // Others write on this disk, too: all of it is reserve.
    let full = tight(u64::MAX);
    let error = full.stage(world.new_dispatch(vec![user(&person.id)], &content), std::io::Cursor::new(content.clone()));
    assert!(matches!(error.await, Err(SendError::Full)));
    assert_eq!(crate::exchange_support::files_below(full.outbox.folder()).len(), 0);
    let view = world.stage(vec![user(&person.id)], &content).await;
    let pushed = full.run(&tokio_util::sync::CancellationToken::new()).await.unwrap();
    assert_eq!((pushed.sealed, pushed.troubles), (0, 1));
    let sent = world.sent(id(&view.messages[0].id)).await;
    assert_eq!((sent.state, sent.problem.as_deref()), ("released", Some("disk.low")));
    world.gateway.clock.advance(SignedDuration::from_secs(1));
    assert_eq!(world.run().await.deposited, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_of_an_office_for_whom_nothing_can_be_sealed_is_named() {
    let world = SendWorld::new().await;
    let (hanako, _) = (world.person("hanako-1", "1234-A").await, world.person("taro-1", "1234-A").await);
    world.revoke("taro-1").await;
    let message = id(&world.stage(vec![office("1234-A")], b"content").await.messages[0].id);
    world.run().await;
    let users: Vec<_> = world.relay.find(message).unwrap().recipients.into_iter().map(|one| one.user).collect();
    assert_eq!(users, std::slice::from_ref(&hanako.id));
    let view = world.sent(message).await;
    let shown: Vec<_> = view.recipients.iter().map(|one| (one.user.as_str(), one.code.as_deref())).collect();
    assert_eq!(shown, [("hanako-1", None), ("taro-1", Some("certificate.revoked"))]);
    assert!(view.recipients[1].dropped_at.is_some());
    let told = events::after(world.gateway.receiver.database.read(), 0, 100).await.unwrap();
    let told: Vec<_> = told.into_iter().filter(|event| event.kind == Kind::SentLeftOut).collect();
    assert_eq!((told.len(), told[0].user.as_ref().unwrap().as_str()), (1, "taro-1"));
    assert_eq!(told[0].subject, message.to_string());
    // Nobody waits for a receipt of somebody who does not get it.
    world.verify(&hanako, message);
    world.run().await;
    assert_eq!((world.state(message).await, world.is_kept(message)), ("verified", false));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_of_the_registry_about_others_do_not_throw_away_what_is_sealed() {
    let world = Arc::new(SendWorld::new().await);
    let person = world.person("hanako-1", "1234-A").await;
    let staged = id(&world.stage(vec![user(&person.id)], &noise(24 << 20)).await.messages[0].id);
    let stop = tokio_util::sync::CancellationToken::new();
    let (changer, until) = (Arc::clone(&world), stop.clone());
    let changing = tokio::spawn(async move {
        while !until.is_cancelled() {
            let database = &changer.gateway.receiver.database;
            let mut transaction = database.write().await.unwrap();
            registry_changed(&mut transaction).await.unwrap();
            database.commit(transaction).await.unwrap();
            tokio::task::yield_now().await;
        }
    });
    let done = tokio::time::timeout(std::time::Duration::from_secs(120), world.run()).await;
    stop.cancel();
    changing.await.unwrap();
    assert_eq!(done.unwrap().deposited, 1);
    assert_eq!(world.state(staged).await, "relayed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_disabled_while_a_message_waits_for_its_turn_gets_nothing() {
    let world = Arc::new(SendWorld::new().await);
    let mut people = Vec::new();
    for name in ["a-1", "b-1", "c-1"] {
        people.push(world.person(name, name).await);
    }
    let view = world.stage(people.iter().map(|person| user(&person.id)).collect(), b"content").await;
    world.relay.refuse_all(Some(Code::Unavailable));
    let messages: Vec<_> = view.messages.iter().map(|one| id(&one.id)).collect();
    until_sealed(&world, &messages).await;
    world.relay.refuse_all(None);
    let mut push = crate::gateway_support::sender(&world.gateway.receiver, world.gateway.folder.path(), false);
    push.limits.parallel = 1;
    let (runtime, other) = (tokio::runtime::Handle::current(), Arc::clone(&world));
    world.relay.before_deposit(move || {
        tokio::task::block_in_place(|| {
            runtime.block_on(async {
                for name in ["a-1", "b-1", "c-1"] {
                    other.disable(name).await;
                }
            });
        });
    });
    Arc::new(push).run(&tokio_util::sync::CancellationToken::new()).await.unwrap();
    let mut uploads = Vec::new();
    for message in messages {
        uploads.push(world.relay.uploads(message));
    }
    assert_eq!(uploads, [1, 0, 0], "only the one that was under way");
}
