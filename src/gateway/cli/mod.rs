//! The command line of `kx-gateway`: arguments, and what is printed.

mod args;
mod print;
mod run;

pub use args::Args;
pub use run::run;
