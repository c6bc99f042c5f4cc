//! The set-up of a PC by its real binary: cut off at every step, on a second PC, through a proxy; PINs and sessions.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::sync::atomic::Ordering;

use kenpo_express::employer::Home;
use kenpo_express::sandbox::parties::user;

use super::exchange_support::{json, text, wait_for};
use super::walk_support::{ConnectProxy, Manners, NEW_PASSWORD, Walk, employer};

fn succeeds(output: &std::process::Output) {
    assert!(output.status.success(), "{}", text(&output.stderr));
}

fn fails_saying(output: &std::process::Output, words: &str) {
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stdout));
    assert!(text(&output.stderr).contains(words), "{words}:\n{}", text(&output.stderr));
}

/// Cuts the set-up off at each point in turn, on one PC with one kit, and then lets it come to its end.
#[cfg(feature = "failpoints")]
fn cut_off_at(home: &Path, kit: &Path, points: &[&str], is_first: bool) {
    for point in points {
        let mut setup = Walk::setup(home, kit);
        let status = setup.env("KX_FAILPOINT", format!("setup.{point}")).output().unwrap();
        assert_eq!(status.status.signal(), Some(6), "{point}: {}", text(&status.stderr));
        // What is not finished is of no use. A home that was set up before is whole until the new certificates are here.
        if is_first {
            assert!(!Walk::run(home, &["sent"]).status.success(), "{point}");
        } else if !home.join("setup.json").exists() {
            assert!(Home::read(home).is_ok(), "{point}");
        }
    }
    succeeds(&Walk::setup(home, kit).output().unwrap());
}

#[cfg(feature = "failpoints")]
#[tokio::test(flavor = "multi_thread")]
async fn a_setup_that_is_cut_off_at_any_step_is_gone_on_with_as_the_same_pc() {
    let walk = Walk::start().await;
    let file = walk.folder.file("届.csv", b"x");
    let rounds: [&[&str]; 3] = [
        &["begun", "evaluated", "keys", "device"],
        &["proved", "identity", "request", "sent"],
        &["certificates", "issued", "takes-over", "taken-over", "logged-in", "changing", "changed", "stream", "done"],
    ];
    // One home folder: a new letter for the same user begins anew in it.
    let mut pc = serde_json::Value::Null;
    for (number, points) in rounds.into_iter().enumerate() {
        let (kit, letter) = walk.kit().await;
        let home = walk.home("pc", &letter);
        cut_off_at(&home, &kit, points, number == 0);
        let left: Vec<_> = fs::read_dir(&home).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert!(!left.iter().any(|name| ["setup.json", "kit.json", "new"].iter().any(|gone| name == gone)), "{left:?}");
        succeeds(&Walk::run(&home, &["send", file.to_str().unwrap()]));
        // The union knows one PC, and it is another one for each enrolment.
        let enrolment = walk.told(&["user", "show", user().as_str()])["enrolment"].clone();
        assert_eq!(enrolment["state"], "enrolled", "{points:?}: no second PC by accident");
        assert_ne!(enrolment["pc"], pc);
        pc = enrolment["pc"].clone();
    }
}

#[cfg(feature = "failpoints")]
#[tokio::test(flavor = "multi_thread")]
async fn right_pins_lock_nothing_however_often_the_last_step_is_cut_off() {
    let walk = Walk::start().await;
    let (kit, letter) = walk.kit().await;
    let home = walk.home("pc", &letter);
    cut_off_at(&home, &kit, &[&["issued"][..], &["proved"; 7]].concat(), true);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_kit_on_a_second_pc_waits_and_once_approved_ends_the_first() {
    let walk = Walk::start().await;
    let (kit, letter) = walk.kit().await;
    let (first, second) = (walk.home("first", &letter), walk.home("second", &letter));
    succeeds(&Walk::setup(&first, &kit).output().unwrap());
    let file = walk.folder.file("届.csv", b"x");
    for _ in 0..2 {
        succeeds(&Walk::run(&first, &["send", file.to_str().unwrap()]));
    }
    accepted_without_warnings(&walk, 2);

    fails_saying(&Walk::setup(&second, &kit).output().unwrap(), "組合の承認後");
    // Asking again is no other PC, and costs no try at the PIN.
    for _ in 0..6 {
        fails_saying(&Walk::setup(&second, &kit).output().unwrap(), "組合の承認後");
    }
    succeeds(&Walk::run(&first, &["sent"]));

    let waits = walk.told(&["user", "show", user().as_str()]);
    assert_eq!(waits["enrolment"]["state"], "waits-for-approval", "{waits:#}");
    assert_eq!(walk.told(&["status"])["devices_waiting"], serde_json::json!([user().as_str()]));
    // What the PC shows is what staff see, and what they type.
    let pc = waits["waiting"][0].as_str().unwrap();
    let shown = Walk::setup(&second, &kit).output().unwrap();
    assert!(text(&shown.stderr).contains(&format!("PC番号 / PC number: {pc}")), "{}", text(&shown.stderr));
    let examined = json(&Walk::run(&second, &["doctor", "--json"]));
    let number = examined.iter().find(|found| found["check"] == "pc").unwrap();
    assert!(number["found"].as_str().unwrap().contains(pc), "{number}");
    let approved = walk.told(&["user", "approve-device", user().as_str(), "--pc", pc]);
    assert!(approved["order"]["confirmed_at"].is_string(), "the KX server knows: {approved:#}");
    wait_for(|| Walk::setup(&second, &kit).output().unwrap().status.success(), "the approval comes through");
    // The first one is refused with a clear word; the second goes on where the stream of the first one ends.
    fails_saying(&Walk::run(&first, &["send", file.to_str().unwrap()]), "健康保険組合に連絡");
    succeeds(&Walk::run(&second, &["send", file.to_str().unwrap()]));
    let sent = json(&Walk::run(&second, &["sent", "--json"]));
    assert_eq!(sent.len(), 1, "what the PC before sent is not this one's, and no alarm: {sent:#?}");
    accepted_without_warnings(&walk, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_pcs_that_wait_staff_name_the_one_that_is_meant() {
    let walk = Walk::start().await;
    let (kit, letter) = walk.kit().await;
    let [first, second, third] = ["first", "second", "third"].map(|name| walk.home(name, &letter));
    succeeds(&Walk::setup(&first, &kit).output().unwrap());
    let waiting = || walk.told(&["user", "show", user().as_str()])["waiting"].as_array().unwrap().clone();
    let mut pcs = Vec::new();
    for home in [&second, &third] {
        fails_saying(&Walk::setup(home, &kit).output().unwrap(), "組合の承認後");
        pcs.extend(waiting().into_iter().filter(|pc| !pcs.contains(pc)).collect::<Vec<_>>());
    }
    let pcs: Vec<&str> = pcs.iter().map(|pc| pc.as_str().unwrap()).collect();
    assert_eq!(pcs.len(), 2, "{pcs:?}");
    let approve = ["user", "approve-device", user().as_str()].map(str::to_owned);
    let approve: Vec<&str> = approve.iter().map(String::as_str).collect();
    fails_saying(&walk.staff(&approve), "--pc");
    assert_eq!(waiting().len(), 2, "nothing was decided");

    walk.told(&[&approve[..], &["--refuse", "--pc", pcs[0]]].concat());
    wait_for(
        || text(&Walk::setup(&second, &kit).output().unwrap().stderr).contains("承認されませんでした"),
        "the refusal comes through",
    );
    walk.told(&[&approve[..], &["--pc", pcs[1]]].concat());
    wait_for(|| Walk::setup(&third, &kit).output().unwrap().status.success(), "the approval comes through");
    fails_saying(&Walk::run(&first, &["login"]), "健康保険組合に連絡");
    fails_saying(&walk.staff(&[&approve[..], &["--pc", pcs[0]]].concat()), "承認待ちの端末はありません");
}

/// The union has taken this many messages, and staff have nothing to wonder about.
fn accepted_without_warnings(walk: &Walk, count: usize) {
    let received = || json(&walk.folder.run("kx-gateway", &["received", "list", "--json"]));
    wait_for(|| received().len() == count, "the union has them");
    for message in received() {
        assert_eq!(message["verdict"], "accepted", "{message:#?}");
        assert_eq!(message["warnings"], serde_json::json!([]), "{message:#?}");
    }
}

/// The files that make a home what it is, byte by byte.
fn whole(home: &Path) -> Vec<Option<Vec<u8>>> {
    let names =
        ["identity.json", "keys.box", "device.json", "certificates.json", "session.json", "setup.json", "kit.json"];
    names.map(|name| fs::read(home.join(name)).ok()).to_vec()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_home_that_is_set_up_is_left_alone_until_another_kit_has_its_certificates() {
    let walk = Walk::start().await;
    let (kit, letter) = walk.kit().await;
    let home = walk.home("pc", &letter);
    // Before the set-up, and in it, one can look for the cause of trouble.
    let looked = |arguments: &[&str]| {
        let findings = json(&Walk::run(&home, arguments));
        let good = |check: &str| findings.iter().any(|found| found["check"] == check && found["result"] == "good");
        ["folder.write", "network.relay", "certificate.accepted", "clock"].map(good)
    };
    assert_eq!(looked(&["doctor", "--json"]), [true, false, false, false]);
    assert_eq!(looked(&["doctor", "--json", "--kit", kit.to_str().unwrap()]), [true; 4]);
    fs::write(home.join("password.txt"), "wrong-password1").unwrap();
    assert!(!Walk::setup(&home, &kit).output().unwrap().status.success());
    assert_eq!(looked(&["doctor", "--json"]), [true; 4]);
    fs::write(home.join("password.txt"), &*letter.login).unwrap();
    succeeds(&Walk::setup(&home, &kit).output().unwrap());

    // The kit of this enrolment has nothing to do here.
    let before = whole(&home);
    fails_saying(&Walk::setup(&home, &kit).output().unwrap(), "初期設定は完了しています");
    assert!(whole(&home) == before && !home.join("new").exists());

    // Another kit, with a wrong password: nothing is lost.
    let old = walk.folder.path("old.zip");
    fs::copy(&kit, &old).unwrap();
    let (kit, letter) = walk.kit().await;
    fails_saying(&Walk::setup(&home, &kit).output().unwrap(), "初期パスワードが違うか");
    assert!(whole(&home) == before);
    // Its set-up goes on with the right one, and only now the old home ends.
    fs::write(home.join("password.txt"), &*letter.login).unwrap();
    succeeds(&Walk::setup(&home, &kit).output().unwrap());
    assert!(whole(&home) != before && !home.join("new").exists());
    succeeds(&Walk::run(&home, &["sent"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_under_way_is_given_up_only_when_that_is_asked_for() {
    let mut walk = Walk::start().await;
    let (kit, letter) = walk.kit().await;
    let (first, second) = (walk.home("first", &letter), walk.home("second", &letter));
    succeeds(&Walk::setup(&first, &kit).output().unwrap());
    fails_saying(&Walk::setup(&second, &kit).output().unwrap(), "組合の承認後");
    let (kit, letter) = walk.kit().await;
    let before = whole(&second);
    fails_saying(&Walk::setup(&second, &kit).output().unwrap(), "--start-anew");
    assert!(whole(&second) == before);
    walk.home("second", &letter);
    succeeds(&Walk::setup(&second, &kit).arg("--start-anew").output().unwrap());
    walk.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn names_passwords_and_kits_that_are_wrong_are_named() {
    let walk = Walk::start().await;
    let (kit, letter) = walk.kit().await;
    let home = walk.home("pc", &letter);
    fails_saying(&Walk::run(&home, &["login"]), "初期設定されていません");
    let mut without = employer(&home);
    fails_saying(&without.arg("setup").output().unwrap(), "--kit");
    let no_kit = walk.folder.file("kenpoexpress.zip", b"PK no");
    fails_saying(&Walk::setup(&home, &no_kit).output().unwrap(), "壊れています");

    // Nobody at the terminal and no file.
    let mut nobody = employer(&home);
    nobody.args(["setup", "--kit"]).arg(&kit);
    let mut detached = std::process::Command::new("setsid");
    detached.arg("--wait").arg(nobody.get_program()).args(nobody.get_args()).stdin(std::process::Stdio::null());
    fails_saying(&detached.output().unwrap(), "--pin-file");

    fs::write(home.join("password.txt"), "wrong-password1").unwrap();
    fails_saying(&Walk::setup(&home, &kit).output().unwrap(), "初期パスワードが違うか");
    fs::write(home.join("password.txt"), &*letter.login).unwrap();
    let mut somebody = employer(&home);
    somebody.arg("--pin-file").arg(home.join("pin.txt")).arg("--password-file").arg(home.join("password.txt"));
    somebody.args(["setup", "--office", "他社", "--user", "他人", "--mail", "x@example.jp", "--kit"]).arg(&kit);
    fails_saying(&somebody.output().unwrap(), "登録と一致しません");
    // The same kit goes on with the right names.
    succeeds(&Walk::setup(&home, &kit).output().unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn five_wrong_pins_lock_the_keys_for_good_and_offline_there_is_nothing_to_try() {
    let mut walk = Walk::start().await;
    let (kit, letter) = walk.kit().await;
    let home = walk.home("pc", &letter);
    succeeds(&Walk::setup(&home, &kit).output().unwrap());
    fs::write(home.join("pin.txt"), "0000").unwrap();
    for left in (1..5).rev() {
        fails_saying(&Walk::run(&home, &["sent"]), &format!("{left} tries are left"));
    }
    fails_saying(&Walk::run(&home, &["sent"]), "PIN コードがロックされました");
    fs::write(home.join("pin.txt"), "4711").unwrap();
    fails_saying(&Walk::run(&home, &["sent"]), "PIN コードがロックされました");
    // Without the relay not even the right PIN opens anything: every guess needs its answer.
    walk.stop();
    fails_saying(&Walk::run(&home, &["login"]), "サーバーに接続できません");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_with_credentials_is_gone_through() {
    let walk = Walk::start().await;
    let (kit, letter) = walk.kit().await;
    let home = walk.home("pc", &letter);
    let proxy = ConnectProxy::start(Manners { credentials: Some("kx:secret"), ..Manners::default() }).await;
    let use_proxy = |address: std::net::SocketAddr| {
        let toml = format!("[network]\nproxy = \"http://{address}\"\nproxy_credentials = \"proxy.txt\"\n");
        fs::write(home.join("employer.toml"), toml).unwrap();
    };
    use_proxy(proxy.address);
    fs::write(home.join("proxy.txt"), "kx:wrong\n").unwrap();
    fails_saying(&Walk::setup(&home, &kit).output().unwrap(), "プロキシサーバーが接続を通しません");
    assert_eq!(proxy.tunnels.load(Ordering::SeqCst), 0);
    fs::write(home.join("proxy.txt"), "kx:secret\n").unwrap();
    succeeds(&Walk::setup(&home, &kit).output().unwrap());
    let file = walk.folder.file("届.csv", &vec![7; 300_000]);
    succeeds(&Walk::run(&home, &["send", file.to_str().unwrap()]));
    assert!(proxy.tunnels.load(Ordering::SeqCst) > 0 && proxy.bytes.load(Ordering::SeqCst) > 300_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn passwords_change_by_the_rule_and_wrong_ones_lock_the_login() {
    let walk = Walk::start().await;
    let (kit, letter) = walk.kit().await;
    let home = walk.home("pc", &letter);
    succeeds(&Walk::setup(&home, &kit).output().unwrap());
    let next = |password: &str| {
        fs::write(home.join("next.txt"), password).unwrap();
        Walk::run(&home, &["password", "--new-password-file", home.join("next.txt").to_str().unwrap()])
    };
    fails_saying(&next("short1"), "長さ");
    fails_saying(&next("onlyletters"), "英字と数字");
    fails_saying(&next(NEW_PASSWORD), "現在と同じ");
    succeeds(&next("Another2026kx"));
    for _ in 0..5 {
        let refused = Walk::run(&home, &["login"]);
        assert!(!refused.status.success());
    }
    fs::write(home.join("new.txt"), "Another2026kx").unwrap();
    fails_saying(&Walk::run(&home, &["login"]), "ロック");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_good_at_one_address_only() {
    let walk = Walk::start().await;
    let (kit, letter) = walk.kit().await;
    let home = walk.home("pc", &letter);
    succeeds(&Walk::setup(&home, &kit).output().unwrap());
    let address = || {
        let findings = json(&Walk::run(&home, &["doctor", "--json"]));
        let found = findings.iter().find(|finding| finding["check"] == "network.address");
        found.unwrap_or_else(|| panic!("{findings:#?}"))["result"].clone()
    };
    assert_eq!(address(), "good");
    let elsewhere = Manners { from: Some("127.0.0.2".parse().unwrap()), ..Manners::default() };
    let toml = format!("[network]\nproxy = \"http://{}\"\n", ConnectProxy::start(elsewhere).await.address);
    fs::write(home.join("employer.toml"), toml).unwrap();
    assert_eq!(address(), "bad");
    let sent = Walk::run(&home, &["sent"]);
    succeeds(&sent);
    assert!(text(&sent.stderr).contains("IP アドレスが変わった"), "{}", text(&sent.stderr));
    assert_eq!(address(), "good", "the new session is of the new address");
}
