//! Tables: the facts of a clean message, changed in one thing at a time.

use super::*;
use crate::domain::address::Address;
use crate::domain::digest::{Fingerprint, Sha256};
use crate::domain::sequence::{Order, Range};

/// Changes the facts of a clean message into others.
type Change = fn(&mut Facts);

fn address(text: &str) -> Address {
    text.parse().unwrap()
}

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn clean() -> Facts {
    let id = "0191e3c4-7a5b-7c3d-8e4f-a1b2c3d4e5f6".parse().unwrap();
    let hanako = address("hanako-1@06123456.kx");
    Facts {
        receiver: BTreeSet::from([address("union@06123456.kx")]),
        parcel: Parcel { id, sender: hanako.clone(), size: 1100, deposited_at: time("2026-07-01T00:00:10Z") },
        received_at: time("2026-07-01T00:05:00Z"),
        rules: Rules::new(2000),
        failures: BTreeSet::new(),
        signature_verified: true,
        claims: Some(Claims {
            id,
            date: time("2026-07-01T00:00:00Z"),
            from: hanako.clone(),
            to: address("union@06123456.kx"),
            sequence: 1,
            previous: Sha256::ZERO,
            file_name_refused: None,
            size: 1000,
            signed_at: time("2026-07-01T00:00:00Z"),
        }),
        signer: Some(Signer::Registered {
            user: User { address: hanako.clone(), enabled: true, lost_at: None },
            certificate: Certificate {
                fingerprint: Fingerprint([7; 32]),
                owner: Some(hanako),
                not_before: time("2026-01-01T00:00:00Z"),
                not_after: time("2027-01-01T00:00:00Z"),
                may_sign: true,
                revoked_at: None,
                untrusted: None,
            },
        }),
        sequence: Some(Finding { order: Order::Next, given_up: None }),
        archived: Archived::No,
        scan: Scan::Clean,
    }
}

fn claims(facts: &mut Facts) -> &mut Claims {
    facts.claims.as_mut().unwrap()
}

fn user(facts: &mut Facts) -> &mut User {
    let Some(Signer::Registered { user, .. }) = &mut facts.signer else { panic!("the signer is registered") };
    user
}

fn certificate(facts: &mut Facts) -> &mut Certificate {
    let Some(Signer::Registered { certificate, .. }) = &mut facts.signer else { panic!("the signer is registered") };
    certificate
}

fn reasons(facts: &Facts) -> Vec<Reason> {
    match judge(facts) {
        Verdict::Accepted { .. } => Vec::new(),
        Verdict::Quarantined { reasons, .. } => reasons.into_iter().collect(),
    }
}

fn given_warnings(facts: &Facts) -> Vec<Warning> {
    match judge(facts) {
        Verdict::Accepted { warnings } | Verdict::Quarantined { warnings, .. } => warnings.into_iter().collect(),
    }
}

#[test]
fn a_clean_message_is_accepted_without_a_word() {
    assert_eq!(judge(&clean()), Verdict::Accepted { warnings: BTreeSet::new() });
}

#[test]
fn each_reason_has_its_facts() {
    let unknown = |facts: &mut Facts| {
        facts.signer = Some(Signer::Unknown { fingerprint: None, owner: None });
    };
    let cases: &[(Change, &[Reason])] = &[
        (unknown, &[Reason::SignerUnknown]),
        (|f| user(f).enabled = false, &[Reason::SignerDisabled]),
        // Lost before it came, and at the very moment.
        (|f| user(f).lost_at = Some(time("2026-06-30T00:00:00Z")), &[Reason::SignerSuspect]),
        (|f| user(f).lost_at = Some(time("2026-07-01T00:05:00Z")), &[Reason::SignerSuspect]),
        // Signed long before the loss, by the thief's clock.
        (
            |f| {
                claims(f).signed_at = time("2026-06-01T00:00:00Z");
                user(f).lost_at = Some(time("2026-06-30T00:00:00Z"));
            },
            &[Reason::SignerSuspect],
        ),
        // Lost between deposit and receipt; deposited, says the relay, later than we have it.
        (|f| user(f).lost_at = Some(time("2026-07-01T00:01:00Z")), &[Reason::SignerSuspect]),
        (
            |f| {
                f.parcel.deposited_at = time("2026-07-01T00:06:00Z");
                user(f).lost_at = Some(time("2026-07-01T00:05:30Z"));
            },
            &[Reason::SignerSuspect],
        ),
        (|f| certificate(f).may_sign = false, &[Reason::CertificateNotRegistered]),
        (
            |f| {
                let user = user(f).clone();
                f.signer = Some(Signer::CertificateUnknown { fingerprint: None, user });
            },
            &[Reason::CertificateNotRegistered],
        ),
        (|f| certificate(f).not_after = time("2026-07-01T00:05:00Z"), &[Reason::CertificateExpired]),
        (|f| certificate(f).not_before = time("2026-07-01T00:00:01Z"), &[Reason::CertificateNotYetValid]),
        (|f| claims(f).signed_at = time("2027-01-01T00:00:00Z"), &[Reason::CertificateExpired]),
        (|f| claims(f).signed_at = time("2025-12-31T23:59:59Z"), &[Reason::CertificateNotYetValid]),
        (|f| certificate(f).revoked_at = Some(time("2026-06-01T00:00:00Z")), &[Reason::CertificateRevoked]),
        (|f| certificate(f).untrusted = Some(Reason::CertificateUntrusted), &[Reason::CertificateUntrusted]),
        // The relay names another user, From does, the certificate does, the registry does.
        (|f| f.parcel.sender = address("taro-1@06123456.kx"), &[Reason::BindingSender]),
        (|f| claims(f).from = address("taro-1@06123456.kx"), &[Reason::BindingSender]),
        (|f| claims(f).from = address("hanako-1@06999999.kx"), &[Reason::BindingSender]),
        (|f| certificate(f).owner = Some(address("taro-1@06123456.kx")), &[Reason::BindingSender]),
        (|f| user(f).address = address("taro-1@06123456.kx"), &[Reason::BindingSender]),
        // A union's certificate does not make its holder a user, nor the other way.
        (|f| claims(f).from = address("union@06123456.kx"), &[Reason::BindingSender]),
        (|f| claims(f).to = address("union@06999999.kx"), &[Reason::BindingRecipient]),
        (|f| claims(f).to = address("office.union@06123456.kx"), &[Reason::BindingRecipient]),
        (|f| claims(f).id = "0191e3c4-7a5b-7c3d-8e4f-a1b2c3d4e5f7".parse().unwrap(), &[Reason::BindingMessageId]),
        (|f| claims(f).file_name_refused = Some("reserved".to_owned()), &[Reason::FileNameRefused]),
        (|f| claims(f).size = 2001, &[Reason::SizeRefused]),
        (|f| f.parcel.size = 2001, &[Reason::SizeRefused]),
        (|f| f.archived = Archived::Other, &[Reason::ReplayDuplicate]),
        (|f| f.scan = Scan::Found { name: "EICAR".to_owned() }, &[Reason::MalwareFound]),
        (|f| f.scan = Scan::Failed, &[Reason::MalwareScanFailed]),
    ];
    let mut met = BTreeSet::new();
    for (number, (change, expected)) in cases.iter().enumerate() {
        let mut facts = clean();
        change(&mut facts);
        assert_eq!(reasons(&facts), *expected, "case {number}");
        met.extend(*expected);
    }
    // What opening finds is passed on, and nothing in between is forgotten.
    let opening = Reason::ALL.iter().filter(|reason| {
        ["format", "envelope", "algorithm", "signature"].contains(&reason.code().split('.').next().unwrap())
    });
    for reason in opening {
        let facts = Facts { failures: BTreeSet::from([*reason]), claims: None, signer: None, ..clean() };
        assert_eq!(reasons(&facts), [*reason]);
        met.insert(*reason);
    }
    assert_eq!(met, Reason::ALL.iter().copied().collect());
}

#[test]
fn what_is_allowed_is_no_reason() {
    let cases: &[Change] = &[
        // The limits themselves.
        |f| claims(f).size = 2000,
        |f| f.parcel.size = 2000,
        |f| certificate(f).not_after = time("2026-07-01T00:05:01Z"),
        |f| certificate(f).not_before = time("2026-07-01T00:00:00Z"),
        // Lost after it came here.
        |f| user(f).lost_at = Some(time("2026-07-01T00:05:01Z")),
        // From another CA: no owner inside.
        |f| certificate(f).owner = None,
        |f| f.archived = Archived::Same,
        |f| f.scan = Scan::NotScanned,
        |f| f.sequence = Some(Finding { order: Order::Repeat, given_up: None }),
        |f| f.sequence = Some(Finding { order: Order::Late, given_up: None }),
    ];
    for (number, change) in cases.iter().enumerate() {
        let mut facts = clean();
        let received_at = facts.received_at;
        change(&mut facts);
        assert_eq!(facts.received_at, received_at);
        assert_eq!(judge(&facts), Verdict::Accepted { warnings: BTreeSet::new() }, "case {number}");
    }
}

#[test]
fn every_reason_is_given_and_not_only_the_first() {
    let mut facts = clean();
    claims(&mut facts).to = address("union@06999999.kx");
    claims(&mut facts).size = 9000;
    claims(&mut facts).signed_at = time("2026-06-30T00:00:00Z");
    user(&mut facts).enabled = false;
    user(&mut facts).lost_at = Some(time("2026-06-30T00:00:00Z"));
    certificate(&mut facts).revoked_at = Some(time("2026-06-30T00:00:00Z"));
    facts.scan = Scan::Found { name: "EICAR".to_owned() };
    facts.failures.insert(Reason::SignatureInvalid);
    facts.sequence = Some(Finding { order: Order::Fork, given_up: None });
    assert_eq!(
        reasons(&facts),
        [
            Reason::SignatureInvalid,
            Reason::SignerDisabled,
            Reason::SignerSuspect,
            Reason::CertificateRevoked,
            Reason::BindingRecipient,
            Reason::SizeRefused,
            Reason::MalwareFound,
        ]
    );
    assert_eq!(given_warnings(&facts), [Warning::ClockSkew, Warning::SequenceFork]);
}

#[test]
fn an_unknown_certificate_that_names_another_owner_is_also_a_false_sender() {
    let mut facts = clean();
    let owner = Some(address("taro-1@06123456.kx"));
    facts.signer = Some(Signer::Unknown { fingerprint: None, owner });
    assert_eq!(reasons(&facts), [Reason::SignerUnknown, Reason::BindingSender]);
    let user = User { address: address("taro-1@06123456.kx"), enabled: false, lost_at: None };
    facts.signer = Some(Signer::CertificateUnknown { fingerprint: None, user });
    let expected = [Reason::SignerDisabled, Reason::CertificateNotRegistered, Reason::BindingSender];
    assert_eq!(reasons(&facts), expected);
}

#[test]
fn missing_facts_are_never_in_favour() {
    let cases: &[(Change, Reason)] = &[
        (|f| f.claims = None, Reason::FormatMalformed),
        (|f| f.signer = None, Reason::SignerUnknown),
        (|f| f.signature_verified = false, Reason::SignatureInvalid),
    ];
    for (change, expected) in cases {
        let mut facts = clean();
        change(&mut facts);
        assert_eq!(reasons(&facts), [*expected]);
    }
}

#[test]
fn warnings_do_not_stop_a_message() {
    let gap = Order::Gap { missing: Range { first: 1, last: 2 } };
    let cases: &[(Change, &[Warning])] = &[
        // 15 minutes to the second are allowed, in both directions.
        (|f| claims(f).signed_at = time("2026-06-30T23:45:10Z"), &[]),
        (|f| claims(f).signed_at = time("2026-06-30T23:45:09Z"), &[Warning::ClockSkew]),
        (|f| claims(f).signed_at = time("2026-07-01T00:15:10Z"), &[]),
        (|f| claims(f).signed_at = time("2026-07-01T00:15:11Z"), &[Warning::ClockSkew]),
        (|f| claims(f).date = time("2026-06-01T00:00:00Z"), &[Warning::ClockSkew]),
        // Picked up late is not sent late.
        (|f| f.received_at = time("2026-07-05T00:00:00Z"), &[]),
        (
            |f| f.sequence = Some(Finding { order: Order::RolledBack { from: 9 }, given_up: None }),
            &[Warning::SequenceFork],
        ),
    ];
    for (number, (change, expected)) in cases.iter().enumerate() {
        let mut facts = clean();
        change(&mut facts);
        assert!(judge(&facts).is_accepted());
        assert_eq!(given_warnings(&facts), *expected, "case {number}");
    }
    let facts = Facts { sequence: Some(Finding { order: gap, given_up: None }), ..clean() };
    assert_eq!(given_warnings(&facts), [Warning::SequenceGap]);
}

#[test]
fn frozen_facts_give_the_same_verdict_when_read_back() {
    let mut lost = clean();
    user(&mut lost).lost_at = Some(time("2026-06-30T00:00:00Z"));
    lost.scan = Scan::Found { name: "EICAR".to_owned() };
    lost.failures.insert(Reason::SignatureInvalid);
    let unopened = Facts { claims: None, signer: None, sequence: None, ..clean() };
    for facts in [clean(), lost, unopened] {
        let read: Facts = serde_json::from_str(&serde_json::to_string(&facts).unwrap()).unwrap();
        assert_eq!(read, facts);
        assert_eq!(judge(&read), judge(&facts));
    }
}
