//! SQL, one file per aggregate; nowhere else in the house is there any.
//!
//! Every statement keeps to the dialect that SQLite and PostgreSQL share (`INSERT ... ON CONFLICT`, `RETURNING`, keyset
//! pages, no `ROWID`), so that the relay can move to PostgreSQL at a small price. Times are microseconds since 1970 in
//! UTC, ids are text, digests are bytes, sets of codes are one text with a space between two codes.

pub mod gateway;
pub mod relay;
pub mod sqlite;
