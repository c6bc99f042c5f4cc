//! The relay: takes parcels from employers, keeps them, hands them to their unions. It is blind: a parcel is opaque bytes
//! with a sender, a size and a time.
//!
//! * [`routes`]: every route; [`handlers`] answer them, a file for each resource.
//! * [`registry`]: who may come in; [`caller`]: who is asking now; [`sessions`]: who has logged in.
//! * [`deposit`]: from the first byte to a parcel that its union sees; [`bytes`]: where the bytes are; [`room`]: whether
//!   there is room for them.
//! * [`tasks`]: what happens by the clock.

pub mod admin;
mod append;
pub mod bytes;
pub mod caller;
mod check;
pub mod config;
pub mod deposit;
mod doctor;
pub mod fault;
pub mod handlers;
mod identities;
pub mod init;
mod mail;
mod mail_files;
pub mod metrics;
mod page;
pub mod registry;
pub mod room;
pub mod routes;
pub mod sessions;
mod start;
pub mod state;
pub mod tasks;
mod watch;

pub use check::check;
pub use config::Config;
pub use doctor::examine;
pub use identities::UnusableIdentity;
pub use mail::MailSettingsError;
pub use start::{Relay, Running, StartError};
