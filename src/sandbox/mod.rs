//! All three parties on one machine, on embedded defaults: what a newcomer runs first, and what a vendor develops against.
//!
//! * [`world`]: the folder with everybody's settings, and [`parties`]: with everybody's certificates; made where they are
//!   not there yet.
//! * `enrol`: the user's way in, from the letter to the first login.
//! * `exchange`: a file goes from the employer through the relay into the union's archive, and back out of it.
//! * `answer`: the union sends one back, and gets the employer's receipts.
//! * `week`: more of everything, for the console, with staff who have begun with it.
//! * `voice`: what people read meanwhile.

mod answer;
mod arguments;
mod console;
pub mod enrol;
mod equal;
pub mod error;
mod exchange;
mod log;
pub mod parties;
mod run;
mod sample;
mod servers;
mod voice;
mod week;
pub mod world;

pub use run::main;
