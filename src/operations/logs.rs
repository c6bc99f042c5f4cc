//! What may be sent to whoever looks for the cause of a fault: one ZIP with what is known about a server, and no secrets and no
//! persons.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::Path;
use std::process::Command;

use zip::write::SimpleFileOptions;

use crate::runtime::finding::Finding;
use crate::stream::platform;

/// Bytes of the journal that are taken at most, the newest.
const MOST: usize = 64 << 20;
/// What stands in place of a mail address.
const ADDRESS: &str = "(mail-address)";

/// One file of the archive.
#[derive(Debug, Clone)]
pub struct Part {
    /// Its name in the archive.
    pub name: &'static str,
    /// What is in it.
    pub text: String,
}

/// The findings of a doctor, for programs.
pub fn findings(findings: &[Finding]) -> Part {
    let text = serde_json::to_string_pretty(findings).expect("findings are plain data");
    Part { name: "doctor.json", text }
}

/// What the journal has of a unit, without the names of machines. Blocks.
pub fn journal(unit: &str, days: u32) -> Part {
    let since = format!("--since=-{days}d");
    let told =
        Command::new("journalctl").args(["--no-pager", "--quiet", "--output=cat", "--unit", unit, &since]).output();
    let text = match told {
        Ok(told) if told.status.success() => {
            let from = told.stdout.len().saturating_sub(MOST);
            String::from_utf8_lossy(&told.stdout[from..]).into_owned()
        }
        Ok(told) => format!("journalctl: {}\n", String::from_utf8_lossy(&told.stderr)),
        Err(error) => format!("journalctl: {error}\n"),
    };
    Part { name: "journal.log", text }
}

/// Writes a ZIP that was not there before, for its owner only. Blocks.
pub fn pack(out: &Path, parts: &[Part]) -> io::Result<()> {
    let file = platform::private(OpenOptions::new().write(true).create_new(true)).open(out)?;
    let packed = (|| {
        let mut zip = zip::ZipWriter::new(file);
        for part in parts {
            zip.start_file(part.name, SimpleFileOptions::default())?;
            zip.write_all(without_addresses(&part.text).as_bytes())?;
        }
        zip.finish()?.sync_all()
    })();
    if packed.is_err() {
        // Half an archive is none.
        let _ = std::fs::remove_file(out);
    }
    packed
}

/// Nothing of ours logs a mail address; whatever else finds its way in here shall not either.
fn without_addresses(text: &str) -> String {
    let belongs = |c: char| c.is_alphanumeric() || "._%+-@".contains(c);
    let is_address = |word: &str| word.split_once('@').is_some_and(|(user, host)| !user.is_empty() && !host.is_empty());
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let in_word = belongs(first);
        let end = rest.find(|c| belongs(c) != in_word).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        clean.push_str(if in_word && is_address(word) { ADDRESS } else { word });
        rest = after;
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mail_addresses_are_taken_out() {
        let text = "a \"hanako.m@example.jp\" b kx@1.service, 花子@例え.jp <x+y@z> @ a@ @b\n";
        let clean = without_addresses(text);
        assert_eq!(clean, format!("a \"{ADDRESS}\" b {ADDRESS}, {ADDRESS} <{ADDRESS}> @ a@ @b\n"));
    }

    #[test]
    fn an_archive_is_never_written_over() {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("a.zip");
        pack(&out, &[Part { name: "a.txt", text: "x".to_owned() }]).unwrap();
        assert_eq!(pack(&out, &[]).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
    }
}
