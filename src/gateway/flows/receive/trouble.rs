//! Why a parcel does not come now.

use crate::wire::client::ClientError;

/// Why a parcel does not come now.
#[derive(Debug)]
pub(super) enum Trouble {
    /// A cause that passes, as a code.
    Wait(&'static str),
    /// The relay.
    Relay(ClientError),
    /// The run is being ended.
    Stopped,
}

impl From<ClientError> for Trouble {
    fn from(error: ClientError) -> Self {
        Self::Relay(error)
    }
}

impl From<std::io::Error> for Trouble {
    fn from(error: std::io::Error) -> Self {
        Self::Wait(disk_cause(&error))
    }
}

/// The code for a failure of our own disk.
pub(super) fn disk_cause(error: &std::io::Error) -> &'static str {
    match error.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => "disk.full",
        _ => "disk.error",
    }
}
