//! Staff of the sandbox: accounts to sign in at the console with.

use std::fs;
use std::path::PathBuf;

use zeroize::Zeroizing;

use super::error::SandboxError;
use super::parties::write;
use super::world::World;
use crate::domain::staff::Role;
use crate::gateway::admin::{Admin, AdminError};
use crate::runtime::clock::SystemRandom;
use crate::secret::password::make_password;

/// What the sandbox's first person of the staff signs in as.
pub(super) const NAME: &str = "suzuki";
/// The second one: for what takes two persons.
pub(super) const COLLEAGUE: &str = "tanaka";

/// An account, and the file with its password, for the sandbox only.
#[derive(Debug)]
pub(super) struct Account {
    pub(super) name: &'static str,
    pub(super) password: PathBuf,
}

/// Makes the accounts where they are not there yet.
pub(super) async fn accounts(world: &World, admin: &Admin) -> Result<Vec<Account>, SandboxError> {
    let mut accounts = Vec::new();
    for (name, role, file) in
        [(NAME, Role::Officer, "console-password.txt"), (COLLEAGUE, Role::Manager, "console-password-2.txt")]
    {
        let path = world.dir.join("gateway").join(file);
        if !path.exists() {
            write(&path, &make_password(&SystemRandom))?;
        }
        let password = fs::read_to_string(&path).map_err(|error| SandboxError::Folder(path.clone(), error))?;
        let password = Zeroizing::new(password.trim().to_owned());
        match admin.add_staff(name.parse().expect("the sample names are lower-case"), role, Some(password)).await {
            Ok(_) | Err(AdminError::Exists(_)) => accounts.push(Account { name, password: path }),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(accounts)
}
