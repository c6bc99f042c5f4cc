//! A page of news, with everything that is known of what they are about.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::super::Sender;
use super::super::check::{self, Before, Doubt, Signer};
use super::super::outcome::SendRunError;
use super::Place;
use crate::domain::address::Address;
use crate::domain::ids::{MessageId, UserId};
use crate::gateway::relay::Relay;
use crate::message::receipt::{Receipt, SignedReceipt, Stage};
use crate::message::relayed;
use crate::store::gateway::sent::{self, Sent};
use crate::store::gateway::sent_recipients::{self, Recipient};
use crate::store::gateway::{certificates, sent_receipts, users};
use crate::store::sqlite::StoreError;
use crate::wire::Der;
use crate::wire::delivery::{DeliveryEvent, News};

/// One piece of news, with its signature looked at.
pub(super) struct Heard {
    pub(super) event: DeliveryEvent,
    pub(super) read: Read,
}

/// What a receipt in the news says.
pub(super) enum Read {
    /// The news are no receipt.
    None,
    /// The relay's own word.
    Relayed(Result<(), Doubt>),
    /// A user's, with the reason of a return where it could be opened.
    User(Result<(Receipt, Option<String>), Doubt>),
}

/// A message that the news are about.
pub(super) struct Subject {
    pub(super) message: Sent,
    pub(super) recipients: Vec<Recipient>,
    /// The newest receipt of each chain; the relay's own is what each of them begins with.
    pub(super) chains: BTreeMap<UserId, Before>,
    pub(super) relayed: Option<Before>,
    /// Receipts that are here, whatever was thought of them.
    pub(super) known: Vec<Vec<u8>>,
}

impl<R: Relay> Sender<R> {
    /// Looks up what the news are about. What is not known here is looked for at the relay first: in a run, so that nobody else
    /// numbers or sweeps meanwhile.
    pub(super) async fn subjects(
        self: &Arc<Self>,
        events: &[DeliveryEvent],
        place: Place<'_>,
    ) -> Result<HashMap<MessageId, Subject>, SendRunError> {
        let ids: Vec<MessageId> = events.iter().map(|event| event.id).collect::<BTreeSet<_>>().into_iter().collect();
        let database = &self.receiver.database;
        let numbered = |found: &[Sent]| found.iter().filter(|message| message.link.is_some()).count();
        let mut found = sent::find_all(&mut *database.reader().await?, &ids).await?;
        if numbered(&found) < ids.len() {
            let Place::Run(stop) = place else { return Err(SendRunError::Forgotten) };
            self.take_over(stop).await?;
            found = sent::find_all(&mut *database.reader().await?, &ids).await?;
        }
        let mut reader = database.reader().await?;
        let numbers: Vec<i64> = found.iter().map(|message| message.number).collect();
        let mut recipients = sent_recipients::of_messages(&mut reader, &numbers).await?;
        let mut subjects = HashMap::new();
        for message in found {
            let stored = sent_receipts::of_message(&mut *reader, message.number).await?;
            let recipients = recipients.remove(&message.number).unwrap_or_default();
            let mut subject =
                Subject { message, recipients, chains: BTreeMap::new(), relayed: None, known: Vec::new() };
            for one in stored {
                if one.refused.is_none()
                    && let Some(stage) = STAGES.into_iter().find(|stage| stage.code() == one.stage)
                {
                    let before = Before { stage, hash: SignedReceipt::from_der(one.der.clone()).hash() };
                    match one.user {
                        Some(user) => drop(subject.chains.insert(user, before)),
                        None => subject.relayed = Some(before),
                    }
                }
                subject.known.push(one.der);
            }
            subjects.insert(subject.message.id, subject);
        }
        Ok(subjects)
    }

    /// Looks at the signatures of all receipts, on a blocking thread.
    pub(super) async fn read_receipts(
        &self,
        events: Vec<DeliveryEvent>,
        subjects: &HashMap<MessageId, Subject>,
    ) -> Result<Vec<Heard>, SendRunError> {
        let signers = self.signers(&events).await?;
        let tags: HashMap<MessageId, _> = subjects
            .iter()
            .map(|(id, subject)| (*id, subject.message.sealed.as_ref().map(|sealed| sealed.tag)))
            .collect();
        let (keys, now) = (self.keys(), self.receiver.clock.now());
        // The relay says when it had a receipt; that it was before we last heard everything is not to be believed.
        let earliest: Vec<_> = events.iter().map(|event| self.heard.earliest(event.at, now)).collect();
        let task = tokio::task::spawn_blocking(move || {
            let read = |event: &DeliveryEvent, at| match &event.news {
                News::Relayed { receipt } => {
                    let tag = tags.get(&event.id).copied().flatten();
                    Read::Relayed(relayed::check(event.id, &receipt.0, tag, &keys.relay_receipt).map_err(Doubt::from))
                }
                News::Receipt { user, receipt } => Read::User(match signers.get(user) {
                    Some(signer) => signer.read(receipt, at).map(|receipt| {
                        let reason = check::reason(&receipt, &keys.encryption);
                        (receipt, reason)
                    }),
                    None => Err(Doubt::Recipient),
                }),
                _ => Read::None,
            };
            events
                .into_iter()
                .zip(earliest)
                .map(|(event, at)| {
                    let read = read(&event, at);
                    Heard { event, read }
                })
                .collect()
        });
        task.await.map_err(|_| SendRunError::Internal)
    }

    async fn signers(&self, events: &[DeliveryEvent]) -> Result<HashMap<UserId, Signer>, StoreError> {
        let (read, union) = (self.receiver.database.read(), self.keys().union.clone());
        let mut signers = HashMap::new();
        for event in events {
            let News::Receipt { user, .. } = &event.news else { continue };
            if signers.contains_key(user) {
                continue;
            }
            let Some(known) = users::find(read, user).await? else { continue };
            let certificates = certificates::of_user(read, user).await?;
            let address = Address::User(union.clone(), user.clone());
            signers.insert(user.clone(), Signer { address, lost_at: known.lost_at, certificates });
        }
        Ok(signers)
    }
}

/// Receipts of a message that are kept, for each recipient and the relay: a chain has three.
const MOST_FOR_EACH: usize = 8;

const STAGES: [Stage; 4] = [Stage::Relayed, Stage::Verified, Stage::Accepted, Stage::Returned];

impl Subject {
    /// Whether no more receipts that do not fit are kept: honest ones are fewer.
    pub(super) fn is_full(&self) -> bool {
        self.known.len() >= MOST_FOR_EACH * (self.recipients.len() + 1)
    }

    /// Whether this very receipt is here.
    pub(super) fn knows(&self, receipt: &Der) -> bool {
        self.known.contains(&receipt.0)
    }

    /// The newest receipt of a recipient's chain.
    pub(super) fn before(&self, user: &UserId) -> Option<Before> {
        self.chains.get(user).copied().or(self.relayed)
    }
}
