//! Passwords and PINs, and what is derived from them. Nothing in this room is ever logged or shown by `Debug`.
//!
//! * [`password`]: the words on the letter, the password that a person chooses, and the two keys derived from each: one
//!   that proves the login to the relay, one that only app and gateway know.
//! * [`mac`]: texts that are authenticated with such a key (HMAC-SHA-256).
//! * [`pin`]: four digits that are worth nothing without the relay (RFC 9497).
//! * [`token`]: what names a session or a link, known to the relay by its hash only.
//! * [`staff`]: passwords of the union's staff.
//! * [`totp`]: their second factor (RFC 6238), and codes for the day on which it is lost.
//! * [`sealed`]: bytes at rest, under a derived key (AES-256-GCM).
//!
//! The primitives are those of `aws-lc-rs` (which TLS runs on), `argon2` (RFC 9106), `voprf` (RFC 9497) and
//! `totp-rs` (RFC 6238).

pub mod mac;
pub mod password;
pub mod pin;
pub mod sealed;
pub mod staff;
mod stretch;
pub mod token;
pub mod totp;

pub use mac::{MacKey, Maced};
pub use password::{DownloadKeys, LoginKey, LoginVerifier, PasswordKeys};
pub use pin::{Pin, PinKey};
pub use sealed::BoxKey;
pub use staff::{StaffVerifier, WeakStaffPassword};
pub use stretch::Salt;
pub use token::Token;
pub use totp::{RecoveryCode, TotpSecret};
