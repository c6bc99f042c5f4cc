//! Sending when something is wrong: receipts that lie, people who are shut out, a relay that is away or forgets, a gateway that
//! comes back from a backup.

use std::path::Path;
use std::sync::Arc;

use jiff::SignedDuration;
use kenpo_express::gateway::flows::send::{SendError, SendRunError};
use kenpo_express::message::receipt::{Receipt, Stage};
use kenpo_express::message::words;
use kenpo_express::store::gateway::events::Kind;
use kenpo_express::wire::delivery::{DeliveryState, News, Statement};
use kenpo_express::wire::problem::Code;

use crate::gateway_support::GatewayWorld;
use crate::message_support::noise;
use crate::send_support::{Person, SendWorld, id, office, open_as, user};

/// What a lying app, or a relay in its place, makes of an honest receipt.
type Lie = Box<dyn Fn(&SendWorld, &Person, Receipt) -> kenpo_express::wire::Der>;

/// What the union has signed about a number that nobody gets.
fn statement(world: &SendWorld, id: kenpo_express::domain::ids::MessageId) -> Option<Statement> {
    let der = world.relay.find(id)?.statement?;
    Some(words::verify(&der.0, world.gateway.union.signing.certificate()).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_receipt_that_does_not_fit_raises_an_alarm_and_the_file_stays() {
    let world = SendWorld::new().await;
    let (hanako, taro) = (world.person("hanako-1", "1234-A").await, world.person("taro-1", "1234-A").await);
    let honest = |change: fn(&mut Receipt)| -> Lie {
        Box::new(move |world, person, mut receipt| {
            change(&mut receipt);
            world.sign(&receipt, &person.signing)
        })
    };
    let others = taro.signing.clone();
    let stranger = world.gateway.union.user("hanako-1", world.gateway.clock_now());
    let lies: Vec<(&str, Lie)> = vec![
        ("receipt.message", honest(|one| one.message_id = id("0191e3c4-7a5b-7c3d-8e4f-a1b2c3d4e5f6"))),
        ("receipt.tag", honest(|one| one.tag = None)),
        ("receipt.digest", honest(|one| one.digest = Some("00".repeat(32)))),
        ("receipt.digest", honest(|one| one.digest = None)),
        ("receipt.chain", honest(|one| one.previous = None)),
        ("receipt.order", honest(|one| one.stage = Stage::Accepted)),
        ("receipt.order", honest(|one| one.stage = Stage::Relayed)),
        ("receipt.order", honest(|one| one.words = Some(vec![1]))),
        ("receipt.signature", honest(|one| one.by = "taro-1@06123456.kx".to_owned())),
        ("receipt.signature", Box::new(move |world, _, receipt| world.sign(&receipt, &others))),
        // Of the right name and the right authority, but not registered.
        ("receipt.signature", Box::new(move |world, _, receipt| world.sign(&receipt, &stranger))),
        ("receipt.signature", Box::new(|world, _, receipt| world.sign(&receipt, &world.gateway.union.signing.clone()))),
        ("receipt.signature", Box::new(|_, _, _| kenpo_express::wire::Der(b"nonsense".to_vec()))),
    ];
    let count = lies.len();
    for (code, lie) in lies {
        let sent = world.send_to(&hanako, b"content").await;
        world.relay.fetch(sent, &hanako.id);
        let der = lie(&world, &hanako, world.receipt(&hanako, sent, Stage::Verified));
        world.relay.tell(sent, News::Receipt { user: hanako.id.clone(), receipt: der });
        world.run().await;
        world.push.hear(None).await.unwrap();
        let view = world.sent(sent).await;
        assert_eq!((view.state, view.warnings.as_slice()), ("fetched", &[code.to_owned()][..]), "{code}");
        assert!(world.is_kept(sent), "{code}: the sender keeps the file");
        let refused: Vec<_> =
            world.push.receipts(sent).await.unwrap().into_iter().filter_map(|one| one.refused).collect();
        assert_eq!(refused, [code]);
    }
    assert_eq!(world.event_count(Kind::SentAlarm).await, count);

    // A receipt of somebody whom the message is not for.
    let sent = world.send_to(&hanako, b"content").await;
    let receipt = Receipt { by: "taro-1@06123456.kx".to_owned(), ..world.receipt(&hanako, sent, Stage::Verified) };
    world.relay.tell(sent, News::Receipt { user: taro.id.clone(), receipt: world.sign(&receipt, &taro.signing) });
    world.push.hear(None).await.unwrap();
    assert_eq!(world.sent(sent).await.warnings, ["receipt.recipient"]);

    // The app has it and says nothing under its signature: it could not verify it, or the relay keeps the receipt back.
    let sent = world.send_to(&hanako, b"content").await;
    world.relay.fetch(sent, &hanako.id);
    world.relay.acknowledge(sent, &hanako.id, None);
    world.push.hear(None).await.unwrap();
    assert_eq!(world.sent(sent).await.warnings, ["receipt.missing"]);

    // A true receipt twice changes nothing; after an end nothing follows.
    let sent = world.send_to(&hanako, b"content").await;
    world.verify(&hanako, sent);
    let again = world.relay.find(sent).unwrap().recipients[0].receipts[0].clone();
    world.relay.tell(sent, News::Receipt { user: hanako.id.clone(), receipt: again });
    world.push.hear(None).await.unwrap();
    assert_eq!((world.state(sent).await, world.sent(sent).await.warnings.len()), ("verified", 0));
    world.accept(&hanako, sent);
    world.push.hear(None).await.unwrap();
    world.give_back(&hanako, sent, sent, "too late");
    world.push.hear(None).await.unwrap();
    assert_eq!(
        (world.state(sent).await, world.sent(sent).await.warnings),
        ("accepted", vec!["receipt.order".to_owned()])
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_that_did_not_count_then_signs_no_receipt() {
    let world = SendWorld::new().await;
    let (hanako, taro) = (world.person("hanako-1", "1234-A").await, world.person("taro-1", "1234-A").await);
    let (first, second) = (world.send_to(&hanako, b"a").await, world.send_to(&taro, b"b").await);
    world.revoke("hanako-1").await;
    let lost = world.gateway.clock_now() - SignedDuration::from_hours(1);
    world.gateway.change_user("taro-1", |user| user.lost_at = Some(lost)).await;
    world.verify(&hanako, first);
    world.verify(&taro, second);
    world.push.hear(None).await.unwrap();
    assert_eq!(world.sent(first).await.warnings, ["receipt.signer"]);
    // Registered after the loss: of another PC.
    assert_eq!(world.sent(second).await.warnings.len(), 0);
}

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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_disabled_between_sealing_and_depositing_gets_nothing() {
    let world = SendWorld::new().await;
    let (hanako, taro) = (world.person("hanako-1", "1234-A").await, world.person("taro-1", "1234-A").await);
    let view = world.stage(vec![user(&hanako.id), office("1234-A")], b"content").await;
    let (to_user, to_office) = (id(&view.messages[0].id), id(&view.messages[1].id));
    // The line breaks when both have their numbers.
    world.relay.refuse_all(Some(Code::Unavailable));
    assert!(matches!(world.try_run().await, Err(SendRunError::Relay(_))));
    assert_eq!((world.state(to_user).await, world.state(to_office).await), ("sealed", "sealed"));
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
async fn a_recall_before_the_fetch_and_too_late_and_while_the_relay_is_away() {
    let world = SendWorld::new().await;
    let person = world.person("hanako-1", "1234-A").await;
    // Without a number it simply ends.
    let staged = id(&world.stage(vec![user(&person.id)], b"staged").await.messages[0].id);
    assert_eq!(world.push.recall(staged, "uid:1").await.unwrap().state, "recalled");
    assert_eq!(world.run().await.sealed, 0);

    let first = world.send_to(&person, b"first").await;
    let view = world.push.recall(first, "uid:1").await.unwrap();
    assert_eq!((view.state, world.is_kept(first)), ("recalled", false));
    assert_eq!(world.relay.find(first).unwrap().state, DeliveryState::Withdrawn);
    let said = statement(&world, first).unwrap();
    assert_eq!((said.sequence, said.message_id), (1, first));
    let error = world.push.recall(first, "uid:1").await.unwrap_err();
    assert!(matches!(error, SendError::State(_)), "{error}");

    // Somebody was faster, and we know it; or only the relay knows it.
    let second = world.send_to(&person, b"second").await;
    let header = open_as(&person.encryption, &world.relay.bytes(second)).header().clone();
    assert_eq!(
        (header.sequence, header.previous),
        (2, said.signature_hash),
        "the stream goes on over the one that is missing"
    );
    world.relay.fetch(second, &person.id);
    let error = world.push.recall(second, "uid:1").await.unwrap_err();
    assert!(matches!(error, SendError::Collected(_)), "{error}");
    assert_eq!(world.state(second).await, "fetched");
    world.push.hear(None).await.unwrap();
    assert!(matches!(world.push.recall(second, "uid:1").await, Err(SendError::Collected(_))));
    assert_eq!(world.relay.find(second).unwrap().statement, None);

    // While the relay is away it is ordered, and told as soon as it is back.
    let third = world.send_to(&person, b"third").await;
    world.gateway.relay.away(true);
    assert_eq!(world.push.recall(third, "uid:1").await.unwrap().state, "recalling");
    world.gateway.relay.away(false);
    world.gateway.clock.advance(SignedDuration::from_secs(1));
    world.run().await;
    assert_eq!(
        (world.state(third).await, world.relay.find(third).unwrap().state),
        ("recalled", DeliveryState::Withdrawn)
    );
    assert_eq!(world.event_count(Kind::SentRecalled).await, 3);

    // Ordered while it is fetched: what happened first counts.
    let fourth = world.send_to(&person, b"fourth").await;
    world.gateway.relay.away(true);
    world.push.recall(fourth, "uid:1").await.unwrap();
    world.gateway.relay.away(false);
    world.verify(&person, fourth);
    world.gateway.clock.advance(SignedDuration::from_secs(1));
    world.run().await;
    assert_eq!((world.state(fourth).await, world.sent(fourth).await.warnings.len()), ("verified", 0));
    assert_eq!(world.relay.find(fourth).unwrap().statement, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recall_in_the_middle_of_the_upload_wins() {
    let world = Arc::new(SendWorld::new().await);
    let person = world.person("hanako-1", "1234-A").await;
    let staged = id(&world.stage(vec![user(&person.id)], b"content").await.messages[0].id);
    let (runtime, recaller) = (tokio::runtime::Handle::current(), Arc::clone(&world));
    world.relay.before_deposit(move || {
        let done = tokio::task::block_in_place(|| runtime.block_on(recaller.push.recall(staged, "uid:1")));
        assert_eq!(done.unwrap().state, "recalled");
    });
    world.run().await;
    let view = world.sent(staged).await;
    assert_eq!((view.state, view.reasons.len()), ("recalled", 0));
    assert_eq!(world.relay.find(staged).unwrap().size, 0, "its bytes never came");
    assert!(statement(&world, staged).is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_that_is_away_for_hours_gets_everything_when_it_is_back() {
    let world = SendWorld::new().await;
    let person = world.person("hanako-1", "1234-A").await;
    world.gateway.relay.away(true);
    let mut staged = Vec::new();
    for content in [b"first", b"other", b"third"] {
        staged.push(id(&world.stage(vec![user(&person.id)], content).await.messages[0].id));
    }
    let mut asked = 0;
    for _ in 0..6 * 60 {
        match world.try_run().await {
            Err(SendRunError::Relay(_)) => asked += 1,
            Err(SendRunError::BreakerOpen { .. }) => {}
            other => panic!("{other:?}"),
        }
        world.gateway.clock.advance(SignedDuration::from_mins(1));
    }
    assert!((10..200).contains(&asked), "it is left alone for a while after many failures: {asked}");
    assert!(world.sent(staged[0]).await.sequence.is_none(), "nothing is numbered for a relay that is not there");
    world.gateway.relay.away(false);
    world.gateway.clock.advance(SignedDuration::from_mins(10));
    assert_eq!(world.run().await.deposited, 3);
    for (sequence, sent) in (1..).zip(&staged) {
        let view = world.sent(*sent).await;
        assert_eq!(
            (view.state, view.sequence),
            ("relayed", Some(sequence)),
            "in the order in which they were asked for"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_answer_or_a_lost_disk_delivers_once() {
    let world = SendWorld::new().await;
    let person = world.person("hanako-1", "1234-A").await;
    world.relay.swallow_answers(1);
    let staged = id(&world.stage(vec![user(&person.id)], b"content").await.messages[0].id);
    assert!(world.try_run().await.is_err());
    let bytes = world.relay.bytes(staged);
    world.run().await;
    assert_eq!((world.state(staged).await, world.relay.all().len()), ("relayed", 1));
    assert_eq!(world.relay.bytes(staged), bytes, "the same bytes under the same number");

    // The relay has taken it, and its disk is lost before it has signed for it.
    world.relay.stay_silent(true);
    let second = world.send_to(&person, b"second").await;
    assert_eq!(world.state(second).await, "deposited");
    let bytes = world.relay.bytes(second);
    world.relay.lose(second);
    world.relay.stay_silent(false);
    world.gateway.clock.advance(SignedDuration::from_secs(1));
    world.run().await;
    assert_eq!((world.state(second).await, world.relay.bytes(second)), ("relayed", bytes));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nobody_fetches_expires_and_what_nobody_can_have_is_stopped() {
    let world = SendWorld::new().await;
    let person = world.person("hanako-1", "1234-A").await;
    let (first, second) = (world.send_to(&person, b"first").await, world.send_to(&person, b"second").await);
    world.relay.expire(first);
    world.relay.drop_user(second, &person.id);
    world.push.hear(None).await.unwrap();
    world.run().await;
    assert_eq!((world.state(first).await, world.state(second).await), ("expired", "stopped"));
    assert_eq!(world.sent(second).await.reasons, ["user.disabled"]);
    for (sequence, message) in [(1, first), (2, second)] {
        assert_eq!(statement(&world, message).unwrap().sequence, sequence);
        assert!(!world.is_kept(message));
    }
    assert_eq!((world.event_count(Kind::SentExpired).await, world.event_count(Kind::SentStopped).await), (1, 1));
    assert!(world.push.remind(first, "uid:1").await.is_err());
    let third = world.send_to(&person, b"third").await;
    world.push.remind(third, "uid:1").await.unwrap();
    assert_eq!(world.relay.reminded(), [third]);
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

fn copy(from: &Path, to: &Path) {
    assert!(std::process::Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap().success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_back_from_a_backup_takes_over_what_the_relay_has() {
    let mut world = SendWorld::new().await;
    let (hanako, taro) = (world.person("hanako-1", "1234-A").await, world.person("taro-1", "1234-A").await);
    let first = world.send_to(&hanako, b"before the backup").await;
    // Staged before the backup and sent after it.
    let staged = id(&world.stage(vec![user(&taro.id)], b"staged").await.messages[0].id);
    let (state, backup) = (world.gateway.folder.path().to_owned(), tempfile::tempdir().unwrap());
    let database = &world.gateway.receiver.database;
    // All of it in one file, as a backup has it.
    database.close().await;
    copy(&state, &backup.path().join("state"));
    world.gateway = world.gateway.again().await;
    world = SendWorld::on(world.gateway, false);

    world.run().await;
    let second = world.send_to(&hanako, b"after the backup").await;
    let recalled = world.send_to(&hanako, b"taken back").await;
    world.push.recall(recalled, "uid:1").await.unwrap();
    let to_office = id(&world.stage(vec![office("1234-A")], &noise(70_000)).await.messages[0].id);
    world.run().await;
    world.verify(&hanako, second);
    let delivered = world.relay.all().len();

    world.gateway.receiver.database.close().await;
    for entry in std::fs::read_dir(&state).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { std::fs::remove_dir_all(path).unwrap() } else { std::fs::remove_file(path).unwrap() }
    }
    copy(&backup.path().join("state/."), &state);
    world.gateway = world.gateway.again().await;
    world = SendWorld::on(world.gateway, false);
    let view = world.stage(vec![user(&hanako.id)], b"after the restore").await;
    let pushed = world.run().await;
    assert_eq!(pushed.sealed, 1, "what was staged before the backup is not sent a second time");
    assert_eq!(world.relay.all().len(), delivered + 1);
    let next = id(&view.messages[0].id);
    let header = open_as(&hanako.encryption, &world.relay.bytes(next)).header().clone();
    assert_eq!(header.sequence, 4, "1, 2, the one that was taken back, this one");
    assert_eq!(header.previous, statement(&world, recalled).unwrap().signature_hash);
    for (message, state, sequence) in [
        (first, "relayed", 1),
        (second, "verified", 2),
        (recalled, "recalled", 3),
        (to_office, "relayed", 1),
        (staged, "relayed", 1),
    ] {
        let view = world.sent(message).await;
        assert_eq!((view.state, view.sequence, view.warnings.len()), (state, Some(sequence), 0), "{message}");
    }
    let view = world.sent(second).await;
    assert_eq!((view.file_name.as_str(), view.origin.as_str(), view.size), ("決定通知書.pdf", "restored", 16));
    // A stranger's delivery in our name is told of, and sent to nobody's books.
    let metadata = kenpo_express::wire::tus::Metadata {
        message_id: id("0191e3c4-7a5b-7c3d-8e4f-a1b2c3d4e5f6"),
        recipients: vec![hanako.id.clone()],
    };
    world.relay.deposit(&metadata, vec![7; 500].into(), world.gateway.clock_now()).unwrap();
    let alarms = world.event_count(Kind::SentAlarm).await;
    world.stage(vec![user(&hanako.id)], b"one more").await;
    world.run().await;
    assert_eq!(world.event_count(Kind::SentAlarm).await, alarms + 1);
    assert!(world.push.find(metadata.message_id).await.is_err());
}
