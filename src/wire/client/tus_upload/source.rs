//! Where the bytes of an upload come from.

use std::io;
use std::path::PathBuf;

use tokio::io::{AsyncRead, AsyncSeekExt};

/// Bytes that can be read again from any offset.
pub trait Source: Send + Sync {
    /// What reads them.
    type Reader: AsyncRead + Send + Sync + Unpin + 'static;

    /// How many there are.
    fn size(&self) -> u64;

    /// Starts reading at `offset`.
    fn read_from(&self, offset: u64) -> impl Future<Output = io::Result<Self::Reader>> + Send;
}

/// A file whose size is known and does not change.
#[derive(Debug, Clone)]
pub struct FileSource {
    /// Where it is.
    pub path: PathBuf,
    /// Its length in bytes.
    pub size: u64,
}

impl Source for FileSource {
    type Reader = tokio::fs::File;

    fn size(&self) -> u64 {
        self.size
    }

    async fn read_from(&self, offset: u64) -> io::Result<tokio::fs::File> {
        let mut file = tokio::fs::File::open(&self.path).await?;
        if offset > 0 {
            file.seek(io::SeekFrom::Start(offset)).await?;
        }
        Ok(file)
    }
}
