//! The unions that are registered.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use kenpo_express::domain::clock::Clock;
use kenpo_express::domain::ids::InsurerNumber;
use kenpo_express::message::keys::{Certificate, KeyError};
use kenpo_express::relay::admin::Permits;
use kenpo_express::relay::{Config, admin};
use kenpo_express::runtime::clock::SystemClock;
use kenpo_express::store::relay::unions::NewUnion;

use super::{Failure, make_folder, operate, print_json, say, show};

#[derive(Debug, Subcommand)]
pub(super) enum UnionCommand {
    /// Adds a union, or gives a known one this name and these certificates.
    Add {
        /// The union's number (保険者番号), 8 digits.
        #[arg(long, value_name = "NUMBER", required_unless_present = "handover")]
        insurer: Option<InsurerNumber>,
        /// The union's name, for the operator.
        #[arg(long, required_unless_present = "handover")]
        name: Option<String>,
        /// The certificates with which its gateway comes in.
        #[arg(long, value_name = "PEM", required_unless_present = "handover")]
        client_cert: Option<PathBuf>,
        /// The authorities that issue its users' certificates.
        #[arg(long, value_name = "PEM", required_unless_present = "handover")]
        ca: Option<PathBuf>,
        /// All of these in the file that `kx-gateway init` has made. Compare number, name and fingerprint by telephone.
        #[arg(long, value_name = "FILE", conflicts_with_all = ["insurer", "name", "client_cert", "ca"])]
        handover: Option<PathBuf>,
        /// A union of this number is registered with other certificates: from now on these count in place of them.
        #[arg(long)]
        replace: bool,
        /// This union was shut out: it may come in again.
        #[arg(long)]
        enable: bool,
    },
    /// Lists them.
    List {
        /// One JSON value on standard output.
        #[arg(long)]
        json: bool,
    },
    /// Shuts a union and all its users out.
    Disable {
        /// The union's number (保険者番号), 8 digits.
        #[arg(long, value_name = "NUMBER")]
        insurer: InsurerNumber,
    },
}

pub(super) async fn run(config: &Config, command: UnionCommand) -> Result<(), Failure> {
    make_folder(&config.data)?;
    let database = admin::open(config).await?;
    match command {
        UnionCommand::Add { insurer, name, client_cert, ca, handover, replace, enable } => {
            let union = match (insurer, name, client_cert, ca, handover) {
                (Some(insurer), Some(name), Some(client), Some(ca), _) => {
                    NewUnion { insurer, name, clients: certificates(&client)?, authorities: certificates(&ca)? }
                }
                (.., Some(file)) => operate::handed_over(&file)?,
                _ => unreachable!("the arguments ask for one or the other"),
            };
            admin::register_union(&database, &union, Permits { replace, enable }, SystemClock.now()).await?;
            say("the union is registered");
        }
        UnionCommand::Disable { insurer } => {
            admin::disable_union(&database, &insurer).await?;
            say("the union is shut out");
        }
        UnionCommand::List { json } => {
            let unions = admin::list_unions(&database).await?;
            if json {
                print_json(&unions)?;
            } else {
                for union in unions {
                    let state = if union.enabled { "enabled" } else { "disabled" };
                    let seen = union.last_seen.map_or("-".to_owned(), |seen| seen.to_string());
                    show(&format!("{}  {state:8}  last seen {seen}  {}", union.insurer, union.name))?;
                }
            }
        }
    }
    database.close().await;
    Ok(())
}

fn certificates(path: &Path) -> Result<Vec<Certificate>, Failure> {
    let text = std::fs::read(path).map_err(|error| Failure::File(path.to_owned(), error))?;
    match Certificate::all_from_pem(&text) {
        Ok(none) if none.is_empty() => Err(Failure::Certificate(path.to_owned(), KeyError::Empty)),
        read => read.map_err(|error| Failure::Certificate(path.to_owned(), error)),
    }
}
