//! Files on their way in by the API: bytes until they are whole, then a dispatch.
//!
//! How far an upload has come is the length of its file; what it is stands in the database, first. So a restart forgets nothing:
//! whoever comes again goes on at that length, and what was whole already is taken then. The bytes are not sealed yet: the file is
//! for our own account alone, and is gone once they are.

mod finish;
mod locks;

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use tokio::fs::{File, OpenOptions};
use tokio::io::{AsyncSeekExt, AsyncWriteExt, SeekFrom};

use super::send::{Sender, To};
use crate::domain::file_name::FileName;
use crate::domain::ids::UploadId;
use crate::gateway::config::ApiSettings;
use crate::http::BodyReader;
use crate::http::tus::{Chunk, Progress, refuse};
use crate::store::gateway::api_uploads::{self, Outcome, Upload};
use crate::store::gateway::{offices, users};
use crate::stream::disk::{Disk, Room};
use crate::stream::spool::make_folder;
use crate::wire::client::UnionClient;
use crate::wire::problem::{Code, Problem};
use locks::{Lock, Locks};

/// What has ended is remembered for so many days.
pub const REMEMBERED: SignedDuration = SignedDuration::from_hours(24 * 7);
/// After so many bytes it is looked whether the disk still has room.
const LOOK: u64 = 16 * 1024 * 1024;

/// Files on their way in.
#[derive(Debug)]
pub struct Uploads {
    sender: Arc<Sender<UnionClient>>,
    folder: PathBuf,
    disk: Disk,
    life: SignedDuration,
    per_token: u32,
    locks: Locks,
}

/// An upload that is asked for.
#[derive(Debug, Clone)]
pub struct NewUpload {
    /// The number of the token.
    pub token: i64,
    /// What the caller calls it.
    pub key: Option<String>,
    /// The name that the recipients see.
    pub file_name: FileName,
    /// `Content-Type`.
    pub content_type: String,
    /// Whom it is for, as the caller wrote it: [`addressees`] reads it.
    pub addressees: String,
    /// A line for the reader.
    pub comment: Option<String>,
    /// Bytes.
    pub size: u64,
}

/// Whom a text names: user ids and `office:CODE`, with spaces between them.
pub fn addressees(text: &str) -> Option<Vec<To>> {
    let one = |word: &str| match word.strip_prefix("office:") {
        Some(code) => code.parse().map(To::Office).ok(),
        None => word.parse().map(To::User).ok(),
    };
    text.split_ascii_whitespace().map(one).collect::<Option<Vec<To>>>().filter(|to| !to.is_empty())
}

impl NewUpload {
    fn is_same(&self, other: &Upload) -> bool {
        let ours = (&self.file_name, &self.content_type, &self.addressees, &self.comment, self.size);
        ours == (&other.file_name, &other.content_type, &other.addressees, &other.comment, other.size)
    }
}

impl Uploads {
    /// Makes the folder if it is not there.
    pub fn open(sender: &Arc<Sender<UnionClient>>, settings: &ApiSettings, reserve: u64) -> io::Result<Self> {
        make_folder(&settings.uploads)?;
        Ok(Self {
            sender: Arc::clone(sender),
            folder: settings.uploads.clone(),
            disk: Disk::new(&settings.uploads, reserve),
            life: SignedDuration::from_hours(settings.upload_hours.into()),
            per_token: settings.uploads_per_token,
            locks: Locks::default(),
        })
    }

    /// Begins an upload. One with the same key that is not whole yet is found again.
    pub async fn begin(&self, new: NewUpload) -> Result<Upload, Problem> {
        let (database, now) = (&self.sender.receiver.database, self.now());
        if let Some(key) = &new.key
            && let Some(before) = api_uploads::open_with_key(database.read(), new.token, key).await?
            && before.expires_at > now
        {
            return if new.is_same(&before) { Ok(before) } else { Err(Code::IdempotencyConflict.into()) };
        }
        self.check_addressees(&new.addressees).await?;
        if new.size > self.sender.limits.max_size {
            let detail = format!("at most {} bytes", self.sender.limits.max_size);
            return Err(Problem::new(Code::ParcelTooLarge).with_detail(detail));
        }
        if api_uploads::count_open(database.read(), new.token).await? >= i64::from(self.per_token) {
            let detail = format!("the token has {} unfinished uploads already", self.per_token);
            return Err(Problem::new(Code::QuotaExceeded).with_detail(detail));
        }
        // The file itself, and our sealed copy of it.
        self.room(new.size.saturating_mul(2))?;
        let upload = Upload {
            id: UploadId::new(now, self.sender.receiver.random.as_ref()),
            token: new.token,
            key: new.key,
            file_name: new.file_name,
            content_type: new.content_type,
            addressees: new.addressees,
            comment: new.comment,
            size: new.size,
            created_at: now,
            expires_at: self.end_of_life(now),
            outcome: None,
        };
        let mut transaction = database.write().await?;
        api_uploads::insert(&mut transaction, &upload).await?;
        database.commit(transaction).await?;
        Ok(upload)
    }

    /// Whom nobody knows is said before any bytes come. Whether they can get it is judged when it is whole.
    async fn check_addressees(&self, text: &str) -> Result<(), Problem> {
        let refused = || Problem::new(Code::RecipientRefused);
        let read = self.sender.receiver.database.read();
        for to in addressees(text).ok_or_else(refused)? {
            let (is_known, name) = match &to {
                To::User(user) => (users::find(read, user).await?.is_some(), user.to_string()),
                To::Office(office) => (offices::find(read, office).await?.is_some(), format!("office:{office}")),
            };
            if !is_known {
                return Err(refused().with_detail(format!("{name} is not registered")));
            }
        }
        Ok(())
    }

    /// The upload of this id, for whoever it belongs to.
    pub async fn find(&self, token: i64, id: UploadId) -> Result<Upload, Problem> {
        let found = api_uploads::find(self.sender.receiver.database.read(), id).await?;
        let is_here =
            |upload: &Upload| upload.token == token && (upload.outcome.is_some() || upload.expires_at > self.now());
        found.filter(is_here).ok_or(Code::UploadUnknown.into())
    }

    /// Where it stands. What is told to be there is durable.
    pub async fn progress(&self, upload: &Upload) -> Result<Progress, Problem> {
        match &upload.outcome {
            Some(Outcome::Taken(_)) => return Ok(Progress::complete(upload.size)),
            Some(Outcome::Refused(code)) => return Err(Problem::new(Code::UploadRefused).with_detail(code)),
            None => {}
        }
        let offset = match File::open(self.path(upload.id)).await {
            Ok(file) => {
                file.sync_all().await.map_err(|error| failed(&error))?;
                file.metadata().await.map_err(|error| failed(&error))?.len()
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
            Err(error) => return Err(failed(&error)),
        };
        Ok(Progress { size: upload.size, offset, expires_at: Some(upload.expires_at) })
    }

    /// Appends a request's body, and takes the file when it is whole. What arrived stays, even when the rest did not; unless there
    /// is a checksum: then all of it stays or nothing.
    pub async fn append(
        &self,
        upload: Upload,
        actor: &str,
        chunk: Chunk,
        mut body: BodyReader,
    ) -> Result<(Upload, Progress), Problem> {
        let Some(_lock) = self.locks.take(upload.id) else { return refuse(Code::UploadBusy.into(), body).await };
        let begun = async {
            let upload = self.find(upload.token, upload.id).await?;
            let progress = self.progress(&upload).await?;
            chunk.check_place(progress)?;
            Ok((upload, progress))
        };
        let (upload, progress) = match begun.await {
            Ok(begun) => begun,
            Err(problem) => return refuse(problem, body).await,
        };
        if upload.outcome.is_some() {
            crate::http::tus::ignore(body).await;
            return Ok((upload, progress));
        }
        if progress.offset < upload.size {
            self.receive(&upload, progress.offset, chunk, &mut body).await?;
        }
        let progress = self.progress(&upload).await?;
        if progress.offset < upload.size {
            let mut transaction = self.sender.receiver.database.write().await?;
            let until = self.end_of_life(self.now());
            api_uploads::extend(&mut transaction, upload.id, until).await?;
            self.sender.receiver.database.commit(transaction).await?;
            return Ok((upload, Progress { expires_at: Some(until), ..progress }));
        }
        let upload = self.finish(upload, actor).await?;
        Ok((upload, Progress::complete(progress.size)))
    }

    async fn receive(&self, upload: &Upload, offset: u64, chunk: Chunk, body: &mut BodyReader) -> Result<(), Problem> {
        let mut room = self.room(upload.size - offset)?;
        let mut options = OpenOptions::new();
        options.create(true).write(true).truncate(false).mode(0o600);
        let mut file = options.open(self.path(upload.id)).await.map_err(|error| failed(&error))?;
        file.seek(SeekFrom::Start(offset)).await.map_err(|error| failed(&error))?;
        let keep = chunk.checksum.is_none();
        let received = self.copy(upload, offset, chunk, body, &mut file, &mut room).await;
        let is_kept =
            received.is_ok() || keep && received.as_ref().is_err_and(|problem| problem.code != Code::RequestTooLarge);
        if !is_kept {
            file.set_len(offset).await.map_err(|error| failed(&error))?;
        }
        file.sync_all().await.map_err(|error| failed(&error))?;
        received
    }

    async fn copy(
        &self,
        upload: &Upload,
        offset: u64,
        chunk: Chunk,
        body: &mut BodyReader,
        file: &mut File,
        room: &mut Room,
    ) -> Result<(), Problem> {
        let (mut at, mut looked_at, mut checksum) = (offset, offset, chunk.checksum);
        while let Some(bytes) = body.chunk().await? {
            at += bytes.len() as u64;
            if at > upload.size {
                return Err(Problem::new(Code::RequestTooLarge).with_detail("more bytes than Upload-Length told"));
            }
            if let Some(checksum) = &mut checksum {
                checksum.update(&bytes);
            }
            file.write_all(&bytes).await.map_err(|error| failed(&error))?;
            room.written(bytes.len() as u64);
            if at - looked_at >= LOOK {
                looked_at = at;
                // What is to come is promised; others write on this disk, too.
                if self.disk.free().map_err(|error| failed(&error))? <= self.disk.reserve() {
                    return Err(Code::StorageFull.into());
                }
            }
        }
        file.flush().await.map_err(|error| failed(&error))?;
        if checksum.is_none_or(crate::http::tus::Expected::holds) { Ok(()) } else { Err(Code::UploadChecksum.into()) }
    }

    /// Gives an upload up that was not taken. What was taken is recalled instead.
    pub async fn terminate(&self, token: i64, id: UploadId) -> Result<(), Problem> {
        // Nobody has an upload of another token's, not even for a moment.
        self.find(token, id).await?;
        let _lock = self.lock(id)?;
        // Whoever had the lock before may have taken it.
        if let Some(Outcome::Taken(_)) = self.find(token, id).await?.outcome {
            return Err(Problem::new(Code::MessageState).with_detail("it was taken: recall it"));
        }
        self.forget(id).await?;
        self.remove(id)
    }

    /// Takes what is whole, throws away what nobody went on with, and forgets what ended long ago.
    pub async fn sweep(&self) -> Result<(), &'static str> {
        let open = api_uploads::open(self.sender.receiver.database.read()).await.map_err(|_| "database")?;
        let mut here: HashSet<UploadId> = open.iter().map(|upload| upload.id).collect();
        let mut result = Ok(());
        for upload in open {
            let Some(_lock) = self.locks.take(upload.id) else { continue };
            let whole = self.progress(&upload).await.is_ok_and(|progress| progress.offset >= upload.size);
            let is_over = upload.expires_at <= self.now();
            if whole && !is_over {
                // A refusal is written down, and the cause of a failure is in the log.
                result = self.finish_late(upload).await.or(Err("api.upload"));
            } else if is_over {
                if whole {
                    // Nobody expects any more that it is sent.
                    tracing::warn!(code = "api.upload-expired", upload = %upload.id, "it could not be taken before its end");
                }
                here.remove(&upload.id);
                self.forget(upload.id).await.map_err(|_| "database")?;
            }
        }
        self.forget_ended().await.map_err(|_| "database")?;
        self.remove_strays(&here).map_err(|_| "api.folder").and(result)
    }

    async fn forget(&self, id: UploadId) -> Result<(), Problem> {
        let database = &self.sender.receiver.database;
        let mut transaction = database.write().await?;
        api_uploads::delete(&mut transaction, id).await?;
        Ok(database.commit(transaction).await?)
    }

    async fn forget_ended(&self) -> Result<(), Problem> {
        let database = &self.sender.receiver.database;
        let mut transaction = database.write().await?;
        api_uploads::forget(&mut transaction, self.now()).await?;
        Ok(database.commit(transaction).await?)
    }

    /// Files that no upload is for. A row is there before its file, so that none is taken for such.
    fn remove_strays(&self, here: &HashSet<UploadId>) -> io::Result<()> {
        for entry in std::fs::read_dir(&self.folder)? {
            let name = entry?.file_name();
            let id = name.to_str().and_then(|name| name.strip_suffix(".part")?.parse::<UploadId>().ok());
            if let Some(id) = id.filter(|id| !here.contains(id))
                && let Some(_lock) = self.locks.take(id)
            {
                self.remove(id).map_err(|_| io::Error::other("a stray upload cannot be removed"))?;
            }
        }
        Ok(())
    }

    fn remove(&self, id: UploadId) -> Result<(), Problem> {
        match std::fs::remove_file(self.path(id)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(&error)),
            _ => Ok(()),
        }
    }

    /// Room for so many bytes, promised to nobody else as long as this is held.
    fn room(&self, bytes: u64) -> Result<Room, Problem> {
        self.disk.admit(bytes).map_err(|error| failed(&error))?.ok_or(Code::StorageFull.into())
    }

    fn lock(&self, id: UploadId) -> Result<Lock, Problem> {
        self.locks.take(id).ok_or(Code::UploadBusy.into())
    }

    fn path(&self, id: UploadId) -> PathBuf {
        Path::new(&self.folder).join(format!("{id}.part"))
    }

    fn now(&self) -> Timestamp {
        self.sender.receiver.clock.now()
    }

    fn end_of_life(&self, now: Timestamp) -> Timestamp {
        now.checked_add(self.life).unwrap_or(Timestamp::MAX)
    }
}

/// A file of ours that cannot be read or written.
fn failed(error: &io::Error) -> Problem {
    let full = matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
    tracing::error!(
        code = "api.upload",
        error = error as &dyn std::error::Error,
        "an upload cannot be read or written"
    );
    Problem::new(if full { Code::StorageFull } else { Code::Internal })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_and_offices_are_named_apart() {
        let to = addressees("hanako-1 office:12-34").unwrap();
        assert_eq!(to, [To::User("hanako-1".parse().unwrap()), To::Office("12-34".parse().unwrap())]);
        for wrong in ["", " ", "office:", "Hanako", "a,b", "office:1 office:"] {
            assert_eq!(addressees(wrong), None, "{wrong}");
        }
    }
}
