//! Files that may change while the program runs: noticing that they have.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::Mutex;

/// What some files were like when they were last looked at.
#[derive(Debug, Default)]
pub struct Files(Mutex<Vec<(PathBuf, Option<Stamp>)>>);

/// Another one when the file is written or another file takes its place.
type Stamp = (u64, u64, i64, i64, i64, i64);

impl Files {
    /// Looks at them for the first time.
    pub fn new(paths: impl IntoIterator<Item = PathBuf>) -> Self {
        let files = Self::default();
        files.look(paths);
        files
    }

    /// Looks at them; whether one of them, or which ones they are, is not as it was at the last look. To be done before
    /// they are read: what changes in between shows at the next look. Blocks.
    pub fn look(&self, paths: impl IntoIterator<Item = PathBuf>) -> bool {
        let stamp = |of: Metadata| (of.ino(), of.size(), of.mtime(), of.mtime_nsec(), of.ctime(), of.ctime_nsec());
        let looked = paths.into_iter().map(|path| {
            let found = std::fs::metadata(&path).ok().map(stamp);
            (path, found)
        });
        let looked = looked.collect();
        let mut seen = self.0.lock().expect("nothing panics while it holds the stamps");
        let before = std::mem::replace(&mut *seen, looked);
        before != *seen
    }

    /// Whatever they are like, the next look finds them changed.
    pub fn forget(&self) {
        self.0.lock().expect("nothing panics while it holds the stamps").clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_comes_changes_or_goes_shows_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.pem");
        let files = Files::new([path.clone()]);
        assert!(!files.look([path.clone()]));
        for change in [Some("one"), Some("another"), None] {
            match change {
                // Another file in its place, as whoever replaces a key does it.
                Some(text) => {
                    let new = folder.path().join("new");
                    std::fs::write(&new, text).unwrap();
                    std::fs::rename(new, &path).unwrap();
                }
                None => std::fs::remove_file(&path).unwrap(),
            }
            assert!(files.look([path.clone()]), "{change:?}");
            assert!(!files.look([path.clone()]), "{change:?}");
        }
        files.forget();
        assert!(files.look([path]));
    }
}
