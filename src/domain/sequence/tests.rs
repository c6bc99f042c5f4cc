//! One stream in every order and partition, and streams that contradict themselves.

use std::collections::BTreeSet;

use super::*;

fn hash(branch: u8, sequence: u64) -> Sha256 {
    let mut bytes = [branch; 32];
    bytes[..8].copy_from_slice(&sequence.to_be_bytes());
    if sequence == 0 { Sha256::ZERO } else { Sha256(bytes) }
}

fn link(branch: u8, sequence: u64) -> Link {
    Link { sequence, previous: hash(branch, sequence - 1), hash: hash(branch, sequence) }
}

/// A mark with the store that knows what was observed.
#[derive(Default)]
struct Stream {
    mark: StreamMark,
    seen: BTreeSet<Sha256>,
}

impl Stream {
    fn with(sequences: impl IntoIterator<Item = u64>) -> Self {
        let mut stream = Self::default();
        for sequence in sequences {
            stream.receive(&link(1, sequence));
        }
        stream
    }

    fn receive(&mut self, link: &Link) -> Finding {
        // The mark goes through the store each time.
        let json = serde_json::to_string(&self.mark).unwrap();
        self.mark = serde_json::from_str(&json).unwrap();
        let seen = self.seen.contains(&link.hash);
        self.seen.insert(link.hash);
        self.mark.observe(link, seen)
    }

    fn order(&mut self, link: &Link) -> Order {
        self.receive(link).order
    }
}

#[test]
fn in_order_everything_is_next() {
    let mut stream = Stream::default();
    for sequence in 1..=5 {
        assert_eq!(stream.order(&link(1, sequence)), Order::Next);
    }
    assert_eq!((stream.mark.contiguous(), stream.mark.head()), (5, hash(1, 5)));
    assert_eq!(stream.order(&link(1, 5)), Order::Repeat);
    assert_eq!(stream.order(&link(1, 2)), Order::Repeat);
    assert_eq!(stream.mark, Stream::with(1..=5).mark);
}

#[test]
fn a_gap_is_said_once_and_can_be_filled_later() {
    let mut stream = Stream::with([1]);
    let finding = stream.receive(&link(1, 5));
    assert_eq!(finding.order, Order::Gap { missing: Range { first: 2, last: 4 } });
    assert_eq!(finding.warnings().collect::<Vec<_>>(), [Warning::SequenceGap]);
    assert_eq!(stream.order(&link(1, 6)), Order::Next);
    assert_eq!(stream.mark.missing(), [Range { first: 2, last: 4 }]);
    assert_eq!(stream.order(&link(1, 3)), Order::Late);
    assert_eq!(stream.mark.missing(), [Range { first: 2, last: 2 }, Range { first: 4, last: 4 }]);
    assert_eq!(stream.order(&link(1, 2)), Order::Late);
    assert_eq!(stream.mark.contiguous(), 3);
    assert_eq!(stream.order(&link(1, 4)), Order::Late);
    assert_eq!((stream.mark.contiguous(), stream.mark.head()), (6, hash(1, 6)));
    assert!(stream.mark.missing().is_empty());
}

#[test]
fn a_stream_first_seen_in_its_middle_has_a_gap() {
    let mut stream = Stream::default();
    assert_eq!(stream.order(&link(1, 7)), Order::Gap { missing: Range { first: 1, last: 6 } });
    assert_eq!(stream.order(&link(1, 8)), Order::Next);
    assert_eq!((stream.mark.contiguous(), stream.mark.highest()), (0, 8));
}

#[test]
fn a_restored_mark_finds_its_way_again() {
    let backup = Stream::with(1..=10);
    let mut later = Stream { mark: backup.mark, seen: backup.seen };
    // The relay still has 9 to 15, and has dropped 16 to 19.
    let orders: Vec<_> = (9..=15).chain([20]).map(|n| later.order(&link(1, n))).collect();
    assert_eq!(orders[..2], [Order::Repeat, Order::Repeat]);
    assert!(orders[2..7].iter().all(|order| *order == Order::Next));
    assert_eq!(orders[7], Order::Gap { missing: Range { first: 16, last: 19 } });
}

#[test]
fn contradictions_are_told_apart() {
    // Another message with the newest number.
    assert_eq!(Stream::with(1..=5).order(&link(2, 5)), Order::Fork);
    // The next number on another chain.
    assert_eq!(Stream::with(1..=5).order(&link(2, 6)), Order::Fork);
    // An older number again, from the start and from the middle.
    assert_eq!(Stream::with(1..=5).order(&link(2, 1)), Order::RolledBack { from: 5 });
    assert_eq!(Stream::with(1..=5).order(&link(2, 3)), Order::RolledBack { from: 5 });
    // In a gap, not fitting what is before or behind it.
    assert_eq!(Stream::with([1, 4]).order(&link(2, 2)), Order::Fork);
    assert_eq!(Stream::with([1, 4]).order(&link(2, 3)), Order::Fork);
    // Not the first, and yet without a predecessor; the first, and yet with one.
    let orphan = Link { previous: Sha256::ZERO, ..link(1, 9) };
    assert_eq!(Stream::with(1..=5).order(&orphan), Order::Fork);
    assert_eq!(Stream::default().order(&Link { previous: hash(1, 9), ..link(1, 1) }), Order::Fork);
    // In a run beyond a gap: what is missing below stays missing.
    let mut stream = Stream::with([1, 4, 5, 6]);
    assert_eq!(stream.order(&link(2, 5)), Order::RolledBack { from: 6 });
    assert_eq!(stream.mark.missing(), [Range { first: 2, last: 3 }]);
    for order in [Order::Fork, Order::RolledBack { from: 2 }] {
        let finding = Finding { order, given_up: None };
        assert_eq!(finding.warnings().collect::<Vec<_>>(), [Warning::SequenceFork]);
    }
}

#[test]
fn a_number_of_zero_moves_nothing() {
    let mut stream = Stream::with(1..=5);
    let zero = Link { sequence: 0, previous: Sha256::ZERO, hash: hash(2, 1) };
    assert_eq!(stream.order(&zero), Order::Fork);
    assert_eq!(stream.mark, Stream::with(1..=5).mark);
    assert_eq!(
        stream.order(&Link { sequence: u64::MAX, ..link(1, 9) }),
        Order::Gap { missing: Range { first: 6, last: u64::MAX - 1 } }
    );
}

#[test]
fn a_sender_that_began_again_raises_one_alarm() {
    let mut stream = Stream::with(1..=5);
    assert_eq!(stream.order(&link(2, 1)), Order::RolledBack { from: 5 });
    for sequence in 2..=9 {
        assert_eq!(stream.order(&link(2, sequence)), Order::Next, "{sequence}");
    }
    // Two senders that both go on with the same keys raise one each time they take turns.
    assert_eq!(stream.order(&link(1, 6)), Order::RolledBack { from: 9 });
    assert_eq!(stream.order(&link(2, 10)), Order::Gap { missing: Range { first: 7, last: 9 } });
}

#[test]
fn a_message_that_fits_nowhere_in_a_gap_does_not_move_the_mark() {
    let mut stream = Stream::with([1, 4]);
    let before = stream.mark.clone();
    assert_eq!(stream.order(&link(2, 2)), Order::Fork);
    assert_eq!(stream.mark, before);
    assert_eq!(stream.order(&link(1, 2)), Order::Late);
}

#[test]
fn every_order_of_arrival_ends_the_same_without_a_false_alarm() {
    // All 5,040 orders of seven messages, each message doubled at the next arrival.
    let mut orders = Vec::new();
    permute(&mut (1..=7).collect(), 0, &mut orders);
    for order in orders {
        let mut stream = Stream::default();
        let mut arrived = BTreeSet::new();
        for sequence in &order {
            let finding = stream.receive(&link(1, *sequence));
            check(&finding, *sequence, &arrived, &order);
            arrived.insert(*sequence);
            assert_eq!(stream.order(&link(1, *sequence)), Order::Repeat, "{order:?}");
            assert_eq!(missing_numbers(&stream.mark), expected_missing(&arrived), "{order:?}");
        }
        assert_eq!(stream.mark, Stream::with(1..=7).mark, "{order:?}");
    }
}

#[test]
fn every_partition_into_pulls_ends_the_same() {
    // Each message comes with one of three pulls, each pull sorted by number: 3^9 ways.
    for way in 0..3_u32.pow(9) {
        let pull_of = |sequence: u64| way / 3_u32.pow(u32::try_from(sequence).unwrap() - 1) % 3;
        let mut stream = Stream::default();
        let mut arrived = BTreeSet::new();
        for pull in 0..3 {
            for sequence in (1..=9).filter(|sequence| pull_of(*sequence) == pull) {
                let finding = stream.receive(&link(1, sequence));
                check(&finding, sequence, &arrived, &way);
                arrived.insert(sequence);
            }
            assert_eq!(missing_numbers(&stream.mark), expected_missing(&arrived), "{way}");
        }
        assert_eq!(stream.mark, Stream::with(1..=9).mark, "{way}");
    }
}

#[test]
fn too_many_gaps_are_given_up_with_a_warning_and_never_called_a_fork() {
    let odd = (1..).step_by(2).take(MAX_RUNS + 1);
    let mut stream = Stream::with(odd);
    let next = stream.mark.highest() + 2;
    let finding = stream.receive(&link(1, next));
    assert_eq!(finding.given_up, Some(Range { first: 2, last: 2 }));
    assert!(finding.warnings().any(|warning| warning == Warning::SequenceGap));
    assert_eq!(stream.mark.contiguous(), 3);
    assert_eq!(stream.order(&link(1, 2)), Order::Late);
    assert_eq!(stream.order(&link(1, 2)), Order::Repeat);
    for sequence in (4..next).step_by(2) {
        assert_eq!(stream.order(&link(1, sequence)), Order::Late, "{sequence}");
    }
    assert_eq!((stream.mark.contiguous(), stream.mark.head()), (next, hash(1, next)));
}

/// What a message of one honest stream may be called, given what has arrived before it.
fn check(finding: &Finding, sequence: u64, arrived: &BTreeSet<u64>, order: &dyn std::fmt::Debug) {
    let highest = arrived.last().copied().unwrap_or(0);
    let expected = if sequence < highest {
        Order::Late
    } else if sequence == highest + 1 {
        Order::Next
    } else {
        Order::Gap { missing: Range { first: highest + 1, last: sequence - 1 } }
    };
    assert_eq!(*finding, Finding { order: expected, given_up: None }, "{sequence} of {order:?}");
}

fn missing_numbers(mark: &StreamMark) -> Vec<u64> {
    mark.missing().into_iter().flat_map(|range| range.first..=range.last).collect()
}

fn expected_missing(arrived: &BTreeSet<u64>) -> Vec<u64> {
    let highest = arrived.last().copied().unwrap_or(0);
    (1..highest).filter(|sequence| !arrived.contains(sequence)).collect()
}

fn permute(items: &mut Vec<u64>, from: usize, found: &mut Vec<Vec<u64>>) {
    if from == items.len() {
        found.push(items.clone());
    }
    for index in from..items.len() {
        items.swap(from, index);
        permute(items, from + 1, found);
        items.swap(from, index);
    }
}
