//! Why a message is in quarantine, so that nobody has to call anybody: what should have been there, what was, and what to do next.

use jiff::Timestamp;

use super::admin::quarantine::is_releasable;
use super::view::jst;
use crate::domain::policy::{Certificate, Facts, Scan, Signer, User};
use crate::domain::verdict::Reason;

/// One reason, explained.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// Which.
    pub reason: Reason,
    /// What should have been there, where the facts say it.
    pub expected: Option<String>,
    /// What was there instead. Of what did not verify this is only what the message claims.
    pub found: Option<String>,
    /// What to do next, in Japanese and in English.
    pub next: (&'static str, &'static str),
    /// Whether two persons may set it aside.
    pub is_releasable: bool,
}

/// Explains a reason by the facts that were frozen with it.
pub fn explain(reason: Reason, facts: &Facts) -> Explained {
    let (expected, found) = difference(reason, facts);
    Explained { reason, expected, found, next: next(reason), is_releasable: is_releasable(reason) }
}

fn difference(reason: Reason, facts: &Facts) -> (Option<String>, Option<String>) {
    let claims = facts.claims.as_ref();
    let (user, certificate) = known(facts);
    let from = || claims.map(|claims| claims.from.to_string());
    let received = || Some(format!("{} 受信", jst(facts.received_at)));
    match reason {
        Reason::BindingSender => {
            (user.map(|user| user.address.to_string()).or(Some(facts.parcel.sender.to_string())), from())
        }
        Reason::BindingRecipient => {
            let ours: Vec<String> = facts.receiver.iter().map(ToString::to_string).collect();
            (Some(ours.join(" / ")), claims.map(|claims| claims.to.to_string()))
        }
        Reason::BindingMessageId => (Some(facts.parcel.id.to_string()), claims.map(|claims| claims.id.to_string())),
        Reason::FileNameRefused => (None, claims.and_then(|claims| claims.file_name_refused.clone())),
        Reason::SizeRefused => {
            let size = claims.map_or(0, |claims| claims.size).max(facts.parcel.size);
            (Some(format!("{} バイトまで", facts.rules.max_size)), Some(format!("{size} バイト")))
        }
        Reason::CertificateExpired => {
            (certificate.map(|known| format!("{} まで有効", jst(known.not_after))), times(facts))
        }
        Reason::CertificateNotYetValid => {
            (certificate.map(|known| format!("{} から有効", jst(known.not_before))), times(facts))
        }
        Reason::CertificateRevoked => {
            (None, certificate.and_then(|known| known.revoked_at).map(|at| format!("{} 失効", jst(at))))
        }
        Reason::CertificateNotRegistered => (None, fingerprint(facts)),
        Reason::SignerUnknown => (None, from().or_else(|| fingerprint(facts))),
        Reason::SignerDisabled => (None, user.map(|user| user.address.to_string())),
        Reason::SignerSuspect => {
            let lost: Option<Timestamp> = user.and_then(|user| user.lost_at);
            (lost.map(|at| format!("{} より前の受信（紛失・盗難の日時）", jst(at))), received())
        }
        Reason::MalwareFound => match &facts.scan {
            Scan::Found { name } => (None, Some(name.clone())),
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

fn fingerprint(facts: &Facts) -> Option<String> {
    let fingerprint = match &facts.signer {
        Some(Signer::Unknown { fingerprint, .. } | Signer::CertificateUnknown { fingerprint, .. }) => {
            fingerprint.as_ref()
        }
        Some(Signer::Registered { certificate, .. }) => Some(&certificate.fingerprint),
        None => None,
    };
    fingerprint.map(ToString::to_string)
}

/// When it says that it was signed, and when it came.
fn times(facts: &Facts) -> Option<String> {
    let claims = facts.claims.as_ref()?;
    Some(format!("{} 署名、{} 受信", jst(claims.signed_at), jst(facts.received_at)))
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
