//! `kx-gateway`: the union's gateway.

use std::process::ExitCode;

use clap::Parser;
use kenpo_express::gateway::cli::{Args, run};

#[tokio::main]
async fn main() -> ExitCode {
    run(Args::parse()).await
}
