//! `kx-gateway`: the union's gateway.

use std::process::ExitCode;

use clap::Parser;
use kenpo_express::gateway::cli::{Args, run};
use kenpo_express::gateway::preview;

fn main() -> ExitCode {
    if let Some(done) = preview::run_if_asked() {
        return done;
    }
    serve()
}

#[tokio::main]
async fn serve() -> ExitCode {
    run(Args::parse()).await
}
