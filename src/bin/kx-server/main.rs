//! `kx-server`: the relay.

mod operate;
mod union;

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Parser, Subcommand};
use jiff::Timestamp;
use kenpo_express::config::{Faults, load};
use kenpo_express::domain::clock::Clock;
use kenpo_express::http;
use kenpo_express::message::keys::KeyError;
use kenpo_express::operations::handover::HandoverError;
use kenpo_express::relay::admin::{CameBack, RegisterError};
use kenpo_express::relay::bytes::Directory;
use kenpo_express::relay::init::InitError;
use kenpo_express::relay::tasks::{delete_batch, end_of_grace, purge_batch};
use kenpo_express::relay::{Config, Relay, StartError, admin, check};
use kenpo_express::runtime::clock::SystemClock;
use kenpo_express::runtime::lifecycle::{Shutdown, Signal, Signals, notify_ready, notify_stopping};
use kenpo_express::runtime::task::Snapshot;
use kenpo_express::runtime::telemetry::{self, InvalidFilter};
use kenpo_express::runtime::version::VERSION;
use kenpo_express::runtime::watchdog;
use kenpo_express::store::sqlite::{MigrationState, StoreError};
use serde::Serialize;

/// The KX server: takes sealed files from employers and hands them to their unions.
#[derive(Debug, Parser)]
#[command(name = "kx-server", version = VERSION)]
struct Arguments {
    /// The configuration (TOML).
    #[arg(long, value_name = "FILE", env = "KX_SERVER_CONFIG", default_value = "/etc/kenpo-express/relay.toml")]
    config: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the server until SIGTERM or SIGINT; SIGHUP reads certificates and the registry again.
    Serve,
    /// Says everything that is wrong with the configuration.
    CheckConfig,
    /// Sets up: the operator's CA, keys, certificates, configuration. Leaves alone what is there, so it can be run again.
    Init {
        /// Answers to all questions (TOML), in place of asking. No secret is in it.
        #[arg(long, value_name = "FILE")]
        answers: Option<PathBuf>,
    },
    /// Examines everything from the clock to the certificates, and says what to do; exit status 1 when something is bad.
    Doctor {
        /// One JSON value on standard output.
        #[arg(long)]
        json: bool,
    },
    /// Collects what is needed to look for a cause in a ZIP: no secrets, no persons.
    Logs {
        /// The archive that is made.
        #[arg(long, value_name = "ZIP")]
        out: PathBuf,
        /// How many days of the journal.
        #[arg(long, default_value_t = 7)]
        days: u32,
    },
    /// Brings the database up to date.
    Migrate {
        /// Only says whether there is something to do; exit status 1 if so.
        #[arg(long)]
        check: bool,
    },
    /// Says how the server stands.
    Status {
        /// One JSON value on standard output.
        #[arg(long)]
        json: bool,
    },
    /// The unions that may come in. A running server follows within a second.
    Union {
        #[command(subcommand)]
        command: union::UnionCommand,
    },
    /// Deletes the bytes of acknowledged parcels whose time is over, now.
    Purge,
    /// Reads a mail that came to the sender's address (mail.from) from standard input, as a mail server pipes it there: when a mail of
    /// ours came back, that shows at its user. Exit status 75: to be tried again.
    Bounce,
}

/// The largest mail that is looked into.
const MAX_MAIL: u64 = 4 << 20;
/// What mail servers take as "not now" (`EX_TEMPFAIL`).
const TRY_AGAIN: u8 = 75;

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Config(#[from] Faults),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{0} parcel(s) could not be purged; the log says which, the next run tries them again")]
    NotPurged(i64),
    #[error(transparent)]
    Log(#[from] InvalidFilter),
    #[error("{}", .0.display())]
    File(PathBuf, #[source] io::Error),
    #[error("{}", .0.display())]
    Certificate(PathBuf, #[source] KeyError),
    #[error("standard output")]
    Output(#[from] io::Error),
    #[error(transparent)]
    Init(#[from] InitError),
    #[error(transparent)]
    Handover(#[from] HandoverError),
    #[error(transparent)]
    Register(#[from] RegisterError),
    #[error("{0}")]
    Unwell(&'static str),
    #[error("{0} migration(s) are to be run: kx-server migrate")]
    Behind(usize),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // A mail server would send back what is refused: to the very address that it came to.
    let failed = if matches!(arguments.command, Command::Bounce) { TRY_AGAIN.into() } else { ExitCode::FAILURE };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let done = runtime.map_err(Failure::Output).and_then(|runtime| runtime.block_on(run(arguments)));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("kx-server: {}", kenpo_express::relay::fault::chain(&failure));
            failed
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), Failure> {
    let file = &arguments.config;
    match arguments.command {
        Command::CheckConfig => return check_config(file),
        Command::Init { answers } => return operate::init(file, answers.as_deref()),
        Command::Doctor { json } => return operate::doctor(file, json).await,
        Command::Logs { out, days } => return operate::logs(file, out, days).await,
        _ => {}
    }
    let config: Config = load(file)?;
    match arguments.command {
        Command::Serve => serve(config, file).await,
        Command::CheckConfig | Command::Init { .. } | Command::Doctor { .. } | Command::Logs { .. } => {
            unreachable!("done above")
        }
        Command::Migrate { check } => migrate(&config, check).await,
        Command::Status { json } => status(&config, json).await,
        Command::Union { command } => union::run(&config, command).await,
        Command::Purge => purge(&config).await,
        Command::Bounce => bounce(&config).await,
    }
}

async fn serve(config: Config, file: &Path) -> Result<(), Failure> {
    telemetry::start(&config.log.filter)?;
    let mut signals = Signals::listen()?;
    let shutdown = Shutdown::new();
    let running = Relay::start(config, Arc::new(SystemClock), &shutdown).await?;
    let (vpn, employer) = (running.vpn_addr, running.employer_addr);
    let (page, watch) = (running.page_addr, running.watch_addr);
    tracing::info!(code = "server.ready", %vpn, %employer, %page, %watch, version = VERSION, "serving");
    notify_ready();
    watchdog::start(&shutdown);
    while signals.next().await == Signal::Reload {
        match load::<Config>(file).map(|config| telemetry::set_filter(&config.log.filter)) {
            Ok(_) => {}
            Err(faults) => tracing::error!(code = "server.config-faulty", %faults, "the settings are those of before"),
        }
        match running.reload().await {
            Ok(()) => tracing::info!(code = "server.reloaded", "certificates and registry were read again"),
            Err(error) => tracing::error!(
                code = "server.not-reloaded",
                error = kenpo_express::relay::fault::chain(&error),
                "going on as before"
            ),
        }
    }
    tracing::info!(code = "server.stopping", "stopping");
    notify_stopping();
    running.stop(&shutdown).await;
    tracing::info!(code = "server.stopped", "stopped");
    Ok(())
}

fn check_config(file: &Path) -> Result<(), Failure> {
    let faults = check(file, &(Arc::new(SystemClock) as Arc<dyn Clock>));
    if !faults.is_empty() {
        return Err(Faults(faults).into());
    }
    say("the configuration is good");
    Ok(())
}

async fn migrate(config: &Config, check: bool) -> Result<(), Failure> {
    match admin::migrations(config).await? {
        MigrationState::UpToDate => say("the database is up to date"),
        MigrationState::Pending(count) if check => return Err(Failure::Behind(count)),
        MigrationState::Pending(count) => {
            make_folder(&config.data)?;
            admin::open(config).await?.close().await;
            say(&format!("{count} migration(s) were run"));
        }
    }
    Ok(())
}

async fn status(config: &Config, json: bool) -> Result<(), Failure> {
    let database = admin::open(config).await?;
    let status = admin::status(&database).await?;
    database.close().await;
    let tasks = http::ask_tasks(config.watch.address).await;
    if json {
        return print_json(&Shown { status, tasks });
    }
    let moment = |at: Option<Timestamp>| at.map_or("-".to_owned(), |at| at.to_string());
    show(&format!("unions              {} ({} enabled)", status.unions, status.unions_enabled))?;
    show(&format!("users               {}", status.users))?;
    let (items, bytes, oldest) = (status.parcels_waiting, status.bytes_waiting, moment(status.oldest_waiting));
    show(&format!("parcels waiting     {items} ({bytes} bytes, oldest {oldest})"))?;
    let (items, bytes, oldest) =
        (status.deliveries_waiting, status.delivery_bytes_waiting, moment(status.oldest_delivery));
    show(&format!("deliveries waiting  {items} ({bytes} bytes, oldest {oldest})"))?;
    show(&format!("uploads open        {}", status.uploads_open))?;
    show(&format!("mail fails for      {} user(s)", status.mail_failures))?;
    match tasks {
        None => show("tasks               no server answers at watch.address"),
        Some(tasks) => tasks.iter().try_for_each(|task| {
            let (result, ended) = (task.last_result.as_deref().unwrap_or("-"), moment(task.last_ended_at));
            show(&format!("task {:<20} {result} (ended {ended}, next {})", task.name, moment(task.next_at)))
        }),
    }
}

/// How the relay stands, and what the running server does by itself; none when it does not run.
#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    status: admin::Status,
    tasks: Option<Vec<Snapshot>>,
}

async fn purge(config: &Config) -> Result<(), Failure> {
    let database = admin::open(config).await?;
    let folder = config.parcel_folder();
    let bytes = Directory::open(&folder).map_err(|error| Failure::File(folder, error))?;
    let (mut purged, mut failures) = (0, 0);
    loop {
        let now = SystemClock.now();
        let before = end_of_grace(now, config.parcels.keep_days);
        let batch = purge_batch(&database, &bytes, before, failures, now).await?;
        if batch.keys.is_empty() && batch.failures == 0 {
            break;
        }
        purged += batch.keys.len();
        failures += batch.failures;
    }
    let mut not_deleted = 0;
    loop {
        let batch = delete_batch(&database, &bytes, not_deleted, SystemClock.now()).await?;
        if batch.keys.is_empty() && batch.failures == 0 {
            break;
        }
        purged += batch.keys.len();
        not_deleted += batch.failures;
    }
    failures += not_deleted;
    database.close().await;
    say(&format!("{purged} parcel(s) were purged"));
    if failures == 0 { Ok(()) } else { Err(Failure::NotPurged(failures)) }
}

async fn bounce(config: &Config) -> Result<(), Failure> {
    let mut mail = Vec::new();
    io::stdin().lock().take(MAX_MAIL).read_to_end(&mut mail)?;
    let database = admin::open(config).await?;
    let came_back = admin::came_back(&database, &mail, SystemClock.now()).await?;
    database.close().await;
    match came_back {
        CameBack::NoReport => say("this is no report about a mail: nothing is done"),
        CameBack::Late => say("the mail is late and not given up: nothing is done"),
        CameBack::Unknown => say("the report is about no mail that went out lately: nothing is done"),
        CameBack::Noted(status) => {
            let status = status.map_or(String::new(), |status| format!(" ({status})"));
            say(&format!("a mail came back{status}: it shows at its user"));
        }
    }
    Ok(())
}

fn make_folder(folder: &Path) -> Result<(), Failure> {
    kenpo_express::stream::spool::make_folder(folder).map_err(|error| Failure::File(folder.to_owned(), error))
}

fn print_json(value: &impl serde::Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string(value).map_err(io::Error::other)?;
    Ok(writeln!(io::stdout(), "{text}")?)
}

/// A result for people, on standard output.
fn show(text: &str) -> Result<(), Failure> {
    Ok(writeln!(io::stdout(), "{text}")?)
}

/// Words for people.
fn say(text: &str) {
    eprintln!("{text}");
}
