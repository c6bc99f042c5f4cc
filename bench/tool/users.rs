//! Users by the ten thousand: how long one look-up takes, at the gateway and at the relay.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kenpo_express::config::load;
use kenpo_express::domain::clock::Clock;
use kenpo_express::domain::digest::Fingerprint;
use kenpo_express::domain::ids::UserId;
use kenpo_express::domain::person::MailAddress;
use kenpo_express::gateway::Gateway;
use kenpo_express::gateway::admin::Admin;
use kenpo_express::relay::registry::Registry;
use kenpo_express::relay::{Config, admin as operator};
use kenpo_express::runtime::clock::{SystemClock, SystemRandom};
use kenpo_express::store::gateway::certificates::{self, Purpose};
use kenpo_express::store::gateway::directory::Filter;
use kenpo_express::store::relay::registry as stored;
use serde::Serialize;

use crate::Result;

/// Users of a page.
const PAGE: u32 = 100;
/// Look-ups in memory that are timed together.
const GROUP: usize = 64;

/// Microseconds of one query: the median, and what one in a hundred exceeds.
#[derive(Serialize)]
pub(crate) struct Times {
    p50_us: f64,
    p99_us: f64,
}

impl Times {
    pub(crate) fn of(mut taken: Vec<Duration>) -> Self {
        taken.sort_unstable();
        let at = |part: usize| taken[(taken.len() - 1) * part / 100].as_secs_f64() * 1e6;
        Self { p50_us: at(50), p99_us: at(99) }
    }
}

/// What staff and a pull look up in a gateway's database.
pub(crate) async fn gateway(config: &Path, queries: usize) -> Result<()> {
    let gateway = Gateway::open(load(config)?, Arc::new(SystemClock), Arc::new(SystemRandom)).await?;
    let admin = Admin::new(&gateway, "bench");
    let (users, mails) = everybody(&admin).await?;
    let certificates = fingerprints(&gateway, &users).await?;
    let user = |number: usize| users[spread(number, users.len())].clone();
    // After whom there is a full page still.
    let before = |number: usize| users[spread(number, users.len().saturating_sub(PAGE as usize).max(1))].clone();
    let page = async |filter: Filter| -> Result<()> {
        admin.users(&filter, PAGE).await?;
        Ok(())
    };
    let times = BTreeMap::from([
        ("first page", measured(queries, async |_| page(Filter::default()).await).await?),
        (
            "page",
            measured(queries, async |n| page(Filter { after: Some(before(n)), ..Filter::default() }).await).await?,
        ),
        (
            "one by id",
            measured(queries, async |n| {
                admin.user(&user(n)).await?;
                Ok(())
            })
            .await?,
        ),
        (
            "by mail address",
            measured(queries, async |n| {
                let mail = mails[spread(n, mails.len())].clone();
                page(Filter { mail: Some(mail), ..Filter::default() }).await
            })
            .await?,
        ),
        (
            "signer by certificate",
            measured(queries, async |n| {
                let mut reader = gateway.receiver.database.reader().await?;
                let found = certificates::signers(&mut reader, &[certificates[n % certificates.len()]]).await?;
                if found.len() == 1 { Ok(()) } else { Err("a registered certificate is not found".into()) }
            })
            .await?,
        ),
    ]);
    println!("{}", serde_json::to_string(&times)?);
    Ok(())
}

/// Who may come in, at a relay's handshake; and what reading the registry anew costs.
pub(crate) async fn relay(config: &Path, queries: usize) -> Result<()> {
    let config: Config = load(config)?;
    let (database, registry, now) = (operator::open(&config).await?, Registry::default(), SystemClock.now());
    let everybody = measured(5, async |_| {
        registry.reload(&database).await?;
        Ok(())
    })
    .await?;
    let entries = stored::users(&mut *database.reader().await?, None).await?;
    let who = |number: usize| &entries[spread(number, entries.len())];
    // In memory, and so quick that the clock must not look at each.
    let mut taken = Vec::new();
    for group in 0..queries {
        let began = Instant::now();
        for number in 0..GROUP {
            registry
                .user(who(group * GROUP + number).fingerprint, now)
                .map_err(|_| "a certificate does not come in")?;
        }
        taken.push(began.elapsed() / u32::try_from(GROUP)?);
    }
    let one = measured(queries.min(200), async |n| {
        Ok(registry.reload_user(&database, &who(n).insurer, &who(n).user).await?)
    });
    let times = BTreeMap::from([
        ("everybody read anew", everybody),
        ("certificate at the handshake", Times::of(taken)),
        ("one user read anew", one.await?),
    ]);
    println!("{}", serde_json::to_string(&times)?);
    Ok(())
}

/// Does it once for warming up, and then so many times.
pub(crate) async fn measured(queries: usize, query: impl AsyncFn(usize) -> Result<()>) -> Result<Times> {
    query(0).await?;
    let mut taken = Vec::with_capacity(queries);
    for number in 0..queries {
        let began = Instant::now();
        query(number).await?;
        taken.push(began.elapsed());
    }
    Ok(Times::of(taken))
}

/// All over the list, and the same ones at every call.
pub(crate) fn spread(number: usize, length: usize) -> usize {
    number.wrapping_mul(2_654_435_761) % length
}

async fn everybody(admin: &Admin) -> Result<(Vec<UserId>, Vec<MailAddress>)> {
    let (mut users, mut mails): (Vec<UserId>, _) = (Vec::new(), Vec::new());
    loop {
        let page = admin.users(&Filter { after: users.last().cloned(), ..Filter::default() }, 1_000).await?;
        if page.is_empty() {
            return Ok((users, mails));
        }
        for view in page {
            users.push(view.id.parse()?);
            mails.push(view.mail.ok_or("a user without a mail address")?.parse()?);
        }
    }
}

/// Certificates of a thousand users, all over the list.
async fn fingerprints(gateway: &Gateway, users: &[UserId]) -> Result<Vec<Fingerprint>> {
    let mut found = Vec::new();
    for number in 0..1_000 {
        let user = &users[spread(number, users.len())];
        let own = certificates::of_user(gateway.receiver.database.read(), user).await?;
        let signing = own.iter().find(|one| one.purpose == Purpose::Signing);
        found.push(signing.ok_or("a user without a certificate")?.fingerprint);
    }
    Ok(found)
}
