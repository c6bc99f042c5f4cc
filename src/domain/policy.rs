//! What to think of a message: from facts to a verdict, and nothing else.
//!
//! [`Facts`] hold everything that the verdict rests on. They are frozen beside it as evidence, so that staff can read
//! why, and a later check can judge again. Causes that pass (no current revocation list, scanner down, disk low) are no
//! facts about a message: while one of them holds there is nothing to judge, and the parcel waits.

mod facts;

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::sequence::Finding;
use super::verdict::{Reason, Verdict, Warning};
pub use facts::{Archived, CLOCK_SKEW, Certificate, Claims, Facts, Parcel, Rules, Scan, Signer, User};

/// Judges. The same facts always give the same verdict, and every reason there is is given, not only the first.
pub fn judge(facts: &Facts) -> Verdict {
    let mut reasons = facts.failures.clone();
    if let Some(claims) = &facts.claims {
        reasons.extend(binding(facts, claims));
    }
    match &facts.signer {
        None => {}
        Some(Signer::Unknown { .. }) => {
            reasons.insert(Reason::SignerUnknown);
        }
        Some(Signer::CertificateUnknown { user, .. }) => {
            reasons.insert(Reason::CertificateNotRegistered);
            reasons.extend(signer(facts, user));
        }
        Some(Signer::Registered { user, certificate: known }) => {
            reasons.extend(signer(facts, user));
            reasons.extend(certificate(facts, known));
        }
    }
    let size = facts.claims.as_ref().map_or(0, |claims| claims.size).max(facts.parcel.size);
    let others = [
        (size > facts.rules.max_size, Reason::SizeRefused),
        (facts.archived == Archived::Other, Reason::ReplayDuplicate),
        (matches!(facts.scan, Scan::Found { .. }), Reason::MalwareFound),
        (facts.scan == Scan::Failed, Reason::MalwareScanFailed),
    ];
    reasons.extend(others.into_iter().filter_map(|(holds, reason)| holds.then_some(reason)));
    if reasons.is_empty() {
        reasons.extend(unproven(facts));
    }
    Verdict::new(reasons, warnings(facts))
}

/// Nothing is accepted because a fact is missing: a caller that skipped a step gets a quarantine.
fn unproven(facts: &Facts) -> Option<Reason> {
    match (&facts.claims, &facts.signer) {
        (None, _) => Some(Reason::FormatMalformed),
        (Some(_), Some(Signer::Registered { .. })) if facts.signature_verified => None,
        (Some(_), Some(Signer::Registered { .. })) => Some(Reason::SignatureInvalid),
        (Some(_), _) => Some(Reason::SignerUnknown),
    }
}

/// What is signed, against what is known from outside.
fn binding(facts: &Facts, claims: &Claims) -> impl Iterator<Item = Reason> {
    // The certificate decides who sent it; whoever else is named must be the same.
    let (registered, named) = match &facts.signer {
        None => (None, None),
        Some(Signer::Unknown { owner, .. }) => (None, owner.as_ref()),
        Some(Signer::CertificateUnknown { user, .. }) => (Some(&user.address), None),
        Some(Signer::Registered { user, certificate }) => (Some(&user.address), certificate.owner.as_ref()),
    };
    let mut others = [registered, named, Some(&facts.parcel.sender)].into_iter().flatten();
    let found = [
        (others.any(|other| *other != claims.from), Reason::BindingSender),
        (!facts.receiver.contains(&claims.to), Reason::BindingRecipient),
        (claims.id != facts.parcel.id, Reason::BindingMessageId),
        (claims.file_name_refused.is_some(), Reason::FileNameRefused),
    ];
    found.into_iter().filter_map(|(holds, reason)| holds.then_some(reason))
}

/// The user, as the registry has it. The sender's clock may belong to a thief, so the signing time says nothing about
/// a lost PC: what counts is when the message came here and, should that be later, when the relay says it had it.
fn signer(facts: &Facts, user: &User) -> impl Iterator<Item = Reason> {
    let learnt = facts.received_at.max(facts.parcel.deposited_at);
    let suspect = user.lost_at.is_some_and(|lost| learnt >= lost);
    let disabled = (!user.enabled).then_some(Reason::SignerDisabled);
    disabled.into_iter().chain(suspect.then_some(Reason::SignerSuspect))
}

/// The certificate must have been valid both when the message was received and when it says that it was signed.
/// A registered certificate that is not for signatures is not registered as a signer's.
fn certificate(facts: &Facts, certificate: &Certificate) -> impl Iterator<Item = Reason> {
    let signed_at = facts.claims.as_ref().map_or(facts.received_at, |claims| claims.signed_at);
    let earliest = facts.received_at.min(signed_at);
    let latest = facts.received_at.max(signed_at);
    let found = [
        (!certificate.may_sign, Reason::CertificateNotRegistered),
        (earliest < certificate.not_before, Reason::CertificateNotYetValid),
        (latest >= certificate.not_after, Reason::CertificateExpired),
        (certificate.revoked_at.is_some(), Reason::CertificateRevoked),
    ];
    found.into_iter().filter_map(|(holds, reason)| holds.then_some(reason)).chain(certificate.untrusted)
}

fn warnings(facts: &Facts) -> BTreeSet<Warning> {
    let mut warnings: BTreeSet<Warning> = facts.sequence.iter().flat_map(Finding::warnings).collect();
    let skewed = |at: Timestamp| {
        let off = at.duration_since(facts.parcel.deposited_at).abs();
        off.as_secs().unsigned_abs() > facts.rules.clock_skew_seconds
    };
    if facts.claims.as_ref().is_some_and(|claims| skewed(claims.signed_at) || skewed(claims.date)) {
        warnings.insert(Warning::ClockSkew);
    }
    warnings
}

#[cfg(test)]
mod tests;
