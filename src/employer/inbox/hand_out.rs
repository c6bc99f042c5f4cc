//! The file, out of the sealed message that is kept here, into the folder that the person chose.
//!
//! It is opened and verified once more: what becomes visible is what was verified, whatever happened to the disk since. The
//! plaintext has no name until it is whole, and takes only a name that is free.

use std::fs::File;
use std::io::{self, BufWriter, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::error::InboxTrouble;
use super::examine::{Counted, local};
use super::incoming::{InboxState, Incoming};
use super::local_name::candidates;
use super::take_in::{NotTaken, next_receipt, sign};
use super::tray::same;
use crate::domain::file_name::FileName;
use crate::employer::app::App;
use crate::employer::disk::{Disk, LocalDisk};
use crate::employer::ledger::LedgerError;
use crate::employer::watch::Event;
use crate::message::keys::Certificate;
use crate::message::open::{Verified, open};
use crate::message::receipt::Stage;
use crate::stream::unpublished::Unpublished;

/// How much is gathered before it goes to the disk.
const WRITE: usize = 256 * 1024;

impl App {
    /// Puts the file into the folder, and makes our `accepted` receipt if there is none.
    pub(super) async fn hand_out(&self, incoming: Incoming, folder: &Path) -> Result<Incoming, NotTaken> {
        let (app, folder, now) = (self.clone(), folder.to_owned(), self.clock.now());
        let work = move || HandOut { app: &app, folder: &folder, now }.run(incoming);
        let done = tokio::task::spawn_blocking(work).await.expect("handing out a file does not panic")?;
        tracing::info!(id = %done.id, "handed out");
        self.watcher.event(Event::HandedOut(&done));
        Ok(done)
    }
}

struct HandOut<'a> {
    app: &'a App,
    folder: &'a Path,
    now: Timestamp,
}

impl HandOut<'_> {
    fn run(&self, mut incoming: Incoming) -> Result<Incoming, NotTaken> {
        let content = incoming.content.as_ref().ok_or(InboxTrouble::Damaged)?;
        let name = content.file_name.clone().ok_or(InboxTrouble::Damaged)?;
        self.check_room(content.size)?;
        // The first place only says in which folder it is begun.
        let places = || places(self.folder, &name);
        let first = places().next().ok_or(InboxTrouble::Damaged)?;
        let file = Unpublished::create(&first, &*self.app.random).map_err(InboxTrouble::Folder)?;
        self.write(&incoming, file.file())?;
        crate::failpoint!("inbox.written");
        let saved_as = if incoming.taking.as_deref() == Some(self.folder)
            && let Some(there) = left_by_a_crash(places(), file.file())?
        {
            there
        } else {
            incoming.taking = Some(self.folder.to_owned());
            self.app.tray.update(&incoming)?;
            crate::failpoint!("inbox.taking");
            file.publish_at_first_free(places()).map_err(InboxTrouble::Folder)?
        };
        crate::failpoint!("inbox.published");
        (incoming.saved_as, incoming.taking) = (Some(saved_as), None);
        if incoming.state() == InboxState::Verified {
            let by = self.app.home.identity().from().to_string();
            let accepted = next_receipt(&incoming, Stage::Accepted, by, self.now);
            incoming.receipts.push(sign(accepted, &self.app.signing, self.now).map_err(NotTaken::Stop)?);
        }
        self.app.tray.update(&incoming)?;
        crate::failpoint!("inbox.accepted");
        Ok(incoming)
    }

    fn check_room(&self, size: u64) -> Result<(), InboxTrouble> {
        let needed = size.saturating_add(self.app.home.settings().reserve);
        let available = LocalDisk.available(self.folder).map_err(InboxTrouble::Folder)?;
        if available >= needed { Ok(()) } else { Err(LedgerError::Full { needed, available }.into()) }
    }

    /// Writes the plaintext, and proves that it is what was verified when it came.
    fn write(&self, incoming: &Incoming, mut output: &File) -> Result<Verified, InboxTrouble> {
        let (size, id) = (incoming.sealed_size, incoming.id);
        self.app.watcher.event(Event::Opening { id, size });
        let sealed = File::open(self.app.tray.sealed_path(incoming)).map_err(|_| InboxTrouble::Damaged)?;
        let input = Counted::new(sealed, &*self.app.watcher);
        let (opened, _) = match open(input, &self.app.encryption, BufWriter::with_capacity(WRITE, output)) {
            Ok(done) => done,
            Err(error) if error.reason().is_some() => return Err(InboxTrouble::Damaged),
            Err(error) => return Err(InboxTrouble::Folder(local(error))),
        };
        let certificate = incoming.signer.as_ref().and_then(|der| Certificate::from_der(&der.0).ok());
        let verified = certificate.and_then(|certificate| opened.verify(&certificate).ok());
        let is_it = |proof: &Verified| {
            incoming.tag == Some(proof.tag())
                && incoming.content.as_ref().is_some_and(|content| {
                    content.digest == hex::encode(proof.digest()) && content.signature_hash == proof.signature_hash()
                })
        };
        output.seek(SeekFrom::Start(0)).map_err(InboxTrouble::Folder)?;
        verified.filter(is_it).ok_or(InboxTrouble::Damaged)
    }
}

fn places(folder: &Path, name: &FileName) -> impl Iterator<Item = PathBuf> {
    candidates(name).map(move |name| folder.join(name))
}

/// The same file, in the place where an earlier try was about to put it.
fn left_by_a_crash(places: impl Iterator<Item = PathBuf>, file: &File) -> Result<Option<PathBuf>, InboxTrouble> {
    for place in places {
        // Opening a pipe would wait for its other end.
        match std::fs::metadata(&place) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Ok(metadata) if metadata.is_file() => (),
            _ => continue,
        }
        // Not ours to read, so not ours.
        let Ok(there) = File::open(&place) else { continue };
        let mut ours = file.try_clone().map_err(InboxTrouble::Folder)?;
        ours.rewind().map_err(InboxTrouble::Folder)?;
        if same(ours, there).unwrap_or(false) {
            return Ok(Some(place));
        }
    }
    Ok(None)
}
