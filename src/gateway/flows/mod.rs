//! What the gateway does, flow by flow.

pub mod compare;
mod delivery;
pub mod enrol;
pub mod expiry;
pub mod handoff;
pub mod hooks;
pub mod notices;
pub mod orders;
pub mod receive;
pub mod registration;
pub mod reveal;
pub mod revocation;
pub mod send;
pub mod upkeep;
pub mod upload;
