//! `doctor`: a line for each check, and what to do; `logs`: the same for the union.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::ask::{Asker, say};
use super::failure::Failure;
use crate::employer::doctor::{Finding, Health, examine};
use crate::employer::logs;
use crate::runtime::clock::{SystemClock, SystemRandom};
use crate::runtime::version::VERSION;

/// Whether nothing is bad.
pub(super) async fn run(folder: &Path, kit: Option<&Path>, json: bool, asker: &Asker) -> Result<bool, Failure> {
    let findings = look(folder, kit, asker).await?;
    let text = if json {
        serde_json::to_string_pretty(&findings).expect("findings are plain data") + "\n"
    } else {
        findings.iter().map(Finding::words).collect()
    };
    // Whoever closed our output does not want to read it.
    let _ = write!(std::io::stdout().lock(), "{text}");
    Ok(findings.iter().all(|finding| finding.result != Health::Bad))
}

/// Packs the findings for the union.
pub(super) async fn pack(folder: &Path, out: PathBuf, asker: &Asker) -> Result<bool, Failure> {
    let findings = look(folder, None, asker).await?;
    let (home, zip) = (folder.to_owned(), out.clone());
    let packed = tokio::task::spawn_blocking(move || logs::pack(&home, VERSION, &findings, &zip)).await;
    packed.expect("packing does not panic")?;
    say(&format!("保存しました。健康保険組合に送付してください / Saved; send it to the union: {}", out.display()));
    Ok(true)
}

async fn look(folder: &Path, kit: Option<&Path>, asker: &Asker) -> Result<Vec<Finding>, Failure> {
    // A try at the PIN is counted, so it is only made where it was asked for.
    let pin = if asker.has_pin() { Some(asker.pin("")?) } else { None };
    let findings = examine(folder, kit, pin, Arc::new(SystemClock), Arc::new(SystemRandom)).await;
    for finding in &findings {
        tracing::info!(check = finding.check, result = ?finding.result, "looked at");
    }
    Ok(findings)
}
