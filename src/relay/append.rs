//! The bytes of a request, appended to an upload.

use super::bytes::{Append, BytesError, Key};
use super::fault::chain;
use super::state::{Lock, State};
use crate::http::BodyReader;
use crate::http::tus::{Expected, Progress};
use crate::store::relay::uploads::{self, Depositor};
use crate::wire::problem::{Code, Problem};

/// After so many bytes it is looked whether the disk still has room.
const LOOK: u64 = 16 * 1024 * 1024;

impl State {
    /// Appends a request's body. What arrived stays, even when the rest did not; unless there is a checksum: then all of
    /// it stays or nothing.
    pub async fn append(
        &self,
        by: &Depositor,
        lock: &Lock,
        from: Progress,
        mut body: BodyReader,
        checksum: Option<Expected>,
    ) -> Result<Progress, Problem> {
        let key = lock.key();
        self.check_reserve().await?;
        let mut place = self.bytes.append(key, from.offset).await?;
        let received = match self.receive(key, &mut *place, &mut body, from, checksum).await {
            Err(stopped) if !stopped.keep => Err(stopped),
            // What cannot be made durable is not kept, whatever else was wrong.
            other => place.sync().await.map_err(Stopped::by_storage).and(other),
        };
        let kept = received.as_ref().err().is_none_or(|stopped| stopped.keep);
        if !kept {
            self.take_back(key, &mut *place, from.offset).await?;
        }
        drop(place);
        if kept {
            self.extend(key).await?;
        }
        received.map_err(|stopped| stopped.problem)?;
        let standing = self.standing(by, lock).await;
        if !matches!(standing, Ok(Some(_))) {
            // Taken back while the bytes came.
            self.give_back(key).await;
        }
        standing?.map(|standing| standing.progress).ok_or_else(|| Problem::new(Code::UploadUnknown))
    }

    /// Takes bytes as they come, until the body ends or something is in the way.
    async fn receive(
        &self,
        key: &Key,
        place: &mut dyn Append,
        body: &mut BodyReader,
        from: Progress,
        mut checksum: Option<Expected>,
    ) -> Result<(), Stopped> {
        let keep = checksum.is_none();
        let (mut offset, mut looked_at) = (from.offset, from.offset);
        while let Some(chunk) = body.chunk().await.map_err(|error| Stopped { problem: error.into(), keep })? {
            offset += chunk.len() as u64;
            if offset > from.size {
                let problem = Problem::new(Code::RequestTooLarge).with_detail("more bytes than Upload-Length told");
                return Err(Stopped { problem, keep: false });
            }
            if let Some(checksum) = &mut checksum {
                checksum.update(&chunk);
            }
            place.write(chunk).await.map_err(Stopped::by_storage)?;
            if offset - looked_at >= LOOK {
                looked_at = offset;
                self.promised.set(key, from.size - offset);
                // Nothing has failed yet: what came can stay.
                self.check_reserve().await.map_err(|error| Stopped { problem: error.into(), keep })?;
            }
        }
        if checksum.is_none_or(Expected::holds) {
            return Ok(());
        }
        Err(Stopped { problem: Problem::new(Code::UploadChecksum), keep: false })
    }

    /// Takes back what a request appended. Where even that fails, all bytes go: an upload without bytes stands at its
    /// beginning.
    async fn take_back(&self, key: &Key, place: &mut dyn Append, offset: u64) -> Result<(), Problem> {
        if let Err(error) = place.truncate(offset).await {
            tracing::error!(
                code = "upload.not-taken-back", union = %key.union, message = %key.id, error = chain(&error),
                "bytes that failed cannot be taken back: the upload starts anew"
            );
            self.bytes.delete(key).await?;
        }
        Ok(())
    }

    /// Who goes on with an upload gets the whole time for the rest.
    async fn extend(&self, key: &Key) -> Result<(), Problem> {
        let expires_at = self.end_of_life(self.clock.now());
        let mut transaction = self.database.write().await?;
        uploads::extend(&mut transaction, &key.union, key.id, expires_at).await?;
        Ok(self.database.commit(transaction).await?)
    }
}

/// Why no more bytes were taken.
struct Stopped {
    problem: Problem,
    /// Whether what arrived is worth keeping.
    keep: bool,
}

impl Stopped {
    /// After a storage failed, what it holds behind the last sync is not to be relied on.
    fn by_storage(error: BytesError) -> Self {
        Self { problem: error.into(), keep: false }
    }
}
