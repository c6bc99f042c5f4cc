//! A received file as it leaves the gateway: all of it is decrypted and verified before the first byte is released.

use std::io::{self, BufWriter};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use futures_util::stream;
use tokio::sync::Semaphore;

use super::flows::receive::Receiver;
use super::flows::reveal::{RevealError, Revealable};
use crate::stream::disk::Room;
use crate::stream::unpublished::Unpublished;

/// Up to this size a file is held in memory, larger ones in a file without a name.
const SMALL: u64 = 1024 * 1024;
/// So much is read from that at once.
const PIECE: u64 = 256 * 1024;

/// A file, decrypted and verified, that nobody else sees.
#[derive(Debug)]
pub struct Plain(Kept);

#[derive(Debug)]
enum Kept {
    Memory(Bytes),
    File(Arc<Unpublished>, Arc<Option<Room>>),
}

impl Plain {
    /// Decrypts and verifies it, as many side by side as there are turns. That there is no room on the disk is
    /// [`StorageFull`](io::ErrorKind::StorageFull).
    pub async fn reveal<R>(
        receiver: &Receiver<R>,
        turns: &Arc<Semaphore>,
        found: Revealable,
    ) -> Result<Self, RevealError> {
        let turn = Arc::clone(turns).acquire_owned().await.map_err(io::Error::other)?;
        let size = found.size();
        let room = if size > SMALL {
            Some(receiver.disk.admit(size)?.ok_or_else(|| io::Error::from(io::ErrorKind::StorageFull))?)
        } else {
            None
        };
        let (place, random) = (receiver.spool.temporary("plain"), Arc::clone(&receiver.random));
        let revealed = tokio::task::spawn_blocking(move || -> Result<Kept, RevealError> {
            let _turn = turn;
            if size <= SMALL {
                let capacity = usize::try_from(size).unwrap_or_default();
                return Ok(Kept::Memory(found.write(Vec::with_capacity(capacity))?.into()));
            }
            let output = Unpublished::create(&place, random.as_ref())?;
            let content = found.write(BufWriter::with_capacity(256 * 1024, output.file()))?;
            content.into_inner().map_err(io::IntoInnerError::into_error)?;
            Ok(Kept::File(Arc::new(output), Arc::new(room)))
        });
        Ok(Self(revealed.await.map_err(io::Error::other)??))
    }

    /// A part of it, as it is sent.
    pub fn body(self, range: Range<u64>) -> Body {
        match self.0 {
            Kept::Memory(bytes) => {
                let at = |place: u64| usize::try_from(place).unwrap_or(usize::MAX).min(bytes.len());
                Body::from(bytes.slice(at(range.start)..at(range.end)))
            }
            Kept::File(file, room) => Body::from_stream(stream::try_unfold(range, move |range| {
                // The file and its room are let go of when the answer is over, however it ends.
                let (file, room) = (Arc::clone(&file), Arc::clone(&room));
                async move {
                    let _room = room;
                    if range.is_empty() {
                        return Ok(None);
                    }
                    let length = (range.end - range.start).min(PIECE);
                    let read = tokio::task::spawn_blocking(move || {
                        let mut piece = vec![0; usize::try_from(length).unwrap_or_default()];
                        file.file().read_exact_at(&mut piece, range.start).map(|()| piece)
                    });
                    let piece = read.await.map_err(io::Error::other)??;
                    Ok::<_, io::Error>(Some((Bytes::from(piece), range.start + length..range.end)))
                }
            })),
        }
    }
}
