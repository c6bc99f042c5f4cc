//! A PC that was set up: shut until the PIN is typed, then within a session or not.

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use zeroize::Zeroizing;

use super::error::EmployerError;
use super::home::{Home, HomeError};
use super::keys::{KeyBox, Keys};
use super::session;
use super::union::check_clock;
use super::unlock::{Open, unlock};
use crate::domain::clock::{Clock, Random};
use crate::message::keys::Credential;
use crate::secret::password::check_chosen;
use crate::secret::{BoxKey, PasswordKeys, Pin};
use crate::wire::client::{DeviceClient, EmployerClient};
use crate::wire::problem::Code;
use crate::wire::session::{Login, PasswordChange, PinProof};

/// A PC, shut.
#[derive(Debug, Clone)]
pub struct Pc {
    home: Home,
    key_box: KeyBox,
    device: DeviceClient,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

/// A PC whose user's keys are open.
#[derive(Debug, Clone)]
pub struct User {
    home: Home,
    key_box: KeyBox,
    key: BoxKey,
    signing: Credential,
    encryption: Vec<Credential>,
    client: EmployerClient,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

/// What a login brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoggedIn {
    /// When the session ends by itself.
    pub expires_at: Timestamp,
    /// Nothing but changing the password is possible.
    pub must_change_password: bool,
}

impl Pc {
    /// Opens a home folder that was set up. Blocks.
    pub fn open(folder: &Path, clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Result<Self, EmployerError> {
        Self::of(Home::read(folder)?, clock, random)
    }

    pub(super) fn of(home: Home, clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Result<Self, EmployerError> {
        let key_box = KeyBox::read(home.folder())?;
        let device = Keys::read_device(home.folder())?.credentials(&home.certificates().device).into_iter().next();
        let device = device.ok_or_else(|| HomeError::Damaged(home.folder().to_owned()))?;
        let device = DeviceClient::new(&home.connection(device))?;
        Ok(Self { home, key_box, device, clock, random })
    }

    /// What is at home.
    pub fn home(&self) -> &Home {
        &self.home
    }

    /// Speaks as the PC.
    pub fn device(&self) -> &DeviceClient {
        &self.device
    }

    /// Opens the user's keys. Each try is counted by the relay; five since the last login lock it.
    pub async fn unlock(self, pin: Pin) -> Result<User, EmployerError> {
        let (open, proof) = unlock(&self.device, &self.key_box, pin, &*self.random).await?;
        let user = User::of(self.home, self.key_box, open, self.clock, self.random)?;
        user.prove_pin(&proof).await;
        Ok(user)
    }
}

impl User {
    pub(super) fn of(
        home: Home,
        key_box: KeyBox,
        Open { key, keys }: Open,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Result<Self, EmployerError> {
        let signing = keys.credentials(&home.certificates().signing).into_iter().next();
        let signing = signing.ok_or_else(|| HomeError::Damaged(home.folder().to_owned()))?;
        let encryption = keys.credentials(&home.certificates().encryption);
        let client = EmployerClient::new(&home.connection(signing.clone()))?;
        Ok(Self { home, key_box, key, signing, encryption, client, clock, random })
    }

    /// Takes a right try off the count. One that does not arrive is counted until the next login; why it did not, the next
    /// request says too.
    pub(super) async fn prove_pin(&self, proof: &PinProof) {
        let _ = self.client.prove_pin(self.key_box.pc, proof).await;
    }

    /// The same user with newer certificates, and the keys for them.
    pub(super) fn with(&self, home: Home, keys: Keys) -> Result<Self, EmployerError> {
        let (key_box, open) = (KeyBox::read(home.folder())?, Open { key: self.key.clone(), keys });
        Self::of(home, key_box, open, Arc::clone(&self.clock), Arc::clone(&self.random))
    }

    /// What is at home.
    pub fn home(&self) -> &Home {
        &self.home
    }

    /// What we sign with and come in with.
    pub fn signing(&self) -> &Credential {
        &self.signing
    }

    /// What opens what was sealed to us, the newest first; keys of certificates that have ended open old messages.
    pub fn encryption(&self) -> &[Credential] {
        &self.encryption
    }

    pub(super) fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    pub(super) fn random(&self) -> &Arc<dyn Random> {
        &self.random
    }

    /// The key store and what it is sealed with.
    pub(super) fn store(&self) -> (&KeyBox, &BoxKey) {
        (&self.key_box, &self.key)
    }

    /// Speaks within the session that was kept; without one if there is none.
    pub fn client(&self) -> Result<EmployerClient, EmployerError> {
        let kept = session::kept(self.home.folder(), self.clock.now())?;
        Ok(kept.map_or_else(|| self.client.clone(), |token| self.client.within(token)))
    }

    /// Whether a session was kept that the relay still takes.
    ///
    /// # Errors
    /// Also [`Code::SessionAddress`]: the session belongs to another IP address.
    pub async fn has_session(&self) -> Result<bool, EmployerError> {
        let Some(token) = session::kept(self.home.folder(), self.clock.now())? else { return Ok(false) };
        match self.client.within(token).union().await {
            Ok(_) => Ok(true),
            Err(error) if error.code() == Some(Code::SessionMissing) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Begins a session, in place of any other, and keeps it.
    ///
    /// # Errors
    /// Also [`EmployerError::Clock`]: the session is there, and our clock is so wrong that nothing should be signed by it.
    pub async fn log_in(&self, password: Zeroizing<String>) -> Result<LoggedIn, EmployerError> {
        let keys = self.stretch(password).await;
        let session = self.client.log_in(&Login { key: keys.login }).await?;
        session::keep(self.home.folder(), &session)?;
        tracing::info!(initial_password = session.must_change_password, "logged in");
        if !session.must_change_password {
            let within = self.client.within(Zeroizing::new(session.token.clone()));
            check_clock(within.union().await?.1, self.clock.now())?;
        }
        Ok(LoggedIn { expires_at: session.expires_at, must_change_password: session.must_change_password })
    }

    /// Ends the session, here in any case.
    pub async fn log_out(&self) -> Result<(), EmployerError> {
        let client = self.client()?;
        session::forget(self.home.folder())?;
        match client.log_out().await {
            Err(error) if error.code() != Some(Code::SessionMissing) => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Changes the password, within a session.
    pub async fn change_password(
        &self,
        current: Zeroizing<String>,
        new: Zeroizing<String>,
    ) -> Result<(), EmployerError> {
        check_chosen(&new)?;
        let client = self.client()?;
        let (current, new) = (self.stretch(current).await, self.stretch(new).await);
        Ok(client.change_password(&PasswordChange { current: current.login, new: new.login.verifier() }).await?)
    }

    async fn stretch(&self, password: Zeroizing<String>) -> PasswordKeys {
        let salt = *self.home.identity().login_salt();
        let derived = tokio::task::spawn_blocking(move || PasswordKeys::derive(&password, &salt)).await;
        derived.expect("stretching a password does not panic")
    }
}
