//! What the crowd costs the relay: idle, while some of them work, and when all unions come back at once.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use kenpo_express::config::load;
use kenpo_express::domain::clock::Clock;
use kenpo_express::domain::ids::MessageId;
use kenpo_express::relay::Config;
use kenpo_express::runtime::clock::{SystemClock, SystemRandom};
use kenpo_express::wire::employer::{SENT, UPLOADS};
use kenpo_express::wire::page::{Cursor, MAX_WAIT_SECONDS, Page};
use kenpo_express::wire::union::{HANDSHAKE, PARCELS, Parcel};
use serde::Serialize;
use tokio::task::JoinSet;
use tokio::time::{interval, sleep};

use super::line::{Caller, Line, roots};
use super::register::Crowd;
use crate::Result;
use crate::users::Times;

/// Connections that are made side by side.
const PARALLEL: usize = 64;
/// Parcels deposited a second while lists are timed, and how often a list is asked for beside them.
const UPLOADS_PER_SECOND: u32 = 50;
const LISTS_PER_SECOND: u32 = 50;
/// Handshakes side by side where only they are measured.
const SIDE_BY_SIDE: usize = 16;
/// Bytes of a parcel.
const PARCEL: usize = 12 * 1024;
/// Ticks of a process's times in /proc.
const TICKS_PER_SECOND: f64 = 100.0;

/// What was found.
#[derive(Serialize)]
struct Found {
    connections: u32,
    handshakes_per_second: f64,
    bytes_per_connection: f64,
    idle_core_percent: f64,
    list_idle: Times,
    list_working: Times,
    working_core_percent: f64,
    storm_seconds: f64,
    peak_kib: u32,
}

/// Measures a relay in another process, and prints it as JSON.
pub(crate) async fn measure(config: &Path, ca: &Path, crowd: &Path, pid: u32, seconds: u64) -> Result<()> {
    let (config, roots): (Config, _) = (load(config)?, roots(ca)?);
    let crowd: Crowd = serde_json::from_slice(&fs::read(crowd)?)?;
    let mut unions = Vec::new();
    for pem in &crowd.unions {
        unions.push(Caller::new(config.vpn.address, &roots, &pem.credential()?)?);
    }
    let mut users = Vec::new();
    for member in &crowd.users {
        let caller = Caller::new(config.employer.address, &roots, &member.pem.credential()?)?;
        users.push(caller.within(member.token.clone()));
    }
    let relay = Process(pid);
    let before = relay.resident()?;
    let began = Instant::now();
    let (union_lines, mut user_lines) = (connect(&unions).await?, connect(&users).await?);
    let connections = u32::try_from(unions.len() + users.len())?;
    let handshakes_per_second = f64::from(connections) / began.elapsed().as_secs_f64();
    // Each user has asked once: an idle session is one that was used.
    for line in &mut user_lines {
        line.get(SENT).await?;
    }
    let mut polls = JoinSet::new();
    for line in union_lines {
        polls.spawn(poll(line));
    }
    sleep(Duration::from_secs(5)).await;
    let bytes_per_connection = f64::from(relay.resident()?.saturating_sub(before)) * 1024.0 / f64::from(connections);

    let (spent, began) = (relay.seconds()?, Instant::now());
    sleep(Duration::from_secs(seconds)).await;
    let idle = (relay.seconds()? - spent) / began.elapsed().as_secs_f64();

    let list_idle = lists(&unions, &users, seconds / 2).await?;
    let (spent, began) = (relay.seconds()?, Instant::now());
    let uploads = tokio::spawn(deposit(user_lines, u32::try_from(seconds / 2)? * UPLOADS_PER_SECOND));
    let list_working = lists(&unions, &users, seconds / 2).await?;
    let working = (relay.seconds()? - spent) / began.elapsed().as_secs_f64();
    let _open = uploads.await??;

    // A poll that has ended by itself has failed: all of them must have held until now.
    if let Some(ended) = polls.try_join_next() {
        return Err(format!("a long poll ended: {:?}", ended?.err()).into());
    }
    polls.shutdown().await;
    let storm_seconds = storm(unions).await?;
    let found = Found {
        connections,
        handshakes_per_second,
        bytes_per_connection,
        idle_core_percent: idle * 100.0,
        list_idle,
        list_working,
        working_core_percent: working * 100.0,
        storm_seconds,
        peak_kib: relay.status("VmHWM:")?,
    };
    println!("{}", serde_json::to_string(&found)?);
    Ok(())
}

/// Full handshakes with a server, sixteen side by side; prints how many a second.
pub(crate) async fn handshakes(
    address: SocketAddr,
    ca: &Path,
    certificate: &Path,
    key: &Path,
    count: u32,
) -> Result<()> {
    let credential = super::credential(certificate, key)?;
    let caller = Caller::new(address, &roots(ca)?, &credential)?;
    let began = Instant::now();
    stream::iter(0..count)
        .map(|_| async {
            // In TLS 1.3 the client's certificate is judged after the client has done its part: an answer shows that it was.
            caller.connect().await?.status("/").await
        })
        .buffer_unordered(SIDE_BY_SIDE)
        .try_collect::<Vec<_>>()
        .await?;
    println!("{}", serde_json::json!({ "per_second": f64::from(count) / began.elapsed().as_secs_f64() }));
    Ok(())
}

async fn connect(callers: &[Caller]) -> Result<Vec<Line>> {
    stream::iter(callers).map(Caller::connect).buffer_unordered(PARALLEL).try_collect().await
}

/// What a gateway does all day: waits for what comes after what it knows.
async fn poll(mut line: Line) -> Result<()> {
    let mut after = None;
    loop {
        let place = after.map_or(String::new(), |cursor: Cursor| format!("&after={}", cursor.0));
        let answer = line.get(&format!("{PARCELS}?wait={MAX_WAIT_SECONDS}{place}")).await?;
        let page: Page<Parcel> = serde_json::from_slice(&answer)?;
        after = page.items.last().map(|parcel| parcel.cursor).or(after);
    }
}

/// Times lists, of unions and of users by turns, each over a connection of its own that stands before.
async fn lists(unions: &[Caller], users: &[Caller], seconds: u64) -> Result<Times> {
    let (mut union, mut user) = (unions[0].connect().await?, users[0].connect().await?);
    let mut beat = interval(Duration::from_secs(1) / LISTS_PER_SECOND);
    let mut taken = Vec::new();
    for number in 0..seconds * u64::from(LISTS_PER_SECOND) {
        beat.tick().await;
        let began = Instant::now();
        if number % 2 == 0 {
            union.get(PARCELS).await?
        } else {
            user.get(SENT).await?
        };
        taken.push(began.elapsed());
    }
    Ok(Times::of(taken))
}

/// Deposits parcels at an even pace, each by another user over the connection that user has.
async fn deposit(mut lines: Vec<Line>, count: u32) -> Result<Vec<Line>> {
    let parcel = parcel();
    let mut beat = interval(Duration::from_secs(1) / UPLOADS_PER_SECOND);
    for number in 0..count as usize {
        beat.tick().await;
        let (id, place) = (MessageId::new(SystemClock.now(), &SystemRandom), number % lines.len());
        lines[place].upload(UPLOADS, id, parcel.clone()).await?;
    }
    Ok(lines)
}

/// Bytes that end as a sealed message does: the relay reads no more of it than that.
fn parcel() -> Bytes {
    let mut bytes = vec![7; PARCEL];
    let end = PARCEL - 18;
    bytes[end..end + 2].copy_from_slice(&[0x04, 0x10]);
    bytes.into()
}

/// All unions come back at the same moment: seconds until the last one has its first answer.
async fn storm(unions: Vec<Caller>) -> Result<f64> {
    let barrier = Arc::new(tokio::sync::Barrier::new(unions.len() + 1));
    let mut all = JoinSet::new();
    for union in unions {
        let barrier = Arc::clone(&barrier);
        all.spawn(async move {
            barrier.wait().await;
            union.connect().await?.get(HANDSHAKE).await
        });
    }
    barrier.wait().await;
    let began = Instant::now();
    while let Some(answer) = all.join_next().await {
        answer??;
    }
    Ok(began.elapsed().as_secs_f64())
}

/// Another process, as /proc shows it.
struct Process(u32);

impl Process {
    /// KiB in memory now.
    fn resident(&self) -> Result<u32> {
        self.status("VmRSS:")
    }

    fn status(&self, name: &str) -> Result<u32> {
        let text = fs::read_to_string(format!("/proc/{}/status", self.0))?;
        let line = text.lines().find_map(|line| line.strip_prefix(name)).ok_or("no such line in /proc")?;
        Ok(line.split_whitespace().next().ok_or("no number in /proc")?.parse()?)
    }

    /// Seconds of processor that it has spent.
    fn seconds(&self) -> Result<f64> {
        let text = fs::read_to_string(format!("/proc/{}/stat", self.0))?;
        let (_, fields) = text.rsplit_once(')').ok_or("no name in /proc")?;
        let mut times = fields.split_whitespace().skip(11).map(str::parse::<u32>);
        let mut ticks = 0;
        for _ in ["user", "system"] {
            ticks += times.next().ok_or("no times in /proc")??;
        }
        Ok(f64::from(ticks) / TICKS_PER_SECOND)
    }
}
