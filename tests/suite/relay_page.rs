//! From the order of a union to the kit in a person's hands: mail, link, password, ZIP.

use std::collections::BTreeSet;
use std::io::{Cursor, Read};
use std::sync::Arc;

use hyper::Method;
use hyper::header::CONTENT_TYPE;
use jiff::SignedDuration;
use kenpo_express::domain::clock::Clock;
use kenpo_express::mail::Mailer;
use kenpo_express::secret::Token;
use kenpo_express::store::relay::{enrolments, users};
use kenpo_express::wire::Der;
use kenpo_express::wire::enrolment::{Device, EnrolmentStatus, Notice};
use kenpo_express::wire::page::Page;
use kenpo_express::wire::problem::Code;
use kenpo_express::wire::union::{USERS, User, UserRegistration};

use crate::support::enrolment::{KIT, PASSWORD, pc};
use crate::support::http::{Answer, get, json, request};
use crate::support::relay::{RelayWorld, UnionWorld, office};

const SUBJECT: &str = "[Kenpo eXpress] アプリケーションおよび電子証明書ダウンロードのご案内";

async fn post_form(relay: &RelayWorld, path: &str, body: &str) -> Answer {
    let form = request(Method::POST, path).header(CONTENT_TYPE, "application/x-www-form-urlencoded");
    relay.page().send(form.body(body.to_owned().into()).unwrap()).await.unwrap()
}

async fn enter(relay: &RelayWorld, link: &str, password: &str) -> Answer {
    post_form(relay, link, &format!("password={password}")).await
}

fn text(answer: &Answer) -> &str {
    std::str::from_utf8(&answer.body).unwrap()
}

/// The ticket behind the button.
fn ticket(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{answer:?}");
    let (_, rest) = text(answer).split_once(r#"name="ticket" value=""#).unwrap();
    rest.split_once('"').unwrap().0.to_owned()
}

fn unpack(answer: &Answer) -> Vec<(String, String)> {
    let mut zip = zip::ZipArchive::new(Cursor::new(answer.body.to_vec())).unwrap();
    let names: Vec<String> = zip.file_names().map(|name| name.unwrap().into_owned()).collect();
    let read = |name: String| {
        let mut text = String::new();
        zip.by_name(&name).unwrap().read_to_string(&mut text).unwrap();
        (name, text)
    };
    names.into_iter().map(read).collect()
}

async fn status(relay: &RelayWorld, union: &UnionWorld) -> Option<EnrolmentStatus> {
    let page: Page<User> = relay.vpn(&union.gateway).get(USERS).await.json();
    page.items.into_iter().next().unwrap().enrolment
}

async fn new_link(relay: &RelayWorld, union: &UnionWorld) -> Answer {
    let post = request(Method::POST, "/union/v1/users/hanako-1/link").body(axum::body::Body::empty());
    relay.vpn(&union.gateway).send(post.unwrap()).await.unwrap()
}

#[tokio::test]
async fn from_the_mail_to_the_kit() {
    let relay = RelayWorld::start_with(|config| {
        let app = config.data.parent().unwrap().join("app");
        std::fs::create_dir_all(&app).unwrap();
        std::fs::write(app.join("kenpoexpress"), "the app").unwrap();
        std::fs::write(app.join("kit.json"), "not this one").unwrap();
        config.enrolment.app = app;
        config.enrolment.url = "https://kx.example.jp".into();
    })
    .await;
    let union = relay.union("06123456").await;
    let enrolled = relay.enrol(&union, "hanako-1").await;
    // The same order again: one mail, and the link in it is good.
    assert_eq!(relay.order(&union, "hanako-1", &enrolled.order).await.status, 200);
    let link = relay.link().await;
    let mails = relay.mails();
    assert_eq!(mails.len(), 1);
    let (head, body) = &mails[0];
    assert!(head.contains("\r\nTo: hanako-1@example.jp\r\n"), "{head}");
    assert!(head.contains("From: noreply@localhost.localdomain\r\n"), "{head}");
    assert_eq!(subject(head), SUBJECT);
    assert!(body.contains(&format!("https://kx.example.jp{link}\r\n")), "{body}");
    assert!(body.contains("72時間") && body.contains("for 72 hours"));
    let told = status(&relay, &union).await.unwrap();
    assert_eq!(
        (told.id, told.mail_problem, told.link_locked, told.downloaded_at),
        (enrolled.order.id, None, false, None)
    );
    assert!(told.mailed_at.is_some());

    let form = relay.page().get(&link).await;
    assert!(text(&form).contains("ログイン"));
    let wrong = enter(&relay, &link, "wrong-password-1").await;
    assert_eq!(wrong.status, 403);
    let button = enter(&relay, &link, PASSWORD).await;
    assert!(text(&button).contains("ダウンロード"));
    for page in [&form, &wrong, &button] {
        assert_eq!(page.header("cache-control"), Some("no-store"));
        assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
        assert!(page.header("content-security-policy").unwrap().starts_with("default-src 'none'; "));
        assert!(!text(page).contains("<script") && !text(page).contains("hanako"), "{}", text(page));
        assert!(!text(page).contains("://"), "nothing from elsewhere");
    }
    let ticket = ticket(&button);
    for _ in 0..2 {
        let zip = post_form(&relay, "/kit", &format!("ticket={ticket}")).await;
        assert_eq!(zip.header("content-disposition"), Some("attachment; filename=\"kenpoexpress.zip\""));
        let files = unpack(&zip);
        let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["kenpoexpress/kit.json", "kenpoexpress/README.txt", "kenpoexpress/kenpoexpress"]);
        assert_eq!(files[0].1, KIT);
        assert!(files[1].1.starts_with('\u{feff}') && files[1].1.contains("初期設定"));
        assert_eq!(files[2].1, "the app");
    }
    assert!(status(&relay, &union).await.unwrap().downloaded_at.is_some());
    relay.clock.advance(SignedDuration::from_mins(11));
    assert_eq!(post_form(&relay, "/kit", &format!("ticket={ticket}")).await.status, 403);
    assert_eq!(post_form(&relay, "/kit", "ticket=x").await.status, 403);
    assert_eq!(relay.page().get("/employer/v1/union").await.status, 404, "nothing else is here");
}

/// RFC 2047, as far as our mails use it.
fn subject(head: &str) -> String {
    use base64::Engine;
    let (_, rest) = head.split_once("Subject: ").unwrap();
    let unfolded = rest.replace("\r\n ", " ");
    let line = unfolded.lines().next().unwrap().replace("?= =?utf-8?b?", "?==?utf-8?b?");
    let mut text = String::new();
    let mut rest = line.as_str();
    while let Some((plain, encoded)) = rest.split_once("=?utf-8?b?") {
        let (word, after) = encoded.split_once("?=").unwrap();
        text += plain;
        text += std::str::from_utf8(&base64::engine::general_purpose::STANDARD.decode(word).unwrap()).unwrap();
        rest = after;
    }
    text + rest
}

#[tokio::test]
async fn wrong_passwords_and_unknown_links_get_the_same_answer() {
    let relay = RelayWorld::start_with(|config| config.enrolment.tries_per_minute = 1_000).await;
    let union = relay.union("06123456").await;
    relay.enrol(&union, "hanako-1").await;
    let link = relay.link().await;
    let unknown = format!("/e/{}", "A".repeat(43));
    let wrong = enter(&relay, &link, "wrong-password-1").await;
    for (path, password) in [(&unknown, PASSWORD), (&"/e/x".to_owned(), PASSWORD), (&link, "")] {
        let answer = enter(&relay, path, password).await;
        assert_eq!((answer.status, &answer.body), (wrong.status, &wrong.body), "{path}");
        assert_eq!(answer.headers.len(), wrong.headers.len());
    }
    assert_eq!(relay.page().get(&unknown).await.body, relay.page().get(&link).await.body);
    // The two of before, and three more: locked, also for the right one.
    for _ in 0..3 {
        enter(&relay, &link, "wrong-password-1").await;
    }
    let locked = enter(&relay, &link, PASSWORD).await;
    assert_eq!((locked.status, &locked.body), (wrong.status, &wrong.body));
    assert!(status(&relay, &union).await.unwrap().link_locked);
    assert_eq!(new_link(&relay, &union).await.status, 200);
    assert!(!status(&relay, &union).await.unwrap().link_locked);
    let second = relay.link().await;
    assert_eq!(enter(&relay, &link, PASSWORD).await.status, 403, "the link before");
    assert_eq!(enter(&relay, &second, PASSWORD).await.status, 200);
    relay.clock.advance(SignedDuration::from_hours(72));
    let expired = enter(&relay, &second, PASSWORD).await;
    assert_eq!((expired.status, &expired.body), (wrong.status, &wrong.body));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn racing_guesses_are_five() {
    let relay = Arc::new(RelayWorld::start_with(|config| config.enrolment.tries_per_minute = 1_000).await);
    let union = relay.union("06123456").await;
    relay.enrol(&union, "hanako-1").await;
    let link = relay.link().await;
    let guesses = (0..30).map(|_| {
        let (relay, link) = (Arc::clone(&relay), link.clone());
        tokio::spawn(async move { enter(&relay, &link, "wrong-password-1").await.status.as_u16() })
    });
    for guess in guesses.collect::<Vec<_>>() {
        assert_eq!(guess.await.unwrap(), 403);
    }
    assert_eq!(enter(&relay, &link, PASSWORD).await.status, 403, "none was left");
}

#[tokio::test]
async fn one_address_tries_so_often_and_no_more() {
    let relay = RelayWorld::start_with(|config| config.enrolment.tries_per_minute = 3).await;
    let answers = [(); 5].map(|()| enter(&relay, "/e/x", "wrong-password-1"));
    let mut statuses = Vec::new();
    for answer in answers {
        statuses.push(answer.await.status.as_u16());
    }
    assert_eq!(statuses, [403, 403, 403, 429, 429]);
}

#[tokio::test]
async fn the_link_ends_with_the_certificates_and_everything_with_the_user() {
    let relay = RelayWorld::start().await;
    let union = relay.union("06123456").await;
    let first = relay.enrol(&union, "hanako-1").await;
    let link = relay.link().await;
    let held = ticket(&enter(&relay, &link, PASSWORD).await);
    let der = |credential: &kenpo_express::message::keys::Credential| Der(credential.certificate().der().to_vec());
    let user = union.user("hanako-1", relay.clock.now());
    let devices = vec![Device { pc: pc(), certificate: der(&union.device("hanako-1", &relay)) }];
    let registration = UserRegistration { office: office(), certificates: vec![der(&user)], devices, login: None };
    let put = json(Method::PUT, "/union/v1/users/hanako-1", &registration);
    assert_eq!(relay.vpn(&union.gateway).send(put).await.unwrap().status, 204);
    assert_eq!(enter(&relay, &link, PASSWORD).await.status, 403);
    assert_eq!(post_form(&relay, "/kit", &format!("ticket={held}")).await.status, 403, "the ticket of before");
    assert!(relay.employer(&first.kit).is_let_in().await, "a second PC may ask with the same kit");

    assert_eq!(relay.disable(&union, "hanako-1").await.status, 200);
    assert_eq!(new_link(&relay, &union).await.code(), Code::EnrolmentUnknown);
    assert_eq!(status(&relay, &union).await, None);
    // The order of before, repeated late, lets nobody in again.
    assert_eq!(relay.order(&union, "hanako-1", &first.order).await.status, 200);
    assert!(!relay.employer(&first.kit).is_let_in().await);
    // A new one does, and the old certificates stay out.
    let second = relay.enrol(&union, "hanako-1").await;
    assert!(relay.employer(&second.kit).is_let_in().await);
    assert!(!relay.employer(&user).is_let_in().await);
}

#[tokio::test]
async fn a_new_link_ends_the_ticket_and_the_mail_of_the_one_before() {
    let relay = RelayWorld::start().await;
    let union = relay.union("06123456").await;
    relay.enrol(&union, "hanako-1").await;
    let link = relay.link().await;
    let fetch = async |ticket: &str| post_form(&relay, "/kit", &format!("ticket={ticket}")).await.status.as_u16();
    let held = ticket(&enter(&relay, &link, PASSWORD).await);
    assert_eq!(fetch(&held).await, 200);
    assert_eq!(new_link(&relay, &union).await.status, 200);
    assert_eq!(fetch(&held).await, 403, "its link was replaced");
    let second = relay.link().await;
    assert_eq!(fetch(&held).await, 403);
    // The mail server took the first mail while the second link was made, and says so late.
    let (app, now) = (&relay.running().app, relay.clock.now());
    let mut transaction = app.database.write().await.unwrap();
    let user = users::find(&mut *transaction, &union.insurer, &"hanako-1".parse().unwrap()).await.unwrap().unwrap();
    let before = Token::hash_of(link.trim_start_matches("/e/"));
    let late = now.checked_add(SignedDuration::from_hours(999)).unwrap();
    enrolments::mailed(&mut transaction, user, before, now, late).await.unwrap();
    app.database.commit(transaction).await.unwrap();
    relay.clock.advance(SignedDuration::from_hours(71));
    let held = ticket(&enter(&relay, &second, PASSWORD).await);
    relay.clock.advance(SignedDuration::from_mins(55));
    let newer = ticket(&enter(&relay, &second, PASSWORD).await);
    assert_eq!((fetch(&held).await, fetch(&newer).await), (403, 200));
    relay.clock.advance(SignedDuration::from_mins(6));
    assert_eq!(fetch(&newer).await, 403, "its link has come to its end");
}

#[tokio::test]
async fn a_mail_that_cannot_go_shows_waits_and_is_dropped_with_its_user() {
    let relay = RelayWorld::start_with(|config| config.mail.transport = "directory:mail".into()).await;
    let union = relay.union("06123456").await;
    // In the place of the folder stands a file.
    let folder = relay.config.data.join("mail");
    std::fs::write(&folder, "").unwrap();
    let order = union.order("hanako-1", &relay).order;
    assert_eq!(relay.order(&union, "hanako-1", &order).await.status, 200);
    // Tried by the task already, or now.
    let _ = relay.send_mail().await;
    let told = status(&relay, &union).await.unwrap();
    assert_eq!((told.mailed_at, told.mail_problem.as_deref()), (None, Some("mail.folder")));
    assert!(relay.watch("/metrics").await.contains("\nkx_relay_mails_in_trouble 1\n"));
    std::fs::remove_file(&folder).unwrap();
    assert_eq!(relay.send_mail().await, Ok(()));
    assert!(!folder.exists(), "its time has not come");
    relay.clock.advance(SignedDuration::from_mins(1));
    assert_eq!(relay.send_mail().await, Ok(()));
    let told = status(&relay, &union).await.unwrap();
    assert!(told.mailed_at.is_some() && told.mail_problem.is_none());
    let mails = || std::fs::read_dir(&folder).unwrap().count();
    assert_eq!(mails(), 1);

    std::fs::rename(&folder, relay.config.data.join("old")).unwrap();
    std::fs::write(&folder, "").unwrap();
    assert_eq!(new_link(&relay, &union).await.status, 200);
    let _ = relay.send_mail().await;
    assert_eq!(relay.disable(&union, "hanako-1").await.status, 200);
    std::fs::remove_file(&folder).unwrap();
    relay.clock.advance(SignedDuration::from_hours(4));
    assert_eq!(relay.send_mail().await, Ok(()));
    assert!(!folder.exists(), "nothing goes to who is disabled");
}

#[tokio::test]
async fn notices_say_when_and_nothing_else() {
    let relay = RelayWorld::start().await;
    let union = relay.union("06123456").await;
    relay.enrol(&union, "hanako-1").await;
    relay.send_mail().await.unwrap();
    // The last minute of the day in Tokyo.
    let not_after = "2027-03-09T14:59:00Z".parse().unwrap();
    let notice = Notice::CertificateExpiry { not_after };
    let notify = async || {
        let post = json(Method::POST, "/union/v1/users/hanako-1/notices", &notice);
        let answer = relay.vpn(&union.gateway).send(post).await.unwrap();
        relay.send_mail().await.unwrap();
        (answer.status.as_u16(), relay.mails().len())
    };
    assert_eq!(notify().await, (200, 2));
    assert_eq!(notify().await, (200, 2), "repeated");
    relay.clock.advance(SignedDuration::from_hours(24 * 14));
    assert_eq!(notify().await, (200, 3), "two weeks later");
    let mails = relay.mails();
    let (head, text) = &mails[1];
    assert_eq!(subject(head), "[Kenpo eXpress] 電子証明書の有効期限のご案内");
    assert!(text.contains("2027年3月9日") && text.contains("2027-03-09") && !text.contains("hanako"), "{text}");
    let ids: BTreeSet<&str> = mails.iter().map(|(head, _)| head.split_once("Message-ID: ").unwrap().1).collect();
    assert_eq!(ids.len(), 3);
}

#[tokio::test]
async fn orders_that_cannot_be() {
    let relay = RelayWorld::start().await;
    let union = relay.union("06123456").await;
    let good = union.order("hanako-1", &relay).order;
    let long = format!("{}@example.jp", "a".repeat(300));
    for mail in ["", "a@example.jp\r\nBcc: b@example.jp", "a\n@example.jp", "<a@example.jp>", "花@example.jp", &long] {
        let bad = kenpo_express::wire::enrolment::EnrolmentOrder { mail: mail.to_owned(), ..good.clone() };
        assert_eq!(relay.order(&union, "hanako-1", &bad).await.code(), Code::RequestMalformed, "{mail:?}");
    }
    let stranger = UnionWorld::new("06123456", relay.clock.now());
    let devices = [
        Der(vec![0x30, 0]),
        Der(Vec::new()),
        stranger.order("hanako-1", &relay).order.device,
        union.order("taro-2", &relay).order.device,
        Der(union.user("hanako-1", relay.clock.now()).certificate().der().to_vec()),
        Der(union.gateway.certificate().der().to_vec()),
    ];
    for device in devices {
        let bad = kenpo_express::wire::enrolment::EnrolmentOrder { device, ..good.clone() };
        assert_eq!(relay.order(&union, "hanako-1", &bad).await.code(), Code::CertificateRefused);
    }
    for kit in [Vec::new(), vec![0; 300 << 10]] {
        let bad = kenpo_express::wire::enrolment::EnrolmentOrder { kit, ..good.clone() };
        assert_eq!(relay.order(&union, "hanako-1", &bad).await.code(), Code::RequestMalformed);
    }
    assert_eq!(relay.send_mail().await, Ok(()));
    let Mailer::Memory(mails) = &relay.running().app.mailer else { panic!() };
    assert!(mails.lock().unwrap().is_empty());
    // One kit belongs to one user, also while its time has not come or is over.
    assert_eq!(relay.order(&union, "hanako-1", &good).await.status, 200);
    let kit = relay.enrol(&union, "taro-2").await.kit;
    assert!(relay.employer(&kit).is_let_in().await);
    relay.clock.advance(SignedDuration::from_hours(24 * 366));
    assert!(!relay.employer(&kit).is_let_in().await);
    relay.clock.advance(SignedDuration::from_hours(-24 * 400));
    assert!(!relay.employer(&kit).is_let_in().await);
}

#[tokio::test]
async fn nothing_secret_stays_in_the_database() {
    let relay = RelayWorld::start().await;
    let union = relay.union("06123456").await;
    let enrolled = relay.enrol(&union, "hanako-1").await;
    let link = relay.link().await;
    let session = {
        let user = union.user("hanako-1", relay.clock.now());
        assert_eq!(relay.put_user(&union, "hanako-1", &[user.certificate()]).await.status, 204);
        crate::support::enrolment::login(&relay.employer(&user), &enrolled.initial).await.unwrap()
    };
    let held = ticket(&enter(&relay, &link, PASSWORD).await);
    get(&link);
    let mut files = Vec::new();
    for name in ["relay.db", "relay.db-wal"] {
        files.extend(std::fs::read(relay.config.data.join(name)).unwrap());
    }
    let holds = |secret: &[u8]| files.windows(secret.len()).any(|window| window == secret);
    assert!(holds(b"hanako-1"), "the search finds what is there");
    for secret in [PASSWORD, KIT, &session.token, &held] {
        assert!(!holds(secret.as_bytes()), "{secret}");
    }
    assert!(!holds(&[1; 32]), "the key that logs in");
}
