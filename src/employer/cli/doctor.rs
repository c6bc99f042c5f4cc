//! `doctor`: a line for each check, and what to do.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use super::ask::Asker;
use super::failure::Failure;
use crate::employer::doctor::{Finding, Health, examine};
use crate::runtime::clock::{SystemClock, SystemRandom};

/// Whether nothing is bad.
pub(super) async fn run(folder: &Path, json: bool, asker: &Asker) -> Result<bool, Failure> {
    // A try at the PIN is counted, so it is only made where it was asked for.
    let pin = if asker.has_pin() { Some(asker.pin("")?) } else { None };
    let findings = examine(folder, pin, Arc::new(SystemClock), Arc::new(SystemRandom)).await;
    let text = if json {
        serde_json::to_string_pretty(&findings).expect("findings are plain data") + "\n"
    } else {
        findings.iter().map(words).collect()
    };
    // Whoever closed our output does not want to read it.
    let _ = write!(std::io::stdout().lock(), "{text}");
    Ok(findings.iter().all(|finding| finding.result != Health::Bad))
}

fn words(finding: &Finding) -> String {
    let mark = match finding.result {
        Health::Good => "正常/OK     ",
        Health::Warning => "注意/WARNING",
        Health::Bad => "異常/BAD    ",
        Health::Skipped => "省略/SKIPPED",
    };
    let found = format!("{mark} {}\n             {} ({})\n", finding.found, finding.found_en, finding.check);
    match (finding.todo, finding.todo_en) {
        (Some(todo), Some(todo_en)) => format!("{found}             → {todo}\n             → {todo_en}\n"),
        _ => found,
    }
}
