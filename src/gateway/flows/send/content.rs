//! Our own sealed copy of a file, opened again for whoever is sealed for next. A small one is opened once and held for the
//! messages that follow; a large one streams. Nothing of it is written anywhere in between.

use std::fs::File;
use std::io::{self, BufWriter, PipeReader};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;

use crate::message::keys::Credential;
use crate::message::open::{Opened, open};
use crate::store::gateway::dispatches::Dispatch;

/// Up to this size a file is held in memory.
const SMALL: u64 = 4 << 20;
/// How much is gathered before it goes to the next thread.
const PIECE: usize = 64 << 10;

/// Why the file cannot be had.
#[derive(Debug, thiserror::Error)]
pub(super) enum ContentError {
    /// Environment or attack: our own copy is not what it was.
    #[error("our own copy of the file is damaged")]
    Damaged,
    /// Environment: the copy is gone.
    #[error("our own copy of the file is gone")]
    Gone,
    /// Environment: it cannot be read now.
    #[error("our own copy of the file cannot be read")]
    Disk(#[from] io::Error),
}

/// The file that was opened last, if it is small.
#[derive(Default)]
pub(super) struct Contents(Mutex<Option<(i64, Arc<Vec<u8>>)>>);

/// Whoever reads the file.
pub(super) enum Source<'a> {
    /// All of it.
    Memory(&'a [u8]),
    /// As it is opened. An early end is told apart by [`Contents::read`].
    Pipe(PipeReader),
}

impl io::Read for Source<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Memory(bytes) => bytes.read(buffer),
            Self::Pipe(pipe) => pipe.read(buffer),
        }
    }
}

impl Contents {
    /// Lets `reader` read the file of a dispatch, whose copy is at `path`. What it answers counts only if this is `Ok`: that all
    /// of it was the file is known at the end. Blocks.
    pub(super) fn read<T, E>(
        &self,
        dispatch: &Dispatch,
        path: &Path,
        keys: &[Credential],
        reader: impl FnOnce(Source<'_>) -> Result<T, E>,
    ) -> Result<Result<T, E>, ContentError> {
        let copy = File::open(path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => ContentError::Gone,
            _ => error.into(),
        });
        if dispatch.size <= SMALL {
            let bytes = match self.held(dispatch.number) {
                Some(bytes) => bytes,
                None => self.hold(dispatch, copy?, keys)?,
            };
            return Ok(reader(Source::Memory(&bytes)));
        }
        let copy = copy?;
        let (source, sink) = io::pipe()?;
        thread::scope(|scope| {
            let opening = scope.spawn(move || {
                // The pipe is closed when this ends, however it does.
                open(copy, keys, BufWriter::with_capacity(PIECE, sink)).map(|(opened, _)| opened)
            });
            let read = reader(Source::Pipe(source));
            let opened = opening.join().map_err(|_| ContentError::Damaged)?;
            match opened {
                Ok(opened) if is_copy(&opened, dispatch) => Ok(read),
                // The reader has stopped early; it says why.
                Err(error) if error.reason().is_none() && read.is_err() => Ok(read),
                Err(error) if error.reason().is_none() => Err(io::Error::other(error).into()),
                Ok(_) | Err(_) => Err(ContentError::Damaged),
            }
        })
    }

    fn held(&self, dispatch: i64) -> Option<Arc<Vec<u8>>> {
        let held = self.0.lock().expect("nothing panics while it holds the content");
        held.as_ref().filter(|(number, _)| *number == dispatch).map(|(_, bytes)| Arc::clone(bytes))
    }

    fn hold(&self, dispatch: &Dispatch, copy: File, keys: &[Credential]) -> Result<Arc<Vec<u8>>, ContentError> {
        let room = usize::try_from(dispatch.size).expect("a small file fits into memory");
        let (opened, bytes) = open(copy, keys, Vec::with_capacity(room)).map_err(|error| match error.reason() {
            Some(_) => ContentError::Damaged,
            None => ContentError::Disk(io::Error::other(error)),
        })?;
        if !is_copy(&opened, dispatch) {
            return Err(ContentError::Damaged);
        }
        let bytes = Arc::new(bytes);
        *self.0.lock().expect("nothing panics while it holds the content") =
            Some((dispatch.number, Arc::clone(&bytes)));
        Ok(bytes)
    }
}

/// Whether these are the very bytes that were staged. The row names them; no signature says more.
fn is_copy(opened: &Opened, dispatch: &Dispatch) -> bool {
    let named = dispatch.copy.is_some_and(|copy| opened.tag() == copy.tag && opened.digest() == copy.digest.as_bytes());
    named && opened.header().id == dispatch.id && opened.size() == dispatch.size
}
