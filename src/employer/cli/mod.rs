//! The command line of the employer's app.

mod arguments;
pub mod json;
mod list;
mod progress;
mod words;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;

use self::arguments::{Arguments, Command};
use self::progress::Terminal;
pub use self::words::complain;
use super::app::App;
use super::error::EmployerError;
use super::ledger::LedgerError;
use super::sent::{Sent, SentList};
use crate::runtime::clock::{SystemClock, SystemRandom};

/// Runs the program: arguments, work, words, exit status (0 done; 1 refused or failed; 2 wrong usage).
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Runtime::new().expect("a process that started can start its threads");
    match runtime.block_on(run(arguments)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            words::complain(&error);
            ExitCode::FAILURE
        }
    }
}

/// Whether everything is as it should be.
async fn run(arguments: Arguments) -> Result<bool, EmployerError> {
    let app = open(arguments.home, matches!(arguments.command, Command::Sent { .. })).await?;
    match arguments.command {
        Command::Send { files, comment, json } => {
            let sent = app.send(&files, comment.as_deref()).await?;
            print(&sent, json, &list::sent_now(&sent, files.is_empty()));
            Ok(report_troubles(&sent))
        }
        Command::Sent { json } => {
            let list = app.sent().await?;
            print(&list.items, json, &list::table(&list.items));
            Ok(report(&list))
        }
    }
}

/// Opens the home folder. While another process sends, one can still look.
async fn open(home: PathBuf, only_looks: bool) -> Result<App, EmployerError> {
    let open = move || {
        let terminal = Arc::new(Terminal::new());
        match App::open(&home, Arc::new(SystemClock), Arc::new(SystemRandom), Arc::clone(&terminal) as _) {
            Err(EmployerError::Ledger(LedgerError::Busy)) if only_looks => {
                App::look_into(&home, Arc::new(SystemClock), Arc::new(SystemRandom), terminal)
            }
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
        words::unknown_here(&list.unknown);
        good = false;
    }
    if let Some(error) = &list.offline {
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
            words::trouble(&sent.record, trouble);
            good = false;
        }
    }
    good
}
