//! `kx-message`: seals, opens and inspects a message by itself. For auditors, for interoperability, for benchmarks.

mod arguments;
mod failure;
mod input;
mod inspect;
mod keys;
mod open;
mod output;
mod seal;

use std::process::ExitCode;

use clap::Parser;

use arguments::{Arguments, Command};

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Seal(arguments) => seal::run(&arguments),
        Command::Open(arguments) => open::run(&arguments),
        Command::Inspect(arguments) => inspect::run(&arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("kx-message: {failure}");
            failure.exit_code()
        }
    }
}
