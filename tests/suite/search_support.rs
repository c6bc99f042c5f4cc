//! Rows for searching: as a pull and a dispatch make them, without the bytes.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use kenpo_express::domain::digest::Sha256;
use kenpo_express::domain::ids::MessageId;
use kenpo_express::domain::verdict::{Reason, Verdict};
use kenpo_express::runtime::clock::SystemRandom;
use kenpo_express::store::gateway::MIGRATIONS;
use kenpo_express::store::gateway::messages::{Content, Message, State};
use kenpo_express::store::sqlite::Database;
use tempfile::TempDir;

pub(crate) async fn database() -> (TempDir, Database) {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::open(&folder.path().join("gateway.db"), &MIGRATIONS).await.unwrap();
    (folder, database)
}

/// Noon of a day in Japan, so many days after the first of October 2026.
pub(crate) fn day(after: i64) -> Timestamp {
    "2026-10-01T03:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_hours(24 * after)
}

/// A message that came; in quarantine without an office.
pub(crate) fn message(number: i64, name: &str, office: Option<&str>, user: &str, at: Timestamp) -> Message {
    let verdict = match office {
        Some(_) => Verdict::Accepted { warnings: BTreeSet::new() },
        None => Verdict::quarantined(Reason::SignerUnknown),
    };
    Message {
        number,
        id: MessageId::new(at, &SystemRandom),
        state: if office.is_some() { State::Archived } else { State::Quarantined },
        verdict,
        sealed_size: 1_000,
        tag: None,
        path: format!("2026/10/{number}.p7m"),
        deposited_at: at,
        received_at: at,
        archived_at: office.map(|_| at),
        content: Some(Content {
            office: office.map(|office| office.parse().unwrap()),
            user: office.map(|_| user.parse().unwrap()),
            sender: format!("{user}@06123456.kx").parse().unwrap(),
            recipient: "union@06123456.kx".parse().unwrap(),
            file_name: name.parse().ok(),
            content_type: "text/csv".to_owned(),
            comment: None,
            size: 900,
            digest: vec![1; 32],
            signature_hash: Sha256([2; 32]),
            sequence: u64::try_from(number).unwrap(),
            signed_at: at,
        }),
        suspect_since: None,
        released_at: None,
    }
}

/// Dice that fall the same way every time.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % most
    }

    pub(crate) fn one<'a, T: ?Sized>(&mut self, of: &[&'a T]) -> &'a T {
        of[self.below(of.len())]
    }
}
