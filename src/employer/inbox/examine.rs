//! Opens a message and says what to think of it: the signer is the union and nobody else.
//!
//! The rules are those of the gateway ([`policy`]); what differs is the registry. Here it is the union's CA alone, which came
//! with the kit: a certificate that leads to it, names the union, may sign messages and is not revoked is the union's.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use jiff::Timestamp;

use crate::domain::address::Address;
use crate::domain::digest::Tag;
use crate::domain::policy::{self, Archived, Facts, Rules, Scan};
use crate::domain::sequence::Link;
use crate::domain::verdict::Reason;
use crate::employer::identity::Identity;
use crate::employer::outgoing::MAX_SIZE;
use crate::employer::union::Union;
use crate::employer::watch::{Event, Watcher};
use crate::message::error::OpenError;
use crate::message::format::trailing_tag;
use crate::message::keys::{Certificate, Credential};
use crate::message::open::{Opened, Verified, open};
use crate::message::signed::SignatureError;
use crate::pki::{self, profile, trust::Untrusted};
use crate::wire::delivery::InboxParcel;

/// The rules of size: the file, and a little more for what sealing adds.
const RULES_SIZE: u64 = MAX_SIZE + (MAX_SIZE >> 7);

/// Bytes at the end of a message that its tag is read from.
const TAIL: usize = 64;

/// A message, judged but for its place in the stream.
#[derive(Debug)]
pub(super) struct Examined {
    pub(super) facts: Facts,
    pub(super) opened: Option<Opened>,
    /// The proof that the union signed it.
    pub(super) verified: Option<Verified>,
    /// The tag at its end.
    pub(super) tag: Option<Tag>,
}

impl Examined {
    /// Its place in the stream that it names, if it is the union's word: be it accepted or in quarantine for another cause.
    pub(super) fn link(&self) -> Option<(Address, Link)> {
        const OTHER_CAUSES: [Reason; 2] = [Reason::FileNameRefused, Reason::SizeRefused];
        let opened = self.opened.as_ref()?;
        let reasons = match policy::judge(&self.facts) {
            crate::domain::verdict::Verdict::Accepted { .. } => BTreeSet::new(),
            crate::domain::verdict::Verdict::Quarantined { reasons, .. } => reasons,
        };
        let is_unions = self.facts.signature_verified && reasons.iter().all(|reason| OTHER_CAUSES.contains(reason));
        let header = opened.header();
        let link = Link { sequence: header.sequence, previous: header.previous, hash: opened.signature_hash() };
        is_unions.then(|| (header.to.clone(), link))
    }
}

/// Who looks at a message, and with what.
#[derive(Debug)]
pub(super) struct Examiner<'a> {
    pub(super) identity: &'a Identity,
    pub(super) keys: &'a [Credential],
    pub(super) union: &'a Union,
    pub(super) watcher: &'a dyn Watcher,
    pub(super) now: Timestamp,
}

impl Examiner<'_> {
    /// Opens the sealed message at `path` and judges it. Nothing of the file is kept. Blocks.
    ///
    /// # Errors
    /// When the disk fails: that says nothing about the message.
    pub(super) fn examine_file(&self, path: &Path, parcel: &InboxParcel, is_here: bool) -> io::Result<Examined> {
        self.watcher.event(Event::Opening { id: parcel.id, size: parcel.size });
        let mut file = File::open(path)?;
        let tag = tag_of(&mut file)?;
        self.examine(Counted::new(file, self.watcher), tag, parcel, is_here)
    }

    /// The same for a sealed message in memory.
    pub(super) fn examine_bytes(&self, sealed: &[u8], parcel: &InboxParcel, is_here: bool) -> io::Result<Examined> {
        let tail = sealed.len().saturating_sub(TAIL);
        self.examine(sealed, trailing_tag(&sealed[tail..]), parcel, is_here)
    }

    fn examine(
        &self,
        sealed: impl Read + Send,
        tag: Option<Tag>,
        parcel: &InboxParcel,
        is_here: bool,
    ) -> io::Result<Examined> {
        let mut failures = BTreeSet::new();
        let opened = match open(sealed, self.keys, io::sink()) {
            Ok((opened, _)) => Some(opened),
            Err(error) => {
                failures.insert(error.reason().ok_or_else(|| local(error))?);
                None
            }
        };
        let (mut signer, mut verified) = (None, None);
        if let Some(opened) = &opened {
            let found = self.certificate_of(opened);
            signer = Some(self.signer(opened, found.as_ref()));
            if let (Some(found), Some(policy::Signer::Registered { .. })) = (found, &signer) {
                match opened.verify(&found).map_err(SignatureError::reason) {
                    Ok(proof) => verified = Some(proof),
                    Err(reason) => drop(failures.insert(reason)),
                }
            }
        }
        let who = self.identity.who();
        let facts = Facts {
            receiver: BTreeSet::from([self.identity.from(), Address::Office(who.union.clone(), who.office.clone())]),
            parcel: policy::Parcel {
                id: parcel.id,
                sender: self.identity.to(),
                size: parcel.size,
                deposited_at: parcel.deposited_at,
            },
            received_at: self.now,
            rules: Rules::new(RULES_SIZE),
            failures,
            signature_verified: verified.is_some(),
            claims: opened.as_ref().map(Opened::claims),
            signer,
            sequence: None,
            archived: if is_here { Archived::Other } else { Archived::No },
            scan: Scan::NotScanned,
        };
        Ok(Examined { facts, opened, verified, tag })
    }

    /// The certificate that the signature names: one that the union published, or the one that came along. Which of the two
    /// makes no difference: the CA vouches for it or does not.
    fn certificate_of(&self, opened: &Opened) -> Option<Certificate> {
        let fingerprint = opened.signer().fingerprint()?;
        let published = self.union.signing.iter().find(|one| one.fingerprint() == fingerprint).cloned();
        published.or_else(|| opened.signer().certificate().filter(|one| one.fingerprint() == fingerprint))
    }

    fn signer(&self, opened: &Opened, certificate: Option<&Certificate>) -> policy::Signer {
        let fingerprint = opened.signer().fingerprint();
        let Some(certificate) = certificate else {
            return policy::Signer::Unknown { fingerprint, owner: Some(opened.header().from.clone()) };
        };
        let (owner, union) = (pki::owner(certificate), self.identity.to());
        if owner.as_ref() != Some(&union) {
            return policy::Signer::Unknown { fingerprint, owner };
        }
        // Its own validity is judged with the message's times; here only the way to the authority counts.
        let path = self.union.authorities.path(certificate, &[], self.now).err().map(Untrusted::reason);
        let untrusted = path.filter(|r| !matches!(r, Reason::CertificateExpired | Reason::CertificateNotYetValid));
        policy::Signer::Registered {
            user: policy::User { address: union, enabled: true, lost_at: None },
            certificate: policy::Certificate {
                fingerprint: certificate.fingerprint(),
                owner,
                not_before: certificate.not_before(),
                not_after: certificate.not_after(),
                may_sign: profile::may_sign(certificate),
                revoked_at: self.union.revoked_at(certificate, self.now),
                untrusted,
            },
        }
    }
}

/// What the disk said.
pub(super) fn local(error: OpenError) -> io::Error {
    match error {
        OpenError::Input(error) | OpenError::Output(error) => error,
        other => io::Error::other(other),
    }
}

fn tag_of(file: &mut File) -> io::Result<Option<Tag>> {
    let length = file.seek(SeekFrom::End(0))?;
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL as u64)))?;
    let mut tail = Vec::new();
    file.take(TAIL as u64).read_to_end(&mut tail)?;
    file.rewind()?;
    Ok(trailing_tag(&tail))
}

/// Tells how much has been read.
pub(super) struct Counted<'a> {
    file: File,
    bytes: u64,
    watcher: &'a dyn Watcher,
}

impl<'a> Counted<'a> {
    pub(super) fn new(file: File, watcher: &'a dyn Watcher) -> Self {
        Self { file, bytes: 0, watcher }
    }
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.bytes += read as u64;
        self.watcher.event(Event::OpenedBytes(self.bytes));
        Ok(read)
    }
}
