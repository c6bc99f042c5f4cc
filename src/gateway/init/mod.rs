//! The first set-up of a gateway: keys, configuration, folders, database, the first of the staff, and what the operator of the
//! KX server needs. Each step leaves alone what is there, so a second run goes on where the first one stopped.

mod answers;
pub mod keys;

use std::path::{Path, PathBuf};
use std::{fs, io};

use zeroize::Zeroizing;

use super::admin::AdminError;
use super::admin::staff::{self, NewAccount};
use super::check::check;
use super::config::GatewaySettings;
use crate::config::{Fault, Faults};
use crate::domain::clock::{Clock, Random};
use crate::domain::staff::{Role, StaffName};
use crate::operations::handover::{ForOperator, Handover};
use crate::operations::keyfiles::{KeyFileError, KeyFiles};
use crate::operations::questions::Questions;
use crate::operations::template::differences;
use crate::store::gateway::{MIGRATIONS, claim};
use crate::store::sqlite::{Database, StoreError};
use crate::stream::platform;

/// What the union gives to the operator of the KX server, beside the configuration.
pub const FOR_OPERATOR: &str = "for-the-operator.toml";
/// What was answered so far, beside the configuration. No secret is in it.
const ANSWERED: &str = "init-answers.toml";
/// Held while a set-up goes on.
const LOCK: &str = ".init.lock";

/// Why the set-up stops. It goes on from there when it is run again.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// Input: answers, or the configuration that is there.
    #[error(transparent)]
    Answers(#[from] Faults),
    /// Environment: a file or folder.
    #[error("{}", .0.display())]
    File(PathBuf, #[source] io::Error),
    /// Keys and certificates.
    #[error(transparent)]
    Keys(#[from] KeyFileError),
    /// Environment: the database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Input: the first of the staff.
    #[error(transparent)]
    Staff(#[from] AdminError),
    /// Environment: nobody can be told the password that was made.
    #[error("最初の職員のパスワードを表示できません (the password of the first of the staff cannot be shown)")]
    Untold(#[source] io::Error),
    /// Environment: another set-up is under way.
    #[error("別の init が実行中です: {} (another init is at work)", .0.display())]
    Busy(PathBuf),
}

/// What became of it.
#[derive(Debug)]
pub struct Done {
    /// What the operator gets.
    pub for_operator: PathBuf,
    /// What is in it, to be compared by telephone.
    pub shown: String,
    /// What the operator has handed over, to be compared too.
    pub operators: String,
    /// The first of the staff, if the account was made now.
    pub staff: Option<StaffName>,
    /// What is still wrong with the configuration.
    pub faults: Vec<Fault>,
}

/// Where the answers of a terminal are kept for a configuration.
pub fn answers_beside(config: &Path) -> PathBuf {
    config.with_file_name(ANSWERED)
}

/// Sets up the gateway of this configuration file. A password that is given is that of the first of the staff; otherwise one is made, which
/// `tell` is given once, before the account counts.
pub async fn run(
    config: &Path,
    mut questions: Questions,
    password: Option<Zeroizing<String>>,
    clock: &dyn Clock,
    random: &dyn Random,
    tell: impl FnOnce(&str) -> io::Result<()> + Send,
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
    let certificates = keys::make(&files, &answers.insurer, &answers.union_name)?;
    files.certificates("relay-ca.pem", &answers.relay.authorities)?;
    files.certificates("relay-receipt.pem", &answers.relay.receipt_certificates)?;
    let mut faults = Vec::new();
    if config.exists() {
        let there = fs::read_to_string(config).map_err(failed(config))?;
        faults.extend(differences(&there, &answers.values()));
    } else {
        owner.write_new(config, answers.settings().as_bytes(), random).map_err(failed(config))?;
    }
    for (name, handed) in
        [("relay-ca.pem", &answers.relay.authorities), ("relay-receipt.pem", &answers.relay.receipt_certificates)]
    {
        let path = folder.join(name);
        if fs::read_to_string(&path).map_err(failed(&path))? != *handed {
            let problem = format!(
                "{name} stays as it is; the operator's file has other certificates: to take them, take {name} away"
            );
            faults.push(Fault::new("from_operator", problem));
        }
    }
    // What counts is what stands there, be it from before.
    let settings = GatewaySettings::read(config)?;
    if settings.insurer() != answers.insurer {
        let problem = format!("the configuration is that of the union {}", settings.insurer());
        return Err(Faults(vec![Fault::new("insurer", problem)]).into());
    }
    let storage = &settings.storage;
    let database = storage.database.parent().unwrap_or(Path::new("."));
    for folder in [database, &storage.spool, &storage.archive, &storage.quarantine, &storage.outbox] {
        owner.make_data_folder(folder, random).map_err(failed(folder))?;
    }
    owner.make_data_file(&storage.database, random).map_err(failed(&storage.database))?;
    let staff = first_of_the_staff(&settings, &answers.staff, password, clock, random, tell).await?;
    let hand = ForOperator {
        insurer: answers.insurer.clone(),
        name: answers.union_name.clone(),
        client_certificates: certificates.tls.pem(),
        authorities: certificates.ca.pem(),
    };
    let for_operator = folder.join(FOR_OPERATOR);
    owner.replace(&for_operator, hand.text().as_bytes(), random).map_err(failed(&for_operator))?;
    faults.extend(check(config, clock.now()).await);
    if faults.is_empty() {
        questions.done().map_err(failed(&answers_beside(config)))?;
    }
    Ok(Done { for_operator, shown: hand.shown(), operators: answers.relay.shown(), staff, faults })
}

/// The account; its password is told where one was made. None when there is somebody already.
async fn first_of_the_staff(
    settings: &GatewaySettings,
    name: &StaffName,
    password: Option<Zeroizing<String>>,
    clock: &dyn Clock,
    random: &dyn Random,
    tell: impl FnOnce(&str) -> io::Result<()> + Send,
) -> Result<Option<StaffName>, InitError> {
    let database = Database::open(&settings.storage.database, &MIGRATIONS).await?;
    let mut transaction = database.write().await?;
    claim(&mut transaction, &settings.insurer()).await?;
    let is_first = crate::store::gateway::staff::list(&mut *transaction).await?.is_empty();
    let made = if is_first {
        let (account, shown) = NewAccount::make(name.clone(), Role::Officer, password, random)?;
        staff::insert(&mut transaction, &account, ("init", ""), clock.now()).await?;
        // Before it counts: nobody is killed between the two and has an account that no one can use.
        if let Some(password) = &shown {
            tell(password).map_err(InitError::Untold)?;
        }
        Some(name.clone())
    } else {
        None
    };
    database.commit(transaction).await?;
    database.close().await;
    Ok(made)
}
