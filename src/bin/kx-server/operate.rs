//! What the operator does beside running the server: setting up, examining, collecting logs.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kenpo_express::config::{Discretion, describe};
use kenpo_express::domain::clock::Clock;
use kenpo_express::operations::handover::{ForOperator, Handover, parse};
use kenpo_express::operations::logs::{self, Part};
use kenpo_express::operations::questions::Questions;
use kenpo_express::relay::{Config, admin, examine, init};
use kenpo_express::runtime::clock::{SystemClock, SystemRandom};
use kenpo_express::runtime::finding::{Finding, is_well};
use kenpo_express::runtime::telemetry::chain;
use kenpo_express::runtime::version::VERSION;
use kenpo_express::store::relay::MIGRATIONS;
use kenpo_express::store::relay::unions::NewUnion;
use kenpo_express::store::sqlite::{MigrationState, migration_state};

use super::{Failure, load, print_json, say, show};

/// Settings of which only is told that they are set: persons, and what may hold a secret.
const DISCRETION: Discretion<'_> =
    Discretion { hidden: &["mail.from", "mail.transport"], secret_files: &["mail.credentials"] };

fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock)
}

pub(super) fn init(config: &Path, answers: Option<&Path>) -> Result<(), Failure> {
    let questions = match answers {
        Some(file) => Questions::of_file(file)?,
        None => Questions::at_terminal(&init::answers_beside(config), &SystemRandom)?,
    };
    let done = init::run(config, questions, &clock(), &SystemRandom)?;
    say(&format!("設定ファイル / Configuration: {}", config.display()));
    for fault in &done.faults {
        say(&format!("要確認 / To be put right: {fault}"));
    }
    say(&done.shown);
    say(&format!(
        "次に: サービスを起動し、{0} を各組合に渡して照合番号を電話で読み合わせてください。組合から届いたファイルは kx-server union add --handover で登録します。\n\
         Next: start the service, hand {0} to the unions and compare the fingerprint by telephone. What a union sends is registered \
         with kx-server union add --handover.",
        done.for_unions.display()
    ));
    if done.faults.is_empty() { Ok(()) } else { Err(Failure::Unwell("the configuration needs attention")) }
}

pub(super) async fn doctor(config: &Path, json: bool) -> Result<(), Failure> {
    let findings = examine(config, &clock()).await;
    if json {
        print_json(&findings)?;
    } else {
        show(findings.iter().map(Finding::words).collect::<String>().trim_end())?;
    }
    if is_well(&findings) { Ok(()) } else { Err(Failure::Unwell("異常があります (something is wrong)")) }
}

pub(super) async fn logs(config: &Path, out: PathBuf, days: u32) -> Result<(), Failure> {
    let findings = examine(config, &clock()).await;
    let status = match status(config).await {
        Ok(status) => status,
        Err(failure) => chain(&failure),
    };
    let (file, to) = (config.to_owned(), out.clone());
    let packed = tokio::task::spawn_blocking(move || {
        let settings = describe::<Config>(&file, &DISCRETION);
        let parts = [
            Part { name: "version.txt", text: format!("kx-server {VERSION}\n") },
            logs::findings(&findings),
            Part { name: "status.json", text: status },
            Part { name: "configuration.txt", text: settings.text },
            logs::journal("kx-server", days),
        ];
        logs::pack(&to, &parts, &settings.concealed)
    });
    let failed = |error| Failure::File(out.clone(), error);
    packed.await.map_err(io::Error::other)?.map_err(failed)?;
    say(&format!("保存しました / Saved: {}", out.display()));
    Ok(())
}

async fn status(file: &Path) -> Result<String, Failure> {
    let config: Config = load(file)?;
    if !config.database().exists() {
        return Err(Failure::Unwell("there is no database yet"));
    }
    // Whoever asks for logs changes nothing: the service may be of the version before.
    if migration_state(&config.database(), &MIGRATIONS).await? != MigrationState::UpToDate {
        return Err(Failure::Unwell("the database is of another version than this program"));
    }
    let database = admin::open(&config).await?;
    let status = admin::status(&database).await;
    database.close().await;
    Ok(serde_json::to_string_pretty(&status?).map_err(io::Error::other)?)
}

/// A union as it has handed itself over; says what is to be compared.
pub(super) fn handed_over(file: &Path) -> Result<NewUnion, Failure> {
    let hand = ForOperator::read(file)?;
    say(&hand.shown());
    let certificates = |pem: &str| parse(pem).map_err(|error| Failure::Certificate(file.to_owned(), error));
    Ok(NewUnion {
        clients: certificates(&hand.client_certificates)?,
        authorities: certificates(&hand.authorities)?,
        insurer: hand.insurer,
        name: hand.name,
    })
}
