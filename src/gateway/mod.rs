//! The gateway: what runs in the union's own network.
//!
//! * [`flows`]: what it does. [`flows::receive`] is the main job, the pull.
//! * [`api`]: where the union's core system comes in.
//! * [`keeper`]: when it pulls.
//! * [`preview`]: hostile files, shown safely.
//! * [`registry`]: who signed, as the registry knows it.
//! * [`relay`]: the other end, as the flows see it.
//! * [`scan`]: the malware scanner.
//! * [`vpn`]: the prescribed way there.

pub mod admin;
pub mod api;
pub mod bundle;
pub mod chart;
mod check;
pub mod cli;
pub mod config;
pub mod console;
mod doctor;
pub mod explain;
pub mod flows;
pub mod init;
pub mod keeper;
pub mod keys;
pub mod letter;
pub mod listing;
pub mod metrics;
pub mod opened;
pub mod patience;
pub mod plain;
pub mod preview;
pub mod registry;
pub mod relay;
pub mod reload;
pub mod scan;
pub mod start;
pub mod tasks;
pub mod view;
pub mod vpn;
pub mod watch;

pub use opened::Gateway;
pub use start::{Running, StartError};
