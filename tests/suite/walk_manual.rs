//! Sections 2 and 3 of the manual, from the letter to the first file, with real processes over TLS and somebody at a terminal.

use std::fs;
use std::io::Read;
use std::path::Path;

use kenpo_express::sandbox::parties::{contact, office_name};

use super::exchange_support::{files_below, json, text, wait_for};
use super::support::http::plain_get;
use super::walk_support::{NEW_PASSWORD, Terminal, Walk, employer};

/// 「すべて展開」.
fn unpack(zip: &Path, into: &Path) {
    let mut zip = zip::ZipArchive::new(fs::File::open(zip).unwrap()).unwrap();
    for index in 0..zip.len() {
        let mut entry = zip.by_index(index).unwrap();
        let path = into.join(entry.enclosed_name().expect("no name leads out of the folder"));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        fs::write(path, content).unwrap();
    }
}

/// The set-up, with everything mistyped once.
fn set_up_at_a_terminal(home: &Path, initial: &str) {
    let (program, shown_path) = (env!("CARGO_BIN_EXE_kx-employer"), home.display());
    let mut terminal = Terminal::start(&format!("{program} --home {shown_path} setup --kit {shown_path}"));
    terminal.answer("PIN登録", "12a4");
    terminal.read("PINは半角数字4桁です");
    terminal.answer("PIN登録", "4711");
    terminal.answer("PIN再確認", "4712");
    terminal.read("一致しません");
    terminal.answer("PIN登録", "4711");
    terminal.answer("PIN再確認", "4711");
    terminal.answer("PINを登録しますか", "はい");
    terminal.answer("登録したPINを入力", "9999");
    terminal.read("残り 3 回");
    terminal.answer("登録したPINを入力", "4711");
    // Names may be typed in full or half width; somebody else's are refused and asked for again.
    terminal.answer("事業所名", office_name().as_str());
    terminal.answer("利用者名", "他人 太郎");
    terminal.answer("メールアドレス", contact().mail.as_str());
    terminal.answer("初期設定を行いますか", "はい");
    terminal.answer("初期パスワード", "wrong-password1");
    terminal.read("初期パスワードが違うか");
    terminal.answer("初期パスワード", initial);
    terminal.read("登録と一致しません");
    terminal.answer("事業所名", office_name().as_str());
    terminal.answer("利用者名", "見本 花子");
    terminal.answer("メールアドレス", "HANAKO@example.jp");
    terminal.answer("初期設定を行いますか", "はい");
    terminal.answer("初期パスワード", initial);
    terminal.read("初期設定が完了しました");
    terminal.answer("初期パスワードを変更します", "はい");
    terminal.answer("変更後のパスワード（", "short1");
    terminal.answer("変更後のパスワード確認", "short1");
    terminal.answer("パスワードを更新しますか", "はい");
    terminal.read("8 文字以上 16 文字以内");
    terminal.answer("変更後のパスワード（", NEW_PASSWORD);
    terminal.answer("変更後のパスワード確認", NEW_PASSWORD);
    terminal.answer("パスワードを更新しますか", "はい");
    terminal.read("パスワード更新が完了しました");
    terminal.read("お疲れ様でした");
    let (done, shown) = terminal.end();
    assert!(done, "{shown}");
    for secret in ["4711", initial, NEW_PASSWORD] {
        assert!(!shown.contains(secret), "nothing secret is ever shown:\n{shown}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_manual_says_works_in_its_order() {
    let mut walk = Walk::start().await;
    // 2.1: the letter comes from the union, the mail from the KX server.
    let letter = walk.letter();
    let mail = walk.new_mail(&[]);
    assert_eq!(mail.subject, "[Kenpo eXpress] アプリケーションおよび電子証明書ダウンロードのご案内");
    assert_eq!(mail.from, "noreply-kenpoexpress@kmail.kenpo.gr.jp");

    // 2.2 ① to ⑤: link, password, button, the ZIP, unpacked on a local drive.
    let page = walk.page(&mail.link);
    assert!(page.download("not-the-password").await.unwrap().is_none());
    let zip = page.download(&letter.download).await.unwrap().expect("the password is right");
    let saved = walk.folder.path("kenpoexpress.zip");
    fs::write(&saved, zip).unwrap();
    let drive = walk.folder.path("C");
    unpack(&saved, &drive);
    let home = drive.join("kenpoexpress");

    // 3.1 ① to ⑬, as somebody at a terminal does it.
    set_up_at_a_terminal(&home, &letter.login);

    // 3.2: the checks.
    for (file, secret) in [("pin.txt", "4711"), ("new.txt", NEW_PASSWORD)] {
        fs::write(home.join(file), secret).unwrap();
    }
    let examined = Walk::run(&home, &["doctor", "--json"]);
    let findings = json(&examined);
    let of = |check: &str| {
        let found = findings.iter().find(|finding| finding["check"] == check);
        found.unwrap_or_else(|| panic!("{check}: {findings:#?}"))["result"].clone()
    };
    for check in
        ["folder.write", "folder.local", "network.relay", "certificate.accepted", "clock", "pin", "network.address"]
    {
        assert_eq!(of(check), "good", "{check}: {findings:#?}");
    }
    assert_eq!(of("certificate.days-left"), "good");

    // The app is there: a file goes to the union, within the session of the set-up.
    let file = walk.folder.file("算定基礎届.csv", b"wages");
    let sent = Walk::run(&home, &["send", file.to_str().unwrap(), "--comment", "至急の確認"]);
    assert!(sent.status.success(), "{}", text(&sent.stderr));
    let received = || json(&walk.staff(&["received", "list", "--json"]));
    wait_for(|| received().iter().any(|message| message["verdict"] == "accepted"), "the union has it");
    let session: serde_json::Value = serde_json::from_slice(&fs::read(home.join("session.json")).unwrap()).unwrap();

    // Logged out, a password is needed again; set up, the kit is of no more use here.
    assert!(Walk::run(&home, &["logout"]).status.success());
    let again = Walk::setup(&home, &saved).output().unwrap();
    assert!(text(&again.stderr).contains("初期設定は完了しています"), "{}", text(&again.stderr));
    fs::write(home.join("wrong.txt"), "wrong-password1").unwrap();
    let mut wrong = employer(&home);
    wrong.arg("--pin-file").arg(home.join("pin.txt")).arg("--password-file").arg(home.join("wrong.txt")).arg("sent");
    let wrong = wrong.output().unwrap();
    assert!(text(&wrong.stderr).contains("パスワードが違います"), "{}", text(&wrong.stderr));
    assert!(Walk::run(&home, &["sent"]).status.success());

    // What there is to read for those who run it all.
    let (status, login) = (walk.staff(&["status"]), Walk::run(&home, &["login"]));
    let packed = walk.folder.path("logs.zip");
    assert!(Walk::run(&home, &["logs", "--out", packed.to_str().unwrap()]).status.success());
    unpack(&packed, &walk.folder.path("packed"));
    let watched = [4, 5].map(|offset| walk.world.address(offset));
    let watched = [plain_get(watched[0], "/metrics").await, plain_get(watched[1], "/metrics").await];
    assert!(watched.iter().all(|said| said.contains("kx_")), "{watched:?}");
    walk.stop();
    let heard =
        [&status.stdout, &status.stderr, &login.stdout, &login.stderr, &wrong.stderr, &sent.stderr, &again.stderr];
    let heard = heard.map(|said| text(said)).into_iter().chain(watched).chain(logs(&walk));
    let token = mail.link.rsplit('/').next().unwrap();
    let contact = contact();
    let secrets = [
        "4711",
        &letter.login,
        &letter.download,
        NEW_PASSWORD,
        "wrong-password1",
        "not-the-password",
        token,
        session["token"].as_str().unwrap(),
        office_name().as_str(),
        contact.device.as_ref().unwrap().as_str(),
        "花子",
        "hanako@example",
        "HANAKO",
        "他人",
        "算定基礎届",
        "至急",
        "wages",
        "PRIVATE KEY",
    ]
    .map(str::to_owned);
    heard.for_each(|said| assert_silent(&said, &secrets));
}

/// What each party has logged, as much as it ever does, and what the app packs for the union.
fn logs(walk: &Walk) -> Vec<String> {
    let is_log = |path: &std::path::PathBuf| path.extension().is_some_and(|extension| extension == "log");
    let logs: Vec<_> = files_below(&walk.folder.path("sandbox")).into_iter().filter(is_log).collect();
    assert_eq!(logs.len(), 2, "{logs:?}");
    let logs: Vec<String> = logs.iter().map(|log| fs::read_to_string(log).unwrap()).collect();
    assert!(logs.iter().all(|said| said.lines().count() > 10), "the log is as full as it gets: {logs:?}");
    let packed = files_below(&walk.folder.path("packed"));
    assert!(packed.len() >= 3, "{packed:?}");
    logs.into_iter().chain(packed.iter().map(|file| fs::read_to_string(file).unwrap())).collect()
}

/// None of these is in it.
fn assert_silent(said: &str, secrets: &[String]) {
    for secret in secrets {
        // Four digits are in every time of day: a PIN would stand by itself.
        let found = if secret.len() == 4 {
            said.split(|c: char| !c.is_ascii_alphanumeric() && c != '.').any(|word| word == secret)
        } else {
            said.contains(secret.as_str())
        };
        assert!(!found, "{secret} is said:\n{}", said.lines().find(|line| line.contains(secret.as_str())).unwrap());
    }
}
