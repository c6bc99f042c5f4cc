//! What keeps one message from going on.

use std::io;

use super::content::ContentError;
use super::recipients::Unfit;
use crate::store::sqlite::StoreError;

/// What keeps one message from going on.
#[derive(Debug)]
pub(super) enum Trouble {
    /// It is tried again later.
    Wait(&'static str),
    /// There is nobody whom it may go to.
    Stopped(&'static str),
    /// It never goes.
    Failed(&'static str),
    /// The database: nothing goes on.
    Store(StoreError),
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Unfit> for Trouble {
    fn from(unfit: Unfit) -> Self {
        if unfit.is_temporary() { Self::Wait(unfit.code()) } else { Self::Stopped(unfit.code()) }
    }
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        let full = matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
        let code = if full { "disk.full" } else { "disk.error" };
        tracing::error!(code, error = &error as &dyn std::error::Error, "the outbox cannot be read or written");
        Self::Wait(code)
    }
}

impl From<ContentError> for Trouble {
    fn from(error: ContentError) -> Self {
        match error {
            ContentError::Damaged => Self::Failed("content.damaged"),
            ContentError::Gone => Self::Failed("content.gone"),
            ContentError::Disk(error) => error.into(),
        }
    }
}
