//! The command line of the employer's app.

mod arguments;
mod ask;
mod doctor;
mod failure;
mod inbox;
pub mod json;
mod list;
mod open;
mod progress;
mod setup;
mod words;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use clap::Parser;

use self::arguments::{Arguments, Command};
use self::ask::{Asker, say};
use self::failure::Failure;
use self::open::{log_in, unlock, within_session};
use self::progress::Terminal;
pub use self::words::{complain, complaint};
use super::alarm::Alarm;
use super::app::App;
use super::error::EmployerError;
use super::journal::Journal;
use super::ledger::LedgerError;
use super::pc::User;
use super::sent::{Sent, SentList};
use crate::runtime::telemetry;
use crate::runtime::version::VERSION;
use crate::wire::problem::Code;

/// Runs the program: arguments, work, words, exit status (0 done; 1 refused or failed; 2 wrong usage).
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let journal = Journal::of(&arguments.home);
    telemetry::keep(move || journal.clone(), &["kenpo_express::employer", "kenpo_express::wire::client"]);
    let (command, began_at) = (arguments.command.name(), Instant::now());
    tracing::info!(command, version = VERSION, system = std::env::consts::OS, "began");
    let runtime = tokio::runtime::Runtime::new().expect("a process that started can start its threads");
    let outcome = runtime.block_on(run(arguments));
    if let Err(error) = &outcome {
        error.note();
        error.complain();
    }
    let is_good = matches!(outcome, Ok(true));
    tracing::info!(command, good = is_good, seconds = began_at.elapsed().as_secs_f64(), "ended");
    if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Whether everything is as it should be.
async fn run(Arguments { home, secrets, command }: Arguments) -> Result<bool, Failure> {
    let asker = Asker(secrets);
    match command {
        Command::Setup(arguments) => setup::run(home, arguments, &asker).await,
        Command::Login => login(home, &asker).await,
        Command::Logout => {
            unlock(home, &asker).await?.log_out().await?;
            say("ログアウトしました。 / Logged out.");
            Ok(true)
        }
        Command::Password { new_password_file } => password(home, &asker, new_password_file.as_deref()).await,
        Command::Send { files, comment, json } => {
            let user = within_session(unlock(home, &asker).await?, &asker).await?;
            let sent = app(user, false).await?.send(&files, comment.as_deref()).await?;
            print(&sent, json, &list::sent_now(&sent, files.is_empty()));
            Ok(report_troubles(&sent))
        }
        Command::Sent { json } => {
            let list = sent(home, &asker).await?;
            print(&list.items, json, &list::table(&list.items));
            Ok(report(&list))
        }
        Command::Inbox { json } => inbox::list(home, json, &asker).await,
        Command::Receive { id, all: _, out, json } => inbox::receive(home, id, &out, json, &asker).await,
        Command::Return { id, reason, json } => inbox::give_back(home, id, &reason, json, &asker).await,
        Command::Notices { received, sent, json } => inbox::notices(home, (received, sent), json, &asker).await,
        Command::Logs { out } => doctor::pack(&home, out, &asker).await,
        Command::Doctor { kit, json } => doctor::run(&home, kit.as_deref(), json, &asker).await,
    }
}

async fn login(home: PathBuf, asker: &Asker) -> Result<bool, Failure> {
    if log_in(unlock(home, asker).await?, asker).await?.1 {
        say("ログインしました。 / Logged in.");
        Ok(true)
    } else {
        say(
            "ログインしました。初期パスワードを変更してください（kx-employer password）。\nLogged in. The initial password has to be changed: kx-employer password.",
        );
        Ok(false)
    }
}

async fn password(home: PathBuf, asker: &Asker, new: Option<&Path>) -> Result<bool, Failure> {
    let user = unlock(home, asker).await?;
    let current = asker.password("現在のパスワード / Present password")?;
    // Also where a session is kept: whoever changes the password has to know it.
    user.log_in(current.clone()).await?;
    setup::new_password(new, async |new| user.change_password(current.clone(), new).await).await?;
    Ok(true)
}

/// The list; what was known before, when the relay cannot be reached at all.
async fn sent(home: PathBuf, asker: &Asker) -> Result<SentList, Failure> {
    let online = async {
        let user = within_session(unlock(home.clone(), asker).await?, asker).await?;
        Ok::<_, Failure>(app(user, true).await?.sent().await?)
    };
    match online.await {
        Err(Failure::Employer(EmployerError::Relay(error))) if error.is_temporary() => {
            let known = move || SentList::known_before(&home, error.into());
            Ok(tokio::task::spawn_blocking(known).await.expect("reading the records does not panic")?)
        }
        other => other,
    }
}

/// Goes to work. While another process sends, one can still look.
async fn app(user: User, only_looks: bool) -> Result<App, EmployerError> {
    let open = move || {
        let terminal = Arc::new(Terminal::new());
        match App::open(&user, Arc::clone(&terminal) as _) {
            Err(EmployerError::Ledger(LedgerError::Busy)) if only_looks => App::look_into(&user, terminal),
            other => other,
        }
    };
    tokio::task::spawn_blocking(open).await.expect("opening the home folder does not panic")
}

fn print(items: &[Sent], json: bool, text: &str) {
    let mut out = std::io::stdout().lock();
    // Whoever closed our output does not want to read it.
    let _ = if json { writeln!(out, "{}", json::array(items)) } else { write!(out, "{text}") };
}

fn report(list: &SentList) -> bool {
    let mut good = report_troubles(&list.items);
    if !list.unknown.is_empty() {
        tracing::warn!(messages = list.unknown.len(), code = Alarm::UnknownHere.code(), "trouble");
        words::unknown_here(&list.unknown);
        good = false;
    }
    if let Some(error) = &list.offline {
        tracing::warn!(error = error.kind(), code = error.code().map(Code::as_str), "offline");
        words::offline();
        words::complain(error);
        good = false;
    }
    good
}

fn report_troubles(items: &[Sent]) -> bool {
    let mut good = true;
    for sent in items {
        if let Some(trouble) = &sent.trouble {
            tracing::warn!(id = %sent.record.id, code = trouble.code(), "trouble");
            words::trouble(&sent.record, trouble);
            good = false;
        }
    }
    good
}
