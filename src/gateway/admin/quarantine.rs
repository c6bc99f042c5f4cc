//! Quarantined messages: staff end the matter, or two persons let one into the archive after all.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::two_persons::Agreed;
use super::{Admin, AdminError};
use crate::archive::{Durable, Sealed};
use crate::domain::address::Address;
use crate::domain::ids::MessageId;
use crate::domain::policy::{Facts, Scan};
use crate::domain::sequence::{Link, StreamMark};
use crate::domain::two_persons::Matter;
use crate::domain::verdict::{Reason, Verdict};
use crate::gateway::scan::{Scanning, Unscanned};
use crate::gateway::view::MessageView;
use crate::message::keys::{Certificate, Credential};
use crate::message::open::{Opened, Verified, open};
use crate::message::receipt::Stage;
use crate::store::gateway::certificates::{self, Purpose, Registered};
use crate::store::gateway::events::Kind;
use crate::store::gateway::messages::{self, Message, State};
use crate::store::gateway::users::{self, User};
use crate::store::gateway::{acknowledgements, counters, evidence, receipts, stream_marks};
use crate::store::sqlite::{Connection, StoreError, length};

/// Reasons that say something of the sender, of time, or of what we can handle, and that two persons may know better. The message itself is whole,
/// addressed to us, and signed under a registered certificate; whatever says otherwise is never set aside.
const RELEASABLE: &[Reason] = &[
    Reason::SignerUnknown,
    Reason::SignerDisabled,
    Reason::SignerSuspect,
    Reason::CertificateNotRegistered,
    Reason::CertificateExpired,
    Reason::CertificateNotYetValid,
    Reason::CertificateRevoked,
    Reason::SizeRefused,
    Reason::MalwareScanFailed,
];

/// Whether two persons may set this reason aside.
pub fn is_releasable(reason: Reason) -> bool {
    RELEASABLE.contains(&reason)
}

/// A message that verifies, though it was quarantined.
struct Proven {
    verified: Verified,
    certificate: Registered,
    /// What the scanner says of it now, as a code.
    scan: &'static str,
}

impl Proven {
    /// Who signed it, as the registry has it now.
    async fn signer(&self, connection: &mut Connection) -> Result<User, StoreError> {
        users::find(connection, &self.certificate.user).await?.ok_or(StoreError::Missing("user"))
    }

    /// Since when the signer's PC was lost, if that PC may have sent it: as the verdict would say it, had the signer been
    /// known.
    fn suspect_since(&self, user: &User, received_at: Timestamp) -> Option<Timestamp> {
        let lost_ones =
            |lost: &Timestamp| self.certificate.revoked_at.is_some() || self.certificate.registered_at <= *lost;
        user.lost_at.filter(|lost| received_at >= *lost && lost_ones(lost))
    }

    /// Puts it into its sender's stream, unless that was done when it came: the sender was known then.
    async fn take_its_place(
        &self,
        connection: &mut Connection,
        message: i64,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let stored = evidence::find(&mut *connection, message).await?.ok_or(StoreError::Missing("evidence"))?;
        let facts: Facts = serde_json::from_str(&stored.facts).map_err(|_| StoreError::Corrupt("facts"))?;
        if facts.sequence.is_some() {
            return Ok(());
        }
        let header = self.verified.header();
        let sender = header.from.to_string();
        let marks = stream_marks::find(connection, std::slice::from_ref(&sender)).await?;
        let mut mark: StreamMark = match marks.get(&sender) {
            Some(json) => serde_json::from_str(json).map_err(|_| StoreError::Corrupt("stream mark"))?,
            None => StreamMark::default(),
        };
        let hash = self.verified.signature_hash();
        mark.observe(&Link { sequence: header.sequence, previous: header.previous, hash }, false);
        let json = serde_json::to_string(&mark).map_err(|_| StoreError::Corrupt("stream mark"))?;
        stream_marks::put(connection, &[(sender, json)], now).await
    }
}

impl Admin {
    /// Staff are done with a quarantined message: it is kept, and shown as returned. The sender, where one is known, is told in a
    /// receipt, with the reason sealed.
    pub async fn return_quarantined(&self, id: MessageId, reason: &str) -> Result<MessageView, AdminError> {
        let message = self.find(id).await?;
        let words = self.words(&message, reason).await?;
        let database = &self.gateway.receiver.database;
        let mut transaction = database.write().await?;
        if !messages::change_state(&mut transaction, message.number, State::Quarantined, State::Returned).await? {
            return Err(AdminError::State { state: message.state.code() });
        }
        messages::set_return_reason(&mut transaction, message.number, reason).await?;
        self.overtake(&mut transaction, Matter::Release, &id.to_string()).await?;
        // Without the relay's receipt there is nothing that the sender's chain could begin with.
        let chain = receipts::of_message(&mut *transaction, message.number).await?;
        if message.content.as_ref().is_some_and(|content| content.user.is_some()) && !chain.is_empty() {
            let receipt = self.receipt(&mut transaction, &message, Stage::Returned, words).await?;
            receipts::insert(&mut transaction, std::slice::from_ref(&receipt)).await?;
            acknowledgements::insert(&mut transaction, &[(message.id, Some(receipt.number))], self.now()).await?;
        }
        self.tell(&mut transaction, Kind::ReceivedReturned, &message).await?;
        let (before, after) = (State::Quarantined.code(), State::Returned.code());
        self.log(&mut transaction, "quarantine.returned", &id.to_string(), before, after).await?;
        database.commit(transaction).await?;
        Ok((&self.find(id).await?).into())
    }

    /// Lets a quarantined message into the archive, with its `verified` receipt. Who acts and who approves are two. The frozen
    /// facts, the reasons and the file in quarantine stay as they were.
    pub async fn release(&self, id: MessageId, approver: &str) -> Result<MessageView, AdminError> {
        self.release_with(id, &self.with_approver(approver)?).await
    }

    /// A quarantined message, if two persons may release it.
    pub(super) async fn releasable(&self, id: MessageId) -> Result<(Message, BTreeSet<Reason>), AdminError> {
        let message = self.find(id).await?;
        let (State::Quarantined, Verdict::Quarantined { reasons, .. }) = (message.state, &message.verdict) else {
            return Err(AdminError::State { state: message.state.code() });
        };
        refuse(reasons)?;
        let reasons = reasons.clone();
        Ok((message, reasons))
    }

    pub(super) async fn release_with(&self, id: MessageId, agreed: &Agreed) -> Result<MessageView, AdminError> {
        let (message, reasons) = self.releasable(id).await?;
        let proven = self.prove(&message, reasons.contains(&Reason::MalwareScanFailed)).await?;
        let receiver = &self.gateway.receiver;
        let mut transaction = receiver.database.write().await?;
        agreed.settle(&mut transaction, Matter::Release, &id.to_string(), self).await?;
        // Nobody else releases it meanwhile: two would put the file in its place at the same time.
        let sealed = Sealed::Shared(receiver.archive.quarantined(&message.path));
        let mut placement = receiver.archive.place(&proven.verified, sealed);
        let spool = receiver.spool.clone();
        // Without a row it is nothing yet: a crash here leaves a file that the next release replaces.
        let placed = tokio::task::spawn_blocking(move || {
            Durable::place(&spool, &mut [&mut placement]).map(|_| placement.path().to_owned())
        });
        let path = placed.await.map_err(io::Error::other)??;
        let user = proven.signer(&mut transaction).await?;
        let suspect_since = proven.suspect_since(&user, message.received_at);
        let release = messages::Release { path: &path, user: &user, suspect_since, at: self.now() };
        if !messages::release(&mut transaction, message.number, &release).await? {
            return Err(AdminError::State { state: State::Archived.code() });
        }
        proven.take_its_place(&mut transaction, message.number, self.now()).await?;
        evidence::set_certificate(&mut transaction, message.number, proven.certificate.fingerprint).await?;
        let receipt = self.receipt(&mut transaction, &message, Stage::Verified, None).await?;
        receipts::insert(&mut transaction, std::slice::from_ref(&receipt)).await?;
        acknowledgements::insert(&mut transaction, &[(message.id, Some(receipt.number))], self.now()).await?;
        counters::add(&mut transaction, counters::ARCHIVED, 1).await?;
        counters::add(&mut transaction, counters::ARCHIVED_BYTES, length(message.sealed_size)).await?;
        self.tell(&mut transaction, Kind::ReceivedReleased, &message).await?;
        let codes: Vec<&str> = reasons.iter().map(|reason| reason.code()).collect();
        let before = format!("quarantined {}", codes.join(" "));
        let after = format!("archived {agreed} scan:{}", proven.scan);
        self.log(&mut transaction, "quarantine.released", &id.to_string(), &before, &after).await?;
        receiver.database.commit(transaction).await?;
        Ok((&self.find(id).await?).into())
    }

    /// Opens and verifies the file in quarantine under the certificate that is registered now, and has it scanned where there is a
    /// scanner: it may have come before there was one. What the scanner cannot look into goes on only if that was known when the
    /// persons decided.
    async fn prove(&self, message: &Message, is_unfit: bool) -> Result<Proven, AdminError> {
        let receiver = &self.gateway.receiver;
        let file: PathBuf = receiver.archive.quarantined(&message.path);
        let (keys, scanner, stop) =
            (receiver.keys.current(), receiver.scanner.clone(), self.gateway.sender.stop.clone());
        let looked = tokio::task::spawn_blocking(move || {
            let look = |scanner| look_into(&file, &keys.encryption, scanner);
            match look(scanner.as_deref().map(|scanner| scanner.begin(&stop))) {
                // That it breaks off at this one is why nobody could scan it.
                Err(AdminError::Unscanned(Unscanned::BrokenOff)) if is_unfit => {
                    look(None).map(|(opened, _)| (opened, Scan::Failed))
                }
                looked => looked,
            }
        });
        let (opened, scan) = looked.await.map_err(io::Error::other)??;
        let scan = match scan {
            Scan::NotScanned => "none",
            Scan::Clean => "clean",
            Scan::Failed if is_unfit => "failed",
            Scan::Failed => return Err(AdminError::Unreleasable(Reason::MalwareScanFailed)),
            Scan::Found { .. } => return Err(AdminError::Unreleasable(Reason::MalwareFound)),
        };
        if Some(opened.tag()) != message.tag || opened.header().id != message.id {
            return Err(AdminError::Damaged(Reason::EnvelopeTampered));
        }
        let named = opened.signer().fingerprint().ok_or(AdminError::Unreleasable(Reason::SignerUnknown))?;
        let mut reader = receiver.database.reader().await?;
        let registered = certificates::find(&mut reader, &[named]).await?.into_iter().next();
        drop(reader);
        let registered = registered.ok_or(AdminError::Unreleasable(Reason::CertificateNotRegistered))?;
        // Whoever was unknown then may be somebody else than the message says.
        let owner = Address::User(receiver.keys.union().clone(), registered.user.clone());
        if registered.purpose != Purpose::Signing || owner != opened.header().from {
            return Err(AdminError::Unreleasable(Reason::BindingSender));
        }
        let certificate = Certificate::from_der(&registered.der).map_err(|_| StoreError::Corrupt("certificate"))?;
        let verified = opened.verify(&certificate).map_err(|error| AdminError::Unreleasable(error.reason()))?;
        Ok(Proven { verified, certificate: registered, scan })
    }
}

/// Opens a sealed file, with the scanner reading along where there is one. Blocks.
fn look_into(file: &Path, keys: &[Credential], scanning: Option<Scanning<'_>>) -> Result<(Opened, Scan), AdminError> {
    let input = File::open(file)?;
    let Some(mut scanning) = scanning else { return Ok((open(input, keys, io::sink())?.0, Scan::NotScanned)) };
    match open(input, keys, &mut scanning) {
        Ok((opened, _)) => Ok((opened, scanning.finish()?)),
        Err(error) => Err(scanning.trouble().map_or_else(|| error.into(), AdminError::Unscanned)),
    }
}

fn refuse(reasons: &BTreeSet<Reason>) -> Result<(), AdminError> {
    reasons.iter().find(|reason| !is_releasable(**reason)).map_or(Ok(()), |r| Err(AdminError::Unreleasable(*r)))
}
