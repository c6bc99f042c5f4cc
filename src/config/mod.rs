//! Configuration: one TOML file per binary, environment variables over it.
//!
//! The file in `config/` is compiled in: it holds every key with its default, and so is the list of known keys too. What
//! is wrong is reported all at once, each with the key it is about. Secrets are never in the TOML, only paths of files.

mod keys;
mod load;
mod units;

pub use keys::nearest;
pub use load::{
    Described, Discretion, Examined, Fault, Faults, Settings, describe, examine, examine_from, load, load_from,
};
