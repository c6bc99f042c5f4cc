//! Tells staff by mail of what happened: from the log of events to an outbox, from there to the mail server.

mod words;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::{SignedDuration, Timestamp};

use crate::failpoint;
use crate::gateway::config::{GatewaySettings, MailSettings, NoticeSettings};
use crate::gateway::flows::receive::Receiver;
use crate::gateway::patience::Backoff;
use crate::mail::{InvalidMailAddress, Login, Mail, MailAddress, MailError, Mailer, MailerError, sender};
use crate::store::gateway::staff_notices::{self, Kind, Waiting};
use crate::store::gateway::{events, staff_alerts};
use crate::store::sqlite::{Database, StoreError};

/// Our name among the readers of events.
const READER: &str = "notices";
/// Events that are looked at together.
const GROUP: i64 = 500;
/// Between two tries of a mail.
const BACKOFF: Backoff = Backoff { first: SignedDuration::from_secs(30), longest: SignedDuration::from_hours(3) };

/// What is wrong with the settings of mail.
#[derive(Debug, thiserror::Error)]
pub enum NoticeSettingsError {
    /// The sender.
    #[error("mail.from cannot be used")]
    From(#[from] InvalidMailAddress),
    /// The way out.
    #[error("mails cannot be sent with these settings")]
    Mailer(#[from] MailerError),
}

/// What is wrong with the files that the settings of mail name, if anybody is told anything.
pub fn check(settings: &GatewaySettings) -> Result<(), NoticeSettingsError> {
    if settings.notices.staff.is_empty() {
        return Ok(());
    }
    sender(&settings.mail.from)?;
    Ok(mailer(&settings.mail, Path::new(".")).map(drop)?)
}

/// Who tells staff.
#[derive(Debug)]
pub struct StaffNotices<R> {
    receiver: Arc<Receiver<R>>,
    settings: NoticeSettings,
    from: MailAddress,
    mailer: Mailer,
    has_begun: AtomicBool,
}

/// Where nobody is told anything: no mail that was refused before says that somebody should be.
pub async fn nobody(database: &Database) -> Result<(), StoreError> {
    let mut transaction = database.write().await?;
    staff_notices::forget_refused(&mut transaction, &[]).await?;
    staff_alerts::begin(&mut transaction, &[]).await?;
    database.commit(transaction).await
}

impl<R> StaffNotices<R> {
    /// With the way out that is configured. A folder starts at that of the settings.
    pub fn open(receiver: &Arc<Receiver<R>>, settings: &GatewaySettings) -> Result<Self, NoticeSettingsError> {
        let folder = settings.file.as_deref().and_then(Path::parent).unwrap_or(Path::new("."));
        let mailer = mailer(&settings.mail, folder)?;
        Ok(Self::new(receiver, settings.notices.clone(), sender(&settings.mail.from)?, mailer))
    }

    /// With a way out of one's own.
    pub fn new(receiver: &Arc<Receiver<R>>, settings: NoticeSettings, from: MailAddress, mailer: Mailer) -> Self {
        Self { receiver: Arc::clone(receiver), settings, from, mailer, has_begun: AtomicBool::new(false) }
    }

    /// Tells what there is to tell.
    pub async fn run(&self) -> Result<(), &'static str> {
        let store = |error: StoreError| {
            tracing::error!(
                code = "notices.failed",
                error = &error as &dyn std::error::Error,
                "staff are told nothing"
            );
            "notices.failed"
        };
        if !self.has_begun.load(Ordering::SeqCst) {
            self.begin().await.map_err(store)?;
            self.has_begun.store(true, Ordering::SeqCst);
        }
        while self.take().await.map_err(store)? {}
        self.gather().await.map_err(store)?;
        let now = self.receiver.clock.now();
        let mut result = Ok(());
        for waiting in staff_notices::mails(self.receiver.database.read(), now).await.map_err(store)? {
            if let Err(code) = self.send(&waiting).await.map_err(store)? {
                result = Err(code);
            }
        }
        result
    }

    /// Forgets who is not told any more, and notes what fires already for those who do not know.
    async fn begin(&self) -> Result<(), StoreError> {
        let all: Vec<&str> = self.settings.staff.iter().map(|staff| staff.address.as_str()).collect();
        let alerted: Vec<&str> = self.settings.who(Kind::Alert).collect();
        let database = &self.receiver.database;
        let mut transaction = database.write().await?;
        staff_notices::forget_refused(&mut transaction, &all).await?;
        staff_alerts::begin(&mut transaction, &alerted).await?;
        database.commit(transaction).await
    }

    /// Notes new events for those who want to hear of them, from the moment on at which this was switched on for the first time.
    /// False when there are no more.
    async fn take(&self) -> Result<bool, StoreError> {
        let database = &self.receiver.database;
        let (mark, newest) = events::standing(database.read(), READER).await?;
        if mark == Some(newest) {
            return Ok(false);
        }
        let mut transaction = database.write().await?;
        let found = match mark {
            Some(mark) => events::after(&mut *transaction, mark, GROUP).await?,
            None => Vec::new(),
        };
        for event in &found {
            let Some(kind) = Kind::of(event.kind) else { continue };
            for address in self.settings.who(kind) {
                staff_notices::note(&mut transaction, address, event.number, kind).await?;
            }
        }
        let dealt_with = found.last().map_or(newest, |event| event.number);
        events::set_mark(&mut transaction, READER, dealt_with).await?;
        database.commit(transaction).await?;
        Ok(!found.is_empty())
    }

    /// Makes a mail for each address whose time has come.
    async fn gather(&self) -> Result<(), StoreError> {
        let (database, now) = (&self.receiver.database, self.receiver.clock.now());
        let quiet = now.checked_sub(self.settings.window()).unwrap_or(Timestamp::MIN);
        let due = staff_notices::due(database.read(), now, quiet).await?;
        if due.is_empty() {
            return Ok(());
        }
        let mut transaction = database.write().await?;
        for address in due {
            let mut id = [0; 16];
            self.receiver.random.fill(&mut id);
            let wants_alerts = self.settings.who(Kind::Alert).any(|alerted| alerted == address);
            staff_notices::gather(&mut transaction, &address, wants_alerts, &hex::encode(id), now).await?;
        }
        failpoint!("notices.gathering");
        database.commit(transaction).await?;
        failpoint!("notices.gathered");
        Ok(())
    }

    /// Sends one mail. A server that refuses it for good is not asked again.
    async fn send(&self, waiting: &Waiting) -> Result<Result<(), &'static str>, StoreError> {
        let now = self.receiver.clock.now();
        let sent = match waiting.address.parse() {
            Ok(to) => {
                let mail = Mail {
                    from: self.from.clone(),
                    to,
                    id: waiting.message_id.clone(),
                    at: now,
                    subject: words::subject(&waiting.gathered),
                    text: words::text(&waiting.gathered),
                };
                let sent = self.mailer.send(&mail).await;
                sent.map_err(|error| (error.code(), !matches!(error, MailError::Refused(_))))
            }
            Err(_) => Err(("mail.address", false)),
        };
        failpoint!("notices.sent");
        let database = &self.receiver.database;
        let mut transaction = database.write().await?;
        match sent {
            Ok(()) => {
                staff_notices::sent(&mut transaction, waiting).await?;
                tracing::info!(code = "mail.sent", mail = waiting.message_id, "a mail went out");
            }
            Err((code, again)) => {
                if again {
                    let pause = BACKOFF.pause(waiting.tries + 1, self.receiver.random.as_ref());
                    let next = now.checked_add(pause).unwrap_or(now);
                    staff_notices::failed(&mut transaction, waiting, code, next).await?;
                } else {
                    staff_notices::refused(&mut transaction, waiting, code).await?;
                }
                tracing::warn!(code, mail = waiting.message_id, again, "a mail did not go out");
            }
        }
        database.commit(transaction).await?;
        Ok(sent.map_err(|(code, _)| code))
    }
}

/// The way out that is configured.
pub(crate) fn mailer(settings: &MailSettings, folder: &Path) -> Result<Mailer, MailerError> {
    let given = |path: &Path| (!path.as_os_str().is_empty()).then(|| path.to_owned());
    let login = given(&settings.credentials).map(|file| Login::read(&file)).transpose()?;
    let root = given(&settings.root)
        .map(|file| std::fs::read(&file).map_err(|error| MailerError::File(file, error)))
        .transpose()?;
    Mailer::new(&settings.transport, folder, login.as_ref(), root.as_deref())
}
