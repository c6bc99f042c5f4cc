//! Pages of the console as staff's browsers ask for them: a gateway that is running answers over TLS, to one person and to many at once.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use kenpo_express::config::load;
use kenpo_express::domain::clock::Clock;
use kenpo_express::domain::staff::{Role, StaffName};
use kenpo_express::gateway::Gateway;
use kenpo_express::runtime::clock::{SystemClock, SystemRandom};
use kenpo_express::secret::{StaffVerifier, Token, TotpSecret};
use kenpo_express::store::gateway::staff_sessions::NewSession;
use kenpo_express::store::gateway::{staff, staff_factors, staff_sessions};
use reqwest::Client;
use tokio::task::JoinSet;

use crate::Result;
use crate::users::{Times, spread};

/// Staff who ask at the same time.
const STAFF: usize = 20;
/// What they open, and under which name it is measured.
const PAGES: [(&str, &str); 9] = [
    ("page: ダッシュボード", "/"),
    ("page: 受信", "/received"),
    ("page: 受信, part of a name", "/received?name=%E8%B3%9E%E4%B8%8E"),
    ("page: 受信, an office", "/received?office=00007"),
    ("page: 提出予定, who has not sent", "/expected/1"),
    ("page: 送信", "/sent?by=addressee"),
    ("page: 事業所・利用者", "/people"),
    ("page: 監査", "/audit"),
    ("page: 監査, who looked at an office's files", "/audit?what=access&office=00007"),
];

/// How long each page takes, and all of them for twenty people at once, as JSON.
pub(crate) async fn print(config: &Path, queries: usize) -> Result<()> {
    let gateway = Gateway::open(load(config)?, Arc::new(SystemClock), Arc::new(SystemRandom)).await?;
    let address = gateway.settings.console.listen().ok_or("there is no console")?;
    let mut sessions = Vec::new();
    for number in 0..STAFF {
        sessions.push(signed_in(&gateway, number).await?);
    }
    gateway.receiver.database.close().await;
    let base = format!("https://{address}");
    let mut times = BTreeMap::new();
    let client = client()?;
    for (name, path) in PAGES {
        let mut taken = Vec::with_capacity(queries);
        for number in 0..=queries {
            let began = Instant::now();
            ask(&client, &format!("{base}{path}"), &sessions[0]).await?;
            // The first one is for warming up.
            if number > 0 {
                taken.push(began.elapsed());
            }
        }
        times.insert(name.to_owned(), Times::of(taken));
    }
    times.insert(format!("page: any, {STAFF} at once"), together(&base, sessions, queries).await?);
    println!("{}", serde_json::to_string(&times)?);
    Ok(())
}

/// Everybody asks for one page after another, each for others.
async fn together(base: &str, sessions: Vec<String>, queries: usize) -> Result<Times> {
    let mut all = JoinSet::new();
    for (who, session) in sessions.into_iter().enumerate() {
        let (base, client) = (base.to_owned(), client()?);
        all.spawn(async move {
            let mut taken = Vec::with_capacity(queries);
            for number in 0..queries {
                let (_, path) = PAGES[spread(who * queries + number, PAGES.len())];
                let began = Instant::now();
                ask(&client, &format!("{base}{path}"), &session).await?;
                taken.push(began.elapsed());
            }
            Result::Ok(taken)
        });
    }
    let mut taken = Vec::new();
    while let Some(own) = all.join_next().await {
        taken.extend(own??);
    }
    Ok(Times::of(taken))
}

async fn ask(client: &Client, address: &str, session: &str) -> Result<()> {
    let answer = client.get(address).header("cookie", format!("__Host-kx-session={session}")).send().await?;
    let status = answer.status();
    let page = answer.bytes().await?;
    if status.as_u16() == 200 { Ok(()) } else { Err(format!("{address}: {status}, {} bytes", page.len()).into()) }
}

fn client() -> Result<Client> {
    // Another one may have been installed before.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    // A certificate of the sandbox, on this machine.
    let builder = Client::builder().danger_accept_invalid_certs(true).redirect(reqwest::redirect::Policy::none());
    Ok(builder.build()?)
}

/// An account whose sign-in is done: what it takes to sign in is not what is measured.
async fn signed_in(gateway: &Gateway, number: usize) -> Result<String> {
    let name: StaffName = format!("bench-{number}").parse()?;
    let (database, now, random) = (&gateway.receiver.database, SystemClock.now(), SystemRandom);
    let token = Token::new(&random);
    let mut transaction = database.write().await?;
    let known = staff::list(&mut *transaction).await?.iter().any(|account| account.name == name);
    if !known {
        let password = StaffVerifier { salt: [0; 16].into(), hash: [0; 32] };
        staff::insert(&mut transaction, (&name, Role::Officer), &password, false, now).await?;
        staff_factors::set(&mut transaction, &name, &TotpSecret::new(&random), 0, &[]).await?;
    }
    let session =
        NewSession { hash: token.hash(), staff: &name, is_whole: true, origin: "127.0.0.1", agent: "bench", at: now };
    staff_sessions::insert(&mut transaction, &session).await?;
    database.commit(transaction).await?;
    Ok(token.as_str().to_owned())
}
