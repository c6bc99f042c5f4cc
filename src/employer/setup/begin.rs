//! Where a set-up works, and from where it goes on.
//!
//! A folder that is set up stays as it is until new certificates are here: until then another kit is worked with in `new/`,
//! and only then what was made there takes the old one's place ([`take_over`]).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::progress::{Progress, Step};
use super::{KIT, Setup};
use crate::domain::clock::{Clock, Random};
use crate::employer::disk::{Disk, LocalDisk};
use crate::employer::error::EmployerError;
use crate::employer::home::{self, CERTIFICATES, HomeError, IDENTITY, SETTINGS, SETUP};
use crate::employer::identity::Identity;
use crate::employer::keys::{DEVICE, KEY_BOX};
use crate::employer::kit::Unproven;
use crate::employer::refusal::SetupRefused;
use crate::employer::renewal::RENEWAL;
use crate::employer::session;
use crate::employer::settings::Settings;
use crate::failpoint;

/// Folder in a home that is set up, in which another kit is set up.
pub(in crate::employer) const NEW: &str = "new";

impl Setup {
    /// Begins with a kit, or goes on with what was begun. Another kit takes the place of one whose request is under way
    /// only with `anew`. Blocks.
    ///
    /// # Errors
    /// [`SetupRefused::Finished`], [`SetupRefused::OtherUser`] and [`SetupRefused::UnderWay`]; nothing is changed then.
    pub fn begin(
        folder: &Path,
        kit: Option<&Path>,
        anew: bool,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Result<Self, EmployerError> {
        let given = kit.map(Unproven::read).transpose()?;
        let lock = home::lock(folder)?.ok_or(SetupRefused::Busy)?;
        let settings = Settings::load(&folder.join(SETTINGS)).map_err(HomeError::from)?;
        take_over(folder)?;
        if let Some(kit) = &given {
            check_user(folder, kit)?;
        }
        let place = place(folder);
        let (kit, progress) = match (given, Progress::read(&place)?) {
            (None, None) if is_finished(folder) => return Err(SetupRefused::Finished.into()),
            (None, None) => return Err(SetupRefused::NeedsKit.into()),
            (None, Some(progress)) => (Unproven::parse(&home::read(&place.join(KIT))?)?, progress),
            (Some(kit), Some(progress)) if kit.claims().enrolment == progress.enrolment => (kit, progress),
            (Some(_), Some(progress)) if progress.has_asked() && !anew => return Err(SetupRefused::UnderWay.into()),
            (Some(kit), _) => {
                let progress = Progress::new(kit.claims().enrolment, &*random);
                home::make_folder(&place)?;
                session::forget(&place)?;
                home::write(&place.join(KIT), &kit.to_json())?;
                progress.write(&place)?;
                (kit, progress)
            }
        };
        failpoint!("setup.begun");
        let (enrolment, pc) = (progress.enrolment, progress.pc);
        tracing::info!(%enrolment, %pc, step = progress.step.name(), "set-up goes on here");
        let identity = match progress.step {
            Step::Answer { .. } | Step::Login { .. } => Some(read_identity(&place)?),
            _ => None,
        };
        let home = folder.to_owned();
        let (open, names, password, user) = (None, None, None, None);
        Ok(Self {
            home,
            folder: place,
            settings,
            kit,
            progress,
            identity,
            open,
            names,
            password,
            user,
            clock,
            random,
            _lock: lock,
        })
    }
}

/// Whether a set-up came to its end here.
fn is_finished(home: &Path) -> bool {
    home.join(IDENTITY).exists() && !home.join(SETUP).exists()
}

/// The folder to work in: the home itself, unless it is set up already.
fn place(home: &Path) -> PathBuf {
    if is_finished(home) { home.join(NEW) } else { home.to_owned() }
}

/// Puts what was made in `new/` in the place of what was there, once the certificates are here. Cut off anywhere, the same
/// call goes on: `setup.json` comes first, so that nobody uses a home of two halves, and goes last. Whether it did.
pub(super) fn take_over(home: &Path) -> Result<bool, EmployerError> {
    let new = home.join(NEW);
    let Some(progress) = Progress::read(&new)?.filter(|progress| matches!(progress.step, Step::Login { .. })) else {
        return Ok(false);
    };
    progress.write(home)?;
    failpoint!("setup.takes-over");
    session::forget(home)?;
    home::remove(&home.join(RENEWAL))?;
    for name in [KIT, IDENTITY, KEY_BOX, DEVICE, CERTIFICATES] {
        let (from, to) = (new.join(name), home.join(name));
        if from.exists() {
            LocalDisk.rename(&from, &to).map_err(|error| HomeError::File(to, error))?;
        }
    }
    LocalDisk.sync_folder(home).map_err(|error| HomeError::File(home.to_owned(), error))?;
    failpoint!("setup.taken-over");
    std::fs::remove_dir_all(&new).map_err(|error| HomeError::File(new, error))?;
    Ok(true)
}

fn read_identity(folder: &Path) -> Result<Identity, HomeError> {
    let path = folder.join(IDENTITY);
    Identity::from_json(&home::read(&path)?).map_err(|_| HomeError::Damaged(path))
}

/// A folder is for one user of one union, and a kit is good for one set-up in it.
fn check_user(folder: &Path, kit: &Unproven) -> Result<(), EmployerError> {
    if !folder.join(IDENTITY).exists() {
        return Ok(());
    }
    let (identity, claims) = (read_identity(folder)?, kit.claims());
    let who = identity.who();
    if (&who.union, &who.user) != (&claims.union, &claims.user) {
        return Err(SetupRefused::OtherUser.into());
    }
    let finished = who.enrolment == claims.enrolment && is_finished(folder);
    if finished { Err(SetupRefused::Finished.into()) } else { Ok(()) }
}
