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

/// Who does something, and from where.
#[derive(Debug, Clone, Copy)]
pub struct By<'a> {
    /// Who, as in the audit.
    pub actor: &'a str,
    /// From which address; empty on this machine.
    pub origin: &'a str,
}

impl By<'_> {
    /// The gateway by itself.
    pub const GATEWAY: Self = Self { actor: "gateway", origin: "" };
}

/// Somebody on this machine.
impl<'a> From<&'a str> for By<'a> {
    fn from(actor: &'a str) -> Self {
        Self { actor, origin: "" }
    }
}

impl<'a> From<&'a String> for By<'a> {
    fn from(actor: &'a String) -> Self {
        actor.as_str().into()
    }
}
