//! `kx-sandbox`: all three parties on one machine.

use std::process::ExitCode;

use kenpo_express::gateway::preview;

fn main() -> ExitCode {
    // The gateway that runs in here shows files by this program.
    preview::run_if_asked().unwrap_or_else(kenpo_express::sandbox::main)
}
