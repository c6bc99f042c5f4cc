//! From the first byte of an upload to a parcel that its union sees, or to a delivery in the inboxes of its users.
//!
//! Where an upload stands is what its bytes say, so that a restart forgets nothing: bytes are made durable before an
//! offset is told. A message becomes visible in one transaction (`visible`), after its bytes are durable and its receipt is signed.

mod visible;

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};

use super::bytes::{BytesError, Content, Key};
use super::state::{Lock, State};
use crate::domain::ids::UserId;
use crate::http::tus::Progress;
use crate::message::format::trailing_tag;
use crate::store::relay::deliveries::{self, recipients};
use crate::store::relay::parcels;
use crate::store::relay::uploads::{self, Depositor, Upload};
use crate::store::relay::usage::{self, Limit};
use crate::store::sqlite::Connection;
use crate::wire::Der;
use crate::wire::delivery::{DeliveryState, MAX_RECIPIENTS};
use crate::wire::problem::{Code, Problem};

/// As many of the last bytes as the tag may need.
const TAIL: u64 = 64;

/// Uploads up to this size that come in one request are taken whole: one file, one transaction.
pub const SMALL: u64 = 1024 * 1024;

/// Who deposits, and for whom.
#[derive(Debug, Clone)]
pub struct Order {
    /// Who.
    pub by: Depositor,
    /// For whom, in order and each once; nobody when it is for the union.
    pub recipients: Vec<UserId>,
    /// What the union says to itself about it.
    pub place: Option<Der>,
    /// Length of the whole, in bytes.
    pub size: u64,
}

/// What there is of an id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Where its upload stands.
    pub progress: Progress,
    /// Whom it is for; nobody when it is for the union.
    pub recipients: Vec<UserId>,
    /// What the union says to itself about it.
    pub place: Option<Der>,
}

impl Standing {
    fn of(upload: Upload, offset: u64) -> Self {
        let expires_at = (offset < upload.size).then_some(upload.expires_at);
        let progress = Progress { size: upload.size, offset, expires_at };
        Self { progress, recipients: upload.recipients, place: upload.place }
    }
}

impl State {
    /// Where the upload or message of this id stands; the lock is held by the caller.
    ///
    /// An upload whose bytes are all there, but which a crash kept from becoming visible, becomes so now.
    pub async fn standing(&self, by: &Depositor, lock: &Lock) -> Result<Option<Standing>, Problem> {
        let key = lock.key();
        if let Some(complete) = self.complete_one(by, key).await? {
            return Ok(Some(complete));
        }
        let Some(upload) = uploads::find(self.database.read(), &key.union, key.id).await? else { return Ok(None) };
        if upload.by != *by {
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
            let size = upload.size;
            return Ok(Some(Standing::of(upload, size)));
        }
        if upload.expires_at <= self.clock.now() {
            return Ok(None);
        }
        if offset.is_none() {
            self.bytes.create(key).await?;
        }
        let offset = offset.unwrap_or(0);
        self.promised.set(key, upload.size - offset);
        Ok(Some(Standing::of(upload, offset)))
    }

    /// The parcel or delivery of this id, if it is complete and this depositor's.
    async fn complete_one(&self, by: &Depositor, key: &Key) -> Result<Option<Standing>, Problem> {
        if let Some(parcel) = parcels::find(self.database.read(), &key.union, key.id).await? {
            let progress = Progress::complete(parcel.size);
            let own = by.user() == Some(&parcel.user);
            let standing = Standing { progress, recipients: Vec::new(), place: None };
            return if own { Ok(Some(standing)) } else { Err(taken()) };
        }
        let mut connection = self.database.reader().await?;
        let Some(delivery) = deliveries::find(&mut *connection, &key.union, key.id).await? else { return Ok(None) };
        if *by != Depositor::Union {
            return Err(taken());
        }
        if delivery.state() == DeliveryState::Withdrawn {
            return Err(taken_back());
        }
        let recipients = recipients::of(&mut connection, &[delivery.seq]).await?.remove(&delivery.seq);
        let recipients = recipients.unwrap_or_default().into_iter().map(|recipient| recipient.user).collect();
        let (progress, place) = (Progress::complete(delivery.size), delivery.place.map(Der));
        Ok(Some(Standing { progress, recipients, place }))
    }

    /// Begins an upload.
    pub async fn begin(&self, order: Order, lock: &Lock) -> Result<Progress, Problem> {
        let key = lock.key();
        // One that has expired and is not swept away yet would stand in the way.
        self.throw_away(key).await?;
        self.promise_room(key, order.size).await?;
        let begun = self.begin_with_room(order, key).await;
        if begun.is_err() {
            self.give_back(key).await;
        }
        begun
    }

    /// The place is made before the row: what an older place held can never be taken for this upload's bytes.
    async fn begin_with_room(&self, order: Order, key: &Key) -> Result<Progress, Problem> {
        self.bytes.create(key).await?;
        let now = self.clock.now();
        let upload = self.new_upload(order, key, now);
        let mut transaction = self.database.write().await?;
        refuse_ended(&mut transaction, &upload).await?;
        self.admit(&mut transaction, &upload).await?;
        uploads::insert(&mut transaction, &upload, now).await?;
        self.database.commit(transaction).await?;
        Ok(Standing::of(upload, 0).progress)
    }

    /// Takes a small upload whole.
    pub async fn take_whole(&self, order: Order, lock: &Lock, bytes: Bytes) -> Result<Progress, Problem> {
        let size = bytes.len() as u64;
        let key = lock.key();
        self.throw_away(key).await?;
        self.promise_room(key, size).await?;
        let upload = self.new_upload(order, key, self.clock.now());
        let tail = bytes.slice(bytes.len() - bytes.len().min(64)..);
        let done = match self.bytes.put(key, bytes).await {
            Ok(()) => self.make_visible(&upload, trailing_tag(&tail), Begun::Now).await,
            Err(error) => Err(error.into()),
        };
        if done.is_err() {
            self.give_back(key).await;
        }
        done.map(|()| Progress::complete(size))
    }

    /// Gives back what was taken for an upload that came to nothing.
    pub async fn give_back(&self, key: &Key) {
        self.promised.forget(key);
        // When it fails, the cause is in the log, and the sweep finds them later.
        let _ = self.discard_unknown(key).await;
    }

    /// Gives an upload up.
    pub async fn terminate(&self, by: &Depositor, lock: &Lock) -> Result<(), Problem> {
        let key = lock.key();
        let upload = uploads::find(self.database.read(), &key.union, key.id).await?;
        if upload.is_none_or(|upload| upload.by != *by) {
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
            usage::give_up(&mut transaction, &key.union, &upload.by, upload.size).await?;
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

    /// Counts an upload that begins, if it may: within the quotas, and for users who are there.
    async fn admit(&self, connection: &mut Connection, upload: &Upload) -> Result<(), Problem> {
        if upload.by == Depositor::Union {
            let count = upload.recipients.len();
            let named = recipients::named(connection, &upload.insurer, &upload.recipients).await?;
            let all = named.len() == count && named.iter().all(|user| user.enabled);
            if !all || !(1..=MAX_RECIPIENTS).contains(&count) {
                let detail = format!("recipients must be 1 to {MAX_RECIPIENTS} enabled users of this union");
                return Err(Problem::new(Code::RecipientRefused).with_detail(detail));
            }
        }
        usage::reserve(connection, &upload.insurer, &upload.by, upload.size, self.limits()).await?.map_err(exceeded)
    }

    fn new_upload(&self, order: Order, key: &Key, now: Timestamp) -> Upload {
        let Order { by, recipients, place, size } = order;
        let expires_at = self.end_of_life(now);
        Upload { insurer: key.union.clone(), id: key.id, by, recipients, place, size, expires_at }
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

/// A union takes messages back without asking who is writing to them.
async fn refuse_ended(connection: &mut Connection, upload: &Upload) -> Result<(), Problem> {
    match deliveries::find(connection, &upload.insurer, upload.id).await? {
        None => Ok(()),
        Some(_) if upload.by == Depositor::Union => Err(taken_back()),
        Some(_) => Err(taken()),
    }
}

fn taken() -> Problem {
    Problem::new(Code::ParcelConflict)
}

fn taken_back() -> Problem {
    Problem::new(Code::DeliveryEnded).with_detail("the union took it back")
}
