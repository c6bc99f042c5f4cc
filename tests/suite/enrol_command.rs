//! The commands of the union's staff about users, by the real program: its words, its exit status, its JSON.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::process::Output;

use encoding_rs::SHIFT_JIS;
use kenpo_express::domain::clock::Clock;
use kenpo_express::domain::ids::UserId;
use kenpo_express::pki::{Authority, KeyKind, Profile, Request, Subject, new_key};
use kenpo_express::runtime::clock::{SystemClock, SystemRandom};
use kenpo_express::sandbox::parties::{office, union, user};

use super::exchange_support::text;
use super::walk_support::Walk;

fn succeeds(output: &Output) {
    assert!(output.status.success(), "{}", text(&output.stderr));
}

fn fails_saying(output: &Output, words: &str) {
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stdout));
    assert!(text(&output.stderr).contains(words), "{words}:\n{}", text(&output.stderr));
    assert!(output.stdout.is_empty(), "{}", text(&output.stdout));
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_imported_by_the_command_line_in_words_that_staff_read() {
    let mut walk = Walk::start().await;
    // It needs no KX server.
    walk.stop();
    let offices = walk.folder.file("offices.csv", "事業所記号,事業所名\r\n1,一番商店\r\n2,二番商店\r\n".as_bytes());
    let imported = walk.staff(&["office", "import", offices.to_str().unwrap()]);
    succeeds(&imported);
    assert_eq!(text(&imported.stdout), "登録しました (registered): 事業所 offices 2  利用者 users 0  (UTF-8)\n");
    let listed = walk.staff(&["office", "list"]);
    assert_eq!(text(&listed.stdout), "1  一番商店\n2  二番商店\n");
    assert_eq!(walk.told(&["office", "list", "--after", "1"])[0]["code"], "2");
    fails_saying(&walk.staff(&["office", "import", offices.to_str().unwrap()]), "2行目 (line 2): 事業所記号");

    let heading = "事業所記号,事業所名,利用者名,メールアドレス,端末名,利用者ID";
    let rows = "1,一番商店,山田 花子,hanako@example.jp,経理,hanako-2\r\n3,三番商店,鈴木 一郎,ichiro@example.jp,,\r\n";
    let text_of_users = format!("{heading}\r\n{rows}");
    let users = walk.folder.file("users.csv", &SHIFT_JIS.encode(&text_of_users).0);
    let path = users.to_str().unwrap();
    let dry = walk.staff(&["user", "import", path, "--dry-run"]);
    succeeds(&dry);
    assert_eq!(
        text(&dry.stdout),
        "登録できます (would be registered): 事業所 offices 1  利用者 users 2  (Shift_JIS)\n"
    );
    assert_eq!(walk.told(&["user", "list"]), serde_json::json!([]));
    assert_eq!(
        walk.told(&["user", "import", path]),
        serde_json::json!({"offices": 1, "users": 2, "encoding": "Shift_JIS", "dry_run": false})
    );

    let bad = walk
        .folder
        .file("bad.csv", format!("{heading}\r\n9,九番,名,no-address,,\r\n9 9,九番,,x@example.jp,,\r\n").as_bytes());
    for arguments in [&["--dry-run"][..], &[]] {
        let refused = walk.staff(&[&["user", "import", bad.to_str().unwrap()][..], arguments].concat());
        fails_saying(&refused, "取り込みませんでした。次の 3 か所を直してください");
        let said = text(&refused.stderr);
        assert!(said.contains("2行目 (line 2): メールアドレス: メールアドレスの形ではありません"), "{said}");
        assert!(said.contains("3行目 (line 3): 利用者名: 空です"), "{said}");
        assert!(
            !said.contains("no-address") && !said.contains("九番"),
            "what stands in a file is not repeated: {said}"
        );
    }
    fails_saying(&walk.staff(&["user", "import", "nowhere.csv"]), "ファイルを読めません");

    let ids = |arguments: &[&str]| {
        let found = walk.told(&[&["user", "list"][..], arguments].concat());
        found.as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(ids(&["--office", "3"]), ["鈴木 一郎"]);
    assert_eq!(ids(&["--mail", "HANAKO@example.jp"]), ["山田 花子"]);
    assert_eq!((ids(&["--state", "registered"]).len(), ids(&["--state", "enabled"]).len()), (2, 0));
    assert_eq!(ids(&["--limit", "1"]), ["山田 花子"], "by id");
    assert_eq!(ids(&["--after", "hanako-2"]), ["鈴木 一郎"]);
    let shown = walk.staff(&["user", "list"]);
    assert!(text(&shown.stdout).contains("hanako-2  1  山田 花子  登録のみ registered\n"), "{}", text(&shown.stdout));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_or_there_already_is_said_in_japanese() {
    let mut walk = Walk::start().await;
    // A gateway that has never met its KX server.
    walk.stop();
    fs::remove_dir_all(walk.folder.path("sandbox/gateway/data")).unwrap();
    walk.register();
    let later = ["user", "disable", user().as_str(), "--reason", "lost", "--lost-at", "2126-11-22T09:00:00+09:00"]
        .map(str::to_owned);
    fails_saying(&walk.staff(&later.each_ref().map(String::as_str)), "未来です: 2126年11月22日 09:00:00");
    let letter = walk.folder.path("letter.html");
    let letter = letter.to_str().unwrap();
    for arguments in [
        &["user", "show", "nobody-1"][..],
        &["user", "letter", "nobody-1", "-o", letter],
        &["user", "reset-pin", "nobody-1"],
        &["user", "disable", "nobody-1", "--reason", "lost"],
        &["user", "enable", "nobody-1", "--approver", "課長"],
        &["user", "incident", "nobody-1"],
    ] {
        fails_saying(&walk.staff(arguments), "利用者が見つかりません");
    }
    let add = |office: &str, user: &str| {
        walk.staff(&["user", "add", "--office", office, "--user", user, "--name", "名", "--mail", "a@example.jp"])
    };
    fails_saying(&add("99", "taro-1"), "事業所が見つかりません");
    fails_saying(&add(office().as_str(), user().as_str()), "この利用者は登録済みです");
    fails_saying(
        &walk.staff(&["office", "add", "--code", office().as_str(), "--name", "名"]),
        "この事業所は登録済みです",
    );
    fails_saying(&walk.staff(&["user", "approve-device", user().as_str()]), "承認待ちの端末はありません");
    fails_saying(&walk.staff(&["user", "letter", user().as_str(), "-o", letter]), "KXサーバーに接続できず");
    let gone = walk.folder.path("no/such/folder/letter.html");
    fails_saying(
        &walk.staff(&["user", "letter", user().as_str(), "-o", gone.to_str().unwrap()]),
        "KXサーバーに接続できず",
    );
    assert_eq!(walk.staff(&["user", "letter", "-o", letter]).status.code(), Some(2), "whose?");
    assert_eq!(walk.staff(&["user", "letter", "Hanako", "-o", letter]).status.code(), Some(2), "no id");
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_settings_are_named_and_other_peoples_variables_are_not_our_business() {
    let mut walk = Walk::start().await;
    walk.stop();
    let settings = walk.world.gateway_settings_file();
    let good = fs::read_to_string(&settings).unwrap();
    let check = |change: &dyn Fn(&str) -> String| {
        fs::write(&settings, change(&good)).unwrap();
        walk.staff(&["check-config"])
    };
    let misspelt = check(&|good| good.replace("union_name", "unionname"));
    assert!(text(&misspelt.stderr).contains("letter.unionname") && text(&misspelt.stderr).contains("union_name"));
    let wrong = check(&|good| good.replace("06999999", "069").replace("https://", "http://"));
    assert!(["insurer", "relay.url"].iter().all(|key| text(&wrong.stderr).contains(key)), "{}", text(&wrong.stderr));
    let keys = check(&|good| good.replace("[keys]\n", "[keys]\nsigning = ['tls.pem', 'no.pem']\nca = 'no.pem'\n"));
    assert!(["keys.signing", "keys.ca"].iter().all(|key| text(&keys.stderr).contains(key)), "{}", text(&keys.stderr));
    for output in [misspelt, wrong, keys] {
        assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0));
    }
    fs::write(&settings, good).unwrap();
    let shift_jis = std::ffi::OsStr::from_bytes(b"\x93\xfa\x96{");
    let mut command = walk.folder.command("kx-gateway");
    let output = command.env("COMPANY", shift_jis).arg("check-config").output().unwrap();
    assert_eq!(text(&output.stdout), "設定に問題はありません (the configuration is in order)\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_that_would_not_say_whose_it_is_is_not_made() {
    let walk = Walk::start().await;
    walk.register();
    let settings = walk.world.gateway_settings_file();
    let good = fs::read_to_string(&settings).unwrap();
    let folder = walk.folder.path("letters");
    let letter = folder.join("hanako-1.html");
    let (folder, letter) = (folder.to_str().unwrap(), letter.to_str().unwrap());
    for key in ["union_name", "contact"] {
        let without = good.lines().filter(|line| !line.starts_with(key)).collect::<Vec<_>>().join("\n");
        fs::write(&settings, without).unwrap();
        let all = walk.staff(&["user", "letter", "--all-new", "-o", folder]);
        assert!(text(&all.stderr).contains("hanako-1: 設定ファイルの [letter]"), "{}", text(&all.stderr));
        assert_eq!(all.status.code(), Some(1));
        fails_saying(&walk.staff(&["user", "letter", user().as_str(), "-o", letter]), "設定ファイルの [letter]");
        assert_eq!(walk.told(&["user", "list"])[0]["state"], "registered");
    }
    fs::write(&settings, good).unwrap();
    walk.told(&["user", "letter", user().as_str(), "-o", letter]);
}

/// Another authority's certificates for a user: paths for `--signing-cert` and `--encryption-cert`.
fn pair(walk: &Walk, authority: &Authority, of: &UserId, name: &str) -> [PathBuf; 2] {
    [(Profile::UserSigning, "signing"), (Profile::UserEncryption, "encryption")].map(|(profile, purpose)| {
        let key = new_key(KeyKind::P256).unwrap();
        let subject = Subject::User { union: union(), office: office(), user: of.clone() };
        let request = Request::new(subject, &key).unwrap();
        let year = kenpo_express::pki::profile::USER_VALIDITY;
        let certificate = authority.issue(&request, &profile, year, SystemClock.now(), &SystemRandom).unwrap();
        walk.folder.file(&format!("{name}-{purpose}.pem"), certificate.pem().as_bytes())
    })
}

fn options(pair: &[PathBuf; 2]) -> [&str; 4] {
    ["--signing-cert", pair[0].to_str().unwrap(), "--encryption-cert", pair[1].to_str().unwrap()]
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_of_another_authority_are_registered_by_the_command_line() {
    let mut walk = Walk::start().await;
    walk.register();
    let other = Authority::create(&union(), "別の認証局", SystemClock.now(), &SystemRandom).unwrap();
    let stranger = Authority::create(&union(), "他人の認証局", SystemClock.now(), &SystemRandom).unwrap();
    let trusted = walk.folder.file("other-ca.pem", other.certificate().pem().as_bytes());
    let settings = walk.world.gateway_settings_file();
    let text_before = fs::read_to_string(&settings).unwrap();
    let with_it = text_before.replace("[keys]\n", &format!("[keys]\ntrusted = ['{}']\n", trusted.display()));
    fs::write(&settings, with_it).unwrap();
    succeeds(&walk.staff(&["check-config"]));
    // The KX server's operator has to let that authority's certificates in too.
    walk.stop();
    let both = walk.world.parties.union_ca.pem() + other.certificate().pem().as_str();
    let both = walk.folder.file("both-ca.pem", both.as_bytes());
    let client = walk.folder.path("sandbox/gateway/tls.pem");
    let union = union();
    let add = ["union", "add", "--insurer", union.as_str(), "--name", "見本健康保険組合", "--replace", "--client-cert"];
    let add = [&add[..], &[client.to_str().unwrap(), "--ca", both.to_str().unwrap()]].concat();
    succeeds(&walk.folder.run("kx-server", &add));
    walk.serve();

    let taro: UserId = "taro-1".parse().unwrap();
    let [first, second] = ["first", "second"].map(|name| pair(&walk, &other, &taro, name));
    let add = ["user", "add", "--office", "12-34", "--user", "taro-1"];
    let added = walk.told(&[&add[..], &options(&first)].concat());
    assert_eq!((&added["state"], &added["name"]), (&"enabled".into(), &serde_json::Value::Null));
    assert!(added["order"]["confirmed_at"].is_string(), "{added:#}");
    let more = ["user", "certificates", "taro-1"];
    let with = |pair: &[PathBuf; 2]| walk.staff(&[&more[..], &options(pair)].concat());
    succeeds(&with(&second));
    let certificates = || walk.told(&["user", "show", "taro-1"])["certificates"].as_array().unwrap().clone();
    assert_eq!(certificates().len(), 4, "old and new count beside each other");
    assert!(certificates().iter().all(|one| one["revoked_at"].is_null()));

    fails_saying(&with(&pair(&walk, &stranger, &taro, "strange")), "信頼できる認証局のものではない");
    fails_saying(&with(&pair(&walk, &other, &user(), "hanako")), "持ち主が違います");
    let [signing, encryption] = &second;
    fails_saying(&with(&[encryption.clone(), signing.clone()]), "用途が違います");
    fails_saying(&with(&[trusted.clone(), trusted.clone()]), "電子証明書を登録できません");
    let no_certificate = walk.folder.file("no.pem", b"-----BEGIN NOTHING-----");
    fails_saying(&with(&[no_certificate.clone(), no_certificate]), "電子証明書を読めません");
    let unknown = [&["user", "certificates", "nobody-1"][..], &options(&second)].concat();
    fails_saying(&walk.staff(&unknown), "電子証明書を登録できません");
    assert_eq!(certificates().len(), 4);
    succeeds(&walk.staff(&["user", "disable", "taro-1", "--reason", "left"]));
    fails_saying(&with(&second), "user enable");
    let letter = walk.folder.path("letter.html");
    succeeds(&walk.staff(&["user", "enable", "taro-1", "--approver", "課長"]));
    fails_saying(&walk.staff(&["user", "letter", "taro-1", "-o", letter.to_str().unwrap()]), "登録されていません");
}
