//! Logins and sessions at the relay.

use hyper::Method;
use hyper::header::AUTHORIZATION;
use jiff::{SignedDuration, Timestamp};
use kenpo_express::domain::clock::Clock;
use kenpo_express::domain::ids::RequestId;
use kenpo_express::message::keys::Credential;
use kenpo_express::runtime::clock::SystemRandom;
use kenpo_express::secret::LoginKey;
use kenpo_express::wire::employer::{LOGIN, LOGOUT, certificate_request};
use kenpo_express::wire::page::Page;
use kenpo_express::wire::problem::Code;
use kenpo_express::wire::session::{Login, Session};
use kenpo_express::wire::union::{USERS, User};

use crate::support::enrolment::{change, login, login_key, within};
use crate::support::http::{get, json, request};
use crate::support::relay::{RelayWorld, UnionWorld};

/// A user with certificate and initial password.
async fn newcomer(relay: &RelayWorld, union: &UnionWorld, user: &str) -> (Credential, LoginKey) {
    let initial = relay.enrol(union, user).await.initial;
    let credential = union.user(user, relay.clock.now());
    assert_eq!(relay.put_user(union, user, &[credential.certificate()]).await.status, 204);
    (credential, initial)
}

/// As a session stands: the code of what is in the way of asking for a request that does not exist.
async fn standing(relay: &RelayWorld, user: &Credential, session: Option<&Session>) -> Code {
    let id = RequestId::new(relay.clock.now(), &SystemRandom);
    let ask = get(&certificate_request(id));
    let ask = session.map_or_else(|| get(&certificate_request(id)), |session| within(session, ask));
    relay.employer(user).send(ask).await.unwrap().code()
}

async fn logout(relay: &RelayWorld, user: &Credential, session: &Session) -> u16 {
    let end = within(session, request(Method::POST, LOGOUT).body(axum::body::Body::empty()).unwrap());
    relay.employer(user).send(end).await.unwrap().status.as_u16()
}

async fn shown(relay: &RelayWorld, union: &UnionWorld) -> (Option<i64>, Option<i64>) {
    let page: Page<User> = relay.vpn(&union.gateway).get(USERS).await.json();
    let millis = |at: Option<Timestamp>| at.map(Timestamp::as_millisecond);
    (millis(page.items[0].login_locked_until), millis(page.items[0].last_login_at))
}

#[tokio::test]
async fn from_the_initial_password_to_the_end_of_the_session() {
    let relay = RelayWorld::start().await;
    let union = relay.union("06123456").await;
    let (user, initial) = newcomer(&relay, &union, "hanako-1").await;
    let client = relay.employer(&user);
    assert_eq!(standing(&relay, &user, None).await, Code::SessionMissing);
    let session = login(&client, &initial).await.unwrap();
    assert!(session.must_change_password);
    assert_eq!(shown(&relay, &union).await, (None, Some(relay.clock.now().as_millisecond())));
    assert_eq!(standing(&relay, &user, Some(&session)).await, Code::PasswordInitial);
    let new = login_key(2);
    let unchanged = client.send(change(&session, &initial, &initial)).await.unwrap();
    assert_eq!(unchanged.code(), Code::PasswordUnchanged);
    assert_eq!(client.send(change(&session, &new, &new)).await.unwrap().code(), Code::LoginFailed);
    for _ in 0..2 {
        // The second time as when the answer was lost.
        assert_eq!(client.send(change(&session, &initial, &new)).await.unwrap().status, 204);
    }
    assert_eq!(standing(&relay, &user, Some(&session)).await, Code::RequestUnknown, "the session goes on");
    assert_eq!(login(&client, &initial).await.unwrap_err(), Code::LoginFailed);
    let second = login(&client, &new).await.unwrap();
    assert!(!second.must_change_password);
    assert_eq!(standing(&relay, &user, Some(&session)).await, Code::SessionMissing, "a new login ends the one before");
    assert_eq!(logout(&relay, &user, &second).await, 204);
    assert_eq!(logout(&relay, &user, &second).await, 401);
    assert_eq!(standing(&relay, &user, Some(&second)).await, Code::SessionMissing);
}

#[tokio::test]
async fn a_session_is_bound_to_certificate_address_and_time() {
    let mut relay =
        RelayWorld::start_with(|config| (config.session.hours, config.session.idle_minutes) = (12, 60)).await;
    let union = relay.union("06123456").await;
    let (user, initial) = newcomer(&relay, &union, "hanako-1").await;
    let (other, _) = newcomer(&relay, &union, "taro-2").await;
    let mut session = login(&relay.employer(&user), &initial).await.unwrap();
    let changed = relay.employer(&user).send(change(&session, &initial, &login_key(2))).await.unwrap();
    assert_eq!(changed.status, 204);
    assert_eq!(standing(&relay, &other, Some(&session)).await, Code::SessionMissing);
    // A renewed certificate needs a login of its own.
    let renewed = union.user("hanako-1", relay.clock.now());
    let both = [renewed.certificate(), user.certificate()];
    assert_eq!(relay.put_user(&union, "hanako-1", &both).await.status, 204);
    assert_eq!(standing(&relay, &renewed, Some(&session)).await, Code::SessionMissing);
    // A restart ends nothing.
    relay.stop().await;
    relay.resume().await;
    assert_eq!(standing(&relay, &user, Some(&session)).await, Code::RequestUnknown);

    let minutes = SignedDuration::from_mins;
    for _ in 0..13 {
        relay.clock.advance(minutes(50));
        assert_eq!(standing(&relay, &user, Some(&session)).await, Code::RequestUnknown);
    }
    relay.clock.advance(minutes(61));
    assert_eq!(standing(&relay, &user, Some(&session)).await, Code::SessionMissing, "idle");
    session = login(&relay.employer(&user), &login_key(2)).await.unwrap();
    for _ in 0..14 {
        relay.clock.advance(minutes(50));
        assert_eq!(standing(&relay, &user, Some(&session)).await, Code::RequestUnknown);
    }
    relay.clock.advance(minutes(21));
    assert_eq!(standing(&relay, &user, Some(&session)).await, Code::SessionMissing, "12 hours");
    kenpo_express::relay::tasks::forget(&relay.running().app).await.unwrap();

    // Another address: the server listens on all of 127/8 only where the configuration says so, so the row is moved.
    session = login(&relay.employer(&user), &login_key(2)).await.unwrap();
    let (app, token) = (&relay.running().app, kenpo_express::secret::Token::hash_of(&session.token));
    let mut transaction = app.database.write().await.unwrap();
    let found = kenpo_express::store::relay::sessions::find(&mut *transaction, token).await.unwrap().unwrap();
    let moved = kenpo_express::store::relay::sessions::Session { network: "192.0.2.7".to_owned(), ..found.session };
    kenpo_express::store::relay::sessions::begin(&mut transaction, &moved).await.unwrap();
    app.database.commit(transaction).await.unwrap();
    assert_eq!(standing(&relay, &user, Some(&session)).await, Code::SessionAddress);

    for bad in ["", "Bearer", "Bearer ", "Basic eA==", "Bearer x", &format!("Bearer {}x", session.token)] {
        let mut ask = get(&certificate_request(RequestId::new(relay.clock.now(), &SystemRandom)));
        ask.headers_mut().insert(AUTHORIZATION, bad.parse().unwrap());
        assert_eq!(relay.employer(&user).send(ask).await.unwrap().code(), Code::SessionMissing, "{bad}");
    }
}

#[tokio::test]
async fn disabled_means_that_the_session_is_gone() {
    let relay = RelayWorld::start().await;
    let union = relay.union("06123456").await;
    let (user, initial) = newcomer(&relay, &union, "hanako-1").await;
    let session = login(&relay.employer(&user), &initial).await.unwrap();
    assert_eq!(relay.disable(&union, "hanako-1").await.status, 200);
    assert!(!relay.employer(&user).is_let_in().await);
    let enable = request(Method::POST, "/union/v1/users/hanako-1/enable").body(axum::body::Body::empty()).unwrap();
    assert_eq!(relay.vpn(&union.gateway).send(enable).await.unwrap().status, 200);
    assert_eq!(standing(&relay, &user, Some(&session)).await, Code::SessionMissing);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_wrong_passwords_at_once_get_five_comparisons() {
    let relay = RelayWorld::start().await;
    let union = relay.union("06123456").await;
    let (user, initial) = newcomer(&relay, &union, "hanako-1").await;
    let client = relay.employer(&user);
    let mut tasks = Vec::new();
    for _ in 0..50 {
        let mut line = client.connect().await.unwrap();
        tasks.push(tokio::spawn(async move {
            let mut compared = 0;
            for _ in 0..20 {
                let body = Login { key: login_key(9) };
                match line.send(json(Method::POST, LOGIN, &body)).await.unwrap().code() {
                    Code::LoginFailed => compared += 1,
                    code => assert_eq!(code, Code::LoginLocked),
                }
            }
            compared
        }));
    }
    let mut compared = 0;
    for task in tasks {
        compared += task.await.unwrap();
    }
    assert_eq!(compared, 5);
    assert!(relay.watch("/metrics").await.contains("\nkx_relay_password_comparisons_total 5\n"));
    let until = relay.clock.now().checked_add(SignedDuration::from_mins(30)).unwrap();
    assert_eq!(shown(&relay, &union).await, (Some(until.as_millisecond()), None));
    assert_eq!(login(&client, &initial).await.unwrap_err(), Code::LoginLocked, "the right one too");
    relay.clock.advance(SignedDuration::from_mins(30));
    for _ in 0..4 {
        assert_eq!(login(&client, &login_key(9)).await.unwrap_err(), Code::LoginFailed);
    }
    assert!(login(&client, &initial).await.is_ok(), "the fifth");
    assert_eq!(login(&client, &login_key(9)).await.unwrap_err(), Code::LoginFailed);
    assert!(login(&client, &initial).await.is_ok());
}
