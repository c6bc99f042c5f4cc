//! Our own failures as problem documents: the cause goes into the log, once, and the caller learns what it means.

use super::bytes::BytesError;
use crate::message::receipt::ReceiptError;
pub use crate::runtime::telemetry::chain;
use crate::store::sqlite::StoreError;
use crate::wire::problem::{Code, Problem};

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        tracing::error!(code = "store.failed", error = chain(&error), "the database failed");
        Self::new(Code::Internal)
    }
}

impl From<BytesError> for Problem {
    fn from(error: BytesError) -> Self {
        match error {
            BytesError::Full => {
                tracing::error!(code = "storage.full", "no room is left for parcels");
                Self::new(Code::StorageFull)
            }
            other => {
                tracing::error!(code = "storage.failed", error = chain(&other), "the storage of parcels failed");
                Self::new(Code::Internal)
            }
        }
    }
}

impl From<ReceiptError> for Problem {
    fn from(error: ReceiptError) -> Self {
        tracing::error!(code = "receipt.not-signed", error = chain(&error), "the relay cannot sign receipts");
        Self::new(Code::Internal)
    }
}
