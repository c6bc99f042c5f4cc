//! The parts of the benchmark that need the library or libcrypto in one process. `bench/run` calls them.

mod cms;
mod files;
mod limits;
mod many;

use std::error::Error;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

#[derive(Parser)]
#[command(name = "bench", about = "Helper of bench/run")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// What this machine can do, as JSON.
    Limits {
        /// How long each primitive is measured.
        #[arg(long, default_value_t = 1.0)]
        seconds: f64,
        /// A folder on the disk in question.
        folder: PathBuf,
    },
    /// Seals every file of a folder, on all cores, through the library.
    Seal(Many),
    /// Opens and verifies every message of a folder, on all cores, through the library.
    Open(Many),
    /// The same as `seal` with libcrypto's own CMS.
    CmsSeal(Many),
    /// The same as `open` with libcrypto's own CMS.
    CmsOpen(Many),
}

/// Many files, and the keys of both ends.
#[derive(Args)]
struct Many {
    #[arg(long)]
    sender_cert: PathBuf,
    #[arg(long)]
    sender_key: PathBuf,
    #[arg(long)]
    union_cert: PathBuf,
    #[arg(long)]
    union_key: PathBuf,
    /// Threads to work on; as many as there are cores unless it is given.
    #[arg(long)]
    threads: Option<usize>,
    /// Where the files are.
    input: PathBuf,
    /// Where the results go, under the same names.
    output: PathBuf,
}

/// Whatever went wrong: the harness shows it and stops.
type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> Result<()> {
    match Arguments::parse().command {
        Command::Limits { seconds, folder } => limits::print(seconds, &folder),
        Command::Seal(many) => many::seal_all(&many),
        Command::Open(many) => many::open_all(&many),
        Command::CmsSeal(many) => cms::seal_all(&many),
        Command::CmsOpen(many) => cms::open_all(&many),
    }
}
