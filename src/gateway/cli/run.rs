//! What the commands do.

mod integration;
mod keys;
mod operate;
mod people;
mod schedule;
mod send;

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::args::{Args, Command, Json, ListArgs, Quarantine, Received};
use super::print;
use crate::config::Faults;
use crate::domain::clock::{Clock, Random};
use crate::gateway::admin::received::Review;
use crate::gateway::admin::{Admin, AdminError};
use crate::gateway::check::check;
use crate::gateway::config::GatewaySettings;
use crate::gateway::flows::receive::{Cause, Order};
use crate::gateway::init::InitError;
use crate::gateway::opened::Gateway;
use crate::gateway::start::StartError;
use crate::message::keys::KeyError;
use crate::runtime::clock::{SystemClock, SystemRandom};
use crate::runtime::lifecycle::{Shutdown, Signal, Signals, notify_ready, notify_stopping};
use crate::runtime::{telemetry, watchdog};
use crate::store::gateway::MIGRATIONS;
use crate::store::gateway::messages::{self, State as MessageState};
use crate::store::sqlite::{Database, MigrationState, StoreError, migration_state};

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
enum CommandError {
    #[error(transparent)]
    Settings(#[from] Faults),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error(transparent)]
    Admin(#[from] AdminError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("入出力に失敗しました (input or output failed)")]
    Io(#[from] io::Error),
    #[error("ファイルを読めません: {} (the file cannot be read)", .0.display())]
    File(PathBuf, #[source] io::Error),
    #[error("電子証明書を読めません (the certificate cannot be read)")]
    Certificate(#[from] KeyError),
    #[error(transparent)]
    Init(#[from] InitError),
    #[error("{0}")]
    Failed(String),
}

/// Does what the arguments say. Exit status 0: done; 1: refused or failed, with the reason on standard error.
pub async fn run(args: Args) -> ExitCode {
    match dispatch(args).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let mut text = format!("kx-gateway: {error}");
            let mut source = error.source();
            while let Some(cause) = source {
                // A transparent error says the same as its source.
                let words = cause.to_string();
                if !text.ends_with(&words) {
                    text = format!("{text}: {words}");
                }
                source = cause.source();
            }
            eprintln!("{text}");
            ExitCode::FAILURE
        }
    }
}

async fn dispatch(args: Args) -> Result<(), CommandError> {
    match args.command {
        Command::CheckConfig => return check_config(&args.config).await,
        Command::Init(arguments) => return operate::init(&args.config, arguments).await,
        Command::Doctor(json) => return operate::doctor(&args.config, json).await,
        Command::Logs(arguments) => return operate::logs(&args.config, arguments).await,
        _ => {}
    }
    let settings = GatewaySettings::read(&args.config)?;
    match args.command {
        Command::Migrate { check } => return migrate(&settings, check).await,
        Command::Serve => return serve(settings).await,
        _ => {}
    }
    let random: Arc<dyn Random> = Arc::new(SystemRandom);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let gateway = if needs_old_keys(&args.command) {
        Gateway::open(settings, clock, random).await?
    } else {
        let (gateway, unread) = Gateway::open_without_old_keys(settings, clock, random).await?;
        for fault in unread {
            eprintln!(
                "古い鍵を読めないため、使わずに続けます (an old key cannot be read; this goes on without it): {fault}"
            );
        }
        gateway
    };
    let actor = format!("uid:{}", rustix::process::getuid().as_raw());
    let admin = Admin::new(&gateway, &actor).known_as(own_names());
    let done = match args.command {
        Command::Pull { again, json } => pull(&gateway, &admin, again, json).await,
        Command::Schedule(command) => schedule::schedule(&admin, command).await,
        Command::Status(json) => status(&admin, json).await,
        Command::Alerts(Json { json }) => show(json, &admin.alerts().await?, |views| print::alerts(views)),
        Command::Received(command) => received(&admin, command).await,
        Command::Quarantine(command) => quarantine(&admin, command).await,
        Command::Keys(command) => keys::keys(&admin, command).await,
        Command::Send(args) => send::send(&gateway, &admin, args).await,
        Command::Sent(command) => send::sent(&admin, command).await,
        Command::Group(command) => send::group(&admin, command).await,
        Command::Office(command) => people::office(&admin, command).await,
        Command::User(command) => people::user(&admin, command).await,
        Command::Token(command) => integration::token(&admin, command).await,
        Command::Hook(command) => integration::hook(&admin, command).await,
        Command::Staff(command) => operate::staff(&admin, command).await,
        Command::CheckConfig
        | Command::Init(_)
        | Command::Doctor(_)
        | Command::Logs(_)
        | Command::Migrate { .. }
        | Command::Serve => {
            unreachable!("done above")
        }
    };
    gateway.receiver.database.close().await;
    done
}

/// Whether a command may have to open or to compare what was sealed or signed with an old key. Shutting somebody out does not wait for one.
fn needs_old_keys(command: &Command) -> bool {
    match command {
        Command::User(command) => people::needs_old_keys(command),
        Command::Status(_)
        | Command::Alerts(_)
        | Command::Schedule(_)
        | Command::Office(_)
        | Command::Group(_)
        | Command::Token(_)
        | Command::Hook(_)
        | Command::Staff(_) => false,
        _ => true,
    }
}

/// What the account that runs this is called, on either side of `sudo`.
fn own_names() -> Vec<String> {
    let uid = rustix::process::getuid().as_raw().to_string();
    let accounts = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let fields = accounts.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let account = fields.filter(|fields| fields.get(2) == Some(&uid.as_str())).map(|fields| fields[0].to_owned());
    let variables = ["SUDO_USER", "USER", "LOGNAME"].into_iter().filter_map(|name| std::env::var(name).ok());
    account.chain(variables).chain([uid.clone()]).collect()
}

/// For a program or for a person.
fn show<T: Serialize>(json: bool, view: &T, words: impl Fn(&T) -> io::Result<()>) -> Result<(), CommandError> {
    let printed = if json { print::json(view) } else { words(view) };
    Ok(printed?)
}

async fn check_config(file: &Path) -> Result<(), CommandError> {
    let faults = check(file, SystemClock.now()).await;
    if !faults.is_empty() {
        return Err(Faults(faults).into());
    }
    Ok(print::line("設定に問題はありません (the configuration is in order)")?)
}

async fn migrate(settings: &GatewaySettings, check: bool) -> Result<(), CommandError> {
    let path = &settings.storage.database;
    match migration_state(path, &MIGRATIONS).await? {
        MigrationState::UpToDate => Ok(print::line("データベースは最新です (the database is up to date)")?),
        MigrationState::Pending(count) if check => Err(CommandError::Failed(format!(
            "データベースの更新が必要です: {count} 件 (the database has to be brought up to date: {count})"
        ))),
        MigrationState::Pending(count) => {
            if let Some(folder) = path.parent() {
                crate::stream::spool::make_folder(folder)?;
            }
            Database::open(path, &MIGRATIONS).await?.close().await;
            Ok(print::line(format!("データベースを更新しました: {count} 件 (the database was brought up to date)"))?)
        }
    }
}

async fn serve(settings: GatewaySettings) -> Result<(), CommandError> {
    telemetry::start(&settings.log.level).map_err(|error| CommandError::Failed(error.to_string()))?;
    let mut signals = Signals::listen()?;
    let shutdown = Shutdown::new();
    let running = Gateway::start(settings, Arc::new(SystemClock), Arc::new(SystemRandom), &shutdown).await?;
    tracing::info!(code = "gateway.started", watch = ?running.watch_addr, "the gateway is running");
    notify_ready();
    watchdog::start(&shutdown);
    while signals.next().await == Signal::Reload {
        running.keys.activate();
    }
    notify_stopping();
    running.stop(&shutdown).await;
    tracing::info!(code = "gateway.stopped", "the gateway has stopped");
    Ok(())
}

async fn pull(gateway: &Gateway, admin: &Admin, again: bool, Json { json }: Json) -> Result<(), CommandError> {
    telemetry::start(&gateway.settings.log.level).map_err(|error| CommandError::Failed(error.to_string()))?;
    if admin.obstacle().await?.is_some() {
        eprintln!(
            "予定では現在は受信しませんが、指示により受信します (the schedule says not now: pulled all the same, as asked for)"
        );
    }
    // A first Ctrl-C parks what is under way.
    let stop = CancellationToken::new();
    let (mut signals, soft) = (Signals::listen()?, stop.clone());
    let listener = tokio::spawn(async move {
        while signals.next().await == Signal::Reload {}
        soft.cancel();
    });
    let cause = if again { Cause::Again } else { Cause::Command };
    let report = gateway.receiver.run(Order::by(cause, admin.by()), &stop).await?;
    listener.abort();
    if json {
        print::json(&report)?;
    } else {
        let tally = report.tally;
        print::line(format!(
            "保管 archived {}  隔離 quarantined {}  再確認 repeated {}  待機 waiting {}",
            tally.archived, tally.quarantined, tally.repeated, tally.waiting
        ))?;
        if tally.again > 0 {
            print::line(format!(
                "うち {0} 件は以前に受領済みで、手元になかったため再び受信しました (acknowledged before and not here, as after a \
                 restore from a backup: {0} pulled again)",
                tally.again
            ))?;
        }
    }
    if report.is_done() {
        Ok(())
    } else {
        Err(CommandError::Failed(format!("受信は途中で終わりました: {0} (the pull ended early: {0})", report.result)))
    }
}

async fn status(admin: &Admin, Json { json }: Json) -> Result<(), CommandError> {
    let view = admin.status().await?;
    show(json, &view, print::status)
}

async fn received(admin: &Admin, command: Received) -> Result<(), CommandError> {
    match command {
        Received::List(args) => list(admin, args).await,
        Received::Show { id, json } => {
            let detail = admin.show(id).await?;
            if json.json {
                return Ok(print::json(&detail)?);
            }
            print::message(&detail.message)?;
            for receipt in &detail.receipts {
                print::line(format!("    受領通知 receipt {}  {}", receipt.stage, print::jst(receipt.at)))?;
            }
            Ok(())
        }
        Received::Export { id, output, json } => {
            let view = admin.export(id, &output).await?;
            show(json.json, &view, |_| print::line(format!("取り出しました (written): {}", output.display())))
        }
        Received::Review { id, accept, reason, json, .. } => {
            let review = match reason {
                Some(reason) if !accept => Review::Return { reason },
                _ => Review::Accept,
            };
            let view = admin.review(id, &review).await?;
            show(json.json, &view, print::message)
        }
    }
}

async fn list(admin: &Admin, args: ListArgs) -> Result<(), CommandError> {
    let state = match args.state.as_deref() {
        Some(text) => Some(text.parse::<MessageState>().map_err(|_| {
            CommandError::Failed(format!(
                "状態ではありません: {text} (expected archived, accepted, returned or quarantined)"
            ))
        })?),
        None => None,
    };
    let filter = messages::Filter { state, office: args.office, before: None };
    let views = admin.received(&filter, args.limit).await?;
    if args.json.json {
        return Ok(print::json(&views)?);
    }
    Ok(views.iter().try_for_each(print::message)?)
}

async fn quarantine(admin: &Admin, command: Quarantine) -> Result<(), CommandError> {
    match command {
        Quarantine::List { limit, json } => {
            let state = Some(MessageState::Quarantined.code().to_owned());
            list(admin, ListArgs { state, office: None, limit, json }).await
        }
        Quarantine::Release { id, approver, json } => {
            let view = admin.release(id, &approver).await?;
            show(json.json, &view, print::message)
        }
        Quarantine::Return { id, reason, json } => {
            let view = admin.return_quarantined(id, &reason).await?;
            show(json.json, &view, print::message)
        }
    }
}
