//! Fetches a sealed message: a small one into memory, any other to `inbox/ID.part`, from where an earlier try stopped.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;

use bytes::Bytes;
use tokio::sync::mpsc::{self, Receiver};

use super::error::InboxTrouble;
use crate::employer::app::App;
use crate::employer::ledger::LedgerError;
use crate::employer::watch::Event;
use crate::stream::platform::private;
use crate::wire::client::ClientError;
use crate::wire::delivery::InboxParcel;

/// Pieces between the line and the disk. Each keeps a block of the connection's buffer, of up to 400 KiB: all of them fill when
/// the disk stands still.
const PIECES: usize = 8;
/// Bytes of the largest sealed message that is fetched into memory, and put away together with others.
pub(super) const SMALL: u64 = 256 << 10;

impl App {
    /// Whether a message is fetched into memory, and so together with others.
    pub(super) fn is_small(&self, parcel: &InboxParcel) -> bool {
        parcel.size <= SMALL && self.tray.part_length(parcel.id) == 0
    }

    /// Fetches a small message, all at once. `None`: the line broke. What came is on the disk then, to be gone on with by [`Self::fetch`].
    pub(super) async fn fetch_small(&self, parcel: &InboxParcel) -> Result<Option<Bytes>, InboxTrouble> {
        self.tray.check_room(parcel.size, self.home.settings().reserve)?;
        tracing::info!(id = %parcel.id, bytes = parcel.size, there = 0, "fetching");
        self.watcher.event(Event::Fetching { id: parcel.id, size: parcel.size });
        let mut bytes = Vec::new();
        let fetched = self.fetch_into(parcel, &mut bytes).await;
        let Err(error) = fetched else { return Ok(Some(bytes.into())) };
        if !bytes.is_empty() {
            let (app, id) = (self.clone(), parcel.id);
            let kept = tokio::task::spawn_blocking(move || app.tray.write_parts(&[(id, &bytes)])).await;
            kept.expect("writing what is fetched does not panic")?;
        }
        if error.is_temporary() { Ok(None) } else { Err(InboxTrouble::Fetch(error)) }
    }

    async fn fetch_into(&self, parcel: &InboxParcel, bytes: &mut Vec<u8>) -> Result<(), ClientError> {
        let mut content = self.client.inbox_content(parcel.id, parcel.size, 0).await?;
        while let Some(piece) = content.chunk().await? {
            bytes.extend_from_slice(&piece);
            crate::failpoint!("inbox.fetching");
        }
        Ok(())
    }

    /// Fetches what is missing of it, over a line that may break; afterwards all of it is durable. Answers whether it came in
    /// several pieces.
    pub(super) async fn fetch(&self, parcel: &InboxParcel) -> Result<bool, InboxTrouble> {
        let mut there = self.tray.part_length(parcel.id);
        if there > parcel.size {
            // Of another parcel, whatever it is.
            self.tray.discard_part(parcel.id)?;
            there = 0;
        }
        self.tray.check_room(parcel.size - there, self.home.settings().reserve)?;
        tracing::info!(id = %parcel.id, bytes = parcel.size, there, "fetching");
        self.watcher.event(Event::Fetching { id: parcel.id, size: parcel.size });
        let (mut pieces, mut failures) = (u32::from(there > 0), 0);
        loop {
            pieces += 1;
            let before = there;
            let Err(trouble) = self.fetch_on(parcel, &mut there).await else { return Ok(pieces > 1) };
            failures = if there > before { 1 } else { failures + 1 };
            match &trouble {
                // A relay that cannot go on in the middle gets another chance from the start.
                InboxTrouble::Fetch(ClientError::Protocol(_)) if before > 0 && pieces < 3 => {
                    self.tray.discard_part(parcel.id)?;
                    there = 0;
                }
                InboxTrouble::Fetch(error) if error.is_temporary() && failures < self.effort.failures => {
                    tokio::time::sleep(self.effort.pause(failures, &*self.random)).await;
                }
                _ => return Err(trouble),
            }
        }
    }

    /// Fetches on as far as the line holds.
    async fn fetch_on(&self, parcel: &InboxParcel, there: &mut u64) -> Result<(), InboxTrouble> {
        let content = self.client.inbox_content(parcel.id, parcel.size, *there).await;
        let mut content = content.map_err(InboxTrouble::Fetch)?;
        let path = self.tray.part_path(parcel.id);
        let (pieces, queue) = mpsc::channel(PIECES);
        let start = *there;
        let writer = tokio::task::spawn_blocking(move || write(&path, start, queue));
        let fetched = loop {
            match content.chunk().await {
                Ok(Some(bytes)) => {
                    let length = bytes.len() as u64;
                    // The writer is gone when the disk failed; it says so itself.
                    if pieces.send(bytes).await.is_err() {
                        break Ok(());
                    }
                    *there += length;
                    self.watcher.event(Event::FetchedBytes(*there));
                    crate::failpoint!("inbox.fetching");
                }
                Ok(None) => break Ok(()),
                Err(error) => break Err(InboxTrouble::Fetch(error)),
            }
        };
        drop(pieces);
        let written = writer.await.expect("writing what is fetched does not panic");
        let failed = |cause| LedgerError::Disk { what: "writing what is fetched", cause };
        *there = written.map_err(failed)?;
        fetched
    }
}

/// Writes pieces behind the bytes that are there. Answers how far the file reaches, durably.
fn write(path: &Path, start: u64, mut queue: Receiver<Bytes>) -> io::Result<u64> {
    let mut file: File = private(OpenOptions::new().write(true).create(true).truncate(false)).open(path)?;
    file.set_len(start)?;
    let mut length = file.seek(SeekFrom::End(0))?;
    while let Some(bytes) = queue.blocking_recv() {
        file.write_all(&bytes)?;
        length += bytes.len() as u64;
    }
    file.sync_all()?;
    Ok(length)
}
