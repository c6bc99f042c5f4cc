//! What we think of a message: the verdict and its reasons.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A code that nobody of ours ever wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("unknown code")]
pub struct UnknownCode;

macro_rules! codes {
    ($(#[$meta:meta])* $name:ident { $($(#[$variant_meta:meta])* $variant:ident = $code:literal, $ja:literal, $en:literal;)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$variant_meta])* #[serde(rename = $code)] $variant,)*
        }

        impl $name {
            /// Every one there is.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The stable code.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$variant => $code),* }
            }

            /// What it means, for staff, in Japanese.
            pub const fn japanese(self) -> &'static str {
                match self { $(Self::$variant => $ja),* }
            }

            /// What it means, in English.
            pub const fn english(self) -> &'static str {
                match self { $(Self::$variant => $en),* }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.code())
            }
        }

        impl FromStr for $name {
            type Err = UnknownCode;

            fn from_str(text: &str) -> Result<Self, UnknownCode> {
                Self::ALL.iter().copied().find(|known| known.code() == text).ok_or(UnknownCode)
            }
        }
    };
}

codes! {
    /// Why a message is in quarantine.
    Reason {
        /// Not a message of our shape.
        FormatMalformed = "format.malformed", "ファイルの形式が正しくありません", "not a sealed message";
        /// The bytes end before the message does.
        FormatTruncated = "format.truncated", "ファイルが途中で切れています", "the message ends too early";
        /// Bytes follow the end of the message.
        FormatTrailingData = "format.trailing-data", "ファイルの後ろに余分なデータがあります", "data follows the end of the message";
        /// No recipient of the envelope is us.
        EnvelopeNotForUs = "envelope.not-for-us", "当組合宛に暗号化されていません", "not encrypted for our certificate";
        /// The authentication tag does not fit.
        EnvelopeTampered = "envelope.tampered", "暗号化されたデータが改ざんされています", "the sealed bytes were altered";
        /// An envelope without authentication (CBC `EnvelopedData`).
        EnvelopeUnauthenticated = "envelope.unauthenticated", "改ざんを検知できない暗号方式です", "encrypted without authentication";
        /// An algorithm that is not on the list.
        AlgorithmRefused = "algorithm.refused", "許可されていない暗号方式です", "an algorithm that is not accepted";
        /// The signature or what it covers is wrong.
        SignatureInvalid = "signature.invalid", "電子署名が正しくありません", "the signature does not verify";
        /// Nobody signed.
        SignatureMissing = "signature.missing", "電子署名がありません", "not signed";
        /// More than one signer.
        SignatureMultiple = "signature.multiple", "電子署名が複数あります", "more than one signature";
        /// The signer is no registered user.
        SignerUnknown = "signer.unknown", "登録されていない利用者の署名です", "the signer is not a registered user";
        /// The signer is disabled.
        SignerDisabled = "signer.disabled", "無効にされた利用者の署名です", "the signer is disabled";
        /// It came after the time at which the signer's PC was lost.
        SignerSuspect = "signer.suspect", "端末の紛失・盗難後に届いたファイルです", "received after the signer's PC was lost";
        /// The user is known, this certificate is not.
        CertificateNotRegistered = "certificate.not-registered", "登録されていない電子証明書です", "the certificate is not registered";
        /// Past the end of its validity.
        CertificateExpired = "certificate.expired", "電子証明書の有効期限が切れています", "the certificate has expired";
        /// Before the start of its validity.
        CertificateNotYetValid = "certificate.not-yet-valid", "電子証明書の有効期間がまだ始まっていません", "the certificate is not valid yet";
        /// Revoked.
        CertificateRevoked = "certificate.revoked", "失効した電子証明書です", "the certificate is revoked";
        /// No path to an authority that we trust.
        CertificateUntrusted = "certificate.untrusted", "信頼できない認証局の電子証明書です", "the certificate has an issuer that is not trusted";
        /// `From` is not the owner of the certificate, or the relay named someone else.
        BindingSender = "binding.sender", "差出人と電子証明書の持ち主が一致しません", "the sender named is not the signer";
        /// `To` is not us.
        BindingRecipient = "binding.recipient", "宛先が当組合ではありません", "addressed to somebody else";
        /// The signed id is not the parcel's.
        BindingMessageId = "binding.message-id", "ファイルの番号が一致しません", "the message id differs from the parcel's";
        /// A file name that could do harm.
        FileNameRefused = "filename.refused", "使えないファイル名です", "the file name is refused";
        /// Larger than allowed.
        SizeRefused = "size.refused", "ファイルの大きさが上限を超えています", "larger than allowed";
        /// This id is archived already with other bytes.
        ReplayDuplicate = "replay.duplicate", "同じ番号の別のファイルがすでに保管されています", "this id is archived already with other content";
        /// The scanner found something.
        MalwareFound = "malware.found", "マルウェアが検出されました", "malware was found";
        /// The scanner could not read it.
        MalwareScanFailed = "malware.scan-failed", "マルウェア検査ができないファイルです", "the malware scan failed on this file";
    }
}

codes! {
    /// What staff should know about a message that is accepted all the same.
    Warning {
        /// The signing time is far from ours.
        ClockSkew = "clock.skew", "署名の日時が実際の時刻と大きく異なります", "the signing time is far from ours";
        /// Numbers are missing before this one.
        SequenceGap = "sequence.gap", "この前に届いていないファイルがあります", "messages before this one are missing";
        /// It does not continue the chain that we know.
        SequenceFork = "sequence.fork", "送信の連鎖が一致しません", "the sender's chain does not continue the one we know";
    }
}

/// What becomes of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Every check passed.
    Accepted {
        /// What staff should know all the same.
        warnings: BTreeSet<Warning>,
    },
    /// At least one check failed.
    Quarantined {
        /// Never empty.
        reasons: BTreeSet<Reason>,
        /// What was noticed beside that.
        warnings: BTreeSet<Warning>,
    },
}

impl Verdict {
    /// The verdict that follows from what was found.
    pub fn new(reasons: BTreeSet<Reason>, warnings: BTreeSet<Warning>) -> Self {
        if reasons.is_empty() { Self::Accepted { warnings } } else { Self::Quarantined { reasons, warnings } }
    }

    /// A quarantine for one reason.
    pub fn quarantined(reason: Reason) -> Self {
        Self::new(BTreeSet::from([reason]), BTreeSet::new())
    }

    /// Whether the message may be archived as received.
    pub fn is_accepted(&self) -> bool {
        matches!(self, Self::Accepted { .. })
    }

    /// `accepted` or `quarantined`.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Accepted { .. } => "accepted",
            Self::Quarantined { .. } => "quarantined",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_read_back() {
        for reason in Reason::ALL {
            assert_eq!(reason.code().parse(), Ok(*reason));
        }
        for warning in Warning::ALL {
            assert_eq!(warning.code().parse(), Ok(*warning));
        }
        assert_eq!("format.unheard-of".parse::<Reason>(), Err(UnknownCode));
    }

    #[test]
    fn a_reason_makes_a_quarantine() {
        assert!(Verdict::new(BTreeSet::new(), BTreeSet::from([Warning::ClockSkew])).is_accepted());
        assert!(!Verdict::quarantined(Reason::SignatureInvalid).is_accepted());
    }
}
