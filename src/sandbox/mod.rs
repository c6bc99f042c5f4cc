//! All three parties on one machine, on embedded defaults: what a newcomer runs first, and what a vendor develops against.
//!
//! * [`world`]: the folder with everybody's certificates, settings and data, made where it is not there yet.
//! * [`exchange`]: a file goes from the employer through the relay into the union's archive, and back out of it.
//! * [`voice`]: what people read meanwhile.

mod arguments;
pub mod error;
pub mod parties;
mod sample;
mod voice;
pub mod world;
