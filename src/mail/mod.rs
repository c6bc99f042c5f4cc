//! Mail that goes out. Nothing comes in.
//!
//! [`MailAddress`] is what can stand in a header; [`Mail`] a plain text with everything round it; [`Mailer`] the way out: a
//! mail server (always with TLS), a folder of files, or this process's memory.

mod address;
mod error;
mod mailer;
mod smtp;

pub use address::{InvalidMailAddress, MailAddress};
pub use error::{MailError, MailerError};
pub use mailer::{Mail, Mailer};
pub use smtp::Login;
