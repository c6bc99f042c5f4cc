//! `kx-sandbox`: all three parties on one machine.

use std::process::ExitCode;

fn main() -> ExitCode {
    kenpo_express::sandbox::main()
}
