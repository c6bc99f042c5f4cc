//! 提出予定 at the console: who has not sent what is due.

use hyper::StatusCode;
use jiff::SignedDuration;
use kenpo_express::domain::calendar::OwnHolidays;
use kenpo_express::domain::expectation::{Due, Expectation, Period};
use kenpo_express::domain::schedule::jst;
use kenpo_express::domain::staff::Role;
use kenpo_express::domain::user::{DisableReason, UserState};
use kenpo_express::gateway::admin::received::Review;
use kenpo_express::store::gateway::offices::{self, Office};
use kenpo_express::store::gateway::users::{self, User};
use kenpo_express::store::gateway::{audit, registry_changed};

use crate::console_files::arrive;
use crate::console_support::{Browser, ConsoleWorld, between, leads, text};
use crate::gateway_support::{GatewayWorld, Sender};
use crate::support::soon::soon;

const DAY: SignedDuration = SignedDuration::from_hours(24);

/// An office that is there for more than a year, with somebody who sends.
pub(crate) async fn office(world: &ConsoleWorld, code: &str, name: &str, user: &str) -> Sender {
    register(&world.world, code, name, user).await;
    world.world.sender(user).await
}

async fn register(world: &GatewayWorld, code: &str, name: &str, user: &str) {
    let created_at = world.clock_now() - DAY * 400;
    let office = Office { code: code.parse().unwrap(), name: name.parse().unwrap(), created_at };
    let user = User {
        id: user.parse().unwrap(),
        office: office.code.clone(),
        state: UserState::Enabled,
        lost_at: None,
        created_at,
    };
    let mut transaction = world.receiver.database.write().await.unwrap();
    offices::insert(&mut transaction, &office).await.unwrap();
    users::insert(&mut transaction, &user).await.unwrap();
    registry_changed(&mut transaction).await.unwrap();
    world.receiver.database.commit(transaction).await.unwrap();
}

/// What is due in so many days, and every year from then on; on the next business day, that is.
pub(crate) fn due_in(world: &ConsoleWorld, name: &str, part: &str, days: i32) -> Expectation {
    Expectation::new(name, part, None, yearly(&world.world, days), None).unwrap()
}

fn yearly(world: &GatewayWorld, days: i32) -> Due {
    let day = jst(world.clock_now() + DAY * days).date();
    Due::yearly(day.month(), day.day()).unwrap()
}

/// The form that says the same.
fn filled<'a>(name: &'a str, part: &'a str, due: &'a (String, String)) -> [(&'static str, &'a str); 7] {
    [
        ("name", name),
        ("part", part),
        ("group", ""),
        ("every", "year"),
        ("month", due.0.as_str()),
        ("day", due.1.as_str()),
        ("lead", ""),
    ]
}

fn due(world: &ConsoleWorld, days: i32) -> (String, String) {
    let Due::Yearly { month, day } = yearly(&world.world, days) else { panic!("it is every year") };
    (month.to_string(), day.to_string())
}

fn period(world: &ConsoleWorld, expectation: &Expectation) -> Period {
    expectation.period(jst(world.world.clock_now()).date(), &OwnHolidays::new()).unwrap()
}

/// The offices of a section of a page, by code.
fn listed(page: &str, section: &str) -> Vec<String> {
    let rows = between(page, &format!("aria-labelledby=\"{section}\">"), "</section>").unwrap_or_default();
    let codes = rows.split("/people/offices/").skip(1).map(|rest| rest[..rest.find('"').unwrap()].to_owned());
    codes.collect()
}

#[tokio::test]
async fn an_office_leaves_the_list_with_its_file_and_is_back_with_its_return() {
    let world = ConsoleWorld::start().await;
    let mut browser = world.staff("suzuki", Role::Manager).await.browser;
    let mut east = office(&world, "1001", "東工業", "yamada-1").await;
    let mut west = office(&world, "1002", "<b>西商事", "sato-3").await;
    let mut south = office(&world, "1003", "南運輸", "mori-4").await;
    assert!(text(&browser.get("/expected").await).contains("提出予定はまだありません"));
    let due = due(&world, 10);
    let answer = browser.post("/expected", &filled("算定基礎届", "サンテイ", &due)).await;
    assert_eq!(leads(&answer), "/expected/1?done=added");
    let page = text(&browser.get(leads(&answer)).await);
    assert!(page.contains("提出予定を追加しました") && page.contains("締切まで"), "{page}");
    assert!(page.contains("&#60;b&#62;西商事") && !page.contains("<b>西商事"), "{page}");
    // The office of the fixtures has no users, and cannot send.
    assert_eq!(
        (listed(&page, "missing"), listed(&page, "sent")),
        (["1001", "1002", "1003"].map(String::from).to_vec(), vec![])
    );
    let id = arrive(&world, &mut east, "令和8年ｻﾝﾃｲ.csv", b"1").await;
    arrive(&world, &mut west, "賞与支払届.csv", b"2").await;
    let page = text(&browser.get("/expected/1").await);
    assert_eq!(
        (listed(&page, "missing"), listed(&page, "sent")),
        (["1002", "1003"].map(String::from).to_vec(), vec!["1001".to_owned()])
    );
    assert!(page.contains(&format!("href=\"/received/{id}\"")), "{page}");
    let list = text(&browser.get("/expected").await);
    assert!(list.contains("1 / 3") && list.contains("すべての事業所"), "{list}");
    // 受付 changes nothing; 差戻し means that it is still to come.
    let again = arrive(&world, &mut west, "さんてい.csv", b"3").await;
    world.admin().review(again, &Review::Accept).await.unwrap();
    world.admin().review(id, &Review::Return { reason: "別の年度です".to_owned() }).await.unwrap();
    let page = text(&browser.get("/expected/1").await);
    assert_eq!(
        (listed(&page, "missing"), listed(&page, "sent")),
        (["1001", "1003"].map(String::from).to_vec(), vec!["1002".to_owned()])
    );
    arrive(&world, &mut east, "サンテイ_訂正.csv", b"4").await;
    // Whoever has left cannot send, and what comes all the same is in quarantine until two persons release it.
    world.admin().disable_user(&south.id, DisableReason::Left, None).await.unwrap();
    let page = text(&browser.get("/expected/1").await);
    assert_eq!((listed(&page, "missing"), listed(&page, "sent").len()), (vec![], 2));
    assert!(page.contains("すべての事業所が提出済です"), "{page}");
    let held = arrive(&world, &mut south, "サンテイ.csv", b"5").await;
    assert_eq!(listed(&text(&browser.get("/expected/1").await), "sent"), ["1001", "1002"]);
    world.admin().release(held, "sato").await.unwrap();
    let page = text(&browser.get("/expected/1").await);
    assert_eq!(listed(&page, "sent"), ["1001", "1002", "1003"]);
    assert!(page.contains(&format!("href=\"/received/{held}\"")) && page.contains("<b>3</b> / 3"), "{page}");
}

#[tokio::test]
async fn what_came_before_is_found_and_the_period_before_is_beside_it() {
    let world = ConsoleWorld::start().await;
    let mut east = office(&world, "1001", "東工業", "yamada-1").await;
    office(&world, "1002", "西商事", "sato-3").await;
    let last_year = arrive(&world, &mut east, "算定基礎届.csv", b"1").await;
    world.world.clock.advance(DAY * 350);
    let mut browser = world.staff("suzuki", Role::Manager).await.browser;
    let (expectation, due) = (due_in(&world, "算定", "算定", 10), due(&world, 10));
    let (now, none) = (period(&world, &expectation), OwnHolidays::new());
    let before = expectation.before(&now, &none).unwrap();
    browser.get("/expected").await;
    let added = browser.post("/expected", &filled("算定", "算定", &due)).await;
    let page = text(&browser.get(leads(&added)).await);
    assert_eq!(listed(&page, "missing"), ["1001", "1002"]);
    assert!(!between(&page, "<td>1001</td>", "</tr>").unwrap().contains("なし"), "{page}");
    assert!(between(&page, "<td>1002</td>", "</tr>").unwrap().contains("なし"), "{page}");
    assert!(!page.contains("次の期間") && !page.contains("現在の期間"), "nothing is known of what is to come: {page}");
    let prev = between(&page, "href=\"/expected/1?on=", "\" rel=\"prev\"").unwrap();
    assert_eq!(prev, before.due.to_string());
    let page = text(&browser.get(&format!("/expected/1?on={prev}")).await);
    assert!(page.contains("終了した期間") && page.contains("href=\"/expected/1\""), "{page}");
    assert_eq!((listed(&page, "missing"), listed(&page, "sent")), (vec!["1002".to_owned()], vec!["1001".to_owned()]));
    assert!(page.contains(&format!("href=\"/received/{last_year}\"")), "{page}");
    // This year's leaves last year's where it is.
    arrive(&world, &mut east, "算定.csv", b"2").await;
    assert_eq!(listed(&text(&browser.get("/expected/1").await), "missing"), ["1002"]);
    assert_eq!(listed(&text(&browser.get(&format!("/expected/1?on={prev}")).await), "sent"), ["1001"]);
    for (wrong, status) in [
        ("on=x", StatusCode::UNPROCESSABLE_ENTITY),
        ("on=2999-01-01", StatusCode::NOT_FOUND),
        ("on=9999-12-31", StatusCode::NOT_FOUND),
        ("on=-009999-01-01", StatusCode::NOT_FOUND),
    ] {
        assert_eq!(browser.get(&format!("/expected/1?{wrong}")).await.status, status, "{wrong}");
    }
    assert_eq!(browser.get("/expected/2").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_is_expected_is_changed_by_managers_and_on_record() {
    let world = ConsoleWorld::start().await;
    let mut browser = world.staff("suzuki", Role::Manager).await.browser;
    let mut reader = world.staff("tanaka", Role::Reader).await.browser;
    let mut east = office(&world, "1001", "=1+1", "yamada-1").await;
    office(&world, "1002", "西商事", "sato-3").await;
    let hostile = "大手<script>alert(1)</script>";
    world.admin().add_to_group(hostile, &["1001".parse().unwrap()]).await.unwrap();
    let due = due(&world, 10);
    browser.get("/expected").await;
    let base = filled("<script>alert(2)</script>", "算定", &due);
    for (field, value, said) in [
        ("name", " ", "60文字以内"),
        ("part", "算", "2文字以上"),
        ("month", "13", "その日付はありません"),
        ("day", "32", "その日付はありません"),
        ("day", "", "その日付はありません"),
        ("lead", "331", "毎月は1～28"),
        ("lead", "x", "毎月は1～28"),
    ] {
        let fields = base.map(|(name, old)| (name, if name == field { value } else { old }));
        let answer = browser.post("/expected", &fields).await;
        let page = text(&answer);
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{field}: {value}");
        assert!(page.contains(said) && page.contains("aria-invalid=\"true\""), "{field}: {value}: {page}");
        assert!(!page.contains("<script>alert"), "{page}");
        assert_eq!(
            page.matches("&#60;script&#62;alert(2)").count(),
            usize::from(field != "name"),
            "it is kept: {page}"
        );
    }
    let of_group = base.map(|(name, old)| (name, if name == "group" { hostile } else { old }));
    assert_eq!(leads(&browser.post("/expected", &of_group).await), "/expected/1?done=added");
    let again = browser.post("/expected", &base).await;
    assert!(again.status == StatusCode::UNPROCESSABLE_ENTITY && text(&again).contains("同じ名称の提出予定"));
    let of_nobody = base.map(|(name, old)| (name, if ["group", "name"].contains(&name) { "誰もいない" } else { old }));
    assert_eq!(browser.post("/expected", &of_nobody).await.status, StatusCode::NOT_FOUND);
    let file = arrive(&world, &mut east, "\"><script>alert(3) 算定.csv", b"1").await;
    // Only the group is meant, and no page runs anything of it.
    for address in ["/expected", "/expected/1", "/"] {
        let page = text(&reader.get(address).await);
        assert!(!page.contains("<script>alert") && !page.contains("action=\"/expected"), "{address}: {page}");
    }
    let page = text(&reader.get("/expected/1").await);
    assert_eq!((listed(&page, "missing"), listed(&page, "sent")), (vec![], vec!["1001".to_owned()]));
    assert!(page.contains("&#60;script&#62;alert(3) 算定.csv") && page.contains("大手&#60;script&#62;"), "{page}");
    // The list for a spreadsheet computes nothing.
    world.admin().review(file, &Review::Return { reason: "誤り".to_owned() }).await.unwrap();
    let answer = reader.get("/expected/1/missing").await;
    let until = period(&world, &due_in(&world, "届", "算定", 10)).due;
    let named = format!("attachment; filename=\"not-sent-{until}.csv\"");
    assert_eq!(answer.header("content-disposition"), Some(named.as_str()));
    assert_eq!(text(&answer), "\u{FEFF}\"事業所記号\",\"事業所名\",\"前の期間の提出\"\r\n\"1001\",\"'=1+1\",\"\"\r\n");
    let before = text(&browser.get("/expected/1").await);
    assert!(before.contains("受信したファイルはそのまま残り"), "{before}");
    assert_eq!(leads(&browser.post("/expected/1/remove", &[]).await), "/expected?done=removed");
    for gone in ["/expected/1", "/expected/1/missing"] {
        assert_eq!(browser.get(gone).await.status, StatusCode::NOT_FOUND, "{gone}");
    }
    browser.get("/expected").await;
    assert_eq!(browser.post("/expected/1/remove", &[]).await.status, StatusCode::NOT_FOUND);
    assert_eq!(browser.get(&format!("/received/{file}")).await.status, StatusCode::OK);
    let entries = audit::of_subject(world.gateway.receiver.database.read(), "1", 5).await.unwrap();
    let entries: Vec<_> =
        entries.iter().map(|one| (one.actor.as_str(), one.action.as_str(), one.origin.as_str())).collect();
    let expected = ["expectation.removed", "expectation.added"].map(|action| ("staff:suzuki", action, "127.0.0.1"));
    assert_eq!(entries, expected);
    // The next one has a number of its own: an old address never leads to it.
    let next = browser.post("/expected", &base).await;
    assert!(leads(&next).ends_with("?done=added") && !leads(&next).starts_with("/expected/1?"), "{}", leads(&next));
}

#[tokio::test]
async fn many_offices_are_paged_and_those_that_are_listed_are_sent_to() {
    let world = ConsoleWorld::start().await;
    let mut browser = world.staff("suzuki", Role::Clerk).await.browser;
    for number in 0..120 {
        let code = format!("AAAAAAAAAAAAAAAA{number:04}");
        register(&world.world, &code, "事業所", &format!("user-{number}")).await;
    }
    world.admin().add_expectation(&due_in(&world, "届", "算定", 10)).await.unwrap();
    let page = text(&browser.get("/expected/1").await);
    assert!(page.contains("未提出（120）") && page.contains("表示中の事業所へ送信（100）"), "{page}");
    let first = listed(&page, "missing");
    let send = between(&page, "<a class=\"button\" href=\"", "\"").unwrap().replace("&#38;", "&");
    assert!(send.starts_with("/sent/files?to=office%3AAAAA") && send.len() < 8_000, "{send}");
    let chosen = browser.get(&send).await;
    assert_eq!((chosen.status, text(&chosen).matches("事業所（AAAA").count() >= 100), (StatusCode::OK, true));
    let more = between(&page, "<a class=\"button\" href=\"/expected/1?after=", "\"").unwrap();
    let page = text(&browser.get(&format!("/expected/1?after={more}")).await);
    let rest = listed(&page, "missing");
    assert!(page.contains("表示中の事業所へ送信（20）") && page.contains("href=\"/expected/1\">先頭へ"), "{page}");
    assert_eq!((first.len(), rest.len()), (100, 20));
    assert!(first.iter().chain(&rest).is_sorted());
    let csv = text(&browser.get("/expected/1/missing").await);
    assert_eq!(csv.lines().count(), 121);
}

#[tokio::test]
async fn the_dashboard_says_what_is_due_and_who_is_late() {
    let world = GatewayWorld::new().await;
    let gateway = world.gateway("").await;
    register(&world, "1001", "東工業", "yamada-1").await;
    let world = ConsoleWorld::over(world, gateway).await;
    for (name, part, days) in [("算定基礎届", "算定", 10), ("健診結果", "健診", -40)] {
        world.admin().add_expectation(&due_in(&world, name, part, days)).await.unwrap();
    }
    let mut browser = world.staff("suzuki", Role::Reader).await.browser;
    let mut card = String::new();
    world.wait(61);
    soon("what is expected is on the card", async || {
        card = looked(&world, &mut browser).await;
        card.contains("/expected/2")
    })
    .await;
    let lines: Vec<&str> = card.split("<div").skip(1).collect();
    assert_eq!(lines.len(), 2, "{card}");
    // What is due first stands first.
    assert!(lines[0].contains("href=\"/expected/2\"") && lines[0].contains(" class=\"calls\""), "{card}");
    assert!(lines[1].contains("算定基礎届") && lines[1].contains("締切") && lines[1].contains("未提出 1"), "{card}");
    assert!(!lines[1].contains("calls"), "nobody is late yet: {card}");
    let mut sender = world.world.sender("yamada-1").await;
    for name in ["健診.csv", "算定.csv"] {
        arrive(&world, &mut sender, name, b"1").await;
    }
    world.wait(61);
    soon("what everybody has sent is over", async || {
        card = looked(&world, &mut browser).await;
        !card.contains("/expected/2")
    })
    .await;
    assert!(card.contains("算定基礎届") && card.contains("未提出 0"), "{card}");
}

/// The card of the dashboard after a look of the gateway, which counts once a minute.
async fn looked(world: &ConsoleWorld, browser: &mut Browser) -> String {
    world.lookout.look().await.unwrap();
    let page = text(&browser.get("/").await);
    between(&page, "<a href=\"/expected\">提出予定</a></h2>", "</section>").unwrap_or_default()
}
