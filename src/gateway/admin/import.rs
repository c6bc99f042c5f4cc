//! Registration of many: CSV files.
/// Lines that cannot be imported.
#[derive(Debug, thiserror::Error)]
#[error("refused")]
pub struct Refused;
