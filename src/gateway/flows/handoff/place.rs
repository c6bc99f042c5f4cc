//! Names and moves: nothing that is there already is ever overwritten.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::Path;

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

/// The longest name of a file, in bytes.
const LONGEST: usize = 255;

/// `PREFIX` and `NAME` with what follows, cut in the middle where a name may not be as long. The ending stays.
pub(super) fn name(prefix: &str, name: &str, suffix: &str) -> String {
    let room = LONGEST - prefix.len() - suffix.len();
    if name.len() <= room {
        return format!("{prefix}{name}{suffix}");
    }
    let (stem, ending) = match name.rsplit_once('.') {
        Some((stem, ending)) if !stem.is_empty() && ending.len() < 20 => (stem, format!(".{ending}")),
        _ => (name, String::new()),
    };
    let mut end = room - ending.len();
    while !stem.is_char_boundary(end) {
        end -= 1;
    }
    format!("{prefix}{}{ending}{suffix}", &stem[..end])
}

/// Moves a file, or a link itself, to a place where there is nothing.
pub(super) fn move_to(from: &Path, to: &Path) -> io::Result<()> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // Not every file system can do that in one step.
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
            if fs::symlink_metadata(to).is_ok() {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            fs::rename(from, to)?;
        }
        moved => moved?,
    }
    for folder in [from.parent(), to.parent()].into_iter().flatten() {
        fs::File::open(folder)?.sync_all()?;
    }
    Ok(())
}

/// Whether a name is one that programs give to files that they are still writing.
pub(super) fn is_partial(name: &OsStr) -> bool {
    const ENDINGS: [&str; 10] =
        ["~", ".tmp", ".temp", ".part", ".partial", ".filepart", ".crdownload", ".writing", ".swp", ".lock"];
    let name = name.to_string_lossy().to_ascii_lowercase();
    name.starts_with(['.', '~', '#']) || ENDINGS.iter().any(|ending| name.ends_with(ending))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_keep_their_ending_and_fit() {
        assert_eq!(name("id_", "算定.csv", ""), "id_算定.csv");
        let long = format!("{}.csv", "あ".repeat(83));
        let cut = name("0191e3c4-7a5b-7c3d-8e4f-a1b2c3d4e5f6_", &long, ".json");
        assert!(cut.len() <= LONGEST && cut.ends_with("あ.csv.json"), "{cut}");
        assert!(name(&"x".repeat(60), &"あ".repeat(85), "").len() <= LONGEST);
    }

    #[test]
    fn nothing_is_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("a"), "one").unwrap();
        fs::write(path("b"), "two").unwrap();
        assert_eq!(move_to(&path("a"), &path("b")).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        move_to(&path("a"), &path("c")).unwrap();
        assert_eq!((fs::read_to_string(path("b")).unwrap(), path("a").exists()), ("two".to_owned(), false));
    }

    #[test]
    fn files_that_are_being_written_are_known_by_their_names() {
        for name in [".hidden", "a.csv.tmp", "A.PART", "~$Book1.xlsx", "a.csv~", "x.filepart", "#a#"] {
            assert!(is_partial(OsStr::new(name)), "{name}");
        }
        for name in ["算定.csv", "tmp", "part.csv", "a.partial.csv"] {
            assert!(!is_partial(OsStr::new(name)), "{name}");
        }
    }
}
