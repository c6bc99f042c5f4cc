//! A disk that becomes full in the middle of receiving: nothing half is to be seen, and it goes on where it stopped.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use kenpo_express::employer::inbox::{InboxState, Wanted};
use kenpo_express::message::receipt::Stage;

use super::inbox_support::{Post, trouble};
use super::message_support::noise;
use super::pull_disk::Small;
use crate::support::soon::within;

/// Leaves so many bytes of a disk, more or less.
fn leave(disk: &Path, bytes: u64) {
    let mut filler = fs::File::create(disk.join("filler")).unwrap();
    filler.write_all(&vec![1; usize::try_from(free(disk).saturating_sub(bytes)).unwrap()]).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_others_fill_meanwhile_keeps_what_came_and_goes_on() {
    let mut post = Post::start_with("\n[outbox]\nreserve_mib = 0\n").await;
    let content = noise(3_000_000);
    let id = post.send("大.bin", &content);
    // The whole home folder moves to a disk of its own: others may fill it.
    let disk = Small::mount("12m");
    let (home, moved) = (post.world.employer_home(), disk.path().join("home"));
    let copied = std::process::Command::new("cp").arg("-a").arg(&home).arg(&moved).status().unwrap();
    assert!(copied.success());
    fs::remove_dir_all(&home).unwrap();
    std::os::unix::fs::symlink(&moved, &home).unwrap();

    let full = disk.path().to_owned();
    post.relay().before_content = Some(Box::new(move || leave(&full, 1 << 20)));
    let received = post.receive().await;
    assert_eq!((received.items[0].state(), trouble(&received.items[0])), (InboxState::Waiting, Some("disk.full")));
    assert!(post.relay().told.is_empty() && Post::names(&post.out()).is_empty());
    assert!(Post::names(&post.home("received")).is_empty(), "nothing that looks received");

    fs::remove_file(disk.path().join("filler")).unwrap();
    let received = post.receive().await;
    assert_eq!(received.items[0].state(), InboxState::Accepted);
    assert!(fs::read(post.out().join("大.bin")).unwrap() == content);
    let offsets = post.relay().offsets.clone();
    assert!(offsets.len() == 2 && offsets[1] > 0, "it goes on where the disk was full: {offsets:?}");
    assert_eq!(post.receipts(id).len(), 2);
    assert!(Post::names(&post.home("inbox")).is_empty());
}

fn free(disk: &Path) -> u64 {
    let found = rustix::fs::statvfs(disk).unwrap();
    found.f_bavail * found.f_frsize
}

/// Waits until something is being written to a disk that had so many bytes, and then takes all that is left of it; or until the writer
/// is done.
fn take_the_rest(disk: &Path, before: u64, is_done: &AtomicBool) {
    let goes_on = || !is_done.load(Ordering::SeqCst);
    while goes_on() && free(disk) + (2 << 20) > before {
        std::thread::sleep(std::time::Duration::from_micros(200));
    }
    let filler = fs::File::create(disk.join("filler")).unwrap();
    let mut length = 0;
    while goes_on() && free(disk) > 1 << 16 {
        let more = free(disk).saturating_sub(1 << 15);
        // The writer may have been quicker: then there is less.
        if rustix::fs::fallocate(&filler, rustix::fs::FallocateFlags::empty(), length, more).is_ok() {
            length += more;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_becomes_full_shows_nothing_half() {
    let mut post = Post::start_with("\n[outbox]\nreserve_mib = 0\n").await;
    let content = noise(64 << 20);
    let id = post.send("大.bin", &content);
    let disk = Small::mount("80m");
    let (place, before) = (disk.path().to_owned(), free(disk.path()));
    let is_done = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&is_done);
    let filler = std::thread::spawn(move || take_the_rest(&place, before, &seen));
    let received =
        within("it is received, as far as there is room", post.app().receive(Wanted::All, disk.path())).await;
    is_done.store(true, Ordering::SeqCst);
    filler.join().unwrap();
    let received = received.unwrap();
    assert_eq!((received.items[0].state(), trouble(&received.items[0])), (InboxState::Verified, Some("disk.full")));
    assert_eq!(Post::names(disk.path()), ["filler"], "not even under a hidden name");
    let stages = |post: &Post| post.receipts(id).iter().map(|receipt| receipt.stage).collect::<Vec<_>>();
    assert!(stages(&post) == [Stage::Verified], "the union hears that it is here, and not that the person has it");
    fs::remove_file(disk.path().join("filler")).unwrap();
    let received = post.app().receive(Wanted::All, disk.path()).await.unwrap();
    assert!(received.items[0].state() == InboxState::Accepted && received.items[0].trouble.is_none());
    assert_eq!(Post::names(disk.path()), ["大.bin"]);
    assert!(fs::read(disk.path().join("大.bin")).unwrap() == content);
    assert!(stages(&post) == [Stage::Verified, Stage::Accepted]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_failed_a_check_goes_when_its_days_are_over() {
    let mut post = Post::start_with("\n[received]\nquarantine_days = 0\nkeep_days = 7\n").await;
    let good = post.send("a.csv", b"content");
    let draft = post.draft(super::inbox_support::us());
    let forged = Post::seal_as(&draft, &post.encryption, &post.recipient());
    post.deposit(draft.id, &forged);
    post.relay().refusals = 1;
    post.receive().await;
    assert_eq!(Post::names(&post.home("quarantine")).len(), 1, "until the relay was told of it");
    let listed = post.app().inbox().await.unwrap();
    assert!(Post::names(&post.home("quarantine")).is_empty());
    assert!(post.home(&format!("received/{good}.kxm")).exists(), "what is verified has its own days");
    let of_it = listed.items.iter().find(|item| item.id() == Some(draft.id)).unwrap();
    assert_eq!(of_it.state(), InboxState::Quarantined, "its entry stays");
}
