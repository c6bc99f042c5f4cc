//! `kx-employer`: what an employer's staff sends files with.

use std::process::ExitCode;

fn main() -> ExitCode {
    kenpo_express::employer::cli::main()
}
