//! Every crash point, one after the other.

use super::*;
use crate::domain::digest::Tag;
use crate::employer::record::{KeptReceipt, State};
use crate::employer::testing::{Parties, PowerCut, now};
use crate::message::open::open;
use crate::message::receipt::{Receipt, Stage};
use crate::wire::Der;

fn open_local(folder: &Path) -> Ledger {
    Ledger::open(folder, Arc::new(LocalDisk)).unwrap()
}

/// A receipt that settles a message; the ledger does not check it, that is done before.
fn settled(mut record: Record) -> Record {
    let receipt = Receipt {
        message_id: record.id,
        stage: Stage::Verified,
        tag: Some(record.tag),
        digest: Some(record.digest.to_string()),
        at: now(),
        by: record.to.to_string(),
        words: None,
        previous: None,
        contiguous: Some(record.sequence),
    };
    record.receipts.push(KeptReceipt { receipt, der: Der(vec![1]) });
    record
}

fn names(folder: &Path) -> Vec<String> {
    let mut names = names_in(folder).unwrap();
    names.sort();
    names
}

fn tag_of(path: &Path) -> Option<Tag> {
    crate::message::format::trailing_tag(&fs::read(path).unwrap())
}

#[test]
fn numbers_and_chain_survive_a_crash_at_every_step() {
    let parties = Parties::new();
    let mut steps = 0;
    let mut states = Vec::new();
    loop {
        let home = tempfile::tempdir().unwrap();
        let first = parties.seal(&open_local(home.path()), b"one").unwrap();
        assert_eq!((first.sequence, first.previous), (1, Sha256::ZERO));

        let disk = Arc::new(PowerCut::after(steps));
        let whole = (|| {
            let ledger = Ledger::open(home.path(), Arc::clone(&disk) as Arc<dyn Disk>)?;
            let mut second = parties.seal(&ledger, b"two")?;
            second.uploaded_at = Some(now());
            ledger.update(&second)?;
            ledger.update(&settled(second))
        })();
        disk.lose_what_is_volatile();

        let ledger = open_local(home.path());
        let records = ledger.records().unwrap();
        let mut last = &first;
        assert_eq!(records[0], first);
        if let Some(second) = records.get(1) {
            assert_eq!((second.sequence, second.previous), (2, first.signature_hash));
            // What is kept is the very message that owns the number, and it can be opened.
            if !second.is_settled() {
                let path = ledger.sealed_path(second.id);
                assert_eq!(tag_of(&path), Some(second.tag));
                let keys = std::slice::from_ref(&parties.union_encryption);
                let (opened, content) = open(File::open(&path).unwrap(), keys, Vec::new()).unwrap();
                assert_eq!((opened.header().sequence, content.as_slice()), (2, b"two".as_slice()));
            }
            last = second;
        }
        states.push(records.get(1).map(Record::state));
        assert!(records.len() <= 2);
        let waiting: Vec<_> = records.iter().filter(|record| !record.is_settled()).collect();
        assert_eq!(ledger.unsettled().unwrap().iter().collect::<Vec<_>>(), waiting);
        let mut sealed: Vec<_> = waiting.iter().map(|record| format!("{}.kxm", record.id)).collect();
        sealed.sort();
        assert_eq!(names(&home.path().join("outbox")), sealed, "after {steps} steps");
        assert_eq!(names(&home.path().join("sent")).len(), records.len());
        let third = parties.seal(&ledger, b"three").unwrap();
        assert_eq!((third.sequence, third.previous), (last.sequence + 1, last.signature_hash));

        if whole.is_ok() {
            break;
        }
        steps += 1;
        assert!(steps < 100, "the steps come to an end");
    }
    // All of it was met on the way: no message, one that waits, one that is uploaded, one that is settled.
    for state in [None, Some(State::Sealed), Some(State::Uploaded), Some(State::Verified)] {
        assert!(states.contains(&state), "{state:?} is not among {states:?}");
    }
}

#[test]
fn a_failed_commitment_is_not_guessed_about() {
    let (parties, home) = (Parties::new(), tempfile::tempdir().unwrap());
    let unsure = (1..40).find_map(|steps| {
        let ledger = Ledger::open(home.path(), Arc::new(PowerCut::after(steps))).ok()?;
        let failed = parties.seal(&ledger, b"x");
        matches!(failed, Err(LedgerError::Disk { what: "writing down what was sent", .. })).then_some(ledger)
    });
    let unsure = unsure.expect("one of the steps is the commitment");
    assert!(matches!(parties.seal(&unsure, b"y"), Err(LedgerError::Unsure | LedgerError::Disk { .. })));
}

#[test]
fn nothing_is_left_of_a_file_that_changed_while_it_was_sealed() {
    let (parties, home) = (Parties::new(), tempfile::tempdir().unwrap());
    let ledger = open_local(home.path());
    let letter = Letter {
        id: crate::employer::testing::new_id(),
        date: now(),
        from: "hanako-1@06123456.kx".parse().unwrap(),
        to: "union@06123456.kx".parse().unwrap(),
        name: "a.csv".parse().unwrap(),
        comment: None,
        size: 1,
    };
    let seal = |content: &[u8], unchanged| {
        ledger.seal(
            &letter,
            &parties.user,
            parties.union_encryption.certificate(),
            &crate::runtime::clock::SystemRandom,
            content,
            || unchanged,
        )
    };
    assert!(matches!(seal(b"12", true), Err(LedgerError::Changed)), "it grew");
    assert!(matches!(seal(b"1", false), Err(LedgerError::Changed)), "it was written to");
    assert!(names(&home.path().join("outbox")).is_empty() && names(&home.path().join("sent")).is_empty());
    assert_eq!(seal(b"1", true).unwrap().sequence, 1);
}

#[test]
fn two_processes_and_damaged_folders_are_told_apart() {
    let (parties, home) = (Parties::new(), tempfile::tempdir().unwrap());
    let ledger = open_local(home.path());
    assert!(matches!(Ledger::open(home.path(), Arc::new(LocalDisk)), Err(LedgerError::Busy)));
    parties.seal(&ledger, b"one").unwrap();
    let looking = Ledger::look_into(home.path());
    let record = looking.records().unwrap().remove(0);
    looking.update(&settled(record.clone())).unwrap();
    assert_eq!(ledger.unsettled().unwrap(), [record], "looking changes nothing");
    assert!(matches!(parties.seal(&looking, b"x"), Err(LedgerError::Unsure)));
    assert!(matches!(ledger.check_room(1, u64::MAX / 2), Err(LedgerError::Full { .. })));
    drop(ledger);
    let stream = home.path().join("stream.json");
    let text = fs::read(&stream).unwrap();
    fs::write(&stream, &text[..text.len() / 2]).unwrap();
    assert!(
        matches!(Ledger::open(home.path(), Arc::new(LocalDisk)), Err(LedgerError::Damaged(path)) if path == stream)
    );
    fs::remove_file(&stream).unwrap();
    assert!(
        matches!(Ledger::open(home.path(), Arc::new(LocalDisk)), Err(LedgerError::Damaged(path)) if path == stream)
    );
    fs::write(&stream, &text).unwrap();
    let older = text_of_an_older_head(&text);
    fs::write(home.path().join("sent/0191e3c4-7a5b-7c3d-8e4f-a1b2c3d4e5f6.json"), &older).unwrap();
    assert!(
        matches!(Ledger::open(home.path(), Arc::new(LocalDisk)), Err(LedgerError::Damaged(path)) if path == stream),
        "two records, but the head is the first: an old copy"
    );
    fs::remove_file(home.path().join("sent/0191e3c4-7a5b-7c3d-8e4f-a1b2c3d4e5f6.json")).unwrap();
    fs::write(&stream, String::from_utf8(text).unwrap().replace("hanako-1", "taro-1")).unwrap();
    assert!(matches!(parties.seal(&open_local(home.path()), b"x"), Err(LedgerError::Stranger)));
}

fn text_of_an_older_head(text: &[u8]) -> String {
    String::from_utf8(text.to_vec()).unwrap().replace("\"sequence\": 1", "\"sequence\": 2")
}

#[test]
fn a_certificate_that_was_replaced_is_not_used_again() {
    let (mut parties, home) = (Parties::new(), tempfile::tempdir().unwrap());
    let ledger = open_local(home.path());
    parties.seal(&ledger, b"one").unwrap();
    let later = now().checked_add(jiff::SignedDuration::from_hours(24)).unwrap();
    let old = parties.renew_encryption(later);
    assert_eq!(
        parties.seal(&ledger, b"two").unwrap().recipient_since,
        parties.union_encryption.certificate().not_before()
    );
    parties.union_encryption = old;
    assert!(matches!(parties.seal(&ledger, b"three"), Err(LedgerError::OlderRecipient)));
    drop(ledger);
    let again = open_local(home.path());
    assert!(matches!(parties.seal(&again, b"three"), Err(LedgerError::OlderRecipient)), "not after a restart either");
}
