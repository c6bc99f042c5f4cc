//! A storage of parcels on which what a test wants goes wrong, once.

use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use kenpo_express::domain::ids::MessageId;
use kenpo_express::relay::bytes::{Append, BytesError, Content, Directory, Key, ParcelStore};

/// What goes wrong next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The bytes of the next write are lost, which the write after it tells: disks answer late.
    Write,
    /// Nothing is made durable.
    Sync,
    /// Half of a small parcel is written.
    Put,
    /// The bytes of this message stay, however often they are to be deleted.
    Delete(MessageId),
}

#[derive(Debug, Default)]
struct Faults {
    next: Mutex<Option<Fault>>,
    room: Mutex<Option<u64>>,
}

impl Faults {
    fn strikes(&self, fault: Fault) -> Result<(), BytesError> {
        let mut next = self.next.lock().unwrap();
        if *next == Some(fault) {
            *next = None;
            return Err(broken());
        }
        Ok(())
    }
}

fn broken() -> BytesError {
    BytesError::Io(std::io::Error::other("as the test wants it"))
}

/// A directory with faults.
#[derive(Debug, Clone)]
pub(crate) struct Faulty {
    inner: Arc<Directory>,
    faults: Arc<Faults>,
}

impl Faulty {
    pub(crate) fn open(root: &Path) -> Self {
        Self { inner: Arc::new(Directory::open(root).unwrap()), faults: Arc::default() }
    }

    pub(crate) fn fail(&self, fault: Fault) {
        *self.faults.next.lock().unwrap() = Some(fault);
    }

    pub(crate) fn is_over(&self) -> bool {
        self.faults.next.lock().unwrap().is_none()
    }

    pub(crate) fn set_room(&self, bytes: u64) {
        *self.faults.room.lock().unwrap() = Some(bytes);
    }
}

impl ParcelStore for Faulty {
    fn create<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<(), BytesError>> {
        self.inner.create(key)
    }

    fn put<'a>(&'a self, key: &'a Key, bytes: Bytes) -> BoxFuture<'a, Result<(), BytesError>> {
        async move {
            if let Err(error) = self.faults.strikes(Fault::Put) {
                self.inner.put(key, bytes.slice(..bytes.len() / 2)).await?;
                return Err(error);
            }
            self.inner.put(key, bytes).await
        }
        .boxed()
    }

    fn append<'a>(&'a self, key: &'a Key, offset: u64) -> BoxFuture<'a, Result<Box<dyn Append>, BytesError>> {
        async move {
            let inner = self.inner.append(key, offset).await?;
            let append = FaultyAppend { inner, faults: Arc::clone(&self.faults), lost: false };
            Ok(Box::new(append) as Box<dyn Append>)
        }
        .boxed()
    }

    fn size<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<u64, BytesError>> {
        self.inner.size(key)
    }

    fn durable_size<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<u64, BytesError>> {
        self.inner.durable_size(key)
    }

    fn finish<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<(), BytesError>> {
        self.inner.finish(key)
    }

    fn read<'a>(&'a self, key: &'a Key, range: Range<u64>) -> BoxFuture<'a, Result<Content, BytesError>> {
        self.inner.read(key, range)
    }

    fn delete<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<(), BytesError>> {
        if *self.faults.next.lock().unwrap() == Some(Fault::Delete(key.id)) {
            return async { Err(broken()) }.boxed();
        }
        self.inner.delete(key)
    }

    fn list(&self) -> BoxStream<'static, Result<Vec<Key>, BytesError>> {
        self.inner.list()
    }

    fn room(&self) -> BoxFuture<'_, Result<Option<u64>, BytesError>> {
        match *self.faults.room.lock().unwrap() {
            Some(room) => async move { Ok(Some(room)) }.boxed(),
            None => self.inner.room(),
        }
    }
}

#[derive(Debug)]
struct FaultyAppend {
    inner: Box<dyn Append>,
    faults: Arc<Faults>,
    lost: bool,
}

impl Append for FaultyAppend {
    fn write(&mut self, chunk: Bytes) -> BoxFuture<'_, Result<(), BytesError>> {
        async move {
            if std::mem::take(&mut self.lost) {
                self.inner.write(chunk).await?;
                return Err(broken());
            }
            if self.faults.strikes(Fault::Write).is_err() {
                self.lost = true;
                return Ok(());
            }
            self.inner.write(chunk).await
        }
        .boxed()
    }

    fn sync(&mut self) -> BoxFuture<'_, Result<(), BytesError>> {
        async move {
            self.inner.sync().await?;
            self.faults.strikes(Fault::Sync)
        }
        .boxed()
    }

    fn truncate(&mut self, size: u64) -> BoxFuture<'_, Result<(), BytesError>> {
        self.inner.truncate(size)
    }
}
