//! The command line of `kx-gateway`: arguments, and what is printed.

mod args;
pub mod people;
mod print;
mod run;
mod run_people;

pub use args::Args;
pub use run::run;
