//! From the first byte of an upload to a parcel that its union sees.
//!
//! Where an upload stands is what its bytes say, so that a restart forgets nothing: bytes are made durable before an
//! offset is told. A parcel becomes visible in one transaction, after its bytes are durable and its receipt is signed.

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};

use super::bytes::{BytesError, Content, Key};
use super::registry::User;
use super::state::{Lock, State};
use crate::domain::digest::Tag;
use crate::domain::ids::MessageId;
use crate::message::format::trailing_tag;
use crate::message::receipt::{Receipt, Stage};
use crate::store::relay::parcels::{self, NewParcel};
use crate::store::relay::uploads::{self, Upload};
use crate::store::relay::usage::{self, Limit};
use crate::wire::problem::{Code, Problem};

/// As many of the last bytes as the tag may need.
const TAIL: u64 = 64;

/// Uploads up to this size that come in one request are taken whole: one file, one transaction.
pub const SMALL: u64 = 1024 * 1024;

/// Where an upload stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Length of the whole.
    pub size: u64,
    /// Bytes that are there for good.
    pub offset: u64,
    /// When it is thrown away; none when it is complete.
    pub expires_at: Option<Timestamp>,
}

impl Progress {
    fn complete(size: u64) -> Self {
        Self { size, offset: size, expires_at: None }
    }
}

impl State {
    /// Where the user's upload or parcel of this id stands; the lock is held by the caller.
    ///
    /// An upload whose bytes are all there, but which a crash kept from becoming a parcel, becomes one now.
    pub async fn progress(&self, user: &User, lock: &Lock) -> Result<Option<Progress>, Problem> {
        let key = lock.key();
        if let Some(parcel) = parcels::find(self.database.read(), &key.union, key.id).await? {
            return if parcel.user == user.id { Ok(Some(Progress::complete(parcel.size))) } else { Err(taken()) };
        }
        let Some(upload) = uploads::find(self.database.read(), &key.union, key.id).await? else { return Ok(None) };
        if upload.user != user.id {
            return Err(taken());
        }
        let offset = match self.bytes.durable_size(key).await {
            // A crash came while they were thrown away.
            Err(BytesError::Missing) => None,
            size => Some(size?),
        };
        // What is whole does not expire.
        if offset.is_some_and(|offset| offset >= upload.size) {
            self.complete(&upload, Begun::Before).await?;
            return Ok(Some(Progress::complete(upload.size)));
        }
        if upload.expires_at <= self.clock.now() {
            return Ok(None);
        }
        if offset.is_none() {
            self.bytes.create(key).await?;
        }
        let offset = offset.unwrap_or(0);
        self.promised.set(key, upload.size - offset);
        Ok(Some(Progress { size: upload.size, offset, expires_at: Some(upload.expires_at) }))
    }

    /// Begins an upload of so many bytes.
    pub async fn begin(&self, user: &User, lock: &Lock, size: u64) -> Result<Progress, Problem> {
        let key = lock.key();
        // One that has expired and is not swept away yet would stand in the way.
        self.throw_away(key).await?;
        self.promise_room(key, size).await?;
        let begun = self.begin_with_room(user, key, size).await;
        if begun.is_err() {
            self.promised.forget(key);
            // When it fails, the cause is in the log, and the sweep finds them later.
            let _ = self.discard_unknown(key).await;
        }
        begun
    }

    /// The place is made before the row: what an older place held can never be taken for this upload's bytes.
    async fn begin_with_room(&self, user: &User, key: &Key, size: u64) -> Result<Progress, Problem> {
        self.bytes.create(key).await?;
        let now = self.clock.now();
        let upload = self.new_upload(user, key.id, size, now);
        let mut transaction = self.database.write().await?;
        usage::reserve(&mut transaction, &user.union, &user.id, size, self.limits()).await?.map_err(exceeded)?;
        uploads::insert(&mut transaction, &upload, now).await?;
        self.database.commit(transaction).await?;
        Ok(Progress { size, offset: 0, expires_at: Some(upload.expires_at) })
    }

    /// Takes a small upload whole.
    pub async fn take_whole(&self, user: &User, lock: &Lock, bytes: Bytes) -> Result<Progress, Problem> {
        let size = bytes.len() as u64;
        let key = lock.key();
        self.throw_away(key).await?;
        self.promise_room(key, size).await?;
        let upload = self.new_upload(user, key.id, size, self.clock.now());
        let tail = bytes.slice(bytes.len() - bytes.len().min(64)..);
        let done = match self.bytes.put(key, bytes).await {
            Ok(()) => self.make_visible(&upload, trailing_tag(&tail), Begun::Now).await,
            Err(error) => Err(error.into()),
        };
        if done.is_err() {
            self.promised.forget(key);
            // When it fails, the cause is in the log, and the sweep finds them later.
            let _ = self.discard_unknown(key).await;
        }
        done.map(|()| Progress::complete(size))
    }

    /// Gives an upload up.
    pub async fn terminate(&self, user: &User, lock: &Lock) -> Result<(), Problem> {
        let key = lock.key();
        let upload = uploads::find(self.database.read(), &key.union, key.id).await?;
        if upload.is_none_or(|upload| upload.user != user.id) {
            return Err(Problem::new(Code::UploadUnknown));
        }
        self.throw_away(key).await
    }

    /// Deletes an upload with its bytes, if there is one. The bytes go first: a row without bytes is an upload that stands
    /// at its beginning.
    pub async fn throw_away(&self, key: &Key) -> Result<(), Problem> {
        let Some(upload) = uploads::find(self.database.read(), &key.union, key.id).await? else { return Ok(()) };
        self.bytes.delete(key).await?;
        let mut transaction = self.database.write().await?;
        if uploads::delete(&mut transaction, &key.union, key.id).await? {
            usage::give_up(&mut transaction, &key.union, &upload.user, upload.size).await?;
        }
        self.database.commit(transaction).await?;
        self.promised.forget(key);
        Ok(())
    }

    /// Deletes bytes unless the database knows of them; whether it did. The lock is held by the caller.
    pub async fn discard_unknown(&self, key: &Key) -> Result<bool, Problem> {
        let mut connection = self.database.reader().await?;
        if !parcels::with_bytes(&mut connection, &key.union, &[key.id]).await?.is_empty() {
            return Ok(false);
        }
        self.bytes.delete(key).await?;
        Ok(true)
    }

    /// Completes an upload whose bytes are all there. The lock is held by the caller.
    pub async fn complete(&self, upload: &Upload, begun: Begun) -> Result<(), Problem> {
        let key = Key { union: upload.insurer.clone(), id: upload.id };
        self.bytes.finish(&key).await?;
        let tail = match self.bytes.read(&key, upload.size.saturating_sub(TAIL)..upload.size).await? {
            Content::Whole(tail) => tail,
            Content::Stream(_) => Bytes::new(),
        };
        self.make_visible(upload, trailing_tag(&tail), begun).await
    }

    async fn make_visible(&self, upload: &Upload, tag: Option<Tag>, begun: Begun) -> Result<(), Problem> {
        // As exact as it is stored, so that the receipt says the same moment as every list.
        let now = Timestamp::from_microsecond(self.clock.now().as_microsecond()).unwrap_or_default();
        let parcel = NewParcel {
            insurer: upload.insurer.clone(),
            id: upload.id,
            user: upload.user.clone(),
            size: upload.size,
            tag,
            deposited_at: now,
            relayed: self.sign_relayed(upload.id, tag, now).await?,
        };
        let mut transaction = self.database.write().await?;
        match begun {
            Begun::Before => drop(uploads::delete(&mut transaction, &upload.insurer, upload.id).await?),
            Begun::Now => usage::reserve(&mut transaction, &upload.insurer, &upload.user, upload.size, self.limits())
                .await?
                .map_err(exceeded)?,
        }
        parcels::insert(&mut transaction, &parcel).await?;
        self.database.commit(transaction).await?;
        self.promised.forget(&Key { union: upload.insurer.clone(), id: upload.id });
        self.arrivals.of(&upload.insurer).notify_waiters();
        tracing::info!(
            code = "parcel.deposited", union = %upload.insurer, user = %upload.user, message = %upload.id,
            size = upload.size, "parcel complete"
        );
        self.metrics.deposited_total.inc();
        self.metrics.deposited_bytes_total.inc_by(upload.size);
        Ok(())
    }

    async fn sign_relayed(&self, id: MessageId, tag: Option<Tag>, at: Timestamp) -> Result<Vec<u8>, Problem> {
        let receipt = Receipt {
            message_id: id,
            stage: Stage::Relayed,
            tag,
            digest: None,
            at,
            by: "relay".to_owned(),
            words: None,
            previous: None,
            contiguous: None,
        };
        let credential = self.receipts.load_full();
        let signed = tokio::task::spawn_blocking(move || receipt.sign(&credential, at)).await;
        Ok(signed.map_err(|_| Problem::new(Code::Internal))??.der().to_vec())
    }

    fn new_upload(&self, user: &User, id: MessageId, size: u64, now: Timestamp) -> Upload {
        Upload { insurer: user.union.clone(), id, user: user.id.clone(), size, expires_at: self.end_of_life(now) }
    }

    /// When an upload that goes on now is thrown away.
    pub fn end_of_life(&self, now: Timestamp) -> Timestamp {
        let life = SignedDuration::from_hours(self.config.parcels.upload_hours.into());
        now.checked_add(life).unwrap_or(Timestamp::MAX)
    }

    fn limits(&self) -> usage::Limits {
        let quota = &self.config.quota;
        usage::Limits {
            user: Limit { bytes: quota.user_bytes, items: quota.user_items, stored_bytes: quota.user_stored_bytes },
            union: Limit { bytes: quota.union_bytes, items: quota.union_items, stored_bytes: quota.union_stored_bytes },
        }
    }
}

/// Whether an upload has been counted already.
#[derive(Debug, Clone, Copy)]
pub enum Begun {
    /// It has a row.
    Before,
    /// It begins and ends in this request.
    Now,
}

fn exceeded(who: usage::Exceeded) -> Problem {
    Problem::new(Code::QuotaExceeded).with_detail(match who {
        usage::Exceeded::User => "the user has too much under way, waiting or kept",
        usage::Exceeded::Union => "the union has too much under way, waiting or kept",
    })
}

fn taken() -> Problem {
    Problem::new(Code::ParcelConflict)
}
