//! Folders for the union's core system.
//!
//! ```text
//! FOLDER/in/ID_NAME, ID.json           what was received, decrypted; ID.json comes last
//! FOLDER/out/OFFICE/NAME               what is to be sent
//! FOLDER/sent/OFFICE/NAME, NAME.json   what was taken, and what it has become
//! FOLDER/failed/OFFICE/NAME, NAME.txt  what was not, and why
//! ```
//!
//! Plaintext lies there: that is what it is for, and why it is off unless it is asked for.

mod incoming;
mod look;
mod outgoing;
mod place;
mod words;

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use tokio_util::sync::CancellationToken;

use super::send::Sender;
use crate::stream::disk::Disk;
use crate::stream::spool::make_folder;
use look::{Place, Stamp};

/// The folder, and what the push and the pull work with.
#[derive(Debug)]
pub struct Handoff<R> {
    sender: Arc<Sender<R>>,
    folder: PathBuf,
    disk: Disk,
    /// What files to be sent looked like at the last look.
    seen: Mutex<HashMap<Place, Stamp>>,
}

/// The folders in the handoff's.
pub const PARTS: [&str; 4] = ["in", "out", "sent", "failed"];

impl<R> Handoff<R> {
    /// Makes the folders that are not there, for our own account alone. Whoever makes them before decides who else comes in.
    pub fn open(sender: &Arc<Sender<R>>, folder: PathBuf, reserve: u64) -> io::Result<Self> {
        for part in PARTS {
            make_folder(&folder.join(part))?;
        }
        let disk = Disk::new(&folder, reserve);
        Ok(Self { sender: Arc::clone(sender), folder, disk, seen: Mutex::default() })
    }
}

impl<R: crate::gateway::relay::Relay> Handoff<R> {
    /// Hands in what was received, and sends what was put out. One in trouble does not keep the other back.
    pub async fn run(&self, stop: &CancellationToken) -> Result<(), &'static str> {
        let handed_in = self.hand_in(stop).await;
        self.hand_out(stop).await.and(handed_in)
    }
}

/// The code of a file that cannot be read or written.
fn code(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "disk.full",
        io::ErrorKind::PermissionDenied => "handoff.permission",
        io::ErrorKind::NotFound => "handoff.folder",
        _ => "disk.error",
    }
}
