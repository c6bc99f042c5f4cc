//! Errors as RFC 9457 problem documents with a stable code.

use serde::{Deserialize, Serialize};

use super::union::OrderNumber;

/// Media type of a problem document.
pub const CONTENT_TYPE: &str = "application/problem+json";

/// What went wrong, for a program (`code`) and for a person (`title`, `detail`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// `urn:kx:problem:` and the code.
    pub r#type: String,
    /// The code's meaning in a few words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What happened here and what to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The stable code.
    pub code: Code,
    /// With [`Code::OrderOvertaken`]: the number of the order that has overtaken this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<OrderNumber>,
}

impl Code {
    /// Those that only a gateway's API writes.
    pub const OF_GATEWAY: &[Self] = &[
        Self::TokenMissing,
        Self::TokenRefused,
        Self::TokenScope,
        Self::MessageUnknown,
        Self::MessageQuarantined,
        Self::MessageState,
        Self::MessageDamaged,
        Self::FileNameRefused,
        Self::CommentRefused,
        Self::IdempotencyConflict,
        Self::UploadRefused,
    ];
}

impl Problem {
    /// The problem that a code stands for.
    pub fn new(code: Code) -> Self {
        Self {
            r#type: format!("urn:kx:problem:{}", code.as_str()),
            title: code.title().to_owned(),
            status: code.status(),
            detail: None,
            code,
            order: None,
        }
    }

    /// Adds what happened here and what to do.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }
}

macro_rules! codes {
    ($($(#[$meta:meta])* $variant:ident = $code:literal, $status:literal, $title:literal;)*) => {
        /// The stable codes.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum Code {
            $($(#[$meta])* #[serde(rename = $code)] $variant,)*
            /// A code of a newer version.
            #[serde(other, rename = "unknown")]
            Unknown,
        }

        impl Code {
            /// Every one that this version writes.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// As it is written.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code,)* Self::Unknown => "unknown" }
            }

            /// The HTTP status that goes with it.
            pub const fn status(self) -> u16 {
                match self { $(Self::$variant => $status,)* Self::Unknown => 500 }
            }

            /// Its meaning in a few words.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)* Self::Unknown => "Unknown problem" }
            }
        }
    };
}

codes! {
    /// The request does not parse.
    RequestMalformed = "request.malformed", 400, "The request is not of the expected form";
    /// A body larger than this route takes.
    RequestTooLarge = "request.too-large", 413, "The request is too large";
    /// The body did not come in time.
    RequestTimeout = "request.timeout", 408, "The request took too long";
    /// No such route.
    RouteUnknown = "route.unknown", 404, "There is no such address";
    /// The route knows other methods.
    MethodNotAllowed = "route.method-not-allowed", 405, "This address does not take this method";
    /// The certificate belongs to nobody who may come in here.
    CallerUnknown = "caller.unknown", 403, "The client certificate is not registered";
    /// The user is disabled.
    UserDisabled = "user.disabled", 403, "The user is disabled";
    /// A device credential where the user's certificate is needed, or the other way round.
    CallerOther = "caller.other-credential", 403, "This needs the other credential of the PC";
    /// No session, or one that has ended.
    SessionMissing = "session.missing", 401, "There is no session: log in";
    /// The session began at another address.
    SessionAddress = "session.address", 401, "The session belongs to another IP address: log in again";
    /// The password is wrong.
    LoginFailed = "login.failed", 401, "The password is wrong";
    /// Too many wrong passwords.
    LoginLocked = "login.locked", 423, "The login is locked after too many wrong passwords";
    /// The initial password has to be changed first.
    PasswordInitial = "password.initial", 403, "The initial password must be changed first";
    /// The new password is the old one.
    PasswordUnchanged = "password.unchanged", 422, "The new password is the present one";
    /// Too many tries at the PIN.
    PinLocked = "pin.locked", 423, "The PIN is locked: ask the union";
    /// What was blinded is no element of the group.
    PinMalformed = "pin.malformed", 422, "The blinded PIN is not an element of the group";
    /// No enrolment is open for this user or device.
    EnrolmentUnknown = "enrolment.unknown", 404, "There is no open enrolment";
    /// There is no such request for certificates.
    RequestUnknown = "certificate-request.unknown", 404, "There is no such request for certificates";
    /// The same request id with other bytes.
    RequestConflict = "certificate-request.conflict", 409, "The request id is taken by another request";
    /// An order about a user that comes behind a later one: without effect.
    OrderOvertaken = "order.overtaken", 409, "A later order about this user has taken effect";
    /// There is no such user.
    UserUnknown = "user.unknown", 404, "There is no such user";
    /// A certificate that the union's CA did not issue for this user, or that cannot be read.
    CertificateRefused = "certificate.refused", 422, "The certificate is refused";
    /// There is no such parcel for this caller.
    ParcelUnknown = "parcel.unknown", 404, "There is no such parcel";
    /// The same message id with other properties.
    ParcelConflict = "parcel.conflict", 409, "The message id is taken by another parcel";
    /// Larger than one parcel may be.
    ParcelTooLarge = "parcel.too-large", 413, "The parcel is larger than allowed";
    /// Somebody has fetched it: it cannot be taken back any more.
    DeliveryCollected = "delivery.collected", 409, "Somebody has fetched it already";
    /// The union took it back, or its time is over.
    DeliveryEnded = "delivery.ended", 410, "It was taken back, or its time is over";
    /// A recipient that is not there, or disabled.
    RecipientRefused = "recipient.refused", 422, "A recipient is not registered or is disabled";
    /// More than this sender or union may have waiting.
    QuotaExceeded = "quota.exceeded", 507, "The quota is used up";
    /// The relay's own disk is low.
    StorageFull = "storage.full", 507, "The server has no room at present";
    /// There is no such upload, or it has expired.
    UploadUnknown = "upload.unknown", 404, "There is no such upload";
    /// `Upload-Offset` is not where the upload stands.
    UploadOffset = "upload.offset-mismatch", 409, "The upload stands at another offset";
    /// The bytes do not have the checksum that was told.
    UploadChecksum = "upload.checksum-mismatch", 460, "The bytes do not match their checksum";
    /// A tus version other than 1.0.0.
    UploadVersion = "upload.version", 412, "Only tus 1.0.0 is spoken here";
    /// Another request is writing to this upload.
    UploadBusy = "upload.busy", 423, "Another request is writing to this upload";
    /// A `Range` outside the parcel.
    RangeNotSatisfiable = "range.not-satisfiable", 416, "The range is outside the parcel";
    /// A receipt that cannot be taken.
    ReceiptRefused = "receipt.refused", 422, "The receipt is refused";
    /// A gateway's API: no token was shown.
    TokenMissing = "token.missing", 401, "This needs a token: Authorization: Bearer TOKEN";
    /// A gateway's API: no such token, or one that has ended.
    TokenRefused = "token.refused", 401, "The token is not valid";
    /// A gateway's API: the token is not for this.
    TokenScope = "token.scope", 403, "The token is not for this";
    /// A gateway's API: there is no such message.
    MessageUnknown = "message.unknown", 404, "There is no such file";
    /// A gateway's API: what is in quarantine is not handed out.
    MessageQuarantined = "message.quarantined", 409, "The file is in quarantine";
    /// A gateway's API: the message is not in the state that this begins from.
    MessageState = "message.state", 409, "The state of the file does not allow this";
    /// A gateway's API: what is archived does not verify any more.
    MessageDamaged = "message.damaged", 500, "The archived file does not verify any more";
    /// A gateway's API: a file name that no file may have.
    FileNameRefused = "file-name.refused", 422, "The file name is refused";
    /// A gateway's API: a comment that cannot stand in a message.
    CommentRefused = "comment.refused", 422, "The comment is refused";
    /// A gateway's API: the key came before with another file or other recipients.
    IdempotencyConflict = "idempotency.conflict", 409, "The idempotency key belongs to another request";
    /// A gateway's API: the upload has ended without being sent.
    UploadRefused = "upload.refused", 410, "The upload was refused";
    /// Too many requests.
    TooManyRequests = "request.too-many", 429, "Too many requests";
    /// Going down or not able to work at present.
    Unavailable = "server.unavailable", 503, "The server cannot do this at present";
    /// Our own fault.
    Internal = "server.internal", 500, "The server failed";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_code_is_read_as_unknown() {
        let text = r#"{"type":"x","title":"t","status":400,"code":"brand.new"}"#;
        assert_eq!(serde_json::from_str::<Problem>(text).unwrap().code, Code::Unknown);
        let problem = Problem::new(Code::QuotaExceeded).with_detail("try later");
        let back: Problem = serde_json::from_str(&serde_json::to_string(&problem).unwrap()).unwrap();
        assert_eq!(back, problem);
    }
}
