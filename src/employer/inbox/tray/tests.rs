//! A group of messages and a power cut at every step of it.

use std::collections::BTreeSet;

use super::*;
use crate::domain::digest::Sha256;
use crate::domain::sequence::Order;
use crate::employer::disk::TEMPORARY;
use crate::employer::inbox::incoming::Content;
use crate::employer::testing::{PowerCut, new_id, now, union, user};

const GROUP: u64 = 5;

fn to() -> Address {
    Address::User(union(), user())
}

fn link(sequence: u64) -> Link {
    let hash = |sequence: u64| Sha256([u8::try_from(sequence).unwrap(); 32]);
    Link { sequence, previous: hash(sequence - 1), hash: hash(sequence) }
}

fn message(sequence: u64) -> Incoming {
    Incoming {
        sealed_size: 3,
        content: Some(Content {
            from: Address::Union(union()),
            to: to(),
            sequence,
            file_name: Some("通知.csv".parse().unwrap()),
            comment: None,
            size: 1,
            digest: String::new(),
            signature_hash: link(sequence).hash,
            signed_at: now(),
        }),
        ..Incoming::new(new_id(), now(), now())
    }
}

/// Puts a group away as `receive` does.
fn put_away(tray: &Tray, group: &[Incoming]) -> Result<Vec<Incoming>, LedgerError> {
    let bytes: Vec<_> = group.iter().map(|one| (one.id, one.id.to_string().into_bytes())).collect();
    tray.write_parts(&bytes.iter().map(|(id, bytes)| (*id, &bytes[..])).collect::<Vec<_>>())?;
    tray.place(group)?;
    let mut commit = tray.commit()?;
    for one in group {
        let sequence = one.content.as_ref().unwrap().sequence;
        commit.add(Some((&to(), link(sequence))), |found| {
            let (finding, _) = found.unwrap();
            assert_eq!(finding.warnings().count(), 0, "in their order they continue the stream");
            Ok::<_, LedgerError>(one.clone())
        })?;
    }
    commit.keep()
}

#[test]
fn a_group_counts_as_a_whole_or_not_at_all_wherever_the_power_is_cut() {
    let mut outcomes = BTreeSet::new();
    for steps in 0.. {
        let home = tempfile::tempdir().unwrap();
        let open = |disk: Arc<dyn Disk>| Tray::open(home.path(), disk);
        put_away(&open(Arc::new(LocalDisk)).unwrap(), &[message(1)]).unwrap();
        let group: Vec<_> = (2..2 + GROUP).map(message).collect();
        let disk = Arc::new(PowerCut::after(steps));
        let done = open(Arc::clone(&disk) as Arc<dyn Disk>).and_then(|tray| put_away(&tray, &group));
        disk.lose_what_is_volatile();

        let tray = open(Arc::new(LocalDisk)).unwrap();
        let (come, contiguous) = (tray.records().unwrap().len() as u64 - 1, tray.lock().streams[&to()].contiguous());
        assert!([0, GROUP].contains(&come), "after {steps} steps {come} have come");
        assert_eq!(contiguous, 1 + come, "after {steps} steps");
        assert!(done.is_err() || come == GROUP, "what was promised is kept");
        for one in &group {
            let (sealed, part) = (tray.sealed_path(one), tray.part_path(one.id));
            assert_eq!(sealed.exists(), come > 0, "after {steps} steps");
            assert!(come == 0 || fs::read(&sealed).unwrap() == one.id.to_string().into_bytes());
            assert!(come == 0 || !part.exists(), "what came is not on its way");
        }
        let left = stems(&home.path().join(RECEIVED), TEMPORARY).unwrap();
        assert!(left.is_empty(), "after {steps} steps: {left:?}");
        // The rest comes as if nothing had been.
        let rest: Vec<_> = if come == 0 { group } else { vec![message(2 + GROUP)] };
        put_away(&tray, &rest).unwrap();
        outcomes.insert(come);
        if done.is_ok() {
            break;
        }
        assert!(steps < 100, "the steps come to an end");
    }
    assert_eq!(outcomes, BTreeSet::from([0, GROUP]), "both were met on the way");
}

#[test]
fn records_that_could_not_be_written_are_written_before_others_are_committed() {
    let (home, first) = (tempfile::tempdir().unwrap(), message(1));
    // The power comes back within the same process, as room does on a full disk.
    let failed = (0..100).find(|steps| {
        let folder = tempfile::tempdir_in(home.path()).unwrap();
        let tray = Tray::open(folder.path(), Arc::new(PowerCut::after(*steps))).unwrap();
        put_away(&tray, std::slice::from_ref(&first)).is_ok() && !tray.record_path(&first).exists()
    });
    let folder = tempfile::tempdir().unwrap();
    let disk = Arc::new(PowerCut::after(failed.expect("at one of the steps it is committed and has no record")));
    let tray = Tray::open(folder.path(), Arc::clone(&disk) as Arc<dyn Disk>).unwrap();
    put_away(&tray, std::slice::from_ref(&first)).unwrap();
    disk.comes_back();
    put_away(&tray, &[message(2)]).unwrap();
    assert_eq!(tray.records().unwrap().len(), 2);
}

#[test]
fn a_message_that_comes_twice_in_one_group_is_seen_to_be_the_same() {
    let home = tempfile::tempdir().unwrap();
    let tray = Tray::open(home.path(), Arc::new(LocalDisk)).unwrap();
    let mut commit = tray.commit().unwrap();
    let mut orders = Vec::new();
    for _ in 0..2 {
        let add = commit.add(Some((&to(), link(1))), |found| {
            orders.push(found.unwrap().0.order);
            Ok::<_, LedgerError>(message(1))
        });
        add.unwrap();
    }
    commit.keep().unwrap();
    assert_eq!(orders, [Order::Next, Order::Repeat]);
}
