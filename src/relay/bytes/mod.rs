//! Where the bytes of parcels are: one interface, which a directory fills today and an object store can fill later.
//!
//! A parcel's bytes are only ever appended to, then finished, then read, then deleted. The relay never looks into them.

mod appending;
mod blocking;
mod directory;

use std::fmt::Debug;
use std::io;
use std::ops::Range;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;

pub use directory::Directory;

use crate::domain::ids::{InsurerNumber, MessageId};

/// Names the bytes of one parcel.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key {
    /// Of which union.
    pub union: InsurerNumber,
    /// The id of the message inside.
    pub id: MessageId,
}

/// What goes wrong with bytes.
#[derive(Debug, thiserror::Error)]
pub enum BytesError {
    /// There are none of this name.
    #[error("there are no such bytes")]
    Missing,
    /// No room is left.
    #[error("no room is left for bytes")]
    Full,
    /// A write before this one failed, and was not taken back.
    #[error("bytes before these were not written")]
    Unfinished,
    /// The storage failed.
    #[error("the storage of bytes failed")]
    Io(#[source] io::Error),
}

impl From<io::Error> for BytesError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Self::Missing,
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => Self::Full,
            _ => Self::Io(error),
        }
    }
}

/// A storage of bytes.
pub trait ParcelStore: Debug + Send + Sync + 'static {
    /// Makes an empty place, durable when this returns; what was there before is gone.
    fn create<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<(), BytesError>>;

    /// Makes a place with all its bytes, durable when this returns. For what is small.
    fn put<'a>(&'a self, key: &'a Key, bytes: Bytes) -> BoxFuture<'a, Result<(), BytesError>>;

    /// Opens a place to go on at its end, which must be at `offset`.
    fn append<'a>(&'a self, key: &'a Key, offset: u64) -> BoxFuture<'a, Result<Box<dyn Append>, BytesError>>;

    /// How many bytes are there, for good or not. Costs little.
    fn size<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<u64, BytesError>>;

    /// How many bytes are there for good: a crash after this does not lose them.
    fn durable_size<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<u64, BytesError>>;

    /// Makes a place durable whole, its name too.
    fn finish<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<(), BytesError>>;

    /// Reads a part.
    fn read<'a>(&'a self, key: &'a Key, range: Range<u64>) -> BoxFuture<'a, Result<Content, BytesError>>;

    /// Deletes a place; it may be gone already.
    fn delete<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<(), BytesError>>;

    /// Every place there is, in pieces of one union each. Whether places that come or go meanwhile are listed is open.
    fn list(&self) -> BoxStream<'static, Result<Vec<Key>, BytesError>>;

    /// How many bytes there is room for, when there is a limit to it.
    fn room(&self) -> BoxFuture<'_, Result<Option<u64>, BytesError>>;
}

/// A place that is being written. After a failure, which may be told at a later call, nothing more is written until
/// [`Append::truncate`] has taken back what came since the last success of [`Append::sync`].
pub trait Append: Debug + Send {
    /// Appends. What was given is in the storage when the next `write` or `sync` returns.
    fn write(&mut self, chunk: Bytes) -> BoxFuture<'_, Result<(), BytesError>>;

    /// Makes what was written durable.
    fn sync(&mut self) -> BoxFuture<'_, Result<(), BytesError>>;

    /// Takes back everything after `size`, durably.
    fn truncate(&mut self, size: u64) -> BoxFuture<'_, Result<(), BytesError>>;
}

/// What was read.
pub enum Content {
    /// All of it.
    Whole(Bytes),
    /// Bit by bit, as fast as it is taken.
    Stream(BoxStream<'static, io::Result<Bytes>>),
}
