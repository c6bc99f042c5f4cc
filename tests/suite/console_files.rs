//! Received files at the console, without a browser: found, previewed, downloaded, bundled; hostile names all the way; who looked is on record.

use std::io::{Cursor, Read};

use hyper::StatusCode;
use kenpo_express::domain::ids::MessageId;
use kenpo_express::domain::staff::Role;
use kenpo_express::store::gateway::audit;

use crate::console_support::{ConsoleWorld, leads, text};
use crate::gateway_support::Sender;
use crate::preview_support::shift_jis;

/// Names that are not refused, and meant to do harm. (Those with a slash or a line end never come so far.)
const HOSTILE: [&str; 5] = [
    "=cmd|' -C calc'!A0.csv",
    "\"><script>alert(1).csv",
    "a\"; filename=\"evil.exe; x=\".csv",
    "C:evil?<b>.csv",
    "％0d％0aSet-Cookie: a=b.csv",
];

/// A file of this name arrives.
pub(crate) async fn arrive(world: &ConsoleWorld, sender: &mut Sender, name: &str, content: &[u8]) -> MessageId {
    let mut draft = world.world.draft(sender);
    draft.file_name = name.parse().unwrap();
    let sealed = world.world.seal(sender, &draft, content);
    world.world.relay.deposit(draft.id, &sender.id, &sealed, world.world.clock_now());
    world.world.pull().await;
    draft.id
}

/// What the audit has of a file, the newest first: who, what, from where.
async fn noted(world: &ConsoleWorld, id: MessageId) -> Vec<(String, String, String)> {
    let entries = audit::of_subject(world.gateway.receiver.database.read(), &id.to_string(), 50).await.unwrap();
    entries.into_iter().map(|one| (one.actor, one.action, one.origin)).collect()
}

/// Who looked inside, the newest first.
async fn looked(world: &ConsoleWorld, office: &str) -> Vec<(String, String, MessageId)> {
    let mut reader = world.gateway.receiver.database.reader().await.unwrap();
    let search = audit::Search { office: office.parse().ok(), ..audit::Search::default() };
    let found = audit::search(&mut reader, &search, 50).await.unwrap();
    let looked = ["message.previewed", "message.downloaded", "message.exported"];
    let found = found.into_iter().filter(|one| looked.contains(&one.action.as_str()));
    found.map(|one| (one.actor, one.action, one.subject.parse().unwrap())).collect()
}

fn listed(page: &str) -> Vec<String> {
    page.split("name=\"id\" value=\"").skip(1).map(|rest| rest[..36].to_owned()).collect()
}

#[tokio::test]
async fn files_are_found_by_every_part_of_the_address_and_it_stays_in_every_link() {
    let world = ConsoleWorld::start().await;
    let mut browser = world.staff("suzuki", Role::Clerk).await.browser;
    let (mut yamada, mut sato) = (world.world.sender("yamada-1").await, world.world.sender("sato-3").await);
    let ids = [
        arrive(&world, &mut yamada, "サンテイ基礎届.csv", b"1").await,
        arrive(&world, &mut yamada, "賞与支払届.csv", b"2").await,
        arrive(&world, &mut sato, "さんてい（訂正）.xlsx", b"3").await,
    ]
    .map(|id| id.to_string());
    let today = kenpo_express::domain::schedule::jst(world.world.clock_now()).date();
    let (before, after) = (today.yesterday().unwrap(), today.tomorrow().unwrap());
    browser.get(&format!("/received/{}", ids[1])).await;
    browser.post(&format!("/received/{}/flag", ids[1]), &[("on", "1")]).await;
    let [first, second, third] = &ids;
    for (question, found) in [
        ("name=%EF%BD%BB%EF%BE%9D%EF%BE%83%EF%BD%B2".to_owned(), vec![third, first]),
        ("name=%E5%B1%8A".to_owned(), vec![second, first]),
        ("user=sato-3".to_owned(), vec![third]),
        ("user=sato-3&name=%E5%B1%8A".to_owned(), vec![]),
        ("office=1234-A&flagged=1".to_owned(), vec![second]),
        ("unread=1".to_owned(), vec![third, first]),
        (format!("from={today}&until={today}"), vec![third, second, first]),
        (format!("from={after}"), vec![]),
        (format!("until={before}"), vec![]),
    ] {
        let page = text(&browser.get(&format!("/received?{question}")).await);
        assert_eq!(listed(&page).iter().collect::<Vec<_>>(), found, "{question}");
        for id in &found {
            // Whoever goes on from here goes through the list as it is now.
            let since = format!("&since={}", world.world.clock_now().as_second());
            let since = if question.contains("unread") { &since } else { "" };
            let link = format!("href=\"/received/{id}?{}\"", format!("{question}{since}").replace('&', "&#38;"));
            assert!(page.contains(&link), "{question}: {link}");
        }
    }
    for impossible in ["office=%3Cb%3E", "user=%20%20x%20y", "from=yesterday", "before=x", "state=x"] {
        let page = text(&browser.get(&format!("/received?{impossible}")).await);
        assert!(page.contains("条件の書き方に誤りがあります") && listed(&page).is_empty(), "{impossible}");
    }
    // The next one to review is the next of that list, and not of all.
    let page = text(&browser.get(&format!("/received/{third}?name=%E3%82%B5%E3%83%B3")).await);
    assert!(page.contains(&format!("href=\"/received/{first}?name=%E3%82%B5%E3%83%B3\" data-key=\"n\"")), "{page}");
    // Part of the name is in no log, and the address says it all.
    let tabs = text(&browser.get("/received?state=archived&name=x").await);
    assert!(tabs.contains("href=\"/received?name=x&#38;state=accepted\""), "{tabs}");
}

#[tokio::test]
async fn a_preview_may_do_nothing_shows_text_as_text_and_is_on_record() {
    let world = ConsoleWorld::start().await;
    let mut browser = world.staff("suzuki", Role::Reader).await.browser;
    let mut sender = world.world.sender("yamada-1").await;
    let content =
        shift_jis("氏名,備考\r\n髙橋,<script>alert(1)</script>\r\n\"=1+1\",\"<img src=x onerror=alert(1)>\"\r\n");
    let id = arrive(&world, &mut sender, HOSTILE[1], &content).await;
    let page = text(&browser.get(&format!("/received/{id}")).await);
    assert!(!page.contains("<iframe"), "nobody has asked for it");
    assert!(looked(&world, "1234-A").await.is_empty());
    let page = text(&browser.get(&format!("/received/{id}?preview=1")).await);
    let frame = format!("<iframe class=\"preview\" src=\"/received/{id}/preview\" sandbox title=");
    assert!(page.contains(&frame) && !page.contains("<script>alert"), "{page}");
    // A reader previews, and takes nothing out.
    assert!(!page.contains("/file\""), "{page}");
    assert_eq!(browser.get(&format!("/received/{id}/file")).await.status, StatusCode::FORBIDDEN);

    let answer = browser.get(&format!("/received/{id}/preview")).await;
    assert_eq!(answer.status, StatusCode::OK);
    let policy = answer.header("content-security-policy").unwrap().to_owned();
    let parts: Vec<&str> = policy.split("; ").collect();
    for said in [
        "default-src 'none'",
        "img-src data:",
        "form-action 'none'",
        "base-uri 'none'",
        "frame-ancestors 'self'",
        "sandbox",
    ] {
        assert!(parts.contains(&said), "{policy}");
    }
    assert!(!policy.contains("unsafe") && !policy.contains("script-src") && !policy.contains("allow-"), "{policy}");
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    let shown = text(&answer);
    assert!(shown.contains("Shift_JIS") && shown.contains("髙橋") && shown.contains("=1+1"), "{shown}");
    assert!(shown.contains("&#60;script&#62;alert(1)&#60;/script&#62;"), "{shown}");
    assert!(!shown.contains("<script") && !shown.contains("<img") && !shown.contains("http"), "{shown}");
    let me = ("staff:suzuki".to_owned(), "message.previewed".to_owned());
    assert_eq!(noted(&world, id).await[0], (me.0.clone(), me.1.clone(), "127.0.0.1".to_owned()));
    assert_eq!(looked(&world, "1234-A").await, [(me.0, me.1, id)]);
}

#[tokio::test]
async fn what_cannot_be_shown_is_said_in_the_frame() {
    let world = ConsoleWorld::start().await;
    let mut browser = world.staff("suzuki", Role::Clerk).await.browser;
    let mut sender = world.world.sender("yamada-1").await;
    let archive = arrive(&world, &mut sender, "届.7z", b"7z\xBC\xAF\x27\x1C\x00\x01\xff\xfe").await;
    let shown = text(&browser.get(&format!("/received/{archive}/preview")).await);
    assert!(shown.contains("プレビューできません") && shown.contains("圧縮ファイル"), "{shown}");
    let damaged = arrive(&world, &mut sender, "届.csv", b"a,b\n").await;
    let path = world.world.file(&world.world.find(damaged).await.unwrap());
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let answer = browser.get(&format!("/received/{damaged}/preview")).await;
    assert!(answer.header("content-security-policy").unwrap().contains("frame-ancestors 'self'"));
    assert!(text(&answer).contains("検証に失敗しました"), "{}", text(&answer));
    let answer = browser.get(&format!("/received/{damaged}/file")).await;
    assert_eq!(answer.status, StatusCode::CONFLICT, "not a byte of it goes out");
    assert!(answer.header("content-disposition").is_none());
    assert!(noted(&world, damaged).await.iter().all(|(_, action, _)| action != "message.downloaded"));
    assert_eq!(browser.get("/received/nothing/preview").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn downloads_and_archives_have_the_right_names_and_none_gets_out_of_its_place() {
    let world = ConsoleWorld::start().await;
    let mut browser = world.staff("suzuki", Role::Clerk).await.browser;
    let mut sender = world.world.sender("yamada-1").await;
    let mut ids = Vec::new();
    for (number, name) in (1_u8..).zip(HOSTILE) {
        ids.push(arrive(&world, &mut sender, name, &[number]).await);
    }
    for (number, (id, name)) in (1_u8..).zip(ids.iter().zip(HOSTILE)) {
        let answer = browser.get(&format!("/received/{id}/file")).await;
        assert_eq!((answer.status, answer.body.to_vec()), (StatusCode::OK, vec![number]), "{name}");
        let said = answer.header("content-disposition").unwrap();
        let told = said.strip_prefix("attachment; filename=\"download\"; filename*=UTF-8''").unwrap();
        assert!(told.chars().all(|c| c.is_ascii_alphanumeric() || "-._~%".contains(c)), "{said}");
        assert_eq!(percent_encoding::percent_decode_str(told).decode_utf8().unwrap(), name);
        assert_eq!(answer.header("content-type"), Some("application/octet-stream"));
        assert_eq!(answer.header("content-length"), Some("1"));
        assert!(answer.header("set-cookie").is_none());
    }
    browser.get("/received").await;
    let all: Vec<String> = ids.iter().map(ToString::to_string).collect();
    let fields: Vec<(&str, &str)> = all.iter().map(|id| ("id", id.as_str())).collect();
    let answer = browser.post("/received/bundle", &fields).await;
    assert_eq!((answer.status, answer.header("content-type")), (StatusCode::OK, Some("application/zip")));
    let mut archive = zip::ZipArchive::new(Cursor::new(answer.body.to_vec())).unwrap();
    let names: Vec<String> = archive.file_names().map(|name| name.unwrap().into_owned()).collect();
    for expected in ["=cmd｜' -C calc'!A0.csv", "”＞＜script＞alert(1).csv", "C：evil？＜b＞.csv"] {
        assert!(names.iter().any(|name| name == expected), "{expected}: {names:?}");
    }
    assert!(names.iter().all(|name| !name.contains(['/', '\\', ':', '<', '>', '"', '|', '?', '*'])), "{names:?}");
    let mut list = String::new();
    archive.by_name("一覧.csv").unwrap().read_to_string(&mut list).unwrap();
    assert!(list.contains("\"'=cmd"), "nothing that a spreadsheet computes: {list}");
    for id in &ids {
        let actions: Vec<String> = noted(&world, *id).await.into_iter().map(|(_, action, _)| action).collect();
        assert_eq!(actions.iter().filter(|action| *action == "message.downloaded").count(), 2, "{actions:?}");
    }
    assert_eq!(looked(&world, "1234-A").await.len(), 2 * ids.len());
}

#[tokio::test]
async fn an_archive_with_something_quarantined_is_refused_as_a_whole() {
    let world = ConsoleWorld::start().await;
    let mut browser = world.staff("suzuki", Role::Clerk).await.browser;
    let mut sender = world.world.sender("yamada-1").await;
    let good = world.receive(&mut sender, b"x").await;
    let mut stranger = world.world.sender("stranger").await;
    world.world.change_user("stranger", |user| user.lost_at = Some(jiff::Timestamp::UNIX_EPOCH)).await;
    world
        .admin()
        .disable_user(&"stranger".parse().unwrap(), kenpo_express::domain::user::DisableReason::Lost, None)
        .await
        .unwrap();
    let bad = world.receive(&mut stranger, b"x").await;
    browser.get("/received").await;
    let (good_id, bad_id) = (good.to_string(), bad.to_string());
    let answer = browser.post("/received/bundle", &[("id", &good_id), ("id", &bad_id)]).await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
    assert!(text(&answer).contains("隔離中のファイルは取り出せません"));
    assert!(looked(&world, "1234-A").await.is_empty(), "nothing went out, and nothing is noted");
    for wrong in [&[][..], &[("id", "x")]] {
        assert_eq!(browser.post("/received/bundle", wrong).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    }
    for path in ["preview", "file"] {
        let answer = browser.get(&format!("/received/{bad}/{path}")).await;
        assert_eq!(answer.status, StatusCode::CONFLICT, "{path}");
    }
    assert!(leads(&browser.get(&format!("/received/{bad}?done=commented")).await).starts_with("/quarantine/"));
}
