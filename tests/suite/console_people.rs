//! 事業所・利用者 at the console, without a browser.

use std::fmt::Write as _;

use hyper::StatusCode;
use jiff::SignedDuration;
use kenpo_express::domain::ids::UserId;
use kenpo_express::domain::schedule::jst;
use kenpo_express::domain::staff::Role;
use kenpo_express::domain::user::UserState;
use kenpo_express::gateway::flows::orders;
use kenpo_express::store::gateway::directory::{self, Search, Stage};
use kenpo_express::store::gateway::{audit, messages, offices, rollover, users};

use crate::console_support::{Browser, ConsoleWorld, between, encode, leads, text};

const NEW: &[(&str, &str)] = &[
    ("office", "12-34"),
    ("office_name", "見本工業㈱"),
    ("name", "髙橋　﨑子"),
    ("mail", "sakiko@example.co.jp"),
    ("device", "経理<PC>"),
];

/// A console whose gateway has met the relay.
async fn met() -> ConsoleWorld {
    let world = ConsoleWorld::start().await;
    orders::announce(&world.world.receiver).await.unwrap();
    world
}

/// Registers somebody by the form, and answers the path of the page.
async fn register(browser: &mut Browser, fields: &[(&str, &str)]) -> String {
    browser.get("/people/new").await;
    let answer = browser.post("/people/new", fields).await;
    let path = leads(&answer).strip_suffix("?done=registered").unwrap_or_else(|| panic!("{}", text(&answer)));
    path.to_owned()
}

fn passwords(page: &str) -> Vec<String> {
    page.split("class=\"password\">").skip(1).map(|rest| rest[..rest.find('<').unwrap()].to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_employer_is_registered_and_the_letter_is_shown_once() {
    let world = met().await;
    let mut browser = world.staff("suzuki", Role::Manager).await.browser;
    assert!(text(&browser.get("/people").await).contains("利用者はまだ登録されていません"));
    browser.get("/people/new").await;
    let wrong = browser.post("/people/new", &[("office", "1 2"), ("name", ""), ("mail", "<x>")]).await;
    let shown = text(&wrong);
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(shown.matches("aria-invalid=\"true\"").count(), 3, "{shown}");
    assert!(shown.contains("value=\"&#60;x&#62;\""), "what was filled in stays");
    assert!(shown.contains("事業所記号として使えません") && !shown.contains("not a valid"), "{shown}");
    let unknown = browser.post("/people/new", &[("office", "99-9"), ("name", "山田"), ("mail", "a@example.jp")]).await;
    assert_eq!(unknown.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(text(&unknown).contains("この事業所記号は未登録です"));
    let path = register(&mut browser, NEW).await;
    let page = text(&browser.get(&path).await);
    assert!(page.contains("お知らせを作成して印刷") && page.contains("経理&#60;PC&#62;"), "{page}");
    let letter = browser.post(&format!("{path}/letter"), &[]).await;
    assert_eq!((letter.status, letter.header("cache-control")), (StatusCode::OK, Some("no-store")));
    let first = passwords(&text(&letter));
    assert_eq!(first.len(), 2);
    assert!(text(&letter).contains("見本工業㈱") && text(&letter).contains("sakiko@example.co.jp"));
    // Loaded again, it is refused in the console's own words.
    browser.get(&path).await;
    let again = browser.post(&format!("{path}/letter"), &[]).await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    assert!(text(&again).contains("お知らせを作り直す") && !text(&again).contains("user letter"));
    browser.get(&path).await;
    let second = passwords(&text(&browser.post(&format!("{path}/letter"), &[("new", "1")]).await));
    assert!(second.len() == 2 && second != first);
    let page = text(&browser.get(&path).await);
    assert!(page.contains("初期設定待ち") && first.iter().chain(&second).all(|password| !page.contains(password)));
    let id = path.rsplit('/').next().unwrap();
    let entries = audit::of_subject(world.gateway.receiver.database.read(), id, 10).await.unwrap();
    let letters = entries.iter().filter(|entry| entry.action == "user.letter" && entry.actor == "staff:suzuki");
    assert_eq!(letters.count(), 2);
    assert!(entries.iter().all(|entry| !format!("{entry:?}").contains("sakiko")), "no persons in the audit");
    // The same office under another name is refused, under its own or none it is taken.
    let other = [("office", "12-34"), ("office_name", "別の会社"), ("name", "山田"), ("mail", "b@example.jp")];
    browser.get("/people/new").await;
    assert_eq!(browser.post("/people/new", &other).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    let other = [("office", "１２"), ("office_name", "別の会社"), ("name", "山田"), ("mail", "b@example.jp")];
    browser.get("/people/new").await;
    let refused = browser.post("/people/new", &other).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(text(&refused).contains("事業所記号として使えません"), "{}", text(&refused));
    register(&mut browser, &[("office", "12-34"), ("name", "山田"), ("mail", "b@example.jp")]).await;
    let office = text(&browser.get("/people/offices/12-34").await);
    assert!(office.contains("山田") && office.contains("髙橋"), "{office}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_are_found_by_parts_of_words_and_paged_without_gaps() {
    let world = ConsoleWorld::start().await;
    let mut browser = world.staff("suzuki", Role::Reader).await.browser;
    let mut file = "事業所記号,事業所名,利用者名,メールアドレス,端末名\n".to_owned();
    for number in 0..130 {
        let office = number % 7 + 1;
        writeln!(file, "{office}-1,第{office}商店,社員{number:03} 太郎,staff{number}@example.jp,PC").unwrap();
    }
    world.admin().import_users(file.into_bytes(), false).await.unwrap();
    let mut seen = Vec::new();
    let mut address = "/people?state=registered&q=%E5%A4%AA%E9%83%8E".to_owned();
    loop {
        let page = text(&browser.get(&address).await);
        seen.extend(page.split("<bdi>社員").skip(1).map(|rest| rest[..3].to_owned()));
        let Some(next) = between(&page, "class=\"button\" href=\"", "\"") else { break };
        address = next.replace("&#38;", "&");
        assert!(address.contains("state=registered"), "{address}");
    }
    seen.sort();
    assert_eq!(seen, (0..130).map(|number| format!("{number:03}")).collect::<Vec<_>>());
    let count = async |browser: &mut Browser, query: &str| {
        text(&browser.get(&format!("/people?{query}")).await).matches("<tr data-row>").count()
    };
    for (query, expected) in [
        ("q=STAFF42@", 1),
        ("q=%E7%A4%BE%E5%93%A1042%E3%80%80%E5%A4%AA%E9%83%8E", 1),
        ("q=%E7%AC%AC3%E5%95%86%E5%BA%97", 19),
        ("q=%25", 0),
        ("q=_", 0),
        ("office=2-1", 19),
        ("office=%3Cb%3E", 0),
        ("state=disabled", 0),
        ("q=%27%20OR%201%3D1%20--", 0),
        ("after=x", 50),
    ] {
        assert_eq!(count(&mut browser, query).await, expected, "{query}");
    }
    // A reader sees and changes nothing.
    let page = text(&browser.get("/people").await);
    assert!(!page.contains("/people/new") && !page.contains("/people/lost"));
    let offices = text(&browser.get("/people/offices?q=3").await);
    assert!(offices.contains("第3商店") && offices.matches("<tr data-row>").count() == 1, "{offices}");
    let read = world.gateway.receiver.database.read();
    let page = offices::search(read, &[], None, 100).await.unwrap();
    assert_eq!(page.iter().map(|one| one.users).sum::<i64>(), 130);
    for stage in std::iter::once(None).chain(Stage::ALL.map(Some)) {
        let search = Search { stage, words: vec!["x".to_owned()], ..Search::default() };
        for step in directory::search_plan(read, &search).await.unwrap() {
            assert!(!step.contains("SCAN u") && !step.contains("SCAN e"), "{stage:?}: {step}");
        }
    }
    for step in rollover::plan(read).await.unwrap() {
        assert!(!step.starts_with("SCAN") && !step.contains("TEMP B-TREE"), "{step}");
    }
}

#[tokio::test]
async fn whichever_way_a_name_is_written_the_same_people_are_found() {
    let world = ConsoleWorld::start().await;
    let mut browser = world.staff("suzuki", Role::Manager).await.browser;
    let csv = "事業所記号,事業所名,利用者名,メールアドレス,端末名\n\
               12-A,㈱ｶﾄｳ製作所,サトウ　ﾊﾅｺ,Hanako.Sato@example.jp,総務課Note-ＰＣ\n\
               34-B,見本商店,やまだ　太郎,taro@example.jp,経理ﾃﾞｽｸﾄｯﾌﾟ\n";
    world.admin().import_users(csv.as_bytes().to_vec(), false).await.unwrap();
    for (words, name) in [
        ("さとう", "サトウ"),
        ("ｻﾄｳ　はなこ", "サトウ"),
        ("サトウ ハナコ", "サトウ"),
        ("ＨＡＮＡＫＯ．ｓａｔｏ", "サトウ"),
        ("ｎｏｔｅ－pc", "サトウ"),
        ("カトウ", "サトウ"),
        ("(株)", "サトウ"),
        ("１２－ａ", "サトウ"),
        ("ヤマダ", "やまだ"),
        ("デスクトップ", "やまだ"),
        ("ﾃﾞｽｸ やまだ", "やまだ"),
        ("TARO@", "やまだ"),
        ("34-b", "やまだ"),
    ] {
        for page in ["/people/lost", "/people"] {
            let shown = text(&browser.get(&format!("{page}?q={}", encode(words))).await);
            let found: Vec<&str> = shown.split("<bdi>").skip(1).map(|rest| &rest[..9]).collect();
            assert_eq!(found, [name], "{page} {words}");
        }
    }
    for words in ["さとう やまだ", "%", "_", "高島"] {
        let shown = text(&browser.get(&format!("/people/lost?q={}", encode(words))).await);
        assert!(shown.contains("該当する利用者はいません"), "{words}: {shown}");
    }
    let offices = text(&browser.get("/people/offices?q=%E3%81%8B%E3%81%A8%E3%81%86").await);
    assert!(offices.contains("㈱ｶﾄｳ製作所") && offices.matches("<tr data-row>").count() == 1, "{offices}");
}

#[tokio::test]
async fn whoever_may_not_shut_a_pc_out_reads_whom_to_tell_and_what_to_ask() {
    let world = ConsoleWorld::start().await;
    let mut clerk = world.staff("suzuki", Role::Clerk).await.browser;
    world.world.sender("yamada-1").await;
    let nobody = text(&clerk.get("/people/lost").await);
    assert!(nobody.contains("停止できる職員もいません") && nobody.contains("kx-gateway user disable"), "{nobody}");
    for (name, role) in
        [("sato", Role::Manager), ("mori", Role::Officer), ("kato", Role::Clerk), ("ueda", Role::Manager)]
    {
        world.staff(name, role).await;
    }
    world.admin().disable_staff(&"ueda".parse().unwrap()).await.unwrap();
    // Has never signed in.
    world.account("abe", Role::Manager).await;
    for page in ["/", "/people", "/people/users/yamada-1"] {
        assert!(text(&clerk.get(page).await).contains("href=\"/people/lost"), "{page}");
    }
    let shown = text(&clerk.get("/people/lost?q=yamada").await);
    let helpers = between(&shown, "<ul id=\"helpers\">", "</ul>").unwrap();
    assert_eq!(helpers, "<li><b>mori</b>（責任者）</li><li><b>sato</b>（管理）</li>");
    for asked in ["最後に手元にあったのはいつか", "端末名", "PINコードを書いたメモ", "折り返しの電話番号"]
    {
        assert!(shown.contains(asked), "{asked}: {shown}");
    }
    // Nothing leads where this role is refused.
    assert!(
        shown.contains("href=\"/people/users/yamada-1\"") && !shown.contains("/people/users/yamada-1/lost"),
        "{shown}"
    );
    assert!(!text(&clerk.get("/people/users/yamada-1").await).contains("/people/users/yamada-1/lost"));
    assert_eq!(clerk.get("/people/users/yamada-1/lost").await.status, StatusCode::FORBIDDEN);
    let english = text(&clerk.get("/people/lost?lang=en").await);
    assert!(english.contains("<b>sato</b>（manager）") && english.contains("What to ask the caller"), "{english}");
    let mut manager = world.staff("endo", Role::Manager).await.browser;
    let shown = text(&manager.get("/people/lost?q=yamada").await);
    assert!(shown.contains("/people/users/yamada-1/lost") && !shown.contains("helpers"), "{shown}");
    let mut reader = world.staff("doi", Role::Reader).await.browser;
    assert!(!text(&reader.get("/").await).contains("/people/lost"));
    assert_eq!(reader.get("/people/lost").await.status, StatusCode::FORBIDDEN);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_users_fit_and_a_larger_file_is_refused_with_what_to_do() {
    let world = ConsoleWorld::start().await;
    let mut browser = world.staff("suzuki", Role::Manager).await.browser;
    let page = text(&browser.get("/people/import").await);
    for said in ["UTF-8", "Shift_JIS", "4MB", "2万行", "何も登録されません", "列ごと省略できます"] {
        assert!(page.contains(said), "{said}: {page}");
    }
    let csrf = browser.csrf.clone();
    // The example is one.
    let example = between(&page, "<code id=\"example\">", "<").unwrap();
    let checked = browser.upload("/people/import?kind=users&do=check", example.clone().into_bytes(), &csrf).await;
    assert!(text(&checked).contains("data-checked"), "{}", text(&checked));
    let mut file = format!("{}\n", example.lines().next().unwrap());
    let line = |number: usize| {
        let office = number / 10;
        format!(
            "{office:05}-A,株式会社見本工業ホールディングス第{office}支社,長宗我部　健太郎{number},\
             chosokabe.{number}@jinji.mihon-kogyo.example.co.jp,総務課ノートパソコン{number}\n"
        )
    };
    file.extend((0..10_000).map(line));
    assert!((1_500_000..4 << 20).contains(&file.len()), "a real size: {}", file.len());
    let checked = browser.upload("/people/import?kind=users&do=check", file.clone().into_bytes(), &csrf).await;
    assert_eq!(checked.status, StatusCode::OK, "{}", text(&checked));
    let done = text(&browser.upload("/people/import?kind=users&do=import", file.clone().into_bytes(), &csrf).await);
    assert!(done.contains("id=\"did\"") && done.contains("10000"), "{done}");
    let found = text(&browser.get("/people?q=%E5%81%A5%E5%A4%AA%E9%83%8E9999").await);
    assert_eq!(found.matches("<tr data-row>").count(), 1, "{found}");
    // 20,000 lines are said to fit, too.
    file.extend((10_000..20_000).map(line));
    assert!(file.len() <= 4 << 20, "{}", file.len());
    file.extend((20_000..200_000).map(line));
    let registered = async || {
        let offices = offices::search(world.gateway.receiver.database.read(), &[], None, 10_000).await.unwrap();
        offices.iter().map(|one| one.users).sum::<i64>()
    };
    assert_eq!(registered().await, 10_000);
    for larger in [(4 << 20) + 1, 12 << 20, file.len()] {
        let part = file.as_bytes()[..larger.min(file.len())].to_vec();
        let refused = browser.upload("/people/import?kind=users&do=import", part, &csrf).await;
        let shown = text(&refused);
        assert_eq!(refused.status, StatusCode::PAYLOAD_TOO_LARGE, "{larger}");
        assert!(shown.contains("4MB（およそ2万行）まで") && shown.contains("複数のファイルに分け"), "{shown}");
    }
    assert_eq!(registered().await, 10_000, "nothing of it was registered");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_is_checked_first_and_every_bad_line_is_named() {
    let world = ConsoleWorld::start().await;
    let mut browser = world.staff("suzuki", Role::Manager).await.browser;
    browser.get("/people/import").await;
    let csrf = browser.csrf.clone();
    let heading = "事業所記号,事業所名,利用者名,メールアドレス,端末名\n";
    let bad = format!("{heading}1-1,商店,山田,a@example.jp,\n1-1,商店,<b>,x,\n2 2,商店,佐藤,c@example.jp,\n");
    let answer = browser.upload("/people/import?kind=users&do=check", bad.clone().into_bytes(), &csrf).await;
    let shown = text(&answer);
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    let lines: Vec<&str> = shown.split("<td class=\"number\">").skip(1).map(|rest| &rest[..1]).collect();
    assert_eq!(lines, ["3", "4"], "{shown}");
    let good = format!("{heading}1-1,商店,山田,a@example.jp,\n1-1,商店,佐藤,b@example.jp,\n");
    let dry = text(&browser.upload("/people/import?kind=users&do=check", good.clone().into_bytes(), &csrf).await);
    assert!(dry.contains("data-checked") && text(&browser.get("/people").await).contains("まだ登録されていません"));
    for (csrf, file, status) in [
        ("", good.clone().into_bytes(), StatusCode::FORBIDDEN),
        (csrf.as_str(), vec![b'x'; 5 << 20], StatusCode::PAYLOAD_TOO_LARGE),
    ] {
        let refused = browser.upload("/people/import?kind=users&do=import", file, csrf).await;
        assert_eq!(refused.status, status);
    }
    let done = text(&browser.upload("/people/import?kind=users&do=import", good.into_bytes(), &csrf).await);
    assert!(done.contains("id=\"did\""), "{done}");
    assert_eq!(text(&browser.get("/people").await).matches("<tr data-row>").count(), 2);
    let offices = "事業所記号,事業所名\n7-7,新しい会社\n".to_owned();
    browser.upload("/people/import?kind=offices&do=import", offices.into_bytes(), &csrf).await;
    assert!(text(&browser.get("/people/offices/7-7").await).contains("新しい会社"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_pc_is_shut_out_and_the_incident_says_what_was_affected() {
    let world = ConsoleWorld::start().await;
    let mut sender = world.world.sender("yamada-1").await;
    let before = world.receive(&mut sender, b"before").await;
    world.wait(3_600);
    let lost_at = world.world.clock_now();
    world.wait(3_600);
    let after = world.receive(&mut sender, b"after").await;
    let mut browser = world.staff("suzuki", Role::Manager).await.browser;
    let path = "/people/users/yamada-1";
    let local = jst(lost_at);
    let (day, time) = (local.date().to_string(), local.time().strftime("%H:%M").to_string());
    let tomorrow = jst(lost_at + SignedDuration::from_hours(48)).date().to_string();
    let page = text(&browser.get(&format!("{path}/lost")).await);
    assert!(page.contains("2/3") && page.contains("「停止する」を押すと"), "{page}");
    for (day, time) in [(tomorrow.as_str(), "00:00"), ("", "10:00"), ("2026-13-01", "10:00"), (day.as_str(), "x")] {
        let fields = [("reason", "stolen"), ("day", day), ("time", time)];
        let refused = browser.post(&format!("{path}/lost"), &fields).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{day} {time}");
        assert!(text(&refused).contains("value=\"stolen\" checked"));
    }
    let id: UserId = "yamada-1".parse().unwrap();
    let read = world.gateway.receiver.database.read();
    assert_eq!(users::find(read, &id).await.unwrap().unwrap().state, UserState::Enabled);
    let fields = [("reason", "stolen"), ("day", day.as_str()), ("time", time.as_str())];
    let answer = browser.post(&format!("{path}/lost"), &fields).await;
    assert_eq!(leads(&answer), format!("{path}/incident"));
    let shown = text(&browser.get(&format!("{path}/incident")).await);
    assert!(shown.contains(&after.to_string()) && !shown.contains(&before.to_string()), "{shown}");
    assert!(shown.contains("疑いあり") && shown.contains("KXサーバーの確認を待っています"), "{shown}");
    let mut reader = world.gateway.receiver.database.reader().await.unwrap();
    assert!(messages::find(&mut reader, after).await.unwrap().unwrap().suspect_since.is_some());
    drop(reader);
    orders::send_about(&world.world.receiver, &id).await.unwrap();
    let shown = text(&browser.get(&format!("{path}/incident")).await);
    assert!(shown.contains("id=\"confirmed\"") && shown.contains("KXサーバーで確認済み"), "{shown}");
    let report = text(&browser.get(&format!("{path}/incident/report")).await);
    assert!(report.contains("端末紛失・盗難 報告書") && report.contains(&after.to_string()));
    // Files by name, the office with its name, ids beside them.
    for page in [&shown, &report] {
        assert!(page.contains("<bdi>算定基礎届.csv</bdi>"), "{page}");
    }
    assert!(shown.contains(&format!("<a href=\"/received/{after}\"><bdi>算定基礎届.csv</bdi>")), "{shown}");
    assert!(report.contains("1234-A　事業所"), "{report}");
    let head = between(&shown, "<h1", "</h1>").unwrap();
    assert!(head.contains("yamada-1") && head.contains("1234-A 事業所"), "{head}");
    // To let the user in again takes two persons.
    browser.get(path).await;
    let asked = browser.post(&format!("{path}/enable"), &[("reason", "見つかった")]).await;
    assert_eq!(leads(&asked), format!("{path}?done=asked"));
    assert!(text(&browser.get(path).await).contains("ご自身の依頼です"));
    let mut second = world.staff("sato", Role::Manager).await.browser;
    let page = text(&second.get(path).await);
    let agree = between(&page, "action=\"/consents/", "\"").unwrap();
    assert_eq!(leads(&second.post(&format!("/consents/{agree}"), &[]).await), format!("{path}?done=agreed"));
    assert_eq!(users::find(read, &id).await.unwrap().unwrap().state, UserState::Enabled);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificates_that_end_are_listed_with_what_takes_their_place() {
    let world = ConsoleWorld::start().await;
    let mut browser = world.staff("suzuki", Role::Reader).await.browser;
    let mut sender = world.world.sender("yamada-1").await;
    world.receive(&mut sender, b"x").await;
    let none = text(&browser.get("/people/rollover?days=30").await);
    assert!(none.contains("期限を迎える証明書はありません"), "{none}");
    let all = text(&browser.get("/people/rollover?days=1200").await);
    assert!(all.contains("yamada-1") && all.contains("まだありません"), "{all}");
    // Another one, made later, ends later.
    world.wait(24 * 3_600);
    let mut browser = world.staff("sato", Role::Reader).await.browser;
    let next = world.world.union.user("yamada-1", world.world.clock_now());
    world.world.register("yamada-1", next.certificate()).await;
    let all = text(&browser.get("/people/rollover?days=1200").await);
    assert_eq!((all.matches("<tr data-row>").count(), all.matches("まだありません").count()), (2, 1), "{all}");
}
