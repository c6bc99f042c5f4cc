//! What an honest union sends: received, put where the person wants it, and answered with receipts.

use std::fs;

use kenpo_express::domain::file_name::FileName;
use kenpo_express::employer::EmployerError;
use kenpo_express::employer::inbox::{InboxRefused, InboxState, Wanted};
use kenpo_express::message::receipt::{Return, Stage};
use kenpo_express::message::seal::Draft;
use kenpo_express::message::words;

use super::inbox_support::{Post, new_id, our_office, trouble, us};
use super::message_support::noise;

fn stages(post: &Post, id: kenpo_express::domain::ids::MessageId) -> Vec<Stage> {
    post.receipts(id).iter().map(|receipt| receipt.stage).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn files_for_the_user_and_for_the_office_arrive_with_all_receipts() {
    let mut post = Post::start().await;
    let contents = [Vec::new(), vec![7], noise(64 * 1024), noise(3_000_001)];
    let mut ids = Vec::new();
    for (number, content) in contents.iter().enumerate() {
        let to = if number % 2 == 0 { us() } else { our_office() };
        ids.push(post.send_to(to, &format!("決定通知書_{number}.pdf"), content));
    }
    let listed = post.app().inbox().await.unwrap();
    assert_eq!(listed.items.len(), 4);
    assert!(listed.items.iter().all(|item| item.state() == InboxState::Waiting && item.parcel.is_some()));
    assert!(post.relay().told.is_empty() && post.relay().offsets.is_empty(), "looking takes nothing");

    let received = post.receive().await;
    assert!(received.offline.is_none() && received.missing.is_empty() && received.alarms.is_empty());
    for ((item, id), (number, content)) in received.items.iter().zip(&ids).zip(contents.iter().enumerate()) {
        let record = item.record.as_ref().unwrap();
        assert_eq!((record.id, item.state(), trouble(item)), (*id, InboxState::Accepted, None));
        assert_eq!(received.warnings(record).count(), 0);
        let path = post.out().join(format!("決定通知書_{number}.pdf"));
        assert_eq!(record.saved_as.as_deref(), Some(&*path));
        assert!(fs::read(&path).unwrap() == *content, "{number}");
        assert_eq!(stages(&post, *id), [Stage::Verified, Stage::Accepted]);
        let verified = &post.receipts(*id)[0];
        // Each of the two streams is counted by itself.
        assert_eq!(verified.contiguous, Some(number as u64 / 2 + 1));
        assert_eq!((verified.tag, verified.digest.is_some()), (record.tag, true));
    }
    assert_eq!(Post::names(&post.out()).len(), 4);
    assert!(Post::names(&post.home("inbox")).is_empty() && Post::names(&post.home("quarantine")).is_empty());
    assert_eq!(Post::names(&post.home("received")).len(), 8, "sealed and recorded");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(post.out().join("決定通知書_0.pdf")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    // Nothing is there to be done a second time.
    let told = post.relay().told.len();
    assert!(post.receive().await.items.is_empty());
    assert_eq!((post.relay().told.len(), Post::names(&post.out()).len()), (told, 4));
    // The list says it all, also without the relay.
    let list = post.app().inbox().await.unwrap();
    assert!(list.items.iter().all(|item| item.state() == InboxState::Accepted && trouble(item).is_none()));
}

#[tokio::test(flavor = "multi_thread")]
async fn many_small_files_and_large_ones_between_them_keep_their_order() {
    let mut post = Post::start().await;
    let mut expected = Vec::new();
    for number in 0..150_usize {
        let (to, size) =
            (if number % 3 == 0 { our_office() } else { us() }, if number % 60 == 59 { 300_000 } else { number });
        let content = noise(size);
        expected.push((post.send_to(to, &format!("通知_{number:03}.csv"), &content), content));
    }
    let received = post.receive().await;
    assert!(received.missing.is_empty() && received.alarms.is_empty());
    let came: Vec<_> = received.items.iter().map(|item| item.id().unwrap()).collect();
    assert_eq!(came, expected.iter().map(|(id, _)| *id).collect::<Vec<_>>(), "in the order in which they were sent");
    for (number, (item, (id, content))) in received.items.iter().zip(&expected).enumerate() {
        assert_eq!((item.state(), trouble(item)), (InboxState::Accepted, None), "{number}");
        assert!(item.record.as_ref().unwrap().warnings.is_empty(), "{number}: no gap was ever seen");
        assert!(fs::read(post.out().join(format!("通知_{number:03}.csv"))).unwrap() == *content, "{number}");
        let receipts = post.receipts(*id);
        assert_eq!(
            receipts.iter().map(|receipt| receipt.stage).collect::<Vec<_>>(),
            [Stage::Verified, Stage::Accepted]
        );
        let of_stream = if number % 3 == 0 { number / 3 + 1 } else { number - number / 3 };
        assert_eq!(receipts[0].contiguous, Some(of_stream as u64), "{number}");
    }
    let asked = post.relay().offsets.clone();
    assert_eq!(asked, vec![0; 150], "each once");
    assert_eq!(Post::names(&post.home("received")).len(), 300, "sealed and recorded");
    assert!(Post::names(&post.home("inbox")).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_does_not_come_does_not_keep_those_that_come_with_it() {
    let mut post = Post::start().await;
    let ids: Vec<_> = (0..6).map(|number| post.send(&format!("{number}.csv"), b"content")).collect();
    // One is gone when it is asked for, one is not what was signed.
    {
        let mut said = post.relay();
        let end = said.parcels[3].1.len() - 20;
        said.parcels[3].1[end] ^= 1;
        said.gone.insert(ids[1]);
    }
    let received = post.receive().await;
    let of = |id| received.items.iter().find(|item| item.id() == Some(id)).unwrap();
    assert_eq!((of(ids[1]).state(), trouble(of(ids[1]))), (InboxState::Waiting, Some("parcel.unknown")));
    assert_eq!(of(ids[3]).state(), InboxState::Quarantined);
    assert_eq!(Post::names(&post.out()), ["0.csv", "2.csv", "4.csv", "5.csv"]);
    assert!(post.receipts(ids[3]).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_is_there_is_ever_overwritten() {
    let mut post = Post::start().await;
    let out = post.out();
    fs::write(out.join("通知.csv"), "mine").unwrap();
    fs::create_dir(out.join("通知 (2).csv")).unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink("/nonexistent/elsewhere", out.join("通知 (3).csv")).unwrap();
    let first = post.send("通知.csv", b"one");
    post.send("通知.csv", b"two");
    let windows = post.send("10:30 <案>?.csv", b"three");
    let long: FileName = format!("{}.csv", "届".repeat(83)).parse().unwrap();
    fs::write(out.join(long.as_str()), "mine too").unwrap();
    post.send(long.as_str(), b"four");
    let received = post.receive().await;
    assert!(received.items.iter().all(|item| item.state() == InboxState::Accepted), "{received:?}");
    assert_eq!(fs::read_to_string(out.join("通知.csv")).unwrap(), "mine");
    assert_eq!(fs::read_to_string(out.join(long.as_str())).unwrap(), "mine too");
    assert_eq!(fs::read_to_string(out.join("通知 (4).csv")).unwrap(), "one");
    assert_eq!(fs::read_to_string(out.join("通知 (5).csv")).unwrap(), "two");
    assert_eq!(fs::read_to_string(out.join("10：30 ＜案＞？.csv")).unwrap(), "three");
    let shortened = Post::names(&out).into_iter().find(|name| name.ends_with(" (2).csv") && name.starts_with('届'));
    assert_eq!(fs::read_to_string(out.join(shortened.unwrap())).unwrap(), "four");

    // Once more, because the person asked for it: another copy, and no other receipts.
    let again = post.app().receive(Wanted::One(first), &out).await.unwrap();
    assert_eq!(again.items[0].state(), InboxState::Accepted);
    assert_eq!(fs::read_to_string(out.join("通知 (6).csv")).unwrap(), "one");
    assert_eq!(stages(&post, first), [Stage::Verified, Stage::Accepted]);
    assert_eq!(stages(&post, windows), [Stage::Verified, Stage::Accepted]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_sent_back_with_words_for_the_union_alone() {
    let mut post = Post::start().await;
    let (returned, kept) = (post.send("a.csv", b"not ours"), post.send("b.csv", b"ours"));
    let answer = post.app().return_message(returned, "  宛先の事業所が違います  ").await.unwrap();
    assert_eq!(answer.items[0].state(), InboxState::Returned);
    assert_eq!(stages(&post, returned), [Stage::Verified, Stage::Returned]);
    let receipt = post.receipts(returned).pop().unwrap();
    let keys = std::slice::from_ref(&post.encryption);
    let told: Return = words::open(receipt.words.as_ref().unwrap(), keys).unwrap();
    assert_eq!((told.message_id, told.reason.as_str()), (returned, "宛先の事業所が違います"));
    assert!(Post::names(&post.out()).is_empty(), "nothing of it was handed out");

    assert_eq!(post.receive().await.items.len(), 1, "the other one");
    let refused = |error| matches!(error, EmployerError::Inbox(InboxRefused::State { .. }));
    let app = post.app();
    // What the person has is accepted; what was sent back is sent back once; what is not there is not there.
    assert!(refused(app.return_message(kept, "いまさら").await.unwrap_err()));
    assert!(refused(app.return_message(returned, "もう一度").await.unwrap_err()));
    assert!(refused(app.receive(Wanted::One(returned), &post.out()).await.unwrap_err()));
    let unknown = app.receive(Wanted::One(new_id()), &post.out()).await;
    assert!(matches!(unknown, Err(EmployerError::Inbox(InboxRefused::Unknown(_)))), "{unknown:?}");
    for reason in ["", "  ", "二\n行", &"あ".repeat(1_001)] {
        let refused = app.return_message(kept, reason).await;
        assert!(matches!(refused, Err(EmployerError::Inbox(InboxRefused::Reason))), "{reason:?}");
    }
    let nowhere = app.receive(Wanted::All, &post.out().join("ない")).await;
    assert!(matches!(nowhere, Err(EmployerError::Inbox(InboxRefused::NoFolder(_)))), "{nowhere:?}");
    assert_eq!(stages(&post, kept), [Stage::Verified, Stage::Accepted]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_that_was_cut_goes_on_where_it_stopped() {
    let mut post = Post::start().await;
    let content = noise(2_000_000);
    let id = post.send("大.bin", &content);
    // As an earlier start left it.
    let half = post.relay().parcels[0].1[..700_000].to_vec();
    drop(post.app());
    fs::write(post.home(&format!("inbox/{id}.part")), half).unwrap();
    let listed = post.app().inbox().await.unwrap();
    assert_eq!(listed.items[0].fetched, 700_000);
    post.relay().cuts = vec![900_000];
    let received = post.receive().await;
    assert_eq!(received.items[0].state(), InboxState::Accepted, "{received:?}");
    assert!(fs::read(post.out().join("大.bin")).unwrap() == content);
    let offsets = post.relay().offsets.clone();
    assert_eq!((offsets.len(), offsets[0]), (2, 700_000), "{offsets:?}");
    assert!((700_001..=1_600_000).contains(&offsets[1]), "{offsets:?}");

    // Pieces that do not fit together are fetched anew, once, before anything is thought of the sender.
    let id = post.send("乙.bin", &content);
    fs::write(post.home(&format!("inbox/{id}.part")), noise(500_000)).unwrap();
    post.relay().offsets.clear();
    assert_eq!(post.receive().await.items[0].state(), InboxState::Accepted);
    assert_eq!(post.relay().offsets, [500_000, 0]);
    // A part that is longer than the message is of another one.
    let id = post.send("丙.bin", b"short");
    fs::write(post.home(&format!("inbox/{id}.part")), noise(500_000)).unwrap();
    // What nobody lists any more is not kept.
    fs::write(post.home(&format!("inbox/{}.part", new_id())), b"old").unwrap();
    assert_eq!(post.receive().await.items[0].state(), InboxState::Accepted);
    assert!(Post::names(&post.home("inbox")).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_room_the_message_waits_and_the_relay_is_told_nothing() {
    // More than any disk has.
    let mut post = Post::start_with("\n[outbox]\nreserve_mib = 4000000000\n").await;
    let id = post.send("a.csv", b"content");
    let received = post.receive().await;
    assert_eq!((received.items[0].state(), trouble(&received.items[0])), (InboxState::Waiting, Some("disk.full")));
    assert!(post.relay().told.is_empty() && post.relay().offsets.is_empty());
    assert!(Post::names(&post.out()).is_empty() && post.receipts(id).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_takes_nothing_leaves_it_verified_until_another_does() {
    let mut post = Post::start_with("\n[received]\nkeep_days = 0\n").await;
    let id = post.send("a.csv", b"content");
    #[cfg(target_os = "linux")]
    {
        // A folder on a disk without any room.
        let received = post.app().receive(Wanted::One(id), std::path::Path::new("/proc")).await.unwrap();
        assert_eq!((received.items[0].state(), trouble(&received.items[0])), (InboxState::Verified, Some("disk.full")));
        assert_eq!(stages(&post, id), [Stage::Verified]);
        assert!(post.home(&format!("received/{id}.kxm")).exists(), "kept until the person has it");
    }
    let received = post.app().receive(Wanted::One(id), &post.out()).await.unwrap();
    assert_eq!(received.items[0].state(), InboxState::Accepted);
    assert_eq!(stages(&post, id), [Stage::Verified, Stage::Accepted]);
    // With no days to keep it, the sealed message is gone now, and the record stays.
    assert_eq!(Post::names(&post.home("received")), [format!("{id}.json")]);
    let again = post.app().receive(Wanted::One(id), &post.out()).await;
    assert!(matches!(again, Err(EmployerError::Inbox(InboxRefused::NotKept(_)))), "{again:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_disk_did_to_a_kept_message_shows() {
    let mut post = Post::start().await;
    let id = post.send("a.csv", b"content");
    post.receive().await;
    let other = Draft { id, ..post.draft(us()) };
    let other = Post::seal_as(&other, &post.signing, &post.recipient());
    fs::write(post.home(&format!("received/{id}.kxm")), other).unwrap();
    let again = post.app().receive(Wanted::One(id), &post.out()).await.unwrap();
    assert_eq!(trouble(&again.items[0]), Some("inbox.damaged"));
    assert_eq!(Post::names(&post.out()), ["a.csv"], "not even under another name");
}

#[tokio::test(flavor = "multi_thread")]
async fn mails_are_chosen_one_by_one() {
    let post = Post::start().await;
    let choice = post.app().notices(None, Some(false)).await.unwrap();
    assert_eq!((choice.received, choice.sent), (true, false));
    assert_eq!(post.relay().notices, choice);
    assert_eq!(post.app().notices(None, None).await.unwrap(), choice);
}
