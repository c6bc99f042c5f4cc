//! Letters as staff make them at the command line: for many, cut off in the middle, two at once, over and over.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use super::exchange_support::{text, wait_for};
use super::walk_support::{Mail, Walk, passwords_of};

/// Registers `user-1` … by a file.
fn register(walk: &Walk, count: usize) -> Vec<String> {
    let ids: Vec<String> = (1..=count).map(|number| format!("user-{number}")).collect();
    let row = |id: &String| format!("12-34,見本事業所,利用者 {id},{id}@example.jp,経理の{id},{id}\r\n");
    let rows: String = ids.iter().map(row).collect();
    let file = format!("事業所記号,事業所名,利用者名,メールアドレス,端末名,利用者ID\r\n{rows}");
    let path = walk.folder.file("users.csv", file.as_bytes());
    assert_eq!(walk.told(&["user", "import", path.to_str().unwrap()])["users"], count);
    ids
}

/// Everything in a folder, hidden or not, by name.
fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

fn expected(ids: &[String]) -> BTreeSet<String> {
    ids.iter().map(|id| format!("{id}.html")).collect()
}

#[cfg(feature = "failpoints")]
fn cut_off(walk: &Walk, point: &str, arguments: &[&str]) {
    let output = walk.folder.command("kx-gateway").args(arguments).env("KX_FAILPOINT", point).output().unwrap();
    assert_eq!(output.status.signal(), Some(6), "{point}: {}", text(&output.stderr));
}

fn succeeds(output: &Output) {
    assert!(output.status.success(), "{}", text(&output.stderr));
}

fn fails_saying(output: &Output, words: &str) {
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stdout));
    assert!(text(&output.stderr).contains(words), "{words}:\n{}", text(&output.stderr));
}

/// Each user has had one mail, and the one letter opens the kit behind its link.
async fn each_letter_opens_its_kit(walk: &Walk, ids: &[String], folder: &Path) {
    wait_for(|| walk.mails().len() >= ids.len(), "the mails come");
    assert_eq!(walk.mails().len(), ids.len(), "a second enrolment would have been mailed too");
    for mail in walk.mails() {
        let mail = Mail::read(&mail);
        let id = mail.to.split('@').next().unwrap().to_owned();
        let letter = passwords_of(&folder.join(format!("{id}.html")));
        assert!(walk.page(&mail.link).download(&letter.download).await.unwrap().is_some(), "{id}");
    }
}

#[cfg(feature = "failpoints")]
#[tokio::test(flavor = "multi_thread")]
async fn letters_for_all_that_are_cut_off_leave_nobody_without_one_and_nobody_with_two() {
    let walk = Walk::start().await;
    let ids = register(&walk, 5);
    let folder = walk.folder.path("letters");
    let all = ["user", "letter", "--all-new", "-o", folder.to_str().unwrap()];
    for point in ["letter.written:2", "letter.committed:1", "letter.committed:2"] {
        cut_off(&walk, point, &all);
        assert!(names(&folder).iter().any(|name| name.starts_with('.')), "one is under way: {:?}", names(&folder));
    }
    let done = walk.staff(&all);
    succeeds(&done);
    assert_eq!(names(&folder), expected(&ids), "all of them, and nothing else");
    let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(folder.clone()), 0o700);
    assert!(ids.iter().all(|id| mode(folder.join(format!("{id}.html"))) == 0o600));

    let letters = || ids.iter().map(|id| fs::read(folder.join(format!("{id}.html"))).unwrap()).collect::<Vec<_>>();
    let before = letters();
    let again = walk.staff(&all);
    succeeds(&again);
    assert!(text(&again.stdout).starts_with("0 件作成しました"), "{}", text(&again.stdout));
    assert!(letters() == before && names(&folder) == expected(&ids));
    each_letter_opens_its_kit(&walk, &ids, &folder).await;
}

#[cfg(feature = "failpoints")]
#[tokio::test(flavor = "multi_thread")]
async fn one_letter_that_is_cut_off_comes_when_the_command_is_repeated() {
    let walk = Walk::start().await;
    let ids = register(&walk, 1);
    let folder = walk.folder.path("letters");
    fs::create_dir(&folder).unwrap();
    let output = folder.join("user-1.html");
    let one = ["user", "letter", "user-1", "-o", output.to_str().unwrap()];
    cut_off(&walk, "letter.committed", &one);
    assert!(!output.exists());
    let elsewhere = walk.folder.path("elsewhere.html");
    fails_saying(&walk.staff(&["user", "letter", "user-1", "-o", elsewhere.to_str().unwrap()]), "--new-passwords");
    assert!(!elsewhere.exists());
    succeeds(&walk.staff(&one));
    assert_eq!(names(&folder), expected(&ids));
    each_letter_opens_its_kit(&walk, &ids, &folder).await;

    // New passwords end what was cut off.
    fs::remove_file(&output).unwrap();
    let anew = [&one[..], &["--new-passwords"]].concat();
    cut_off(&walk, "letter.committed", &anew);
    succeeds(&walk.staff(&anew));
    assert_eq!(names(&folder), expected(&ids));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_at_once_make_one_letter_for_each() {
    let walk = Walk::start().await;
    let ids = register(&walk, 6);
    let folder = walk.folder.path("letters");
    let all = ["user", "letter", "--all-new", "-o", folder.to_str().unwrap()];
    let both = [(), ()].map(|()| {
        let mut command = walk.folder.command("kx-gateway");
        command.args(all).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    });
    for one in both {
        succeeds(&one.wait_with_output().unwrap());
    }
    assert_eq!(names(&folder), expected(&ids));
    each_letter_opens_its_kit(&walk, &ids, &folder).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_is_mailed_again_by_the_command_line_and_the_one_before_is_dead() {
    let walk = Walk::start().await;
    fails_saying(&walk.staff(&["user", "link", "nobody-1"]), "利用者が見つかりません");
    let ids = register(&walk, 1);
    fails_saying(&walk.staff(&["user", "link", &ids[0]]), "user letter");
    let path = walk.folder.path("letter.html");
    walk.told(&["user", "letter", &ids[0], "-o", path.to_str().unwrap()]);
    let letter = passwords_of(&path);
    let first = walk.new_mail(&[]);
    let before = walk.mails();
    assert!(walk.told(&["user", "link", &ids[0]])["order"]["confirmed_at"].is_string());
    let second = walk.new_mail(&before);
    assert_ne!(first.link, second.link);
    assert!(walk.page(&first.link).download(&letter.download).await.unwrap().is_none());
    assert!(walk.page(&second.link).download(&letter.download).await.unwrap().is_some());
    let shown = walk.staff(&["user", "show", &ids[0]]);
    assert!(text(&shown.stdout).contains("メール mail: "), "{}", text(&shown.stdout));
}
