//! Files, out of the sealed messages that are kept here, into the folder that the person chose.
//!
//! Each is opened and verified once more: what becomes visible is what was verified, whatever happened to the disk since. The
//! plaintext has no name until it is whole, and takes only a name that is free. Several share what makes them durable, step by step:
//!
//! ```text
//! written, verified ─▶ records: where they go ─▶ bytes durable ─▶ names ─▶ names durable ─▶ records: `accepted`
//! ```

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufWriter, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::error::InboxTrouble;
use super::examine::{Counted, local};
use super::incoming::{InboxState, Incoming};
use super::keep::{NotTaken, next_receipt, sign};
use super::local_name::candidates;
use super::tray::same;
use crate::domain::file_name::FileName;
use crate::domain::ids::MessageId;
use crate::employer::app::App;
use crate::employer::disk::{Disk, LocalDisk};
use crate::employer::ledger::LedgerError;
use crate::employer::watch::Event;
use crate::message::keys::Certificate;
use crate::message::open::{Verified, open};
use crate::message::receipt::Stage;
use crate::stream::platform::sync_folder;
use crate::stream::together::sync_each;
use crate::stream::unpublished::Unpublished;

/// How much is gathered before it goes to the disk.
const WRITE: usize = 256 * 1024;

/// What became of each message, by its id and copy.
pub(super) type HandedOut = Vec<((MessageId, u32), Result<Incoming, NotTaken>)>;

impl App {
    /// Puts the files into the folder, and makes our `accepted` receipts where there are none. `taken` is where files of other messages are:
    /// one is never taken for the other, though they be the same.
    pub(super) async fn hand_out(&self, group: Vec<Incoming>, folder: &Path, taken: BTreeSet<PathBuf>) -> HandedOut {
        let (app, folder, now) = (self.clone(), folder.to_owned(), self.clock.now());
        let work = move || HandOut { app: &app, folder: &folder, now, taken, done: Vec::new() }.run(group);
        let done = tokio::task::spawn_blocking(work).await.expect("handing out files does not panic");
        for incoming in done.iter().filter_map(|(_, done)| done.as_ref().ok()) {
            tracing::info!(id = %incoming.id, "handed out");
            self.watcher.event(Event::HandedOut(incoming));
        }
        done
    }
}

struct HandOut<'a> {
    app: &'a App,
    folder: &'a Path,
    now: Timestamp,
    taken: BTreeSet<PathBuf>,
    done: HandedOut,
}

/// A file that is written, verified, and not visible yet.
struct Written {
    incoming: Incoming,
    name: FileName,
    file: Unpublished,
    /// Where it is already, from a try that was cut off.
    there: Option<PathBuf>,
}

impl HandOut<'_> {
    fn run(mut self, group: Vec<Incoming>) -> HandedOut {
        let mut written = Vec::with_capacity(group.len());
        for incoming in group {
            let key = (incoming.id, incoming.copy);
            match self.write(incoming) {
                Ok(one) => written.push(one),
                Err(trouble) => self.done.push((key, Err(trouble.into()))),
            }
        }
        let written = self.announce(written);
        let written = self.make_durable(written);
        let published = self.publish(written);
        self.accept(published);
        self.done
    }

    /// Writes the plaintext, and looks whether an earlier try has put it there.
    fn write(&mut self, incoming: Incoming) -> Result<Written, InboxTrouble> {
        let content = incoming.content.as_ref().ok_or(InboxTrouble::Damaged)?;
        let name = content.file_name.clone().ok_or(InboxTrouble::Damaged)?;
        self.check_room(content.size)?;
        // The first place only says in which folder it is begun.
        let first = places(self.folder, &name).next().ok_or(InboxTrouble::Damaged)?;
        let file = Unpublished::create(&first, &*self.app.random).map_err(InboxTrouble::Folder)?;
        self.fill(&incoming, file.file())?;
        crate::failpoint!("inbox.written");
        let mut there = None;
        if incoming.taking.as_deref() == Some(self.folder) {
            let places = places(self.folder, &name).filter(|place| !self.taken.contains(place));
            there = left_by_a_crash(places, file.file())?;
            self.taken.extend(there.clone());
        }
        Ok(Written { incoming, name, file, there })
    }

    fn check_room(&self, size: u64) -> Result<(), InboxTrouble> {
        let needed = size.saturating_add(self.app.home.settings().reserve);
        let available = LocalDisk.available(self.folder).map_err(InboxTrouble::Folder)?;
        if available >= needed { Ok(()) } else { Err(LedgerError::Full { needed, available }.into()) }
    }

    /// Writes the plaintext, and proves that it is what was verified when it came.
    fn fill(&self, incoming: &Incoming, mut output: &File) -> Result<Verified, InboxTrouble> {
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

    /// Notes where they are about to go, so that a crash in between makes no second copy.
    fn announce(&mut self, mut written: Vec<Written>) -> Vec<Written> {
        let new = written.iter_mut().filter(|one| one.there.is_none());
        let records: Vec<_> = new
            .map(|one| {
                one.incoming.taking = Some(self.folder.to_owned());
                one.incoming.clone()
            })
            .collect();
        let mut answers = self.app.tray.update_each(&records).into_iter();
        let mut answer = || answers.next().expect("each record has an answer");
        let noted = |one: &Written| if one.there.is_some() { Ok(()) } else { answer() };
        let answers: Vec<_> = written.iter().map(noted).collect();
        crate::failpoint!("inbox.taking");
        self.those_that(written, answers.into_iter().map(|answer| answer.map_err(InboxTrouble::Disk)))
    }

    fn make_durable(&mut self, written: Vec<Written>) -> Vec<Written> {
        let answers = sync_each(&written.iter().map(|one| one.file.file()).collect::<Vec<_>>());
        self.those_that(written, answers.into_iter().map(|answer| answer.map_err(InboxTrouble::Folder)))
    }

    /// Keeps those for which it went well, and notes the trouble of the others.
    fn those_that(
        &mut self,
        written: Vec<Written>,
        answers: impl Iterator<Item = Result<(), InboxTrouble>>,
    ) -> Vec<Written> {
        let mut good = Vec::with_capacity(written.len());
        for (one, answer) in written.into_iter().zip(answers) {
            match answer {
                Ok(()) => good.push(one),
                Err(trouble) => self.done.push(((one.incoming.id, one.incoming.copy), Err(trouble.into()))),
            }
        }
        good
    }

    /// Makes them visible.
    fn publish(&mut self, written: Vec<Written>) -> Vec<Incoming> {
        let mut published = Vec::with_capacity(written.len());
        for Written { mut incoming, name, file, there } in written {
            let place = there.map_or_else(|| file.appear_at_first_free(places(self.folder, &name)), Ok);
            match place {
                Ok(place) => {
                    (incoming.saved_as, incoming.taking) = (Some(place), None);
                    published.push(incoming);
                }
                Err(error) => {
                    let trouble = InboxTrouble::Folder(error);
                    self.done.push(((incoming.id, incoming.copy), Err(trouble.into())));
                }
            }
            crate::failpoint!("inbox.published");
        }
        if let Err(error) = sync_folder(self.folder) {
            let failed = |one: Incoming| {
                let error = io::Error::from(error.kind());
                ((one.id, one.copy), Err(InboxTrouble::Folder(error).into()))
            };
            self.done.extend(published.drain(..).map(failed));
        }
        published
    }

    /// Keeps where they are, with our receipts.
    fn accept(&mut self, published: Vec<Incoming>) {
        let by = self.app.home.identity().from().to_string();
        let mut accepted = Vec::with_capacity(published.len());
        for mut incoming in published {
            if incoming.state() == InboxState::Verified {
                let receipt = next_receipt(&incoming, Stage::Accepted, by.clone(), self.now);
                match sign(receipt, &self.app.signing, self.now) {
                    Ok(own) => incoming.receipts.push(own),
                    Err(error) => {
                        self.done.push(((incoming.id, incoming.copy), Err(NotTaken::Stop(error))));
                        continue;
                    }
                }
            }
            accepted.push(incoming);
        }
        let answers = self.app.tray.update_each(&accepted);
        crate::failpoint!("inbox.accepted");
        for (incoming, answer) in accepted.into_iter().zip(answers) {
            self.done.push(((incoming.id, incoming.copy), answer.map(|()| incoming).map_err(NotTaken::from)));
        }
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
