//! What the gateway does, flow by flow.

pub mod receive;
