//! Who comes in at the API: tokens, scopes, limits.

use axum::body::Body;
use hyper::Method;
use jiff::SignedDuration;
use kenpo_express::gateway::api::routes::{Access, routes};
use kenpo_express::store::gateway::audit;
use kenpo_express::store::gateway::tokens::Scope;
use kenpo_express::wire::problem::Code;
use kenpo_express::wire::tus;

use crate::api_support::ApiWorld;
use crate::support::http::{get, request};

const ID: &str = "0191e3c4-7a5b-7c3d-8e4f-a1b2c3d4e5f6";

#[tokio::test]
async fn every_route_wants_its_own_scope() {
    let api = ApiWorld::with("requests_per_second = 1000\nwrong_tokens_per_minute = 1000").await;
    let mut clients = Vec::new();
    for scope in Scope::ALL {
        clients.push((scope, api.client(&api.token(scope.code().replace(':', "-").as_str(), &[scope]).await)));
    }
    let nobody = api.client("kx_0123456789ab_wrong");
    for route in routes() {
        let path = route.path.replace("{id}", ID);
        let asked = || {
            let asked = request(route.method.clone(), &path).header(tus::TUS_RESUMABLE, tus::VERSION);
            asked.body(Body::empty()).unwrap()
        };
        let stranger = nobody.send(asked()).await.unwrap();
        assert_eq!(stranger.status == 401, route.access != Access::Open, "{route:?}");
        for (scope, client) in &clients {
            let answer = client.send(asked()).await.unwrap();
            let may = match route.access {
                Access::Open => true,
                Access::Token => matches!(scope, Scope::ReceivedRead | Scope::SentRead),
                Access::Scope(needed) => needed == *scope,
            };
            assert_eq!(answer.status != 403, may, "{route:?} {scope:?} {answer:?}");
            assert_ne!(answer.status, 401, "{route:?}");
        }
    }
}

#[tokio::test]
async fn a_token_is_shown_once_ends_when_it_is_to_and_leaves_its_traces() {
    let api = ApiWorld::start().await;
    let admin = api.admin();
    let end = api.world.clock_now().checked_add(SignedDuration::from_hours(1)).unwrap();
    let made = admin.add_token("core", [Scope::UsersRead].into(), Some(end)).await.unwrap();
    let client = api.client(&made.token);
    assert_eq!(client.get("/api/v1/offices").await.status, 200);
    let shown = serde_json::to_string(&admin.tokens().await.unwrap()).unwrap();
    // The secret may have a '_' in it.
    let secret = made.token.splitn(3, '_').nth(2).unwrap();
    assert!(shown.contains("last_used_at\":\"2") && !shown.contains(secret), "{shown}");
    let database = std::fs::read(api.world.folder.path().join("gateway.db-wal")).unwrap();
    let is_in = database.windows(secret.len()).any(|window| window == secret.as_bytes());
    assert!(!is_in, "the secret is stored nowhere");

    api.world.clock.advance(SignedDuration::from_hours(1));
    let answer = client.get("/api/v1/offices").await;
    assert_eq!(
        (answer.code(), answer.header("www-authenticate")),
        (Code::TokenRefused, Some("Bearer error=\"invalid_token\""))
    );
    let other = api.client(&api.token("other", &[Scope::UsersRead]).await);
    assert_eq!(other.get("/api/v1/users").await.status, 200);
    admin.revoke_token("other").await.unwrap();
    assert_eq!(other.get("/api/v1/users").await.code(), Code::TokenRefused);
    assert!(admin.add_token("other", [Scope::UsersRead].into(), None).await.is_err(), "the audit names it for good");
    assert!(admin.add_token("A b", [Scope::UsersRead].into(), None).await.is_err());
    let entries = audit::list(api.world.receiver.database.read(), None, 100).await.unwrap();
    let tokens: Vec<_> = entries.iter().filter(|entry| entry.action.starts_with("token.")).collect();
    assert_eq!(
        tokens.iter().map(|entry| entry.action.as_str()).collect::<Vec<_>>(),
        ["token.revoked", "token.added", "token.added"]
    );
    assert!(tokens.iter().all(|entry| entry.actor == "tanaka" && entry.subject.starts_with("token:")));
}

#[tokio::test]
async fn whoever_only_reads_is_let_in_while_nothing_can_be_written() {
    let api = ApiWorld::start().await;
    let client = api.client(&api.token("core", &[Scope::UsersRead]).await);
    let database = &api.world.receiver.database;
    let mut transaction = database.write().await.unwrap();
    let refuse = "CREATE TRIGGER refuse BEFORE UPDATE ON tokens BEGIN SELECT RAISE(ABORT, 'disk full'); END";
    sqlx::raw_sql(refuse).execute(&mut *transaction).await.unwrap();
    database.commit(transaction).await.unwrap();
    assert_eq!(client.get("/api/v1/offices").await.status, 200);
}

#[tokio::test]
async fn without_a_token_and_in_the_address_nothing_is_let_in() {
    let api = ApiWorld::start().await;
    let token = api.token("core", &Scope::ALL).await;
    let root = api.world.union.authority.certificate();
    let nobody = crate::support::http::Client::new(api.address, root, None);
    let answer = nobody.get("/api/v1/users").await;
    assert_eq!((answer.code(), answer.header("www-authenticate")), (Code::TokenMissing, Some("Bearer")));
    assert_eq!(nobody.get(&format!("/api/v1/users?access_token={token}")).await.code(), Code::TokenMissing);
    for wrong in ["Basic a3g6a3g=", "Bearer", "Bearer ", &format!("Token {token}"), &format!("Bearer {token}x")] {
        let asked = request(Method::GET, "/api/v1/users").header("authorization", wrong).body(Body::empty());
        assert_eq!(nobody.send(asked.unwrap()).await.unwrap().status, 401, "{wrong}");
    }
}

#[tokio::test]
async fn one_that_asks_too_often_waits_and_the_others_do_not() {
    let api = ApiWorld::with("requests_per_second = 2\nwrong_tokens_per_minute = 3").await;
    let (one, other) = (api.core().await, api.client(&api.token("other", &[Scope::UsersRead]).await));
    let mut connection = one.connect().await.unwrap();
    let mut refused = 0;
    for _ in 0..20 {
        let answer = connection.send(get("/api/v1/users")).await.unwrap();
        refused += usize::from(answer.status == 429);
    }
    assert!(refused >= 10, "{refused}");
    assert_eq!(other.get("/api/v1/users").await.status, 200);
    let guesser = api.client("kx_0123456789ab_wrong");
    let mut seen = Vec::new();
    for _ in 0..5 {
        seen.push(guesser.get("/api/v1/users").await.code());
    }
    assert_eq!(seen[..3], [Code::TokenRefused; 3]);
    assert_eq!(seen[4], Code::TooManyRequests);
    assert_eq!(other.get("/api/v1/users").await.status, 200, "who has a token is not kept out by those who guess");
}
