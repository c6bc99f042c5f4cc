//! The first start on a PC: from the kit to the first login, in the order of the manual.
//!
//! A face asks [`Setup::need`] what comes next, gets it from the person, and hands it in; [`Setup::work`] does what needs
//! nobody. Every step is durable before the next begins, so that a set-up that was cut off at any instruction is gone on
//! with by [`Setup::begin`] on the same folder, as the same PC.

mod begin;
mod certificates;
mod progress;

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use zeroize::Zeroizing;

use self::progress::{Progress, Step};
use super::answer::NewKeys;
use super::error::EmployerError;
use super::home::{self, Home, IDENTITY, SETUP};
use super::identity::Identity;
use super::keys::{KeyBox, Keys};
use super::kit::Unproven;
use super::pc::User;
use super::refusal::{PinRefused, SetupRefused};
use super::settings::Settings;
use super::successor::{begin_after_others, go_on_behind};
use super::unlock::{Open, try_pin, unlock};
use crate::domain::clock::{Clock, Random};
use crate::failpoint;
use crate::secret::password::check_chosen;
use crate::secret::{PasswordKeys, Pin};
use crate::wire::client::DeviceClient;
use crate::wire::enrolment::PcMark;
use crate::wire::problem::Code;

/// Name of the kit's copy in the home folder.
pub(in crate::employer) const KIT: &str = "kit.json";

/// A set-up under way, holding its folder.
#[derive(Debug)]
pub struct Setup {
    /// The home folder.
    home: PathBuf,
    /// Where the set-up works: the same, or a folder in it until the certificates are here.
    folder: PathBuf,
    settings: Settings,
    kit: Unproven,
    progress: Progress,
    identity: Option<Identity>,
    open: Option<Open>,
    names: Option<Names>,
    password: Option<Zeroizing<String>>,
    /// The user, once the certificates are here and the PIN was typed; `true` once logged in.
    user: Option<(User, bool)>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    /// Held as long as we live; the operating system gives it back if we do not.
    _lock: File,
}

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Somebody chooses a PIN: [`Setup::choose_pin`].
    NewPin,
    /// The PIN: [`Setup::prove_pin`].
    Pin,
    /// Office, user and mail address: [`Setup::names`].
    Names,
    /// The initial password from the letter: [`Setup::initial_password`].
    InitialPassword,
    /// The login password: [`Setup::password`]. When a change was begun before, it may be the old or the new one.
    Password {
        /// Whether a change was begun.
        changing: bool,
    },
    /// A new password: [`Setup::new_password`].
    NewPassword,
    /// Nobody: [`Setup::work`].
    Work,
    /// Nothing: it is done.
    Nothing,
}

/// What [`Setup::work`] came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Worked {
    /// Something is done: ask [`Setup::need`] again.
    On,
    /// The union has not answered yet.
    Waits,
    /// Another PC is set up for this user: staff of the union have to approve the replacement.
    WaitsForApproval,
    /// Office, user or mail address are not those that the union has: they are needed again.
    WrongNames,
}

/// What the letter says, as somebody typed it.
#[derive(Clone, PartialEq, Eq)]
pub struct Names {
    /// 事業所名.
    pub office: String,
    /// 利用者名.
    pub user: String,
    /// メールアドレス.
    pub mail: String,
}

impl std::fmt::Debug for Names {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Names(..)")
    }
}

impl Setup {
    /// What comes next.
    pub fn need(&self) -> Need {
        match (&self.progress.step, &self.user) {
            (Step::Choose, _) => Need::NewPin,
            (Step::Prove { .. }, _) => Need::Pin,
            (Step::Ask { .. }, _) if self.names.is_none() => Need::Names,
            (Step::Ask { .. }, _) => Need::InitialPassword,
            (Step::Login { .. }, None) if self.open.is_none() => Need::Pin,
            (Step::Login { changing, .. }, None | Some((_, false))) if self.password.is_none() => {
                Need::Password { changing: *changing }
            }
            (Step::Answer { .. }, _) | (Step::Login { .. }, None | Some((_, false))) => Need::Work,
            (Step::Login { .. }, Some((_, true))) if self.folder.join(SETUP).exists() => Need::NewPassword,
            (Step::Login { .. }, Some((_, true))) => Need::Nothing,
        }
    }

    /// What people call this PC by.
    pub fn pc_mark(&self) -> PcMark {
        self.progress.pc.mark()
    }

    /// Makes the keys and shuts them in under a PIN.
    pub async fn choose_pin(&mut self, pin: Pin) -> Result<(), EmployerError> {
        let device = self.device(None)?;
        let tried =
            match try_pin(&device, (self.progress.pc, self.progress.salt, None), pin.clone(), &*self.random).await {
                // A set-up that was cut off too often.
                Err(EmployerError::Pin(PinRefused::Locked)) => {
                    self.be_another_pc()?;
                    try_pin(&device, (self.progress.pc, self.progress.salt, None), pin, &*self.random).await?
                }
                other => other?,
            };
        failpoint!("setup.evaluated");
        let made = NewKeys::make()?;
        let requests = made.requests(&self.kit.claims().user)?;
        let keys = Keys::new(vec![made.signing, made.encryption]);
        let store = (self.progress.pc, self.progress.salt, tried.relay_key);
        KeyBox::seal(store, &keys, &tried.key, &*self.random).write(&self.folder)?;
        failpoint!("setup.keys");
        Keys::new(vec![made.device]).write_device(&self.folder)?;
        failpoint!("setup.device");
        Ok(self.progress.go_to(Step::Prove { requests }, &self.folder)?)
    }

    /// Chooses again as another PC: nothing of value lies under the PIN of this one yet.
    fn be_another_pc(&mut self) -> Result<(), EmployerError> {
        self.progress = Progress::new(self.progress.enrolment, &*self.random);
        Ok(self.progress.write(&self.folder)?)
    }

    /// Opens the keys with the PIN.
    ///
    /// # Errors
    /// [`PinRefused::Wrong`] with no tries left and [`PinRefused::Locked`]: before anything was asked for, a PIN is chosen
    /// again then ([`Need::NewPin`]).
    pub async fn prove_pin(&mut self, pin: Pin) -> Result<(), EmployerError> {
        let key_box = KeyBox::read(&self.folder)?;
        let own = matches!(self.progress.step, Step::Login { .. });
        let home = own.then(|| Home::read_parts(&self.folder)).transpose()?;
        let unlocked = unlock(&self.device(home.as_ref())?, &key_box, pin, &*self.random).await;
        if let Err(EmployerError::Pin(PinRefused::Locked | PinRefused::Wrong { tries_left: 0 })) = &unlocked
            && matches!(self.progress.step, Step::Prove { .. })
        {
            self.be_another_pc()?;
        }
        let (open, proof) = unlocked?;
        match home {
            // However often the rest is cut off, a right PIN does not lock the keys.
            Some(home) => {
                let user = User::of(home, key_box, open, Arc::clone(&self.clock), Arc::clone(&self.random))?;
                user.prove_pin(&proof).await;
                self.user = Some((user, false));
            }
            None => self.open = Some(open),
        }
        failpoint!("setup.proved");
        if let Step::Prove { requests } = self.progress.step.clone() {
            self.progress.go_to(Step::Ask { requests }, &self.folder)?;
        }
        Ok(())
    }

    /// Takes what was typed from the letter. Nothing is sent yet.
    pub fn names(&mut self, names: Names) {
        self.names = Some(names);
    }

    /// Checks the kit with the initial password, and only then asks the union for certificates.
    ///
    /// # Errors
    /// [`SetupRefused::Password`]: wrong, or the kit was altered; nothing was sent.
    pub async fn initial_password(&mut self, password: Zeroizing<String>) -> Result<(), EmployerError> {
        let (Step::Ask { requests }, Some(names)) = (self.progress.step.clone(), self.names.clone()) else {
            return Ok(());
        };
        let (kit, typed) = (self.kit.clone(), password.clone());
        let prove = move || {
            let keys = PasswordKeys::derive(&typed, kit.salt());
            kit.prove(&keys.mac).map(|identity| (keys, identity))
        };
        let proven = tokio::task::spawn_blocking(prove).await.expect("stretching a password does not panic");
        let (keys, identity) = proven.map_err(|_| {
            tracing::warn!("the kit is not proven by this password");
            SetupRefused::Password
        })?;
        home::write(&self.folder.join(IDENTITY), &identity.to_json())?;
        failpoint!("setup.identity");
        self.identity = Some(identity);
        let union = self.union().await?;
        let request = self.request(&keys, &requests, &names, &union)?;
        self.progress.go_to(Step::Answer { requests, request }, &self.folder)?;
        failpoint!("setup.request");
        self.password = Some(password);
        Ok(())
    }

    /// Takes the login password, when it is not the one that was typed before.
    pub fn password(&mut self, password: Zeroizing<String>) {
        self.password = Some(password);
    }

    /// Changes the initial password.
    pub async fn new_password(&mut self, new: Zeroizing<String>) -> Result<(), EmployerError> {
        check_chosen(&new)?;
        let (Some((user, true)), Some(current)) = (&self.user, &self.password) else { return Ok(()) };
        if let Step::Login { stream, .. } = self.progress.step {
            self.progress.go_to(Step::Login { changing: true, stream }, &self.folder)?;
        }
        failpoint!("setup.changing");
        user.change_password(current.clone(), new.clone()).await?;
        failpoint!("setup.changed");
        self.password = Some(new);
        self.finish().await
    }

    /// Does what needs nobody: hears the union's answer, for which it waits so long, or logs in.
    pub async fn work(&mut self, patience: Duration) -> Result<Worked, EmployerError> {
        match self.progress.step.clone() {
            Step::Answer { requests, request } => self.hear(requests, request, patience).await,
            Step::Login { .. } => self.log_in().await,
            _ => Ok(Worked::On),
        }
    }

    async fn log_in(&mut self) -> Result<Worked, EmployerError> {
        if self.user.is_none()
            && let Some(open) = self.open.take()
        {
            let (home, key_box) = (Home::read_parts(&self.folder)?, KeyBox::read(&self.folder)?);
            let user = User::of(home, key_box, open, Arc::clone(&self.clock), Arc::clone(&self.random))?;
            self.user = Some((user, false));
        }
        let (Some((user, logged_in)), Some(password)) = (&mut self.user, &self.password) else { return Ok(Worked::On) };
        match user.log_in(password.clone()).await {
            Ok(session) => {
                failpoint!("setup.logged-in");
                *logged_in = true;
                if !session.must_change_password {
                    // The change was done before we could write it down.
                    self.finish().await?;
                }
                Ok(Worked::On)
            }
            Err(error) => {
                if error.code() == Some(Code::LoginFailed) {
                    self.password = None;
                }
                Err(error)
            }
        }
    }

    /// The last step: from here on the folder is a home.
    async fn finish(&mut self) -> Result<(), EmployerError> {
        if let Some((user, _)) = &self.user {
            if let Step::Login { stream: Some(position), .. } = self.progress.step {
                go_on_behind(&self.folder, position).await?;
                failpoint!("setup.stream");
            }
            begin_after_others(user).await?;
        }
        failpoint!("setup.done");
        home::remove(&self.folder.join(SETUP))?;
        home::remove(&self.folder.join(KIT))?;
        tracing::info!("set-up is finished");
        Ok(())
    }

    /// Speaks with the PC's own credential once it is there, and with the kit's before.
    fn device(&self, home: Option<&Home>) -> Result<DeviceClient, EmployerError> {
        let own = match home {
            Some(home) => Keys::read_device(&self.folder)?.credentials(&home.certificates().device).into_iter().next(),
            None => None,
        };
        let credential = own.unwrap_or_else(|| self.kit.credential().clone());
        let connection = home::connection(&self.settings, self.kit.relay(), self.kit.roots(), credential);
        Ok(DeviceClient::new(&connection)?)
    }
}
