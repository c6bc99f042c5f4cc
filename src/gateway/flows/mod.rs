//! What the gateway does, flow by flow.

pub mod orders;
pub mod receive;
