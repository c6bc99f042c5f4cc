//! Files on their way: spooled to the disk while somebody reads behind, admitted only when the disk can hold them.
//!
//! * [`spool`]: partly fetched files, that a later run goes on with.
//! * [`fed`]: bytes that come over the net, read as from a file.
//! * [`follow`]: a reader behind a writer on one file.
//! * [`disk`]: who may still write, and how much.
//! * [`together`]: several files made durable at the same time.
//! * [`unchanged`]: a file that is read a second time.
//! * [`unpublished`]: a file that nobody sees until it is whole.
//! * [`pending`]: a file that waits, whole, for something else to be certain.
//! * [`platform`]: what differs between operating systems.

pub mod disk;
pub mod fed;
pub mod follow;
#[cfg(unix)]
pub mod pending;
pub mod platform;
#[cfg(unix)]
pub mod spool;
pub mod together;
pub mod unchanged;
pub mod unpublished;
