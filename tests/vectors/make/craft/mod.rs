//! Builders for messages that nobody should make: each part can be replaced. Shares no code with what is tested.

mod der;
mod envelope;
mod party;
mod signed;

pub(crate) use der::*;
pub(crate) use envelope::*;
pub(crate) use party::*;
pub(crate) use signed::*;
