//! Named points at which a crash test stops the process as a power cut would.
//!
//! Compiled in by the feature `failpoints` only, which no release has.

/// Aborts here when the environment variable `KX_FAILPOINT` names this point.
///
/// `KX_FAILPOINT=name` aborts the first time it is reached, `KX_FAILPOINT=name:3` the third time.
#[macro_export]
macro_rules! failpoint {
    ($name:literal) => {
        #[cfg(feature = "failpoints")]
        $crate::runtime::failpoint::reached($name);
    };
}

/// Counts a visit to `name` and aborts when it is the one that was asked for.
#[cfg(feature = "failpoints")]
pub fn reached(name: &str) {
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicU32, Ordering};

    static WANTED: LazyLock<Option<(String, AtomicU32)>> = LazyLock::new(|| {
        let value = std::env::var("KX_FAILPOINT").ok()?;
        let (name, count) = value.split_once(':').unwrap_or((&value, "1"));
        Some((name.to_owned(), AtomicU32::new(count.parse().unwrap_or(1))))
    });
    if let Some((wanted, left)) = &*WANTED
        && wanted == name
        && left.fetch_sub(1, Ordering::SeqCst) == 1
    {
        std::process::abort();
    }
}
