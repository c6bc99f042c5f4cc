//! No query walks over a table that grows for good: the database itself says how it goes about each.

use std::path::Path;

use sqlx::QueryBuilder;

use crate::architecture::house;
use crate::search_support::database;

/// What grows with every file that comes or goes, and is never emptied.
const BIG: [&str; 11] = [
    "messages",
    "expected_files",
    "evidence",
    "receipts",
    "message_readers",
    "dispatches",
    "sent",
    "sent_recipients",
    "sent_receipts",
    "audit",
    "events",
];

/// Queries that walk over one all the same: how they begin, and why that may be.
const ALLOWED: &[(&str, &str)] = &[
    ("UPDATE sent SET asked_at = 0", "when the relay was restored from a backup, once"),
    ("UPDATE sent SET told_at = NULL", "the same"),
];

type Step = (i64, i64, i64, String);

/// Whether a step of a plan walks over a big table. `SCAN x` alone does; so does an index that is gone through from end to end, unless it has
/// a part of the rows only. `called` is what big tables are called in the statement, beside their own names.
fn is_walk(step: &str, called: &[&str]) -> bool {
    let Some(rest) = step.strip_prefix("SCAN ") else { return false };
    let table = rest.split_whitespace().next().unwrap_or("");
    let is_partial = ["messages_unopened", "messages_flagged", "messages_out_of_line", "messages_quarantined"]
        .into_iter()
        .chain(["sent_to_go", "sent_to_tell", "sent_to_ask", "sent_alarmed", "sent_recipients_silent", "events_alarms"])
        .any(|index| rest.ends_with(index));
    (BIG.contains(&table) || called.contains(&table)) && !is_partial
}

/// What stands behind the name of a big table: what it is called, or the next word of the statement.
fn called(statement: &str) -> Vec<&str> {
    let words =
        statement.split(|letter: char| !letter.is_alphanumeric() && letter != '_').filter(|word| !word.is_empty());
    let words: Vec<&str> = words.collect();
    words.windows(2).filter(|pair| BIG.contains(&pair[0])).map(|pair| pair[1]).collect()
}

#[tokio::test]
async fn no_query_of_the_gateway_walks_over_what_grows() {
    let (_folder, database) = database().await;
    let mut reader = database.reader().await.unwrap();
    let (mut examined, mut wrong) = (0, Vec::new());
    for source in house() {
        if !source.path.starts_with(Path::new("store/gateway")) {
            continue;
        }
        for (line, text) in &source.texts {
            // The mark at its end belongs to a literal as it is read.
            let text = text.trim_end_matches(['#', '"']).replace("\\\n", "\n");
            let text = text.trim_start();
            if text.ends_with(' ') {
                // The beginning of a statement that is put together.
                continue;
            }
            if !["SELECT ", "UPDATE ", "DELETE FROM ", "INSERT INTO "].iter().any(|start| text.starts_with(start)) {
                continue;
            }
            let mut explain = QueryBuilder::<sqlx::Sqlite>::new(format!("EXPLAIN QUERY PLAN {text}"));
            // A beginning that ends otherwise is no statement.
            let Ok(steps) = explain.build_query_as::<Step>().fetch_all(&mut *reader).await else { continue };
            examined += 1;
            let called = called(text);
            let walks = steps.into_iter().map(|(.., step)| step).filter(|step| is_walk(step, &called));
            let is_allowed = ALLOWED.iter().any(|(begin, _)| text.starts_with(begin));
            wrong.extend(walks.filter(|_| !is_allowed).map(|step| format!("{}:{line}: {step}", source.path.display())));
        }
    }
    assert!(examined > 150, "only {examined} statements were found");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_walk_is_known_when_it_is_seen() {
    for step in
        ["SCAN messages", "SCAN sent USING COVERING INDEX sent_by_office", "SCAN audit USING INDEX audit_by_subject"]
    {
        assert!(is_walk(step, &[]), "{step}");
    }
    assert!(is_walk("SCAN m", &called("SELECT m.id FROM messages m")));
    for step in [
        "SEARCH messages USING INTEGER PRIMARY KEY (rowid<?)",
        "SCAN received_words VIRTUAL TABLE INDEX 0:M4<>",
        "SCAN users",
        "SCAN messages USING INDEX messages_flagged",
        "USE TEMP B-TREE FOR ORDER BY",
    ] {
        assert!(!is_walk(step, &[]), "{step}");
    }
}
