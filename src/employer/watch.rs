//! What the core tells whoever watches it work.

use std::fmt::Debug;

use crate::domain::file_name::FileName;
use crate::domain::ids::MessageId;

use super::inbox::Incoming;
use super::record::Record;

/// A step, as it is taken.
#[derive(Debug, Clone, Copy)]
pub enum Event<'a> {
    /// A file is being sealed.
    Sealing {
        /// Its name.
        name: &'a FileName,
        /// Its size in bytes.
        size: u64,
    },
    /// So many bytes of the file have been sealed.
    SealedBytes(u64),
    /// The message is sealed and has its number.
    Sealed(&'a Record),
    /// A message is on its way; `again` when it was begun before.
    Uploading {
        /// Which.
        record: &'a Record,
        /// Whether it was begun by an earlier start.
        again: bool,
    },
    /// So many bytes of the sealed message have left; less than before when a line broke.
    UploadedBytes(u64),
    /// The relay has it, and its receipt is good.
    Relayed(&'a Record),
    /// A message of the union is being fetched.
    Fetching {
        /// Which.
        id: MessageId,
        /// Its sealed size in bytes.
        size: u64,
    },
    /// So many bytes of it are here.
    FetchedBytes(u64),
    /// A message of the union is being opened.
    Opening {
        /// Which.
        id: MessageId,
        /// Its sealed size in bytes.
        size: u64,
    },
    /// So many bytes of it have been read.
    OpenedBytes(u64),
    /// A message of the union is here, with its verdict.
    Received(&'a Incoming),
    /// The person has the file.
    HandedOut(&'a Incoming),
}

/// Watches. Called from several threads, and must not block.
pub trait Watcher: Debug + Send + Sync {
    /// Something happened.
    fn event(&self, event: Event<'_>);
}

/// Nobody watches.
#[derive(Debug, Clone, Copy)]
pub struct Nobody;

impl Watcher for Nobody {
    fn event(&self, _event: Event<'_>) {}
}
