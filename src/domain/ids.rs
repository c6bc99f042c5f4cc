//! Who and what is meant: union, office, user, message.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use uuid::Uuid;

use super::as_text::as_text;
use super::clock::Random;

/// Text that is no identifier of the kind that was expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidId(
    /// What it has to be, for people.
    &'static str,
);

macro_rules! text_id {
    ($(#[$meta:meta])* $name:ident, $rule:literal, $valid:expr) => {
        $(#[$meta])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(String);

        impl $name {
            /// The identifier as it is written.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                let valid: fn(&str) -> bool = $valid;
                if valid(text) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(InvalidId($rule))
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        as_text!($name);
    };
}

text_id!(
    /// 保険者番号: the eight digits that identify a union.
    InsurerNumber,
    "保険者番号は8桁の数字です (an insurer number is 8 digits)",
    |text| text.len() == 8 && text.bytes().all(|b| b.is_ascii_digit())
);

text_id!(
    /// 事業所記号: identifies an office within its union.
    OfficeCode,
    "事業所記号は、英数字とハイフンで1～20文字にしてください (an office code is 1 to 20 letters, digits or hyphens)",
    |text| (1..=20).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
);

text_id!(
    /// Identifies one user (one person on one PC) within its union. Never starts like a reserved address.
    UserId,
    "利用者IDは、英小文字・数字・ハイフンで1～32文字にしてください。union は使えません (a user id is 1 to 32 lower-case letters, digits or \
     hyphens, other than 'union')",
    |text| (1..=32).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && text != "union"
);

macro_rules! time_id {
    ($(#[$meta:meta])* $name:ident, $kind:literal) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Uuid);

        impl $name {
            /// Makes a new id for the given moment.
            pub fn new(now: Timestamp, random: &dyn Random) -> Self {
                let mut bytes = [0; 10];
                random.fill(&mut bytes);
                let millis = u64::try_from(now.as_millisecond()).unwrap_or(0);
                Self(uuid::Builder::from_unix_timestamp_millis(millis, &bytes).into_uuid())
            }

            /// The moment the id claims to have been made at. Only as good as the clock of who made it.
            pub fn timestamp(self) -> Timestamp {
                let (seconds, nanos) = self.0.get_timestamp().map_or((0, 0), |t| t.to_unix());
                Timestamp::new(i64::try_from(seconds).unwrap_or(0), i32::try_from(nanos).unwrap_or(0)).unwrap_or_default()
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            /// Only the hyphenated lower-case form, so that one message has one name.
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                let invalid = InvalidId(concat!(
                    $kind,
                    "の形ではありません (expected a lower-case hyphenated UUID of version 7)"
                ));
                let uuid = Uuid::try_parse(text).map_err(|_| invalid)?;
                let canonical = uuid.get_version_num() == 7 && uuid.hyphenated().to_string() == text;
                if canonical { Ok(Self(uuid)) } else { Err(invalid) }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        as_text!($name);
    };
}

time_id!(
    /// Identifies a message everywhere: a UUID of version 7, so that ids sort by the time they were made.
    MessageId,
    "メッセージ番号"
);

time_id!(
    /// Identifies one enrolment of a user: from one letter and one kit to the first certificates.
    EnrolmentId,
    "登録手続きの番号"
);

time_id!(
    /// Identifies a request for certificates.
    RequestId,
    "申請番号"
);

time_id!(
    /// Identifies a file on its way into the gateway by its API.
    UploadId,
    "アップロードの番号"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_refuse_what_could_be_mistaken_for_something_else() {
        assert!("06123456".parse::<InsurerNumber>().is_ok());
        for text in ["", "6123456", "061234567", "0612345a", "０６１２３４５６"] {
            assert!(text.parse::<InsurerNumber>().is_err(), "{text}");
        }
        for text in ["", "union", "Hanako", "a.b", "a@b", "../x", &"a".repeat(33)] {
            assert!(text.parse::<UserId>().is_err(), "{text}");
        }
        for text in ["", "a b", "あ", "a/b", &"1".repeat(21)] {
            assert!(text.parse::<OfficeCode>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_message_id_has_one_spelling() {
        let id = "0191e3c4-7a5b-7c3d-8e4f-a1b2c3d4e5f6";
        assert_eq!(id.parse::<MessageId>().unwrap().to_string(), id);
        for other in [
            "0191E3C4-7A5B-7C3D-8E4F-A1B2C3D4E5F6",
            "0191e3c47a5b7c3d8e4fa1b2c3d4e5f6",
            "0191e3c4-7a5b-4c3d-8e4f-a1b2c3d4e5f6",
            "",
        ] {
            assert!(other.parse::<MessageId>().is_err(), "{other}");
        }
    }
}
