//! Work that may block, run where it may.

use std::io;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::task::{JoinHandle, spawn_blocking};

use super::BytesError;

/// Runs blocking work where it may block.
pub(super) fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, BytesError> + Send + 'static,
) -> BoxFuture<'static, Result<T, BytesError>> {
    joined(spawn_blocking(work)).boxed()
}

pub(super) async fn joined<T>(handle: JoinHandle<Result<T, BytesError>>) -> Result<T, BytesError> {
    handle.await.unwrap_or_else(|error| Err(BytesError::Io(io::Error::other(error))))
}
