//! The sealed message.

pub mod keys;
