//! The directions of the house: which room may use which, and what may be named where.
//!
//! The tables say it; the tests read every file below `src/` and fail on any other arrow. An arrow is a path that begins
//! with `crate::`, `kenpo_express::` or `super::`, in a `use` line or in the middle of code. Test code (`#[cfg(test)]`) may
//! reach for what it needs and is not looked at.
//!
//! Circles between files are looked for too. A child that uses what its own parent defines is no circle (the parent names
//! its children, and the shared words of a room live there); a parent's `pub use` is followed to the file behind it.

mod circles;
mod source;
mod tokens;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use source::Source;

/// Each room and the rooms that it may use, from the bottom up.
const ROOMS: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("message", &["domain"]),
    ("pki", &["domain", "message"]),
    ("secret", &["domain"]),
    // The edges: each meets one thing of the outside world.
    ("stream", FOUNDATION),
    ("runtime", FOUNDATION),
    ("config", &["domain", "message", "pki", "runtime"]),
    ("wire", &["domain", "message", "pki", "secret", "stream"]),
    ("http", &["domain", "message", "pki", "secret", "stream", "runtime", "config", "wire"]),
    ("store", &["domain", "message", "pki", "secret", "stream", "wire"]),
    ("archive", &["domain", "message", "pki", "stream", "store"]),
    ("mail", &["domain", "message", "pki", "stream", "runtime", "config"]),
    // For those who operate a server.
    ("operations", &["domain", "message", "pki", "secret", "stream", "runtime", "config", "http", "store", "mail"]),
    // The sides: they share edges and never each other.
    ("gateway", EDGES),
    ("relay", EDGES),
    // What runs on people's PCs needs no server's edges, which are for Unix only.
    ("employer", &["domain", "message", "pki", "secret", "stream", "runtime", "config", "wire"]),
    // All three sides on one machine.
    ("sandbox", SIDES),
    ("bin", EVERYTHING),
];

const FOUNDATION: &[&str] = &["domain", "message", "pki"];
const EDGES: &[&str] = &[
    "domain",
    "message",
    "pki",
    "secret",
    "stream",
    "runtime",
    "config",
    "wire",
    "http",
    "store",
    "archive",
    "mail",
    "operations",
];
const SIDES: &[&str] = &[
    "domain",
    "message",
    "pki",
    "secret",
    "stream",
    "runtime",
    "config",
    "wire",
    "http",
    "store",
    "archive",
    "mail",
    "operations",
    "gateway",
    "relay",
    "employer",
];
const EVERYTHING: &[&str] = &[
    "domain",
    "message",
    "pki",
    "secret",
    "stream",
    "runtime",
    "config",
    "wire",
    "http",
    "store",
    "archive",
    "mail",
    "operations",
    "gateway",
    "relay",
    "employer",
    "sandbox",
];

/// Parts of a room that belong to one side, and who may use them beside the room itself.
const OWNED: &[(&[&str], &[&str])] = &[
    (&["store", "gateway"], &["gateway", "archive", "sandbox", "bin"]),
    (&["store", "relay"], &["relay", "sandbox", "bin"]),
    (&["wire", "client", "union"], &["gateway", "sandbox", "bin"]),
    (&["wire", "client", "employer"], &["employer", "sandbox", "bin"]),
];

/// Names that only some rooms may speak, as they stand in the code.
const NAMES: &[(&str, &[&str], &str)] = &[
    ("openssl", &["message", "pki"], "OpenSSL's types stay in message/ and pki/"),
    (
        "rustls",
        &["http", "wire", "relay"],
        "TLS stays in http/, the wire's client and the relay's check of client certificates",
    ),
    (
        "aws_lc_rs",
        &["secret", "http", "wire"],
        "what passwords turn into stays in secret/, TLS in http/ and the wire's client",
    ),
    ("voprf", &["secret"], "what PINs turn into stays in secret/"),
    ("argon2", &["secret"], "what passwords turn into stays in secret/"),
    ("totp_rs", &["secret"], "the second factor's codes stay in secret/"),
    ("lettre", &["mail"], "mail goes out through mail/"),
    ("sqlx", &["store"], "SQL stays in store/"),
    ("SystemTime::now", &["runtime"], "the wall clock is read in runtime/ and handed in"),
    ("Timestamp::now", &["runtime"], "the wall clock is read in runtime/ and handed in"),
    ("Zoned::now", &["runtime"], "the wall clock is read in runtime/ and handed in"),
    ("Uuid::now_v7", &["runtime"], "the wall clock is read in runtime/ and handed in"),
    ("Uuid::new_v4", &["runtime"], "randomness is made in runtime/ and handed in"),
    ("getrandom", &["runtime"], "randomness is made in runtime/ and handed in"),
    ("rand_bytes", &["runtime"], "randomness is made in runtime/ and handed in"),
];

/// What Unix alone has, as it stands in the code.
const UNIX: &[&str] = &["os::unix", "os::fd", "signal::unix", "rustix", "sd_notify"];

/// Where that may stand. All of it is left out of a program for Windows.
const UNIX_ONLY: &[&[&str]] = &[
    &["archive"],
    &["gateway"],
    &["http"],
    &["mail"],
    &["operations"],
    &["relay"],
    &["runtime", "files"],
    &["runtime", "lifecycle"],
    &["runtime", "task"],
    &["runtime", "task_metrics"],
    &["runtime", "watchdog"],
    &["sandbox"],
    &["store"],
    &["stream", "pending"],
    &["stream", "platform", "unix"],
    &["stream", "spool"],
];

/// How a text begins that is SQL.
const SQL: &[&str] =
    &["SELECT ", "INSERT INTO ", "INSERT OR ", "UPDATE ", "DELETE FROM ", "CREATE TABLE ", "CREATE INDEX ", "PRAGMA "];

/// Everything in these files that the tables do not allow, a line each.
fn faults(sources: &[Source]) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources {
        let Some(room) = source.room() else { continue };
        let Some((_, allowed)) = ROOMS.iter().find(|(name, _)| *name == room) else {
            found.push(format!("{}: `{room}` is not a room of the house", source.path.display()));
            continue;
        };
        found.extend(forbidden_arrows(source, &room, allowed));
        found.extend(forbidden_names(source, &room));
        found.extend(unix_calls(source));
    }
    found
}

fn forbidden_arrows(source: &Source, room: &str, allowed: &[&str]) -> Vec<String> {
    let known: BTreeSet<&str> = ROOMS.iter().map(|(name, _)| *name).collect();
    source
        .uses
        .iter()
        .filter_map(|used| {
            let target = used.path.first()?.as_str();
            // A lower-case name that is no room is a word of the root itself (`crate::VERSION` is fine for all).
            let open = target == room || allowed.contains(&target) || !known.contains(target);
            let fine = open && !belongs_to_another(&used.path, room);
            (!fine).then(|| {
                let path = used.path.join("::");
                format!("{}:{}: {room} may not use {target} (`{path}`)", source.path.display(), used.line)
            })
        })
        .collect()
}

fn belongs_to_another(path: &[String], room: &str) -> bool {
    OWNED.iter().any(|(part, owners)| {
        path.len() >= part.len()
            && path.iter().zip(*part).all(|(a, b)| a == b)
            && room != part[0]
            && !owners.contains(&room)
    })
}

fn forbidden_names(source: &Source, room: &str) -> Vec<String> {
    let names = NAMES.iter().filter(|(_, rooms, _)| !rooms.contains(&room)).flat_map(|(name, _, why)| {
        let lines = source.lines_naming(name);
        lines.into_iter().map(move |line| (line, format!("`{name}` is named in {room}: {why}")))
    });
    let texts = source.texts.iter().filter(|_| room != "store").filter_map(|(line, text)| {
        let sql = SQL.iter().find(|start| text.trim_start().starts_with(**start))?;
        Some((*line, format!("SQL (`{}…`) in {room}: SQL stays in store/", sql.trim())))
    });
    names.chain(texts).map(|(line, what)| format!("{}:{line}: {what}", source.path.display())).collect()
}

/// Calls of Unix in what also people's PCs run, and uses of what these do not have.
fn unix_calls(source: &Source) -> Vec<String> {
    let is_within = |module: &[String], place: &[&str]| {
        module.len() >= place.len() && module.iter().zip(place).all(|(a, b)| a == b)
    };
    let is_unix_only = |module: &[String]| UNIX_ONLY.iter().any(|place| is_within(module, place));
    // Programs are built one by one; the root and the parents say what there is on which system.
    let is_server = is_within(&source.module, &["bin"])
        && !["kx-employer", "kx-message"].iter().any(|program| is_within(&source.module, &["bin", program]));
    if is_unix_only(&source.module) || is_server {
        return Vec::new();
    }
    let names =
        UNIX.iter().flat_map(|name| source.lines_naming(name).into_iter().map(move |line| (line, (*name).to_owned())));
    // Whole rooms are the arrows' business, and `platform` chooses between its own.
    let parts = || UNIX_ONLY.iter().filter(|place| place.len() > 1 && place[..2] != ["stream", "platform"]);
    let is_foreign = |path: &[String]| parts().any(|place| is_within(path, place));
    let uses = source.uses.iter().filter(|used| is_foreign(&used.path)).map(|used| (used.line, used.path.join("::")));
    let path = source.path.display();
    names.chain(uses).map(|(line, what)| format!("{path}:{line}: `{what}` is for Unix only")).collect()
}

/// Every file of the source, without what is for tests only.
pub(crate) fn house() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    files.sort();
    let read = |path: &PathBuf| {
        let text = std::fs::read_to_string(path).expect("a source file that was just listed is readable");
        Source::parse(path.strip_prefix(&root).expect("listed below the root"), &text)
    };
    let mut sources: Vec<Source> = files.iter().map(read).collect();
    let tests: BTreeSet<Vec<String>> = sources.iter().flat_map(|source| source.test_modules.clone()).collect();
    sources.retain(|source| !tests.iter().any(|test| source.module.starts_with(test)));
    sources
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("the source folder is readable") {
        let path = entry.expect("the source folder is readable").path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

#[test]
fn every_arrow_in_the_house_is_allowed() {
    let sources = house();
    assert!(sources.len() > 10, "the source folder was not found");
    let found = faults(&sources);
    assert!(found.is_empty(), "arrows that the house does not allow:\n{}", found.join("\n"));
}

#[test]
fn what_is_for_unix_only_is_left_out_elsewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let is_unix_only = |room: &str| UNIX_ONLY.contains(&[room].as_slice());
    for (room, allowed) in ROOMS.iter().filter(|(room, _)| *room != "bin" && !is_unix_only(room)) {
        let server = allowed.iter().find(|used| is_unix_only(used));
        assert_eq!(server, None, "{room} is for people's PCs too");
    }
    for place in UNIX_ONLY {
        let (name, parents) = place.split_last().expect("a place has a name");
        let parent = match parents {
            [] => root.join("lib.rs"),
            parents => root.join(parents.join("/")).join("mod.rs"),
        };
        let text = std::fs::read_to_string(&parent).expect("a parent is readable");
        let declared = ["pub mod", "mod"].iter().any(|how| text.contains(&format!("#[cfg(unix)]\n{how} {name};")));
        assert!(declared, "{}: {name} is not under #[cfg(unix)]", parent.display());
    }
}

#[test]
fn no_circle_between_files() {
    let found = circles::between(&house());
    assert!(found.is_empty(), "files that use each other in a circle:\n{}", found.join("\n"));
}

#[test]
fn the_table_itself_has_no_circle() {
    let table: BTreeMap<&str, &[&str]> = ROOMS.iter().copied().collect();
    for (position, (room, allowed)) in ROOMS.iter().enumerate() {
        for used in *allowed {
            assert!(table.contains_key(used), "{room} may use {used}, which is no room");
            let below = ROOMS[..position].iter().any(|(name, _)| name == used);
            assert!(below, "{room} may use {used}, which does not stand above it in the table");
        }
    }
}

/// What waits by going round and round may go round for ever: `support/soon.rs` alone does, and has an end.
#[test]
fn no_test_waits_for_ever() {
    let mut files = Vec::new();
    collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite"), &mut files);
    assert!(files.len() > 10, "the tests were not found");
    for file in files.iter().filter(|file| !file.ends_with("support/soon.rs") && !file.ends_with("architecture.rs")) {
        let text = std::fs::read_to_string(file).expect("a test is readable");
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        let waits = lines.windows(2).position(|pair| {
            let turns = pair[0].starts_with("while ") || pair[0].starts_with("loop ");
            turns && pair[1].starts_with("tokio::task::yield_now()")
        });
        let line = waits.map(|line| line + 1);
        assert_eq!(line, None, "{}: waits without an end; see support/soon.rs", file.display());
    }
}

fn faults_of(path: &str, text: &str) -> Vec<String> {
    faults(&[Source::parse(Path::new(path), text)])
}

#[test]
fn a_forbidden_arrow_is_found_however_it_is_written() {
    for (path, text) in [
        ("domain/policy.rs", "use crate::message::open::Opened;"),
        ("message/seal.rs", "use crate::{domain::ids::MessageId, pki::ca::Authority};"),
        ("gateway/flows/receive.rs", "fn f() { crate::relay::routes::list(); }"),
        ("gateway/mod.rs", "use super::employer::App;"),
        ("gateway/flows/send.rs", "use super::super::super::relay;"),
        ("store/gateway.rs", "pub(crate) use crate::gateway::flows;"),
        ("relay/handlers/list.rs", "use crate::store::gateway::messages;"),
        ("employer/app.rs", "use crate::store::relay::parcels;"),
        ("stream/spool.rs", "type T = Vec<crate::store::Page>;"),
        ("wire/client.rs", "mod inner { use super::super::super::gateway::Daemon; }"),
    ] {
        assert_eq!(faults_of(path, text).len(), 1, "{path}: {text}");
    }
}

#[test]
fn allowed_arrows_pass() {
    for (path, text) in [
        ("message/seal.rs", "use crate::domain::ids::MessageId; use super::format::Writer;"),
        ("bin/kx-sandbox.rs", "use kenpo_express::{relay, gateway::Daemon, employer};"),
        ("sandbox/mod.rs", "use crate::relay; use crate::employer;"),
        ("domain/ids.rs", "//! See `crate::message`.\n/* crate::pki::ca */ pub(crate) struct X; // crate::store"),
        ("domain/ids.rs", "const T: &str = \"crate::store::Row\"; const R: &str = r#\"use crate::store\"#;"),
        ("domain/ids.rs", "#[cfg(test)]\nmod tests { use crate::store::Row; fn f() { SystemTime::now(); } }"),
        ("stream/spool.rs", "const C: char = '\"'; fn f<'a>(x: &'a str) { let started = Instant::now(); }"),
        ("gateway/mod.rs", "pub const V: &str = crate::VERSION;"),
    ] {
        assert_eq!(faults_of(path, text), Vec::<String>::new(), "{path}: {text}");
    }
}

#[test]
fn a_name_out_of_its_room_is_found() {
    for (path, text) in [
        ("gateway/flows/receive.rs", "use openssl::x509::X509;"),
        ("relay/handlers/list.rs", "sqlx::query(\"x\");"),
        ("relay/handlers/list.rs", "let text = \"SELECT id FROM parcels\";"),
        ("relay/handlers/list.rs", "let text = r#\"\n  DELETE FROM parcels\"#;"),
        ("gateway/tasks/pull.rs", "let now = jiff::Timestamp::now();"),
        ("domain/clock.rs", "use std::time::SystemTime; fn f() { let now = SystemTime :: now(); }"),
        ("bin/kx-server.rs", "getrandom::fill(&mut bytes);"),
        ("employer/disk.rs", "use std::os::unix::fs::OpenOptionsExt;"),
        ("message/seal.rs", "fn f() { rustix::fs::statvfs(path); }"),
        ("bin/kx-message/output.rs", "use std::os::fd::AsRawFd;"),
        ("stream/disk.rs", "use super::spool::Spool;"),
        ("attic/mod.rs", ""),
    ] {
        assert_eq!(faults_of(path, text).len(), 1, "{path}: {text}");
    }
    assert!(faults_of("message/keys.rs", "use openssl::pkey::PKey;").is_empty());
    assert!(faults_of("store/sqlite.rs", "use std::os::unix::fs::OpenOptionsExt;").is_empty());
    assert!(faults_of("store/relay/parcels.rs", "sqlx::query(\"SELECT 1\");").is_empty());
    assert!(faults_of("runtime/clock.rs", "SystemTime::now();").is_empty());
}
