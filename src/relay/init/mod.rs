//! The first set-up of a relay: the operator's CA, keys, configuration, and what unions need. Each step leaves alone what is
//! there, so a second run goes on where the first one stopped.

mod answers;
pub mod keys;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, io};

use super::check::check;
use crate::config::{Fault, Faults};
use crate::domain::clock::{Clock, Random};
use crate::operations::handover::{ForUnions, Handover};
use crate::operations::keyfiles::{KeyFileError, KeyFiles};
use crate::operations::questions::Questions;
use crate::operations::template::differences;
use crate::stream::platform;

/// What unions get, beside the configuration.
pub const FOR_UNIONS: &str = "for-unions.toml";
/// What was answered so far, beside the configuration. No secret is in it.
const ANSWERED: &str = "init-answers.toml";
/// Held while a set-up goes on.
const LOCK: &str = ".init.lock";

/// Why the set-up stops. It goes on from there when it is run again.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// Input: answers.
    #[error(transparent)]
    Answers(#[from] Faults),
    /// Environment: a file or folder.
    #[error("{}", .0.display())]
    File(PathBuf, #[source] io::Error),
    /// Keys and certificates.
    #[error(transparent)]
    Keys(#[from] KeyFileError),
    /// Environment: another set-up is under way.
    #[error("別の init が実行中です: {} (another init is at work)", .0.display())]
    Busy(PathBuf),
}

/// What became of it.
#[derive(Debug)]
pub struct Done {
    /// What unions get.
    pub for_unions: PathBuf,
    /// What is in it, to be compared by telephone.
    pub shown: String,
    /// What is still wrong with the configuration.
    pub faults: Vec<Fault>,
}

/// Where the answers of a terminal are kept for a configuration.
pub fn answers_beside(config: &Path) -> PathBuf {
    config.with_file_name(ANSWERED)
}

/// Sets up the relay of this configuration file. Blocks.
pub fn run(
    config: &Path,
    mut questions: Questions,
    clock: &Arc<dyn Clock>,
    random: &dyn Random,
) -> Result<Done, InitError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |error| InitError::File(path, error)
    };
    let folder = config.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let answers = answers::ask(config, &mut questions)?;
    let owner = answers.owner;
    owner.make_config_folder(folder, random).map_err(failed(folder))?;
    let lock = folder.join(LOCK);
    let held = platform::lock(&lock).map_err(failed(&lock))?;
    let _held = held.ok_or_else(|| InitError::Busy(folder.to_owned()))?;

    let files = KeyFiles { folder, owner, now: clock.now(), random };
    let operator = files.authority("ca/operator-ca", None, &answers.operator)?;
    let receipts = keys::make(&files, &operator, &answers.names())?;
    let mut faults = Vec::new();
    if config.exists() {
        let there = fs::read_to_string(config).map_err(failed(config))?;
        faults.extend(differences(&there, &answers.values()));
    } else {
        owner.write_new(config, answers.settings().as_bytes(), random).map_err(failed(config))?;
    }
    let for_unions = folder.join(FOR_UNIONS);
    let mut url = answers.vpn_url.clone();
    if let Some(handed) = ForUnions::read(&for_unions).ok().filter(|handed| handed.url != url) {
        // The certificate has the name of before.
        let problem = format!(
            "stays {}, for which tls/vpn.pem is made; the answer was {url}: to change it, take tls/vpn.pem, tls/vpn.key and {FOR_UNIONS} away",
            handed.url
        );
        faults.push(Fault::new("vpn_url", problem));
        url = handed.url;
    }
    let hand = ForUnions { url, authorities: operator.certificate().pem(), receipt_certificates: receipts.pem() };
    owner.replace(&for_unions, hand.text().as_bytes(), random).map_err(failed(&for_unions))?;
    faults.extend(check(config, clock));
    if faults.is_empty() {
        questions.done().map_err(failed(&answers_beside(config)))?;
    }
    Ok(Done { for_unions, shown: hand.shown(), faults })
}
