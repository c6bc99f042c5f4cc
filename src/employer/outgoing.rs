//! A file that somebody wants to send, checked before anything is done with it.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use jiff::Timestamp;

use crate::domain::address::Address;
use crate::domain::digest::Sha256;
use crate::domain::file_name::{FileName, RefusedFileName};
use crate::domain::ids::MessageId;
use crate::message::entity::ContentEncoding;
use crate::message::seal::Draft;

/// The largest file that a sealed message can hold.
pub const MAX_SIZE: u64 = 60 << 30;
/// The longest comment, in characters.
pub const MAX_COMMENT: usize = 500;

/// A file that may be sent.
#[derive(Debug)]
pub struct Outgoing {
    /// Where it is.
    pub path: PathBuf,
    /// The name that the union will see.
    pub name: FileName,
    /// Its length in bytes.
    pub size: u64,
    modified: Option<SystemTime>,
    file: File,
}

/// Why a file cannot be sent.
#[derive(Debug, thiserror::Error)]
pub enum RefusedFile {
    /// It cannot be opened.
    #[error("the file cannot be opened")]
    Unreadable(#[source] io::Error),
    /// A folder, a device, a pipe.
    #[error("it is not an ordinary file")]
    NotAFile,
    /// A name that the union would refuse.
    #[error(transparent)]
    Name(#[from] RefusedFileName),
    /// A name that is not Unicode.
    #[error("the file name is not readable text")]
    NameNotText,
    /// Larger than the sealed form or the relay allows.
    #[error("the file has {size} bytes; at most {largest} can be sent")]
    TooLarge {
        /// Its size.
        size: u64,
        /// The largest that goes.
        largest: u64,
    },
}

/// A comment that cannot be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the comment must be one line of at most {MAX_COMMENT} characters")]
pub struct RefusedComment;

impl Outgoing {
    /// Looks at a file without reading it.
    pub fn open(path: &Path) -> Result<Self, RefusedFile> {
        let name = match path.file_name().map(|name| name.to_str()) {
            Some(Some(name)) => FileName::normalize(name)?,
            Some(None) => return Err(RefusedFile::NameNotText),
            None => return Err(RefusedFile::NotAFile),
        };
        // Opening a pipe would wait for its other end.
        if !std::fs::metadata(path).map_err(RefusedFile::Unreadable)?.is_file() {
            return Err(RefusedFile::NotAFile);
        }
        let file = File::open(path).map_err(RefusedFile::Unreadable)?;
        let metadata = file.metadata().map_err(RefusedFile::Unreadable)?;
        let outgoing =
            Self { path: path.to_owned(), name, size: metadata.len(), modified: metadata.modified().ok(), file };
        outgoing.check_size(MAX_SIZE)?;
        Ok(outgoing)
    }

    /// Refuses a file that is larger than `largest`.
    pub fn check_size(&self, largest: u64) -> Result<(), RefusedFile> {
        let size = self.size;
        if size <= largest { Ok(()) } else { Err(RefusedFile::TooLarge { size, largest }) }
    }

    /// Its bytes.
    pub fn content(&self) -> &File {
        &self.file
    }

    /// Whether nobody has written to it since it was opened here.
    pub fn is_unchanged(&self) -> bool {
        let unchanged =
            |metadata: std::fs::Metadata| metadata.len() == self.size && metadata.modified().ok() == self.modified;
        self.file.metadata().is_ok_and(unchanged)
    }
}

/// Takes a comment, if it can stand in a message.
pub fn check_comment(comment: &str) -> Result<(), RefusedComment> {
    let fits = comment.chars().count() <= MAX_COMMENT && !comment.chars().any(char::is_control);
    if fits { Ok(()) } else { Err(RefusedComment) }
}

/// A message that has everything but its number.
#[derive(Debug, Clone)]
pub struct Letter {
    /// The id.
    pub id: MessageId,
    /// When it is sealed.
    pub date: Timestamp,
    /// Us.
    pub from: Address,
    /// The union.
    pub to: Address,
    /// The file's name.
    pub name: FileName,
    /// The comment.
    pub comment: Option<String>,
    /// Bytes of the file.
    pub size: u64,
}

impl Letter {
    /// With its number.
    pub(super) fn draft(&self, sequence: u64, previous: Sha256) -> Draft {
        Draft {
            id: self.id,
            date: self.date,
            from: self.from.clone(),
            to: self.to.clone(),
            sequence,
            previous,
            file_name: self.name.clone(),
            // Receivers do not trust a declared type, so none is guessed.
            content_type: "application/octet-stream".to_owned(),
            comment: self.comment.clone(),
            encoding: ContentEncoding::Identity,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ordinary_files_with_harmless_names_go() {
        let folder = tempfile::tempdir().unwrap();
        let with_name = |name: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, b"x").unwrap();
            Outgoing::open(&path)
        };
        assert_eq!(with_name("か\u{3099}.csv").unwrap().name.as_str(), "が.csv");
        for (name, why) in [
            ("a\n.csv", RefusedFileName::ForbiddenCharacter),
            ("a\\b.csv", RefusedFileName::ForbiddenCharacter),
            ("gnp\u{202E}.exe", RefusedFileName::Bidirectional),
            ("NUL.csv", RefusedFileName::Device),
            ("a.", RefusedFileName::Trailing),
        ] {
            assert!(matches!(with_name(name), Err(RefusedFile::Name(found)) if found == why), "{name:?}");
        }
        assert!(matches!(Outgoing::open(folder.path()), Err(RefusedFile::NotAFile)));
        assert!(matches!(Outgoing::open(&folder.path().join("..")), Err(RefusedFile::NotAFile)));
        assert!(matches!(Outgoing::open(Path::new("/dev/null")), Err(RefusedFile::NotAFile)));
        assert!(matches!(Outgoing::open(&folder.path().join("no")), Err(RefusedFile::Unreadable(_))));
    }

    #[test]
    fn a_file_that_is_written_to_shows() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        std::fs::write(&path, b"x").unwrap();
        let outgoing = Outgoing::open(&path).unwrap();
        assert!(outgoing.is_unchanged());
        std::fs::write(&path, b"xy").unwrap();
        assert!(!outgoing.is_unchanged());
        assert!(outgoing.check_size(0).is_err());
    }

    #[test]
    fn comments_are_one_short_line() {
        assert!(check_comment(&"あ".repeat(500)).is_ok());
        for comment in ["あ".repeat(501), "a\nb".to_owned(), "a\u{0}".to_owned()] {
            assert_eq!(check_comment(&comment), Err(RefusedComment));
        }
    }
}
