//! Staff of the sandbox: an account to sign in at the console with, and files that wait to be reviewed.

use std::fs;
use std::path::PathBuf;

use zeroize::Zeroizing;

use super::error::SandboxError;
use super::parties::write;
use super::sample;
use super::voice::Voice;
use super::world::World;
use crate::domain::staff::Role;
use crate::employer::app::App;
use crate::gateway::admin::{Admin, AdminError};
use crate::runtime::clock::SystemRandom;
use crate::secret::password::make_password;

/// What the sandbox's one person of the staff signs in as.
pub(super) const NAME: &str = "suzuki";

/// Makes the account where it is not there yet. Answers the file with its password, for the sandbox only.
pub(super) async fn account(world: &World, admin: &Admin) -> Result<PathBuf, SandboxError> {
    let path = world.dir.join("gateway/console-password.txt");
    if !path.exists() {
        write(&path, &make_password(&SystemRandom))?;
    }
    let password = fs::read_to_string(&path).map_err(|error| SandboxError::Folder(path.clone(), error))?;
    let password = Zeroizing::new(password.trim().to_owned());
    let name = NAME.parse().expect("the sample name is lower-case");
    match admin.add_staff(name, Role::Officer, Some(password)).await {
        Ok(_) | Err(AdminError::Exists(_)) => Ok(path),
        Err(error) => Err(error.into()),
    }
}

/// Files of an office's week, sent as any other, that nobody has reviewed yet.
pub(super) async fn files(world: &World, app: &App, voice: Voice) -> Result<(), SandboxError> {
    voice.step("職員用画面で確認するファイルを事業所が送信します", "The employer sends files to review at the console");
    for (name, text, comment) in sample::WEEK {
        let path = world.dir.join("sample").join(name);
        if path.exists() {
            continue;
        }
        write(&path, text)?;
        app.send(std::slice::from_ref(&path), *comment).await?;
        voice.fact("ファイル", "file", name);
    }
    Ok(())
}
