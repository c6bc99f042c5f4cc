//! Why a message is in quarantine, so that nobody has to call anybody: what should have been there, what was, and what to do next.

use jiff::Timestamp;

use super::admin::quarantine::is_releasable;
use super::view::jst;
use crate::domain::policy::{Certificate, Facts, Scan, Signer, User};
use crate::domain::schedule::jst as japan;
use crate::domain::verdict::Reason;

/// One reason, explained.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// Which.
    pub reason: Reason,
    /// What should have been there, where the facts say it.
    pub expected: Option<Both>,
    /// What was there instead. Of what did not verify this is only what the message claims.
    pub found: Option<Both>,
    /// What to do next, in Japanese and in English.
    pub next: (&'static str, &'static str),
    /// Whether two persons may set it aside.
    pub is_releasable: bool,
}

/// In Japanese, and in English.
pub type Both = (String, String);

/// Explains a reason by the facts that were frozen with it.
pub fn explain(reason: Reason, facts: &Facts) -> Explained {
    let (expected, found) = difference(reason, facts);
    Explained { reason, expected, found, next: next(reason), is_releasable: is_releasable(reason) }
}

/// What is the same in every language.
fn same(value: &impl ToString) -> Both {
    (value.to_string(), value.to_string())
}

fn difference(reason: Reason, facts: &Facts) -> (Option<Both>, Option<Both>) {
    let claims = facts.claims.as_ref();
    let (user, certificate) = known(facts);
    let from = || claims.map(|claims| same(&claims.from));
    let at = |moment: Timestamp, japanese: &str, english: &str| {
        (format!("{} {japanese}", jst(moment)), format!("{english} {}", in_english(moment)))
    };
    match reason {
        Reason::BindingSender => {
            (user.map(|user| same(&user.address)).or_else(|| Some(same(&facts.parcel.sender))), from())
        }
        Reason::BindingRecipient => {
            let ours: Vec<String> = facts.receiver.iter().map(ToString::to_string).collect();
            (Some(same(&ours.join(" / "))), claims.map(|claims| same(&claims.to)))
        }
        Reason::BindingMessageId => (Some(same(&facts.parcel.id)), claims.map(|claims| same(&claims.id))),
        Reason::FileNameRefused => (None, claims.and_then(|claims| claims.file_name_refused.as_ref()).map(same)),
        Reason::SizeRefused => {
            let size = claims.map_or(0, |claims| claims.size).max(facts.parcel.size);
            let most = facts.rules.max_size;
            let limit = (format!("{most} バイトまで"), format!("at most {most} bytes"));
            (Some(limit), Some((format!("{size} バイト"), format!("{size} bytes"))))
        }
        Reason::CertificateExpired => {
            (certificate.map(|known| at(known.not_after, "まで有効", "valid until")), times(facts))
        }
        Reason::CertificateNotYetValid => {
            (certificate.map(|known| at(known.not_before, "から有効", "valid from")), times(facts))
        }
        Reason::CertificateRevoked => {
            let revoked = certificate.and_then(|known| known.revoked_at);
            (None, revoked.map(|moment| at(moment, "失効", "revoked")))
        }
        Reason::CertificateNotRegistered => (None, fingerprint(facts)),
        Reason::SignerUnknown => (None, from().or_else(|| fingerprint(facts))),
        Reason::SignerDisabled => (None, user.map(|user| same(&user.address))),
        Reason::SignerSuspect => {
            let lost: Option<Timestamp> = user.and_then(|user| user.lost_at);
            let before = |lost| {
                let english = format!("received before {} (when the PC was lost)", in_english(lost));
                (format!("{} より前の受信（紛失・盗難の日時）", jst(lost)), english)
            };
            (lost.map(before), Some(at(facts.received_at, "受信", "received")))
        }
        Reason::MalwareFound => match &facts.scan {
            Scan::Found { name } => (None, Some(same(name))),
            _ => (None, None),
        },
        _ => (None, None),
    }
}

fn known(facts: &Facts) -> (Option<&User>, Option<&Certificate>) {
    match &facts.signer {
        Some(Signer::Registered { user, certificate }) => (Some(user), Some(certificate)),
        Some(Signer::CertificateUnknown { user, .. }) => (Some(user), None),
        Some(Signer::Unknown { .. }) | None => (None, None),
    }
}

fn fingerprint(facts: &Facts) -> Option<Both> {
    let fingerprint = match &facts.signer {
        Some(Signer::Unknown { fingerprint, .. } | Signer::CertificateUnknown { fingerprint, .. }) => {
            fingerprint.as_ref()
        }
        Some(Signer::Registered { certificate, .. }) => Some(&certificate.fingerprint),
        None => None,
    };
    fingerprint.map(same)
}

/// When it says that it was signed, and when it came.
fn times(facts: &Facts) -> Option<Both> {
    let (signed, received) = (facts.claims.as_ref()?.signed_at, facts.received_at);
    let japanese = format!("{} 署名、{} 受信", jst(signed), jst(received));
    Some((japanese, format!("signed {}, received {}", in_english(signed), in_english(received))))
}

/// A moment in Japan, as the other language has it.
fn in_english(at: Timestamp) -> String {
    japan(at).strftime("%-d %b %Y, %H:%M:%S").to_string()
}

/// What to do, by what is wrong.
const fn next(reason: Reason) -> (&'static str, &'static str) {
    match reason {
        Reason::FormatMalformed | Reason::FormatTruncated | Reason::FormatTrailingData => (
            "事業所に、専用アプリでもう一度送信するよう依頼してください。繰り返すときはシステム担当者に連絡してください。",
            "Ask the employer to send it again with the app. If it happens again, tell your administrator.",
        ),
        Reason::EnvelopeNotForUs | Reason::BindingRecipient => (
            "ほかの宛先のファイルです。中身を確かめようとせず、差戻しをして、事業所に宛先の確認を依頼してください。",
            "It is for somebody else. Do not look into it; return it, and ask the employer to check the addressee.",
        ),
        Reason::EnvelopeTampered
        | Reason::SignatureInvalid
        | Reason::SignatureMissing
        | Reason::SignatureMultiple
        | Reason::BindingSender
        | Reason::BindingMessageId
        | Reason::ReplayDuplicate => (
            "改ざんやなりすましの疑いがあります。登録済みの電話番号で事業所に送信の有無を確認し、責任者に報告してください。",
            "It may have been altered or forged. Call the employer at the number you have on file, and tell the officer in charge.",
        ),
        Reason::EnvelopeUnauthenticated | Reason::AlgorithmRefused => (
            "古い、または専用でないソフトで作られています。事業所に、最新の専用アプリで送信し直すよう依頼してください。",
            "It was made by old or other software. Ask the employer to send it again with the current app.",
        ),
        Reason::SignerUnknown | Reason::CertificateNotRegistered | Reason::CertificateUntrusted => (
            "利用者の登録と電子証明書を確認してください。登録漏れなら登録してから隔離を解除できます（2人の承認）。",
            "Check the user and the certificate. If registering was forgotten, do so; then two persons may release it.",
        ),
        Reason::SignerDisabled | Reason::SignerSuspect | Reason::CertificateRevoked => (
            "紛失・盗難または無効化のあとに届いています。本人に電話で確認し、本人の送信と確かめられない限り解除しないでください。",
            "It came after the user was disabled or the PC was lost. Call the user; do not release it unless it is certainly theirs.",
        ),
        Reason::CertificateExpired | Reason::CertificateNotYetValid => (
            "利用者の電子証明書の期間とPCの時計を確認してください。更新のあとに再送を依頼するか、2人の承認で解除できます。",
            "Check the certificate's validity and the PC's clock. Ask for it again after a renewal, or release it with a second person.",
        ),
        Reason::FileNameRefused => (
            "事業所に、ファイル名を変えて送信し直すよう依頼してください。",
            "Ask the employer to give the file another name and send it again.",
        ),
        Reason::SizeRefused => (
            "事業所にファイルを分けて送信するよう依頼するか、上限の設定を見直してください。2人の承認で解除できます。",
            "Ask the employer to send it in parts, or review the limit. Two persons may release it.",
        ),
        Reason::MalwareFound => (
            "開かないでください。事業所にウイルス感染の可能性を電話で伝え、差戻しをして、責任者に報告してください。",
            "Do not open it. Call the employer about a possible infection, return it, and tell the officer in charge.",
        ),
        Reason::MalwareScanFailed => (
            "暗号化やパスワードのために検査できないファイルです。事業所に内容を確認し、2人の承認で解除するか、差戻しをしてください。",
            "The scanner cannot look into it, as with a password. Ask the employer what it is; release it with a second person or return it.",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_says_what_to_do_in_both_languages() {
        for reason in Reason::ALL {
            let (japanese, english) = next(*reason);
            assert!(japanese.ends_with('。') && english.ends_with('.') && english.is_ascii(), "{reason}");
        }
    }
}
