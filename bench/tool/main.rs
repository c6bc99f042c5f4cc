//! The parts of the benchmark that need the library or libcrypto in one process. `bench/run` calls them.

mod cms;
mod crowd;
mod files;
mod limits;
mod lists;
mod many;
mod pages;
mod people;
mod users;

use std::error::Error;
use std::net::SocketAddr;
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
    /// Look-ups among the users of a gateway, as JSON.
    GatewayUsers(Users),
    /// Look-ups among the users of a relay, as JSON.
    RelayUsers(Users),
    /// Brings a gateway's database to so many messages, rows only.
    FillLists {
        #[arg(long)]
        count: usize,
        /// How many users they came from.
        #[arg(long, default_value_t = 10_000)]
        users: usize,
        /// The settings of the gateway.
        config: PathBuf,
    },
    /// Lists and searches of staff in a gateway's database, as JSON.
    ConsoleLists(Users),
    /// Pages of the console of a gateway that is running, as JSON.
    ConsolePages(Users),
    /// Gives everybody who is registered at a gateway certificates. Its relay must be running.
    Certify {
        /// The settings of the gateway.
        config: PathBuf,
    },
    /// Registers unions and users with sessions at a relay that is running.
    CrowdRegister {
        #[arg(long)]
        unions: usize,
        #[arg(long)]
        users: usize,
        #[command(flatten)]
        crowd: Crowd,
    },
    /// Connects all of them, and measures what they cost the relay, as JSON.
    CrowdMeasure {
        /// The relay's process.
        #[arg(long)]
        pid: u32,
        /// How long everybody is idle.
        #[arg(long, default_value_t = 60)]
        seconds: u64,
        #[command(flatten)]
        crowd: Crowd,
    },
    /// Full TLS handshakes with a client certificate, and how many a second, as JSON.
    Handshakes {
        #[arg(long)]
        ca: PathBuf,
        #[arg(long)]
        cert: PathBuf,
        #[arg(long)]
        key: PathBuf,
        #[arg(long, default_value_t = 2_000)]
        count: u32,
        /// ADDRESS:PORT
        address: SocketAddr,
    },
}

/// A relay, and who has to do with it.
#[derive(Args)]
struct Crowd {
    /// Who vouches for the relay's certificates: a file of PEM certificates.
    #[arg(long)]
    ca: PathBuf,
    /// The settings of the relay.
    config: PathBuf,
    /// The file with the keys and sessions of everybody.
    file: PathBuf,
}

/// Look-ups in one process.
#[derive(Args)]
struct Users {
    /// Queries of each kind.
    #[arg(long, default_value_t = 2_000)]
    queries: usize,
    /// The settings of the gateway or of the relay.
    config: PathBuf,
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
        Command::GatewayUsers(users) => waited_for(users::gateway(&users.config, users.queries)),
        Command::RelayUsers(users) => waited_for(users::relay(&users.config, users.queries)),
        Command::FillLists { count, users, config } => waited_for(lists::fill(&config, count, users)),
        Command::ConsoleLists(users) => waited_for(lists::print(&users.config, users.queries)),
        Command::ConsolePages(users) => waited_for(pages::print(&users.config, users.queries)),
        Command::Certify { config } => waited_for(people::certify(&config)),
        Command::CrowdRegister { unions, users, crowd } => {
            waited_for(crowd::register(&crowd.config, &crowd.ca, unions, users, &crowd.file))
        }
        Command::CrowdMeasure { pid, seconds, crowd } => {
            waited_for(crowd::measure(&crowd.config, &crowd.ca, &crowd.file, pid, seconds))
        }
        Command::Handshakes { ca, cert, key, count, address } => {
            waited_for(crowd::handshakes(address, &ca, &cert, &key, count))
        }
    }
}

fn waited_for(work: impl Future<Output = Result<()>>) -> Result<()> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(work)
}
