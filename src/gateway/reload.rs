//! Certificates and keys, read again while the gateway runs: when it is told to, and when a file has changed.
//!
//! All that the files hold is checked together, and tried at the relay, before any of it counts. Then it counts for
//! everything that begins; what is under way ends with what it began with.

use std::sync::{Arc, Mutex, MutexGuard};

use super::config::GatewaySettings;
use super::flows::receive::Receiver;
use super::flows::revocation::{self, RevocationError};
use super::keys::Keys;
use crate::config::Faults;
use crate::runtime::files::Files;
use crate::runtime::telemetry;
use crate::store::gateway::audit::{self, Entry};
use crate::store::gateway::orders::{self, NewOrder};
use crate::store::gateway::{registry_changed, set_keys_problem};
use crate::store::sqlite::StoreError;
use crate::wire::client::{self, ClientError, SettingsError, UnionClient};

/// Why what the files hold does not count.
#[derive(Debug, thiserror::Error)]
enum ReloadError {
    /// Configuration: the settings, or files that they name.
    #[error(transparent)]
    Files(#[from] Faults),
    /// Configuration: of another union, by the settings or by the relay's word.
    #[error("insurer: 別の健康保険組合のものです (these are of another union)")]
    OtherUnion,
    /// Configuration: no connection can be made with it.
    #[error(transparent)]
    Connection(#[from] SettingsError),
    /// Configuration, here or at the relay: what is in use now gets an answer, and this does not.
    #[error(
        "relay: 新しい証明書では接続できません。KXサーバーへの登録を確認してください (the KX server answers to what is in use now and \
         not to this: is the certificate registered there?)"
    )]
    Relay(#[source] ClientError),
    /// Environment: the database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Us or environment: the revocation list of another CA.
    #[error(transparent)]
    Revocation(#[from] RevocationError),
    /// Us: reading panicked.
    #[error("reading them failed")]
    Internal,
}

impl ReloadError {
    /// Whether the same files may do at the next look.
    const fn may_pass(&self) -> bool {
        !matches!(self, Self::Files(_) | Self::OtherUnion | Self::Connection(_))
    }
}

/// What the files held, checked.
type Read = Result<(Keys, client::Settings), ReloadError>;

/// Follows the files.
#[derive(Debug)]
pub struct Reload {
    receiver: Arc<Receiver<UnionClient>>,
    /// The settings that the gateway runs with.
    running: GatewaySettings,
    /// Sections that were changed since and wait for a restart, as it was said last.
    waiting: Mutex<Vec<&'static str>>,
    /// The settings as they were read last: they name the files, also when what those hold is refused.
    named: Mutex<GatewaySettings>,
    files: Files,
    /// What was announced last. Others may be in use already, when the database refused to take that down.
    announced: Mutex<Arc<Keys>>,
    /// What is wrong with what the files hold now.
    problem: Mutex<Option<String>>,
}

impl Reload {
    /// Follows the files that the settings name, from the moment on at which `files` saw them.
    pub fn new(receiver: &Arc<Receiver<UnionClient>>, settings: &GatewaySettings, files: Files) -> Self {
        Self {
            receiver: Arc::clone(receiver),
            running: settings.clone(),
            waiting: Mutex::default(),
            named: Mutex::new(settings.clone()),
            files,
            announced: Mutex::new(receiver.keys.current()),
            problem: Mutex::default(),
        }
    }

    /// Says what is wrong with the keys that the gateway starts with. It works with them all the same: what arrives is
    /// received also while the union has no valid certificate.
    pub async fn begin(&self) -> Result<(), StoreError> {
        let receiver = &self.receiver;
        match receiver.keys.current().check(receiver.clock.now()) {
            Ok(()) => self.note(None).await,
            Err(faults) => {
                tracing::error!(
                    code = "keys.unfit",
                    error = &faults as &dyn std::error::Error,
                    "employers or the relay refuse some of these"
                );
                self.note(Some(in_one_line(&faults))).await
            }
        }
    }

    /// Reads the files if one has changed, or in any case when `told` to. Answers whether others count now.
    pub async fn run(self: &Arc<Self>, told: bool) -> Result<bool, &'static str> {
        let this = Arc::clone(self);
        let read = tokio::task::spawn_blocking(move || this.read(told)).await;
        let Some(read) = read.unwrap_or(Some(Err(ReloadError::Internal))) else {
            return if self.problem().is_some() { Err("keys.refused") } else { Ok(false) };
        };
        match self.take(read).await {
            Ok(()) => {
                tracing::info!(code = "keys.reloaded", "certificates and keys were read again and are in use");
                Ok(true)
            }
            Err(error) => {
                if error.may_pass() {
                    self.files.forget();
                }
                self.refuse(&error).await;
                Err("keys.refused")
            }
        }
    }

    fn read(&self, told: bool) -> Option<Read> {
        let named = self.lock().clone();
        // Looked at before it is read, so that what changes in between shows the next time.
        let changed = self.files.look(named.files());
        (changed || told).then(|| self.read_as(named))
    }

    fn read_as(&self, named: GatewaySettings) -> Read {
        let settings = match &named.file {
            Some(file) => GatewaySettings::read(file)?,
            None => named,
        };
        // It was checked when it was read.
        let _ = telemetry::set_filter(&settings.log.level);
        self.say_what_waits(&settings);
        self.files.look(settings.files());
        self.lock().clone_from(&settings);
        if settings.insurer() != *self.receiver.keys.union() {
            return Err(ReloadError::OtherUnion);
        }
        let (keys, relay) = Keys::load(&settings)?;
        keys.check(self.receiver.clock.now())?;
        Ok((keys, relay))
    }

    /// Whoever changes a section that is not read again must not think that it counts.
    fn say_what_waits(&self, settings: &GatewaySettings) {
        let waiting = self.running.waiting_for_restart(settings);
        let before = std::mem::replace(
            &mut *self.waiting.lock().expect("nothing panics while it holds what waits"),
            waiting.clone(),
        );
        if waiting != before && !waiting.is_empty() {
            let sections = waiting.join(" ");
            tracing::warn!(code = "settings.restart", sections, "these have changed and count from the next start on");
        }
    }

    async fn take(&self, read: Read) -> Result<(), ReloadError> {
        let (keys, relay) = read?;
        let client = self.try_out(&relay).await?;
        let receiver = &self.receiver;
        let before = Arc::clone(&self.announced());
        // First in use, then announced: nobody seals for a key that is not here yet.
        receiver.keys.replace(keys);
        receiver.relay.go_over_to(&client);
        let (keys, now) = (receiver.keys.current(), receiver.clock.now());
        let entry = Entry {
            at: now,
            actor: "gateway".to_owned(),
            action: "keys.replaced",
            subject: receiver.keys.address().to_string(),
            before: newest(&before),
            after: newest(&keys),
        };
        let mut transaction = receiver.database.write().await?;
        registry_changed(&mut transaction).await?;
        if before.ca != keys.ca {
            revocation::renew(&mut transaction, &keys, now).await?;
        }
        orders::insert(&mut transaction, &[NewOrder::certificates()], now).await?;
        audit::insert(&mut transaction, &[entry]).await?;
        set_keys_problem(&mut transaction, None).await?;
        receiver.database.commit(transaction).await?;
        *self.announced() = keys;
        *self.problem() = None;
        receiver.metrics.keys_refused.set(0);
        Ok(())
    }

    /// A client that shows the relay what was read, unless the relay takes what is in use now and not this. When it answers
    /// to neither, the line is down, and that says nothing.
    async fn try_out(&self, relay: &client::Settings) -> Result<UnionClient, ReloadError> {
        let client = UnionClient::new(relay)?;
        match client.handshake().await {
            Ok(hello) if hello.union != *self.receiver.keys.union() => Err(ReloadError::OtherUnion),
            Ok(_) => {
                // It may have been the old certificate that the relay did not want any more.
                self.receiver.breaker.succeeded();
                Ok(client)
            }
            Err(refused) => match self.receiver.relay.handshake().await {
                Ok(_) => Err(ReloadError::Relay(refused)),
                Err(_) => Ok(client),
            },
        }
    }

    /// What was there before stays in use. Said once for each thing that is wrong.
    async fn refuse(&self, error: &ReloadError) {
        let words = match error {
            ReloadError::Files(faults) => in_one_line(faults),
            other => other.to_string(),
        };
        if self.problem().as_ref() == Some(&words) {
            return;
        }
        tracing::warn!(
            code = "keys.refused",
            error = error as &dyn std::error::Error,
            "certificates and keys were read again and are not used; what was there before stays in use"
        );
        // Where this cannot be written down, the log has it.
        let _ = self.note(Some(words)).await;
    }

    /// Keeps what is wrong, for the status.
    async fn note(&self, problem: Option<String>) -> Result<(), StoreError> {
        let receiver = &self.receiver;
        receiver.metrics.keys_refused.set(problem.is_some().into());
        self.problem().clone_from(&problem);
        let mut transaction = receiver.database.write().await?;
        set_keys_problem(&mut transaction, problem.as_deref()).await?;
        receiver.database.commit(transaction).await
    }

    fn lock(&self) -> MutexGuard<'_, GatewaySettings> {
        self.named.lock().expect("nothing panics while it holds the settings")
    }

    fn announced(&self) -> MutexGuard<'_, Arc<Keys>> {
        self.announced.lock().expect("nothing panics while it holds what was announced")
    }

    fn problem(&self) -> MutexGuard<'_, Option<String>> {
        self.problem.lock().expect("nothing panics while it holds what is wrong")
    }
}

fn in_one_line(Faults(faults): &Faults) -> String {
    faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// Which certificates employers work with, for the audit.
fn newest(keys: &Keys) -> String {
    let name = |credential: &crate::message::keys::Credential| credential.certificate().fingerprint().to_string();
    let encryption = keys.encryption.first().map(name).unwrap_or_default();
    format!("signing {} encryption {encryption}", name(keys.signer()))
}
