//! The archive: where verified messages are kept, sealed.
