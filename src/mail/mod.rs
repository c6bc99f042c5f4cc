//! Mail that goes out, and what comes back of it.
//!
//! [`MailAddress`] is what can stand in a header; [`Mail`] a plain text with everything round it; [`Mailer`] the way out: a
//! mail server (always with TLS), a folder of files, or this process's memory. [`Report`] is what a mail server says of a mail that it could
//! not deliver.

mod address;
mod error;
mod mailer;
mod report;
mod smtp;

pub use address::{InvalidMailAddress, MailAddress};
pub use error::{MailError, MailerError};
pub use mailer::{Mail, Mailer, needs_sender, sender};
pub use report::Report;
pub use smtp::Login;
