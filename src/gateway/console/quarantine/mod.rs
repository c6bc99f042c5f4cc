//! 隔離: what did not pass, why, and what becomes of it. Nothing here opens a file.

pub(super) mod decide;
pub(super) mod list;
pub(super) mod one;
