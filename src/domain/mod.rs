//! The pure core: what the words of the business mean, without any input or output.
//!
//! Nothing here reads a clock, draws a random number, opens a file or talks to anybody. Every type is valid once it
//! exists: text from outside becomes a type here at the edge (`FromStr`), and what is inside is trusted from there on.

pub mod address;
mod as_text;
pub mod base64_bytes;
pub mod calendar;
pub mod clock;
pub mod digest;
pub mod expectation;
pub mod file_name;
pub mod folding;
pub mod ids;
pub mod person;
pub mod policy;
pub mod schedule;
pub mod sending;
pub mod sequence;
pub mod staff;
pub mod trend;
pub mod two_persons;
pub mod user;
pub mod verdict;
