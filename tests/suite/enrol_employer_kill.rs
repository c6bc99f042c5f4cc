//! `setup` by its real binary, killed at times that nobody chose.

use std::fs;
use std::process::Stdio;
use std::time::Duration;

use kenpo_express::domain::clock::Random;
use kenpo_express::employer::Home;
use kenpo_express::runtime::clock::SystemRandom;
use kenpo_express::sandbox::parties::user;

use super::exchange_support::text;
use super::walk_support::Walk;

/// Somewhere below `limit`.
fn some(limit: Duration) -> Duration {
    let mut bytes = [0; 2];
    SystemRandom.fill(&mut bytes);
    limit * u32::from(u16::from_le_bytes(bytes)) / u32::from(u16::MAX)
}

#[tokio::test(flavor = "multi_thread")]
async fn however_often_it_is_killed_it_ends_in_one_home_with_one_set_of_certificates() {
    let mut walk = Walk::start().await;
    let (kit, letter) = walk.kit().await;
    let home = walk.home("pc", &letter);
    let (mut killed, mut finished) = (0, false);
    // A try at the PIN that is cut off counts, and five lock it: four kills leave one for the end, wherever they come.
    for round in 0..4 {
        let mut setup = Walk::setup(&home, &kit);
        let mut child = setup.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        // Longer and longer, so that every step has its turn.
        std::thread::sleep(some(Duration::from_millis(200 + 500 * round)));
        child.kill().unwrap();
        if child.wait().unwrap().code().is_none() {
            killed += 1;
        }
        // A home that can be read may still have to be tidied up.
        finished = Home::read(&home).is_ok() && !home.join("setup.json").exists();
        if finished {
            break;
        }
    }
    if !finished {
        let last = Walk::setup(&home, &kit).output().unwrap();
        assert!(last.status.success(), "after {killed} kills: {}", text(&last.stderr));
    }
    println!("killed {killed} times");
    assert!(killed > 0);

    let left: Vec<_> = fs::read_dir(&home).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| ["setup.json", "kit.json", "new"].iter().any(|gone| name == gone)), "{left:?}");
    let shown = walk.told(&["user", "show", user().as_str()]);
    assert_eq!(shown["enrolment"]["state"], "enrolled");
    let certificates = shown["certificates"].as_array().unwrap();
    let mut purposes: Vec<_> = certificates.iter().map(|one| one["purpose"].as_str().unwrap()).collect();
    purposes.sort_unstable();
    assert_eq!(purposes, ["device", "device", "encryption", "signing"], "those of one PC, and the kit's");
    let file = walk.folder.file("届.csv", b"x");
    let sent = Walk::run(&home, &["send", file.to_str().unwrap()]);
    assert!(sent.status.success(), "{}", text(&sent.stderr));
    walk.stop();
}
