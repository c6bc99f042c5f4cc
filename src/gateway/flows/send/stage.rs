//! A file is taken in: sealed for the union itself, so that nothing readable lies on the disk, and then, in ONE transaction, a row
//! for each addressee. Whoever comes again with the same key gets the same dispatch.

use std::collections::{BTreeSet, HashSet};
use std::io::{self, BufWriter, Read};

use super::recipients::{Known, Unfit};
use super::scanned::Scanned;
use super::seal::sealed_size;
use super::{MAX_ADDRESSEES, MAX_COMMENT, MAX_KEY, NewDispatch, Origin, SendError, Sender, To};
use crate::domain::address::Address;
use crate::domain::digest::Sha256;
use crate::domain::ids::MessageId;
use crate::domain::sending::Sending;
use crate::failpoint;
use crate::gateway::relay::Relay;
use crate::gateway::view::sent::DispatchView;
use crate::message::checksum::{Algorithm, Checksum};
use crate::message::entity::ContentEncoding;
use crate::message::seal::{Draft, seal};
use crate::store::gateway::audit::{self, Entry};
use crate::store::gateway::dispatches::{self, Dispatch, StagedCopy};
use crate::store::gateway::events::{self, Kind, NewEvent};
use crate::store::gateway::sent::{self, NewSent};
use crate::stream::unpublished::Unpublished;

/// How much is gathered before it goes to the disk.
const WRITE: usize = 256 << 10;
/// Addressees that are looked up together.
pub(super) const AT_ONCE: usize = 500;

impl<R: Relay> Sender<R> {
    /// Takes a file in, for everybody whom it is for. An addressee to whom nothing can be sent now gets a message that is
    /// `stopped`, with the reason, and holds up nobody else. `content` is read on a blocking thread.
    ///
    /// # Errors
    /// Nothing is taken in then: what is asked for is wrong as a whole, or there is no room.
    pub async fn stage(
        &self,
        new: NewDispatch,
        content: impl Read + Send + 'static,
    ) -> Result<DispatchView, SendError> {
        self.take_in(new, content, Length::Exactly, "").await
    }

    /// The same for somebody at the console, at the address `from`. The content comes as it is sent: it has at most `new.size` bytes.
    pub async fn stage_from(
        &self,
        new: NewDispatch,
        content: impl Read + Send + 'static,
        from: &str,
    ) -> Result<DispatchView, SendError> {
        let content = content.take(new.size.saturating_add(1));
        self.take_in(new, content, Length::AtMost, from).await
    }

    async fn take_in(
        &self,
        mut new: NewDispatch,
        content: impl Read + Send + 'static,
        length: Length,
        from: &str,
    ) -> Result<DispatchView, SendError> {
        let to = self.check(&new)?;
        if let Some(before) = self.before(&new).await? {
            if length == Length::AtMost {
                // What is in it says more.
                new.size = before.size;
            }
            return self.same(&before, &new, &to, content).await;
        }
        let rows = self.rows(&to).await?;
        let Some(_room) = self.disk.admit(sealed_size(new.size, 1))? else { return Err(SendError::Full) };
        let id = MessageId::new(self.receiver.clock.now(), self.receiver.random.as_ref());
        let copy;
        (copy, new.size) = self.copy(id, &new, content, length).await?;
        failpoint!("send.staged");
        let taken = self.commit(id, &new, copy, rows, from).await;
        if !matches!(taken, Ok(true)) {
            // Nobody knows of it. What cannot be removed now is only room on the disk.
            let _ = std::fs::remove_file(self.outbox.staged(id));
        }
        if !taken? {
            // Somebody with the same key was faster; what is in it was read by now.
            let before = self.before(&new).await?.ok_or(SendError::Internal)?;
            let same = self.is_same(&before, &new, &to, copy.content).await?;
            return if same { self.dispatch(before.id).await } else { Err(SendError::KeyTaken) };
        }
        failpoint!("send.released");
        self.wake.notify_one();
        self.dispatch(id).await
    }

    /// Notes that the file that a dispatch came from was put away: if it lies in the folder again, somebody has put it there.
    pub async fn put_away(&self, dispatch: MessageId) -> Result<(), SendError> {
        let database = &self.receiver.database;
        let mut transaction = database.write().await?;
        dispatches::put_away(&mut transaction, dispatch).await?;
        Ok(database.commit(transaction).await?)
    }

    fn check(&self, new: &NewDispatch) -> Result<Vec<To>, SendError> {
        let mut seen = HashSet::new();
        let to: Vec<To> = new.to.iter().filter(|one| seen.insert(*one)).cloned().collect();
        if to.is_empty() {
            return Err(SendError::NoAddressee);
        }
        if to.len() > MAX_ADDRESSEES {
            return Err(SendError::TooManyAddressees);
        }
        let line = |text: &str| text.chars().count() <= MAX_COMMENT && !text.chars().any(char::is_control);
        if !new.comment.as_deref().is_none_or(line) {
            return Err(SendError::Comment);
        }
        let media = |text: &str| {
            let plain = text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
            text.len() <= 200 && plain && text.trim() == text && text.contains('/')
        };
        if !media(&new.content_type) {
            return Err(SendError::ContentType);
        }
        let key = |text: &str| (1..=MAX_KEY).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        if !new.key.as_deref().is_none_or(key) {
            return Err(SendError::Key);
        }
        let (size, largest) = (new.size, self.limits.max_size);
        if size > largest {
            return Err(SendError::TooLarge { size, largest });
        }
        Ok(to)
    }

    /// The dispatch that came with this key before. One that has ended without reaching anybody gives its key back, where a person comes
    /// again with the file: a new try is meant. A file that still lies in the folder where it was found is not coming again.
    async fn before(&self, new: &NewDispatch) -> Result<Option<Dispatch>, SendError> {
        let Some(key) = &new.key else { return Ok(None) };
        let database = &self.receiver.database;
        let Some(before) = dispatches::with_key(database.read(), new.origin.code(), key).await? else {
            return Ok(None);
        };
        let states = sent::counts(database.read(), before.number).await?;
        let still_lies = new.origin == Origin::Folder && !before.put_away;
        if still_lies || !states.iter().all(|(state, _)| new.origin.begins_anew_after(*state)) {
            return Ok(Some(before));
        }
        let mut transaction = database.write().await?;
        dispatches::free_key(&mut transaction, before.number).await?;
        database.commit(transaction).await?;
        Ok(None)
    }

    async fn same(
        &self,
        before: &Dispatch,
        new: &NewDispatch,
        to: &[To],
        content: impl Read + Send + 'static,
    ) -> Result<DispatchView, SendError> {
        let hashed = tokio::task::spawn_blocking(move || hash(content)).await.map_err(|_| SendError::Internal)?;
        let same = self.is_same(before, new, to, hashed?).await?;
        if same { self.dispatch(before.id).await } else { Err(SendError::KeyTaken) }
    }

    async fn is_same(
        &self,
        before: &Dispatch,
        new: &NewDispatch,
        to: &[To],
        content: Sha256,
    ) -> Result<bool, SendError> {
        let messages = sent::of_dispatch(self.receiver.database.read(), before.number).await?;
        let were: BTreeSet<_> = messages.into_iter().map(|message| message.addressee).collect();
        let are: BTreeSet<_> = to.iter().map(|one| self.address_of(one)).collect();
        let said = (&before.file_name, &before.comment, &before.content_type, before.size);
        let says = (&new.file_name, &new.comment, &new.content_type, new.size);
        Ok(were == are && said == says && before.copy.is_some_and(|copy| copy.content == content))
    }

    /// A row for each addressee: the first look at whether anything can be sent there.
    async fn rows(&self, to: &[To]) -> Result<Vec<NewSent>, SendError> {
        let mut rows = Vec::with_capacity(to.len());
        for group in to.chunks(AT_ONCE) {
            let addressees: Vec<Address> = group.iter().map(|one| self.address_of(one)).collect();
            let known = self.known(&addressees).await?;
            for (one, addressee) in group.iter().zip(addressees) {
                rows.push(self.row(one, addressee, &known).await?);
            }
        }
        Ok(rows)
    }

    async fn row(&self, one: &To, addressee: Address, known: &Known) -> Result<NewSent, SendError> {
        let (state, code) = match self.choose(&addressee, known).await? {
            Err(Unfit::UserUnknown | Unfit::OfficeUnknown) => return Err(unknown(one)),
            Err(unfit) if !unfit.is_temporary() => (Sending::Stopped, Some(unfit.code().to_owned())),
            _ if self.limits.approval => (Sending::Held, None),
            _ => (Sending::Released, None),
        };
        let office = known.office_of(&addressee);
        let id = MessageId::new(self.receiver.clock.now(), self.receiver.random.as_ref());
        Ok(NewSent { id, addressee, office, state, code })
    }

    /// Seals the file for the union itself, and makes that durable. Answers how many bytes it has, too.
    async fn copy(
        &self,
        id: MessageId,
        new: &NewDispatch,
        content: impl Read + Send + 'static,
        length: Length,
    ) -> Result<(StagedCopy, u64), SendError> {
        let (keys, random) = (self.keys(), std::sync::Arc::clone(&self.receiver.random));
        let draft = Draft {
            id,
            date: self.receiver.clock.now(),
            from: keys.address(),
            to: keys.address(),
            sequence: 1,
            previous: Sha256::ZERO,
            file_name: new.file_name.clone(),
            content_type: new.content_type.clone(),
            comment: new.comment.clone(),
            encoding: ContentEncoding::Identity,
        };
        let (place, size) = (self.outbox.staged(id), new.size);
        let scanner = self.receiver.scanner.clone().filter(|scanner| scanner.scans_outgoing());
        let stop = self.stop.clone();
        let task = tokio::task::spawn_blocking(move || -> Result<(StagedCopy, u64), SendError> {
            let recipients: Vec<_> = keys.encryption.iter().take(1).map(|own| own.certificate().clone()).collect();
            let output = Unpublished::create(&place, random.as_ref())?;
            let mut buffered = BufWriter::with_capacity(WRITE, output.file());
            let input = Hashing { checksum: Checksum::new(Algorithm::Sha256), content, left: size.saturating_add(1) };
            let mut input = Scanned::new(input, scanner.as_ref().map(|scanner| scanner.begin(&stop)));
            let sealed = seal(&draft, keys.signer(), &recipients, random.as_ref(), &mut input, &mut buffered);
            let sealed = sealed.map_err(|error| input.explain(error))?;
            let input = input.finish()?;
            buffered.into_inner().map_err(io::IntoInnerError::into_error)?;
            match length {
                Length::Exactly if sealed.size != size => return Err(SendError::Size),
                Length::AtMost if sealed.size > size => {
                    return Err(SendError::TooLarge { size: sealed.size, largest: size });
                }
                _ => output.publish()?,
            }
            Ok((StagedCopy { content: input.finish(), tag: sealed.tag, digest: sealed.digest }, sealed.size))
        });
        let copied = task.await.map_err(|_| SendError::Internal)?;
        copied.map_err(|error| if is_full(&error) { SendError::Full } else { error })
    }

    /// False when somebody was faster with the same key.
    async fn commit(
        &self,
        id: MessageId,
        new: &NewDispatch,
        copy: StagedCopy,
        rows: Vec<NewSent>,
        from: &str,
    ) -> Result<bool, SendError> {
        let database = &self.receiver.database;
        let mut transaction = database.write().await?;
        if let Some(key) = &new.key
            && dispatches::with_key(&mut *transaction, new.origin.code(), key).await?.is_some()
        {
            return Ok(false);
        }
        let now = self.receiver.clock.now();
        let dispatch = Dispatch {
            number: 0,
            id,
            origin: new.origin.code().to_owned(),
            key: new.key.clone(),
            actor: new.actor.clone(),
            held: self.limits.approval,
            approval: None,
            file_name: new.file_name.clone(),
            content_type: new.content_type.clone(),
            comment: new.comment.clone(),
            size: new.size,
            copy: Some(copy),
            staged_at: now,
            put_away: false,
        };
        let number = dispatches::insert(&mut transaction, &dispatch).await?;
        sent::insert(&mut transaction, number, &rows, now).await?;
        let entry = Entry {
            at: now,
            actor: new.actor.clone(),
            action: "sent.staged",
            subject: id.to_string(),
            before: String::new(),
            after: format!("origin:{} addressees:{}", new.origin.code(), rows.len()),
        };
        audit::insert_from(&mut transaction, &[entry], from).await?;
        let mut news = Vec::new();
        if rows.iter().any(|row| row.state == Sending::Held) {
            let kind = Kind::SentWaitsForApproval;
            news.push(NewEvent { at: now, kind, subject: id.to_string(), office: None, user: None });
        }
        for row in rows.iter().filter(|row| row.state == Sending::Stopped) {
            let (kind, office) = (Kind::SentStopped, row.office.clone());
            news.push(NewEvent { at: now, kind, subject: row.id.to_string(), office, user: None });
        }
        events::insert(&mut transaction, &news).await?;
        database.commit(transaction).await?;
        Ok(true)
    }
}

/// What a size says that comes with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Length {
    /// So many bytes.
    Exactly,
    /// Not more than so many.
    AtMost,
}

pub(super) fn unknown(to: &To) -> SendError {
    match to {
        To::User(user) => SendError::UnknownUser(user.clone()),
        To::Office(office) => SendError::UnknownOffice(office.clone()),
    }
}

fn is_full(error: &SendError) -> bool {
    use crate::message::error::SealError;
    let full = |error: &io::Error| matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
    match error {
        SendError::Disk(error) | SendError::Seal(SealError::Output(error)) => full(error),
        _ => false,
    }
}

/// Hashes what is read, and reads at most one byte too many.
struct Hashing<R> {
    checksum: Checksum,
    content: R,
    left: u64,
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let count = self.content.read(&mut buffer[..wanted])?;
        self.checksum.update(&buffer[..count]);
        self.left -= count as u64;
        Ok(count)
    }
}

impl<R> Hashing<R> {
    fn finish(self) -> Sha256 {
        sha256(self.checksum)
    }
}

fn hash(mut content: impl Read) -> io::Result<Sha256> {
    let (mut checksum, mut buffer) = (Checksum::new(Algorithm::Sha256), vec![0; WRITE]);
    loop {
        let count = content.read(&mut buffer)?;
        if count == 0 {
            return Ok(sha256(checksum));
        }
        checksum.update(&buffer[..count]);
    }
}

fn sha256(checksum: Checksum) -> Sha256 {
    checksum.finish().as_slice().try_into().expect("a SHA-256 has 32 bytes")
}
