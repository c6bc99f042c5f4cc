//! Sending at the console, without a browser: whom it reaches said before, sent once, by whom from where; hostile names and broken lines;
//! the second person; taken back, reminded; groups.

use axum::body::Body;
use hyper::StatusCode;
use kenpo_express::domain::sending::Sending;
use kenpo_express::domain::staff::Role;
use kenpo_express::domain::user::DisableReason;
use kenpo_express::store::gateway::audit;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::console_sending_support::Desk;
use crate::console_support::{form, leads, text};

/// Names that are not refused, and meant to do harm.
const HOSTILE: [&str; 4] = [
    "=cmd|' -C calc'!A0.csv",
    "\"><script>alert(1)<b>.csv",
    "a'; filename='evil.exe.csv",
    "％0d％0aSet-Cookie: a=b.csv",
];

/// Files in the outbox that are neither a lock nor on their way: copies of what was handed in, and whatever was left behind.
fn staged(desk: &Desk) -> usize {
    let files = std::fs::read_dir(desk.console.world.folder.path().join("outbox")).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    names.filter(|name| !name.contains(".lock") && !name.contains(".sealed")).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whom_it_reaches_is_said_before_and_it_goes_once_by_whom_from_where() {
    let desk = Desk::start().await;
    let world = &desk.console.world;
    for (id, office) in [("hanako-1", "10-1"), ("jiro-2", "10-1"), ("taro-3", "20-1"), ("saburo-4", "30-1")] {
        world.person(id, office).await;
    }
    world.office("40-1").await;
    for id in ["jiro-2", "saburo-4"] {
        desk.console.admin().disable_user(&id.parse().unwrap(), DisableReason::Left, None).await.unwrap();
    }
    let mut browser = desk.console.staff("suzuki", Role::Clerk).await.browser;
    let shown = text(&browser.get("/sent").await);
    assert!(shown.contains("まだ何も送信していません") && shown.contains("href=\"/sent/new\""), "{shown}");
    // Nobody chosen, and somebody whom nobody knows.
    assert_eq!(leads(&browser.get("/sent/files").await), "/sent/new?problem=nobody");
    let refused = browser.get("/sent/files?to=office%3A99-9&codes=10-1").await;
    assert_eq!(leads(&refused), "/sent/new?to=office%3A99-9&to=office%3A10-1&problem=unknown");
    let shown = text(&browser.get(leads(&refused)).await);
    assert!(
        shown.contains("登録されていない宛先があります") && shown.contains("value=\"office:99-9\" checked"),
        "{shown}"
    );
    let shown = text(&browser.get("/sent/new?q=10-1").await);
    assert!(shown.contains("value=\"office:10-1\"") && shown.contains("value=\"user:jiro-2\""), "{shown}");

    let path = "/sent/files?codes=10-1%0A20-1%2C30-1&to=office%3A40-1&to=user%3Ataro-3";
    let shown = text(&browser.get(path).await);
    assert!(shown.contains("<b>2</b> 事業所、<b>1</b> 名（個別）"), "{shown}");
    let left_out = &shown[shown.find("id=\"left-out\"").unwrap()..];
    for (who, why) in [("jiro-2", "停止中"), ("saburo-4", "停止中"), ("事業所全体", "有効な利用者がいません")]
    {
        let rest = &left_out[left_out.find(who).unwrap_or_else(|| panic!("{who}: {left_out}"))..];
        assert!(rest[..rest.find("</tr>").unwrap()].contains(why), "{who}: {rest}");
    }
    let to = "to=office%3A10-1&to=user%3Ataro-3&to=office%3A30-1";
    let sent = desk.send(&mut browser, to, &[("お知らせ.pdf", b"content")]).await;
    assert_eq!(sent.answer.status, StatusCode::SEE_OTHER, "{}", text(&sent.answer));
    let [dispatch] = &desk.dispatches().await[..] else { panic!("one was sent") };
    let place = format!("/sent/{}", dispatch.id);
    assert_eq!(leads(&sent.answer), format!("{place}?done=sent"));
    assert_eq!((dispatch.size, dispatch.origin.as_str(), dispatch.actor.as_str()), (7, "console", "staff:suzuki"));
    assert_eq!(dispatch.comment.as_deref(), Some("11月分"));
    // The same form comes again, and with something else under the same name.
    let again = desk.send_again(&mut browser, &sent.path, &sent.key, &[("お知らせ.pdf", b"content")]).await;
    assert_eq!(leads(&again), leads(&sent.answer));
    let other = desk.send_again(&mut browser, &sent.path, &sent.key, &[("お知らせ.pdf", b"another")]).await;
    assert_eq!(other.status, StatusCode::CONFLICT);
    assert!(text(&other).contains("同じ名前で内容の違うファイル"));
    assert_eq!((desk.dispatches().await.len(), staged(&desk)), (1, 1));
    let entries = audit::of_subject(world.receiver.database.read(), &dispatch.id.to_string(), 5).await.unwrap();
    let entry = entries.iter().find(|entry| entry.action == "sent.staged").unwrap();
    assert_eq!((entry.actor.as_str(), entry.origin.as_str()), ("staff:suzuki", "127.0.0.1"));

    desk.push().await;
    let shown = text(&browser.get(&place).await);
    assert!(
        shown.contains("お知らせ.pdf") && shown.contains("<b>2 / 3</b>") && shown.contains("<b>0 / 3</b>"),
        "{shown}"
    );
    assert!(shown.contains("停止 <b>1</b>") && shown.contains("送信済 <b>2</b>"), "{shown}");
    let relayed = text(&browser.get(&format!("{place}?state=relayed")).await);
    assert!(relayed.contains("10-1") && relayed.contains("taro-3") && !relayed.contains("30-1"), "{relayed}");
    for (question, count) in [
        ("office=10-1", 1),
        ("user=taro-3", 1),
        ("state=stopped", 1),
        ("state=relayed", 2),
        ("name=%E7%9F%A5%E3%82%89", 3),
        ("name=zzz", 0),
        ("from=2020-01-01&until=2020-01-02", 0),
        ("by=addressee", 3),
    ] {
        let shown = text(&browser.get(&format!("/sent?{question}")).await);
        assert_eq!(shown.matches("<tr data-row>").count(), count, "{question}");
    }
    for impossible in ["office=%3Cb%3E", "state=x", "from=yesterday", "before=x"] {
        let shown = text(&browser.get(&format!("/sent?{impossible}")).await);
        assert!(shown.contains("条件の書き方に誤りがあります"), "{impossible}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_go_each_by_itself_and_the_first_that_cannot_is_said() {
    let desk = Desk::with(false, 1_000).await;
    desk.console.world.person("hanako-1", "10-1").await;
    let mut browser = desk.console.staff("suzuki", Role::Clerk).await.browser;
    let to = "to=office%3A10-1";
    let large = vec![7; 1_001];
    let files: Vec<(&str, &[u8])> = HOSTILE.iter().map(|name| (*name, name.as_bytes())).collect();
    let sent = desk.send(&mut browser, to, &files).await;
    assert_eq!(leads(&sent.answer), "/sent?done=sent");
    let shown = text(&browser.get("/sent?done=sent").await);
    assert!(
        shown.contains("送信を受け付けました") && !shown.contains("<script>alert") && !shown.contains("<b>.csv"),
        "{shown}"
    );
    assert!(shown.contains("&#34;&#62;&#60;script&#62;alert(1)"), "{shown}");
    for dispatch in desk.dispatches().await {
        assert!(HOSTILE.contains(&dispatch.file_name.as_str()));
        for message in desk.messages(&dispatch).await {
            let page = text(&browser.get(&format!("/sent/{}", message.id)).await);
            assert!(page.contains("10-1") && !page.contains("<script>alert"), "{page}");
        }
    }
    // Two of one name are two; a name that nobody takes, and one that is too large, stop what follows.
    let files: [(&str, &[u8]); 2] = [("二.csv", b"1"), ("二.csv", b"2")];
    assert_eq!(leads(&desk.send(&mut browser, to, &files).await.answer), "/sent?done=sent");
    for (name, content, said) in [
        ("../x", &b"x"[..], "このファイル名は使えません"),
        ("CON", b"x", "このファイル名は使えません"),
        ("大.bin", &large, "大きすぎます"),
    ] {
        let before = desk.dispatches().await.len();
        let alone = desk.send(&mut browser, to, &[(name, content)]).await;
        assert_eq!(alone.answer.status, StatusCode::CONFLICT, "{name}");
        assert!(text(&alone.answer).contains(said), "{name}: {}", text(&alone.answer));
        assert_eq!(desk.dispatches().await.len(), before, "{name}");
        let part = desk.send(&mut browser, to, &[("前.csv", b"1"), (name, content), ("後.csv", b"3")]).await;
        assert_eq!(part.answer.status, StatusCode::CONFLICT, "{name}");
        let shown = text(&part.answer);
        assert!(
            shown.contains("一部のファイルを送信できませんでした")
                && shown.contains("前.csv")
                && !shown.contains("後.csv"),
            "{shown}"
        );
        assert_eq!(desk.dispatches().await.len(), before + 1, "{name}");
    }
    assert_eq!(staged(&desk), desk.dispatches().await.len());
    // No file at all, and more comment than fits.
    assert_eq!(desk.send(&mut browser, to, &[("", b"")]).await.answer.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_breaks_off_or_has_no_token_leaves_nothing() {
    let desk = Desk::start().await;
    desk.console.world.person("hanako-1", "10-1").await;
    let mut browser = desk.console.staff("suzuki", Role::Clerk).await.browser;
    let to = "to=office%3A10-1";
    let path = format!("/sent/files?{to}");
    let content = vec![7; 300_000];
    browser.get(&path).await;
    let csrf = browser.csrf.clone();
    let key = ("key", None, &b"0123456789abcdef"[..]);
    let file = ("file", Some("届.csv"), &content[..]);
    for fields in [
        &[key, file][..],
        &[("csrf", None, b"another"), key, file],
        &[key, ("csrf", None, csrf.as_bytes()), file],
        &[("csrf", Some("x"), b"another"), key, file],
        &[],
    ] {
        let answer = browser.form(&path, fields).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{}", text(&answer));
    }
    browser.site = "cross-site";
    let whole = [("csrf", None, csrf.as_bytes()), key, file];
    assert_eq!(browser.form(&path, &whole).await.status, StatusCode::FORBIDDEN);
    browser.site = "same-origin";
    // Whoever may only look sends nothing, token or not.
    let mut reader = desk.console.staff("mori", Role::Reader).await.browser;
    reader.get("/sent").await;
    let own = reader.csrf.clone();
    assert_eq!(reader.form(&path, &[("csrf", None, own.as_bytes()), key, file]).await.status, StatusCode::FORBIDDEN);
    // Whoever writes all of it before reading anything is told why, too, and not cut off in the middle.
    let body = form(&[("csrf", None, own.as_bytes()), key, file]);
    let mut line = reader.raw().await;
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncookie: {}\r\nsec-fetch-site: same-origin\r\n\
         content-type: multipart/form-data; boundary=x\r\ncontent-length: {}\r\n\r\n",
        reader.cookie(),
        body.len()
    );
    line.write_all(head.as_bytes()).await.unwrap();
    for piece in body.chunks(16_384) {
        line.write_all(piece).await.unwrap();
        line.flush().await.unwrap();
        // Time for whoever would close the line.
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let mut answer = Vec::new();
    line.read_to_end(&mut answer).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 403 "), "{}", String::from_utf8_lossy(&answer));
    // Whoever sends little by little, and without an end, is answered all the same.
    let (mut reading, mut writing) = tokio::io::split(reader.raw().await);
    let head = head.replace(&format!("content-length: {}", body.len()), "transfer-encoding: chunked");
    writing.write_all(head.as_bytes()).await.unwrap();
    let dripping = tokio::spawn(async move {
        while writing.write_all(b"1\r\nx\r\n").await.is_ok() && writing.flush().await.is_ok() {
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    });
    let mut answer = [0; 13];
    let answered = reading.read_exact(&mut answer);
    tokio::time::timeout(std::time::Duration::from_secs(60), answered).await.expect("it is answered").unwrap();
    assert_eq!(&answer, b"HTTP/1.1 403 ");
    dripping.abort();
    assert_eq!((desk.dispatches().await.len(), staged(&desk)), (0, 0));
    // The line breaks in the middle of the file, at its end, and before the form is at its end.
    let body = form(&whole);
    for end in [body.len() / 2, body.len() - 40] {
        let pieces: Vec<std::io::Result<Vec<u8>>> =
            vec![Ok(body[..end].to_vec()), Err(std::io::ErrorKind::ConnectionReset.into())];
        let broken = Body::from_stream(futures_util::stream::iter(pieces));
        assert!(browser.multipart(&path, broken).await.map_or(true, |answer| answer.status.is_client_error()));
    }
    assert_eq!(leads(&browser.form(&path, &whole).await).split('?').next_back(), Some("done=sent"));
    assert_eq!((desk.dispatches().await.len(), staged(&desk)), (1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_person_agrees_or_refuses_and_never_the_same() {
    let desk = Desk::with(true, 1 << 30).await;
    desk.console.world.person("hanako-1", "10-1").await;
    let mut suzuki = desk.console.staff("suzuki", Role::Clerk).await.browser;
    let mut sato = desk.console.staff("sato", Role::Clerk).await.browser;
    let mut mori = desk.console.staff("mori", Role::Reader).await.browser;
    let to = "to=office%3A10-1";
    assert!(text(&suzuki.get(&format!("/sent/files?{to}")).await).contains("別の職員が承認してから送信されます"));
    let sent = desk.send(&mut suzuki, to, &[("届<b>.csv", b"content")]).await;
    let place = leads(&sent.answer).strip_suffix("?done=held").unwrap().to_owned();
    desk.push().await;
    let state = async || desk.messages(&desk.dispatches().await[0]).await[0].state;
    assert_eq!(state().await, Sending::Held);
    for (browser, may) in [(&mut suzuki, false), (&mut mori, false), (&mut sato, true)] {
        let listed = text(&browser.get("/consents").await);
        assert!(listed.contains(&format!("href=\"{place}\"")) && listed.contains("届&#60;b&#62;.csv"), "{listed}");
        let shown = text(&browser.get(&place).await);
        for page in [&listed, &shown] {
            assert_eq!(page.contains(&format!("{place}/approve")), may, "{page}");
        }
    }
    let approve = format!("{place}/approve");
    assert_eq!(suzuki.post(&approve, &[]).await.status, StatusCode::CONFLICT);
    assert_eq!(mori.post(&approve, &[]).await.status, StatusCode::FORBIDDEN);
    assert_eq!(state().await, Sending::Held);
    assert_eq!(leads(&sato.post(&approve, &[]).await), format!("{place}?done=approved"));
    sato.get(&place).await;
    assert_eq!(leads(&sato.post(&approve, &[]).await), format!("{place}?late=decided"), "once");
    assert_eq!(state().await, Sending::Released);
    desk.push().await;
    assert_eq!(state().await, Sending::Relayed);
    let id = desk.dispatches().await[0].id.to_string();
    let entries = audit::of_subject(desk.console.world.receiver.database.read(), &id, 5).await.unwrap();
    let entry = entries.iter().find(|entry| entry.action == "sent.approved").unwrap();
    assert_eq!((entry.actor.as_str(), entry.origin.as_str()), ("staff:sato", "127.0.0.1"));
    // Another one is not agreed to, and goes nowhere.
    let sent = desk.send(&mut suzuki, to, &[("二.csv", b"content")]).await;
    let place = leads(&sent.answer).strip_suffix("?done=held").unwrap().to_owned();
    sato.get(&place).await;
    assert_eq!(leads(&sato.post(&format!("{place}/recall"), &[]).await), format!("{place}?done=recalled"));
    desk.push().await;
    assert_eq!(state().await, Sending::Recalled);
    assert!(!text(&sato.get("/consents").await).contains("/approve"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_not_fetched_it_is_seen_and_reminded_and_it_is_taken_back() {
    let desk = Desk::start().await;
    let world = &desk.console.world;
    let mut people = Vec::new();
    for number in 1..=4 {
        people.push(world.person(&format!("user-{number}"), &format!("{number}0-1")).await);
    }
    let mut browser = desk.console.staff("suzuki", Role::Clerk).await.browser;
    let sent = desk.send(&mut browser, "to=all", &[("届.csv", b"content")]).await;
    let place = leads(&sent.answer).split('?').next().unwrap().to_owned();
    desk.push().await;
    let messages = desk.messages(&desk.dispatches().await[0]).await;
    world.relay.1.fetch(messages[0].id, &people[0].id);
    world.verify(&people[1], messages[1].id);
    desk.push().await;
    let shown = text(&browser.get(&place).await);
    assert!(
        shown.contains("未受信 2") && shown.contains("検証済 <b>1</b>") && shown.contains("到達 <b>1</b>"),
        "{shown}"
    );
    assert_eq!(leads(&browser.post(&format!("{place}/remind"), &[]).await), format!("{place}?done=reminded"));
    let mut reminded = world.relay.1.reminded();
    reminded.sort();
    let mut waiting = vec![messages[2].id, messages[3].id];
    waiting.sort();
    assert_eq!(reminded, waiting, "nobody else");
    let third = format!("/sent/{}", messages[2].id);
    browser.get(&third).await;
    assert_eq!(leads(&browser.post(&format!("{third}/remind"), &[]).await), format!("{third}?done=reminded"));
    assert_eq!(world.relay.1.reminded().len(), 3);
    // One alone, then what is left; what somebody has is not taken back.
    browser.get(&third).await;
    assert_eq!(leads(&browser.post(&format!("{third}/recall"), &[]).await), format!("{third}?done=recalled"));
    let fetched = format!("/sent/{}", messages[0].id);
    browser.get(&fetched).await;
    assert_eq!(browser.post(&format!("{fetched}/recall"), &[]).await.status, StatusCode::CONFLICT);
    browser.get(&place).await;
    assert_eq!(leads(&browser.post(&format!("{place}/recall"), &[]).await), format!("{place}?done=recalled"));
    // The console reaches the relay for reminders only: it is told a while later.
    desk.console.wait(600);
    desk.push().await;
    let states: Vec<Sending> = desk.messages(&desk.dispatches().await[0]).await.iter().map(|one| one.state).collect();
    assert_eq!(states, [Sending::Fetched, Sending::Verified, Sending::Recalled, Sending::Recalled]);
    let entries = audit::of_subject(world.receiver.database.read(), &messages[2].id.to_string(), 9).await.unwrap();
    for action in ["sent.reminded", "sent.recall"] {
        let entry = entries.iter().find(|entry| entry.action == action).unwrap();
        assert_eq!((entry.actor.as_str(), entry.origin.as_str()), ("staff:suzuki", "127.0.0.1"), "{action}");
    }
}

#[tokio::test]
async fn groups_are_made_changed_and_sent_to() {
    let desk = Desk::start().await;
    for code in ["10-1", "20-1", "30-1"] {
        desk.console.world.office(code).await;
    }
    let mut browser = desk.console.staff("suzuki", Role::Clerk).await.browser;
    browser.get("/sent/groups").await;
    let made = browser.post("/sent/groups", &[("name", "建設<b>業"), ("codes", "10-1、20-1\r\n")]).await;
    let place = leads(&made).to_owned();
    assert!(place.ends_with("done=group"), "{place}");
    let shown = text(&browser.get(&place).await);
    assert!(
        shown.contains("建設&#60;b&#62;業") && shown.contains("value=\"20-1\"") && !shown.contains("value=\"30-1\""),
        "{shown}"
    );
    assert!(text(&browser.get("/sent/new").await).contains("value=\"group:建設&#60;b&#62;業\""));
    for wrong in [&[("name", "x"), ("codes", "99-9")][..], &[("name", "x:y"), ("codes", "10-1")], &[("name", "x")]] {
        browser.get("/sent/groups").await;
        assert!(browser.post("/sent/groups", wrong).await.status.is_client_error(), "{wrong:?}");
    }
    browser.get("/sent/groups").await;
    browser.post("/sent/groups", &[("name", "全部"), ("all", "1")]).await;
    browser.get("/sent/groups").await;
    browser.post("/sent/groups/remove", &[("name", "全部"), ("id", "10-1"), ("id", "20-1")]).await;
    let group = desk.console.admin().group("全部").await.unwrap();
    assert_eq!(group.iter().map(ToString::to_string).collect::<Vec<_>>(), ["30-1"]);
    browser.get("/sent/groups").await;
    assert!(
        leads(&browser.post("/sent/groups/remove", &[("name", "全部"), ("id", "30-1")]).await).ends_with("?done=group")
    );
}
