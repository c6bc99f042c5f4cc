//! What staff look at, with a million files archived: rows as a pull makes them, and how long one page takes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use kenpo_express::config::load;
use kenpo_express::domain::clock::Clock;
use kenpo_express::domain::digest::{Sha256, Tag};
use kenpo_express::domain::expectation::{Due, Expectation};
use kenpo_express::domain::ids::{MessageId, OfficeCode};
use kenpo_express::domain::schedule::jst;
use kenpo_express::domain::sending::Sending;
use kenpo_express::domain::verdict::{Reason, Verdict};
use kenpo_express::gateway::Gateway;
use kenpo_express::gateway::admin::Admin;
use kenpo_express::runtime::clock::{SystemClock, SystemRandom};
use kenpo_express::store::gateway::audit::{self, Entry, Search};
use kenpo_express::store::gateway::dispatches::{self, Dispatch};
use kenpo_express::store::gateway::messages::{self, Content, Message, State};
use kenpo_express::store::gateway::search::{Days, received, sent};
use kenpo_express::store::gateway::sent::{self as sent_rows, NewSent};
use kenpo_express::store::gateway::{days, directory, reviews};
use kenpo_express::store::sqlite::Database;

use crate::Result;
use crate::users::{Times, measured, spread};

/// Rows of a transaction.
const GROUP: usize = 5_000;
/// Rows of a page.
const PAGE: usize = 50;
/// Users of an office.
const PER_OFFICE: usize = 25;
/// Files that one dispatch is sent as.
const ADDRESSEES: usize = 300;
const KINDS: [&str; 10] = [
    "算定基礎届",
    "月額変更届",
    "賞与支払届",
    "資格取得届",
    "資格喪失届",
    "被扶養者異動届",
    "傷病手当金申請書",
    "出産育児一時金",
    "ｻﾝﾌﾟﾙ報告",
    "Report",
];
const ENDINGS: [&str; 4] = ["csv", "xlsx", "pdf", "zip"];

/// Brings the archive to so many messages from so many users, over two years up to yesterday, and what was sent to a fifth as many.
pub(crate) async fn fill(config: &Path, count: usize, users: usize) -> Result<()> {
    let gateway = Gateway::open(load(config)?, Arc::new(SystemClock), Arc::new(SystemRandom)).await?;
    let (database, union) = (&gateway.receiver.database, gateway.receiver.keys.union().to_string());
    let now = SystemClock.now();
    let mut written = 0;
    while written < count {
        let mut transaction = database.write().await?;
        let first = messages::next_number(&mut transaction).await?;
        let rows: Vec<Message> = (written..count.min(written + GROUP))
            .zip(first..)
            .map(|(place, number)| message(place, count, users, number, now, &union))
            .collect::<Result<_>>()?;
        messages::insert(&mut transaction, &rows).await?;
        let mut looked = Vec::new();
        for (place, row) in (written..).zip(&rows).filter(|(_, row)| row.verdict.is_accepted()) {
            if row.state != State::Archived {
                messages::set_opened(&mut transaction, row.number, now).await?;
            }
            if place % 5_003 == 0 {
                reviews::set_flag(&mut transaction, row.number, Some(now)).await?;
            }
            if place % 4 == 0 {
                looked.push(previewed(place, row));
            }
        }
        audit::insert_from(&mut transaction, &looked, "192.0.2.1").await?;
        written += rows.len();
        database.commit(transaction).await?;
    }
    // Due in a few days: the files of two years of it are found again.
    let due = jst(now + SignedDuration::from_hours(24 * 10)).date();
    let due = Due::yearly(due.month(), due.day())?;
    let expectation = Expectation::new("算定基礎届", "算定", None, due, None)?;
    Admin::new(&gateway, "bench").add_expectation(&expectation).await?;
    for place in 0..count / 5 / ADDRESSEES {
        let mut transaction = database.write().await?;
        send(&mut transaction, place, count / 5 / ADDRESSEES, users, now, &union).await?;
        database.commit(transaction).await?;
    }
    database.fold().await;
    database.close().await;
    Ok(())
}

fn at(place: usize, count: usize, now: Timestamp) -> Timestamp {
    let back = i64::try_from(count - place).unwrap_or(0) * 2 * 365 * 86_400 / i64::try_from(count).unwrap_or(1);
    now - SignedDuration::from_secs(86_400 + back)
}

/// Somebody has looked into a file.
fn previewed(place: usize, row: &Message) -> Entry {
    Entry {
        at: row.received_at,
        actor: ["staff:sato", "staff:suzuki", "staff:tanaka"][place % 3].to_owned(),
        action: "message.previewed",
        subject: row.id.to_string(),
        before: String::new(),
        after: String::new(),
    }
}

/// Where a message stands: staff keep up until the last weeks, and return some.
fn state(place: usize, count: usize, is_good: bool) -> State {
    match () {
        () if !is_good => State::Quarantined,
        () if place >= count - count / 50 => State::Archived,
        () if place.is_multiple_of(97) => State::Returned,
        () => State::Accepted,
    }
}

fn message(place: usize, count: usize, users: usize, number: i64, now: Timestamp, union: &str) -> Result<Message> {
    let (user, received_at) = (spread(place, users), at(place, count, now));
    let is_good = !place.is_multiple_of(1_009);
    let name = format!(
        "{}_{}_{:06}.{}",
        KINDS[spread(place, KINDS.len() * 7) % KINDS.len()],
        jst(received_at).strftime("令和%y年%m月"),
        place,
        ENDINGS[place % ENDINGS.len()]
    );
    let mut digest = [0; 32];
    digest[..8].copy_from_slice(&place.to_be_bytes());
    let warnings = BTreeSet::new();
    Ok(Message {
        number,
        id: MessageId::new(received_at, &SystemRandom),
        state: state(place, count, is_good),
        verdict: if is_good { Verdict::Accepted { warnings } } else { Verdict::quarantined(Reason::SignerUnknown) },
        sealed_size: 12_000,
        tag: Some(Tag([7; 16])),
        path: format!("2026/11/22/09/{place}.p7m"),
        deposited_at: received_at,
        received_at,
        archived_at: is_good.then_some(received_at),
        content: Some(Content {
            office: is_good.then(|| format!("{:05}", user / PER_OFFICE).parse()).transpose()?,
            user: is_good.then(|| format!("bench-{user}").parse()).transpose()?,
            sender: format!("bench-{user}@{union}.kx").parse()?,
            recipient: format!("union@{union}.kx").parse()?,
            file_name: Some(name.parse()?),
            content_type: "text/csv".to_owned(),
            comment: (place.is_multiple_of(5)).then(|| "よろしくお願いします。".to_owned()),
            size: 10_000,
            digest: digest.to_vec(),
            signature_hash: Sha256(digest),
            sequence: place as u64 + 1,
            signed_at: received_at,
        }),
        suspect_since: None,
        released_at: None,
    })
}

async fn send(
    connection: &mut kenpo_express::store::sqlite::Connection,
    place: usize,
    count: usize,
    users: usize,
    now: Timestamp,
    union: &str,
) -> Result<()> {
    let staged_at = at(place, count, now);
    let dispatch = Dispatch {
        number: 0,
        id: MessageId::new(staged_at, &SystemRandom),
        origin: "console".to_owned(),
        key: None,
        actor: "staff:sato".to_owned(),
        held: false,
        approval: None,
        file_name: format!("保険料納入告知額_{}_{place}.pdf", jst(staged_at).strftime("令和%y年%m月")).parse()?,
        content_type: "application/pdf".to_owned(),
        comment: None,
        size: 90_000,
        copy: None,
        put_away: false,
        staged_at,
    };
    let number = dispatches::insert(connection, &dispatch).await?;
    let addressed = |index: usize| -> Result<NewSent> {
        let user = spread(place * ADDRESSEES + index, users);
        Ok(NewSent {
            id: MessageId::new(staged_at, &SystemRandom),
            addressee: format!("bench-{user}@{union}.kx").parse()?,
            office: Some(format!("{:05}", user / PER_OFFICE).parse()?),
            state: if place + 1 < count { Sending::Accepted } else { Sending::Relayed },
            code: None,
        })
    };
    let rows: Vec<NewSent> = (0..ADDRESSEES).map(addressed).collect::<Result<_>>()?;
    sent_rows::insert(connection, number, &rows, staged_at).await?;
    Ok(())
}

/// A question, by its number.
type Question<'a, F> = Box<dyn Fn(usize) -> F + 'a>;

/// How long one page takes, each kind of question by itself, as JSON.
pub(crate) async fn print(config: &Path, queries: usize) -> Result<()> {
    let gateway = Gateway::open(load(config)?, Arc::new(SystemClock), Arc::new(SystemRandom)).await?;
    let database = &gateway.receiver.database;
    let now = SystemClock.now();
    let newest = received::list(&mut *database.reader().await?, &received::Filter::default(), 1).await?;
    let most = newest.rows.first().ok_or("there is nothing to look at")?.number;
    let today = jst(now).date();
    let month = |n: usize| month(today, n);
    let number = |n: usize| i64::try_from(spread(n, usize::try_from(most).unwrap_or(1))).unwrap_or(1);
    let any = received::Filter::default;
    let part = |text: &str| received::Filter { name: Some(text.to_owned()), ..any() };
    let questions: Vec<(&str, Question<'_, received::Filter>)> = vec![
        ("received: first page", Box::new(|_| any())),
        ("received: any page", Box::new(|n| received::Filter { before: Some(number(n)), ..any() })),
        ("received: of an office", Box::new(|n| received::Filter { office: office(n), ..any() })),
        (
            "received: of a user",
            Box::new(|n| received::Filter { user: format!("bench-{}", spread(n, 10_000)).parse().ok(), ..any() }),
        ),
        ("received: of a month", Box::new(|n| received::Filter { days: month(n), ..any() })),
        ("received: to be reviewed", Box::new(|_| received::Filter { state: Some(State::Archived), ..any() })),
        (
            "received: returned",
            Box::new(|n| received::Filter { state: Some(State::Returned), before: Some(number(n)), ..any() }),
        ),
        ("received: in quarantine", Box::new(|_| received::Filter { state: Some(State::Quarantined), ..any() })),
        ("received: nobody opened", Box::new(|_| received::Filter { is_opened: Some(false), ..any() })),
        ("received: flagged", Box::new(|_| received::Filter { is_flagged: Some(true), ..any() })),
        (
            "received: name, two common letters",
            Box::new(|n| received::Filter { before: Some(number(n)), ..part("賞与") }),
        ),
        ("received: name, a part that is rare", Box::new(|n| part(&format!("_{:06}", number(n))))),
        ("received: name, a part that is nowhere", Box::new(|_| part("算定与支"))),
        ("received: name, one letter that is nowhere", Box::new(|_| part("龘"))),
        (
            "received: name, office, month, state",
            Box::new(|n| received::Filter {
                office: office(n),
                days: month(n),
                state: Some(State::Accepted),
                ..part("届")
            }),
        ),
        (
            "received: name, and to be reviewed",
            Box::new(|_| received::Filter { state: Some(State::Archived), ..part("さんぷる") }),
        ),
    ];
    let mut times: BTreeMap<&str, Times> = BTreeMap::new();
    for (name, question) in &questions {
        let asked = measured(queries, async |n| {
            received::list(&mut *database.reader().await?, &question(n), PAGE).await?;
            Ok(())
        });
        times.insert(*name, asked.await?);
    }
    let sent_any = sent::Filter::default;
    let questions: Vec<(&str, Question<'_, sent::Filter>)> = vec![
        ("sent: first page", Box::new(|_| sent_any())),
        ("sent: to an office", Box::new(|n| sent::Filter { office: office(n), ..sent_any() })),
        ("sent: on its way", Box::new(|_| sent::Filter { state: Some(Sending::Relayed), ..sent_any() })),
        ("sent: part of a name", Box::new(|n| sent::Filter { name: Some(format!("月_{}", n % 600)), ..sent_any() })),
        (
            "sent: name, month",
            Box::new(|n| sent::Filter { name: Some("告知額".to_owned()), days: month(n), ..sent_any() }),
        ),
    ];
    for (name, question) in &questions {
        let asked = measured(queries, async |n| {
            sent::list(&mut *database.reader().await?, &question(n), PAGE).await?;
            Ok(())
        });
        times.insert(*name, asked.await?);
    }
    others(database, queries, today, &mut times).await?;
    let admin = Admin::new(&gateway, "bench");
    let expected = admin.expectations().await?.first().ok_or("nothing is expected")?.kept.number;
    let looked = measured(queries, async |_| {
        admin.expectation(expected, None).await?;
        Ok(())
    });
    times.insert("expected: who has not sent", looked.await?);
    println!("{}", serde_json::to_string(&times)?);
    Ok(())
}

/// Some days of a month, each time others.
fn month(today: Date, number: usize) -> Days {
    let until = today - SignedDuration::from_hours(24 * i64::try_from(number % 700).unwrap_or(0));
    Days { from: Some(until - SignedDuration::from_hours(24 * 30)), until: Some(until) }
}

/// Some office, each time another.
fn office(number: usize) -> Option<OfficeCode> {
    format!("{:05}", spread(number, 400)).parse().ok()
}

/// What is no list of files.
async fn others(database: &Database, queries: usize, today: Date, times: &mut BTreeMap<&str, Times>) -> Result<()> {
    let dashboard = measured(queries, async |_| {
        let mut reader = database.reader().await?;
        received::standing(&mut *reader).await?;
        let from: Date = today - SignedDuration::from_hours(24 * 30);
        days::received(&mut *reader, from, today).await?;
        days::sent(&mut *reader, from, today).await?;
        Ok(())
    });
    times.insert("dashboard: what stands where, 30 days", dashboard.await?);
    let who = measured(queries, async |n| {
        let days = month(today, n);
        let at = |day: Option<Date>| day.and_then(|day| kenpo_express::domain::schedule::civil(day.at(0, 0, 0, 0)));
        let search = Search {
            actions: vec!["message.previewed".to_owned(), "message.exported".to_owned()],
            office: office(n),
            from: at(days.from),
            until: at(days.until),
            ..Search::default()
        };
        audit::search(&mut *database.reader().await?, &search, 50).await?;
        Ok(())
    });
    times.insert("audit: who looked at an office's files in a month", who.await?);
    let users = measured(queries, async |n| {
        let filter = directory::Filter { office: office(n), ..Default::default() };
        directory::list(database.read(), &filter, 100).await?;
        Ok(())
    });
    times.insert("users: of an office", users.await?);
    Ok(())
}
