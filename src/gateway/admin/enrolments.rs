//! Letters, links, PCs that are replaced, PINs that are forgotten.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::letters::{hidden_name, publish};
use super::{Admin, AdminError};
use crate::domain::ids::{EnrolmentId, UserId};
use crate::domain::user::UserState;
use crate::failpoint;
use crate::gateway::flows::enrol::letter::{Passwords, Prepared, prepare};
use crate::gateway::flows::enrol::{Review, review};
use crate::gateway::flows::{orders as line, revocation};
use crate::gateway::letter::Letter;
use crate::gateway::relay;
use crate::gateway::view::users::UserView;
use crate::store::gateway::certificates::{self, Purpose, Registered};
use crate::store::gateway::orders::{self, NewOrder, OrderKind};
use crate::store::gateway::users::{self, Contact, User};
use crate::store::gateway::{enrolments, entrance, offices, registry_changed, requests};
use crate::store::sqlite::{Connection, StoreError};
use crate::stream::pending::Pending;
use crate::wire::enrolment::PcMark;
use crate::wire::union::Entrance;

impl Admin {
    /// Makes an enrolment and writes its letter to a file that is not there yet, for the owner's eyes only. With
    /// `new_passwords` the enrolment before ends. The file is seen only when the enrolment is in the database: there is never
    /// a letter whose passwords are none. One that was cut off between the two comes to its end now.
    pub async fn write_letter(&self, id: &UserId, new_passwords: bool, output: &Path) -> Result<UserView, AdminError> {
        self.letter_has_its_words()?;
        let left = self.left_letter(id, output).await?;
        match left {
            Some(letter) if !new_passwords => publish(letter).await?,
            left => {
                self.enrol(id, new_passwords, Some(output.to_owned())).await?;
                if let Some(of_the_one_before) = left {
                    of_the_one_before.discard();
                }
            }
        }
        self.user(id).await
    }

    /// Makes an enrolment for whoever writes the letter otherwise. The passwords exist nowhere else.
    pub async fn letter(&self, id: &UserId, new_passwords: bool) -> Result<Passwords, AdminError> {
        Ok(self.enrol(id, new_passwords, None).await?.passwords)
    }

    /// Makes an enrolment whose letter is shown once, and written nowhere.
    pub async fn show_letter(&self, id: &UserId, new_passwords: bool) -> Result<Letter, AdminError> {
        self.letter_has_its_words()?;
        self.enrol(id, new_passwords, None).await
    }

    fn letter_has_its_words(&self) -> Result<(), AdminError> {
        let says = &self.gateway.settings.letter;
        let has_words = [&says.union_name, &says.contact].iter().all(|text| !text.trim().is_empty());
        if has_words { Ok(()) } else { Err(AdminError::LetterSettings) }
    }

    /// When the letter cannot be written, there is no enrolment.
    async fn enrol(&self, id: &UserId, new_passwords: bool, output: Option<PathBuf>) -> Result<Letter, AdminError> {
        let receiver = &self.gateway.receiver;
        if receiver.keys.current().authority.is_none() {
            return Err(AdminError::NoAuthority);
        }
        // Also before the gateway has ever run: the kit goes after the list.
        revocation::renew_daily(receiver).await?;
        let (user, contact) = self.letter_is_possible(id, new_passwords).await?;
        let entrance = self.entrance().await?;
        let (worker, for_kit) = (Arc::clone(receiver), (user.clone(), contact.clone()));
        let prepared = tokio::task::spawn_blocking(move || {
            let (user, contact) = for_kit;
            prepare(&worker.keys.current(), &entrance, &user, &contact, worker.clock.now(), worker.random.as_ref())
        });
        let prepared = prepared.await.map_err(io::Error::other)??;
        let office = offices::find(receiver.database.read(), &user.office).await?;
        let letter = Letter {
            made_at: self.now(),
            union_name: self.gateway.settings.letter.union_name.clone(),
            contact: self.gateway.settings.letter.contact.clone(),
            office: office.ok_or(StoreError::Missing("office"))?.name,
            person: contact,
            passwords: prepared.passwords.clone(),
        };
        let mut transaction = receiver.database.write().await?;
        self.register_enrolment(&mut transaction, &user, new_passwords, &prepared).await?;
        let id = prepared.enrolment.id;
        let copy = letter.clone();
        let write = move || output.map(|output| write(&copy, &output, id)).transpose();
        let written = tokio::task::spawn_blocking(write).await.map_err(io::Error::other)??;
        failpoint!("letter.written");
        receiver.database.commit(transaction).await?;
        failpoint!("letter.committed");
        if let Some(written) = written {
            publish(written).await?;
        }
        Ok(letter)
    }

    async fn letter_is_possible(&self, id: &UserId, new_passwords: bool) -> Result<(User, Contact), AdminError> {
        let read = self.gateway.receiver.database.read();
        let user = users::find(read, id).await?.ok_or(StoreError::Missing("user"))?;
        if matches!(user.state, UserState::Disabled { .. }) {
            return Err(AdminError::Disabled);
        }
        if !new_passwords && enrolments::open(read, id).await?.is_some() {
            return Err(AdminError::LetterExists);
        }
        Ok((user, users::contact(read, id).await?.ok_or(AdminError::NoContact)?))
    }

    async fn register_enrolment(
        &self,
        transaction: &mut Connection,
        user: &User,
        new_passwords: bool,
        prepared: &Prepared,
    ) -> Result<(), AdminError> {
        let (keys, now) = (self.gateway.receiver.keys.current(), self.now());
        // Everything again: somebody may have been quicker.
        let before = users::find(&mut *transaction, &user.id).await?.ok_or(StoreError::Missing("user"))?;
        if matches!(before.state, UserState::Disabled { .. }) {
            return Err(AdminError::Disabled);
        }
        if enrolments::end(transaction, &user.id, now).await? && !new_passwords {
            return Err(AdminError::LetterExists);
        }
        requests::forget_waiting(transaction, &user.id).await?;
        if certificates::revoke_kit(transaction, &user.id, now).await? > 0 {
            revocation::renew(transaction, &keys, now).await?;
        }
        users::update(transaction, &User { state: UserState::Enabled, ..before.clone() }).await?;
        // The relay begins anew with the address, too.
        users::set_mail_failed(transaction, &user.id, None).await?;
        let device = Registered::new(&prepared.device, &user.id, Purpose::Device, &keys.ca, now);
        certificates::insert(transaction, &device).await?;
        enrolments::insert(transaction, &prepared.enrolment).await?;
        registry_changed(transaction).await?;
        orders::drop_kits(transaction, &user.id).await?;
        let order = NewOrder::about(&user.id, OrderKind::Enrol).with(&prepared.order);
        orders::insert(transaction, &[order], now).await?;
        let after = format!("enrolment {}", prepared.enrolment.id);
        Ok(self.log(transaction, "user.letter", user.id.as_str(), before.state.code(), &after).await?)
    }

    /// How employers reach the relay: as it said last, or else says now.
    async fn entrance(&self) -> Result<Entrance, AdminError> {
        let receiver = &self.gateway.receiver;
        if let Some(known) = entrance(receiver.database.read()).await? {
            return Ok(known);
        }
        let hello = receiver.relay.handshake().await.map_err(|error| AdminError::Entrance(relay::code(&error)))?;
        line::remember(receiver, &hello.entrance).await?;
        Ok(hello.entrance)
    }

    /// Has the relay mail a new link for the enrolment that is open.
    pub async fn mail_link(&self, id: &UserId) -> Result<UserView, AdminError> {
        let database = &self.gateway.receiver.database;
        let mut transaction = database.write().await?;
        if users::find(&mut *transaction, id).await?.is_none() {
            return Err(AdminError::Missing("user"));
        }
        if enrolments::open(&mut *transaction, id).await?.is_none() {
            return Err(AdminError::NoEnrolment);
        }
        orders::insert(&mut transaction, &[NewOrder::about(id, OrderKind::Link)], self.now()).await?;
        self.log(&mut transaction, "user.link", id.as_str(), "", "requested").await?;
        database.commit(transaction).await?;
        self.user(id).await
    }

    /// Decides about a PC that waits to replace the present one.
    pub async fn review_device(&self, id: &UserId, pc: Option<PcMark>, said: Review) -> Result<UserView, AdminError> {
        review(&self.gateway.receiver, id, pc, said, self.by()).await?;
        self.user(id).await
    }

    /// A PIN is forgotten: the keys under it are lost, so their certificates end, and a new letter is needed.
    pub async fn reset_pin(&self, id: &UserId) -> Result<UserView, AdminError> {
        let receiver = &self.gateway.receiver;
        let now = self.now();
        let mut transaction = receiver.database.write().await?;
        let user = users::find(&mut *transaction, id).await?.ok_or(StoreError::Missing("user"))?;
        if user.state != UserState::Enabled {
            return Err(AdminError::State { state: user.state.code() });
        }
        if !enrolments::end(&mut transaction, id, now).await? {
            return Err(AdminError::NoEnrolment);
        }
        requests::forget_waiting(&mut transaction, id).await?;
        certificates::revoke_all(&mut transaction, id, now).await?;
        revocation::renew(&mut transaction, &receiver.keys.current(), now).await?;
        registry_changed(&mut transaction).await?;
        orders::drop_open(&mut transaction, id).await?;
        // Without PCs: the relay deletes the keys of their PINs.
        orders::insert(&mut transaction, &[NewOrder::about(id, OrderKind::Register)], now).await?;
        self.log(&mut transaction, "user.pin-reset", id.as_str(), "enrolled", "enabled").await?;
        receiver.database.commit(transaction).await?;
        receiver.database.fold().await;
        self.user(id).await
    }
}

/// The letter in a file that nobody sees yet.
fn write(letter: &Letter, output: &Path, enrolment: EnrolmentId) -> Result<Pending, AdminError> {
    Ok(Pending::write(output, &hidden_name(enrolment), letter.html()?.as_bytes())?)
}

/// Whole, on the disk, readable by the owner only; never over another file.
pub(super) fn write_once(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    if let Err(error) = written {
        // Half a letter is none.
        let _ = std::fs::remove_file(path);
        return Err(error);
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}
