//! Send, and resume what was begun.

mod look_after;

use std::collections::HashMap;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::domain::clock::{Clock, Random};
use crate::domain::ids::MessageId;
use crate::message::keys::{Certificate, Credential};
use crate::wire::client::{Effort, EmployerClient, FileSource, Progress};
use crate::wire::employer::SentParcel;
use crate::wire::page::{MAX_LIMIT, PageQuery};

use super::disk::{Disk, LocalDisk};
use super::error::EmployerError;
use super::home::Home;
use super::inbox::tray::Tray;
use super::ledger::{Ledger, LedgerError};
use super::outgoing::{Letter, Outgoing, check_comment};
use super::pc::User;
use super::record::{Record, State};
use super::sent::{Sent, Trouble};
use super::union::Union;
use super::watch::{Event, Watcher};

/// The app of one user, holding its home folder.
#[derive(Debug, Clone)]
pub struct App {
    pub(super) home: Home,
    pub(super) signing: Credential,
    pub(super) encryption: Vec<Credential>,
    pub(super) client: EmployerClient,
    ledger: Arc<Ledger>,
    pub(super) tray: Arc<Tray>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) random: Arc<dyn Random>,
    pub(super) watcher: Arc<dyn Watcher>,
    pub(super) effort: Effort,
}

impl App {
    /// Goes to work with the user's keys and session: puts right what a crash left, and keeps others out of the folder until
    /// it is dropped. Blocks.
    pub fn open(user: &User, watcher: Arc<dyn Watcher>) -> Result<Self, EmployerError> {
        let open = |folder: &Path| {
            let disk: Arc<dyn Disk> = Arc::new(LocalDisk);
            // The ledger's lock keeps others away from what came, too.
            let ledger = Ledger::open(folder, Arc::clone(&disk))?;
            Ok((ledger, Tray::open(folder, disk)?))
        };
        Self::with(user, open, watcher)
    }

    /// The same in a folder in which another process may be working, for looking only: nothing is kept of what the relay
    /// says. Blocks.
    pub fn look_into(user: &User, watcher: Arc<dyn Watcher>) -> Result<Self, EmployerError> {
        Self::with(user, |folder| Ok((Ledger::look_into(folder), Tray::look_into(folder)?)), watcher)
    }

    fn with(
        user: &User,
        open: impl FnOnce(&Path) -> Result<(Ledger, Tray), LedgerError>,
        watcher: Arc<dyn Watcher>,
    ) -> Result<Self, EmployerError> {
        let (ledger, tray) = open(user.home().folder())?;
        Ok(Self {
            client: user.client()?,
            ledger: Arc::new(ledger),
            tray: Arc::new(tray),
            home: user.home().clone(),
            signing: user.signing().clone(),
            encryption: user.encryption().to_vec(),
            clock: Arc::clone(user.clock()),
            random: Arc::clone(user.random()),
            watcher,
            effort: Effort::default(),
        })
    }

    /// Sends what was begun before, then these files, in this order. Everything is checked before anything is sealed.
    ///
    /// # Errors
    /// The first that stops it. Messages that have their number are kept, and the next call goes on with them.
    pub async fn send(&self, paths: &[PathBuf], comment: Option<&str>) -> Result<Vec<Sent>, EmployerError> {
        comment.map_or(Ok(()), check_comment)?;
        let files = self.look_at(paths).await?;
        let union = self.union().await?;
        self.check_limit(&files).await?;
        self.check_that_home_is_current().await?;
        let mut sent = self.resume(&union).await?;
        for file in files {
            let record = self.seal(file, comment.map(str::to_owned), union.encryption.clone()).await?;
            sent.push(self.upload(record, &union, false).await?);
        }
        Ok(sent)
    }

    /// Everything that the relay has from us.
    async fn parcels(&self) -> Result<HashMap<MessageId, SentParcel>, EmployerError> {
        let mut parcels = HashMap::new();
        let mut query = PageQuery { limit: Some(MAX_LIMIT), ..PageQuery::default() };
        loop {
            let page = self.client.sent(query).await?;
            parcels.extend(page.items.into_iter().map(|parcel| (parcel.id, parcel)));
            query.after = page.next;
            if !page.more {
                return Ok(parcels);
            }
        }
    }

    async fn look_at(&self, paths: &[PathBuf]) -> Result<Vec<Outgoing>, EmployerError> {
        let paths = paths.to_vec();
        let reserve = self.home.settings().reserve;
        self.on_disk(move |ledger| {
            let mut files = Vec::new();
            for path in paths {
                files.push(Outgoing::open(&path).map_err(|cause| EmployerError::File { path, cause })?);
            }
            // Sealed messages stay until their receipt comes, so all of them need room.
            ledger.check_room(files.iter().map(|file| file.size).sum(), reserve)?;
            Ok::<_, EmployerError>(files)
        })
        .await
    }

    pub(super) async fn union(&self) -> Result<Union, EmployerError> {
        let told = self.client.union().await?;
        let (home, now) = (self.home.clone(), self.clock.now());
        let check = move || Union::told(&told, home.identity(), home.folder(), now);
        tokio::task::spawn_blocking(check).await.expect("checking certificates does not panic")
    }

    /// Refuses to go on with a folder that was restored from an old copy: its next number may have been used already, and
    /// the union would see a fork. The relay has what this folder does not know, then.
    async fn check_that_home_is_current(&self) -> Result<(), EmployerError> {
        let before = self.on_disk(Ledger::seen).await?;
        let mut query = PageQuery { after: before, limit: Some(MAX_LIMIT), ..PageQuery::default() };
        loop {
            let page = self.client.sent(query).await?;
            let ids: Vec<_> = page.items.iter().map(|parcel| parcel.id).collect();
            let unknown = self.on_disk(move |ledger| ledger.unknown(ids)).await?;
            if !unknown.is_empty() {
                return Err(EmployerError::OldCopy(unknown));
            }
            query.after = page.next.or(query.after);
            if !page.more {
                break;
            }
        }
        match query.after.filter(|_| query.after != before) {
            Some(seen) => self.on_disk(move |ledger| ledger.set_seen(seen)).await,
            None => Ok(()),
        }
    }

    async fn check_limit(&self, files: &[Outgoing]) -> Result<(), EmployerError> {
        let Some(largest) = self.client.largest_upload().await? else { return Ok(()) };
        // Room for what sealing adds.
        let largest = largest.saturating_sub(largest / 1000 + (64 << 10));
        for file in files {
            let refused = |cause| EmployerError::File { path: file.path.clone(), cause };
            file.check_size(largest).map_err(refused)?;
        }
        Ok(())
    }

    /// Sends what was begun before. What the relay will not take stays in the outbox and does not block the rest.
    async fn resume(&self, union: &Union) -> Result<Vec<Sent>, EmployerError> {
        let (mut sent, unsettled) = (Vec::new(), self.on_disk(Ledger::unsettled).await?);
        let mut parcels = HashMap::new();
        if unsettled.iter().any(|record| record.state() > State::Sealed) {
            parcels = self.parcels().await?;
        }
        for record in unsettled {
            if record.state() > State::Sealed {
                let parcel = parcels.remove(&record.id);
                let looked_at = self.take_receipts(record, parcel.as_ref(), union).await?;
                sent.extend(Some(looked_at).filter(|sent| sent.trouble.is_some()));
                continue;
            }
            match self.upload(record.clone(), union, true).await {
                Err(EmployerError::Upload { cause, .. }) if !cause.is_temporary() => {
                    sent.push(Sent { record, fetched: false, trouble: Some(Trouble::NotTaken(cause)) });
                }
                other => sent.push(other?),
            }
        }
        Ok(sent)
    }

    async fn seal(
        &self,
        file: Outgoing,
        comment: Option<String>,
        recipient: Certificate,
    ) -> Result<Record, EmployerError> {
        self.watcher.event(Event::Sealing { name: &file.name, size: file.size });
        let date = self.clock.now();
        let letter = Letter {
            id: MessageId::new(date, self.random.as_ref()),
            date,
            from: self.home.identity().from(),
            to: self.home.identity().to(),
            name: file.name.clone(),
            comment,
            size: file.size,
        };
        let (signer, reserve) = (self.signing.clone(), self.home.settings().reserve);
        let (random, watcher) = (Arc::clone(&self.random), Arc::clone(&self.watcher));
        let record = self
            .on_disk(move |ledger| {
                ledger.check_room(file.size, reserve)?;
                let content = Counted { inner: file.content(), bytes: 0, watcher: &*watcher };
                ledger.seal(&letter, &signer, &recipient, &*random, content, || file.is_unchanged())
            })
            .await?;
        tracing::info!(id = %record.id, number = record.sequence, bytes = record.sealed_size, "sealed");
        self.watcher.event(Event::Sealed(&record));
        Ok(record)
    }

    async fn upload(&self, mut record: Record, union: &Union, again: bool) -> Result<Sent, EmployerError> {
        tracing::info!(id = %record.id, again, "uploading");
        self.watcher.event(Event::Uploading { record: &record, again });
        let source = FileSource { path: self.ledger.sealed_path(record.id), size: record.sealed_size };
        let watcher = Arc::clone(&self.watcher);
        let progress = Progress::new(move |bytes| watcher.event(Event::UploadedBytes(bytes)));
        let uploaded = self.client.upload(record.id, &source, &progress, self.effort, self.random.as_ref()).await;
        uploaded.map_err(|cause| EmployerError::Upload { id: record.id, cause })?;
        record.uploaded_at = Some(self.clock.now());
        self.keep(record.clone()).await?;
        let sent = self.refresh(record, union).await?;
        if sent.trouble.is_none() {
            tracing::info!(id = %sent.record.id, "relayed");
            self.watcher.event(Event::Relayed(&sent.record));
        }
        Ok(sent)
    }

    async fn keep(&self, record: Record) -> Result<(), EmployerError> {
        self.on_disk(move |ledger| ledger.update(&record)).await
    }

    /// Does something with the ledger off the async threads.
    async fn on_disk<T, E>(
        &self,
        work: impl FnOnce(&Ledger) -> Result<T, E> + Send + 'static,
    ) -> Result<T, EmployerError>
    where
        T: Send + 'static,
        E: Into<EmployerError> + Send + 'static,
    {
        let ledger = Arc::clone(&self.ledger);
        let done = tokio::task::spawn_blocking(move || work(&ledger)).await;
        done.expect("work on the ledger does not panic").map_err(Into::into)
    }
}

/// Tells how much has been read.
struct Counted<'a, R> {
    inner: R,
    bytes: u64,
    watcher: &'a dyn Watcher,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.bytes += read as u64;
        self.watcher.event(Event::SealedBytes(self.bytes));
        Ok(read)
    }
}
