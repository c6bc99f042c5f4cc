//! What may be sent to whoever looks for the cause of a fault: one ZIP with what is known about a server, and no secrets and no
//! persons.

use std::borrow::Cow;
use std::fs::OpenOptions;
use std::io::{self, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use zip::write::SimpleFileOptions;

use crate::runtime::finding::Finding;
use crate::stream::platform;

/// Bytes of the journal that are taken at most, the newest.
const MOST: usize = 64 << 20;
/// What stands in place of a mail address.
const ADDRESS: &str = "(mail-address)";
/// What stands in place of what may be a secret.
const CONCEALED: &str = "(concealed)";

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
    let mut command = Command::new("journalctl");
    command.args(["--no-pager", "--quiet", "--output=cat", "--unit", unit, &since]);
    let text = told_by(&mut command).unwrap_or_else(|error| format!("journalctl: {error}\n"));
    Part { name: "journal.log", text }
}

/// The end of what a program says, or what it complains of. The whole of it may be more than there is memory for.
fn told_by(command: &mut Command) -> io::Result<String> {
    let mut program = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn()?;
    let said = program.stdout.take().map_or(Ok(Vec::new()), |mut out| newest(&mut out, MOST));
    let status = program.wait()?;
    if !status.success() {
        return Err(io::Error::other(status.to_string()));
    }
    let lossy = |error: std::string::FromUtf8Error| String::from_utf8_lossy(error.as_bytes()).into_owned();
    Ok(String::from_utf8(said?).unwrap_or_else(lossy))
}

/// The last bytes, at most so many; twice as many are held at a time.
fn newest(from: &mut impl Read, most: usize) -> io::Result<Vec<u8>> {
    let mut kept = Vec::new();
    let mut next = vec![0; most.min(64 * 1024)];
    loop {
        let read = match from.read(&mut next) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        kept.extend_from_slice(&next[..read]);
        if kept.len() >= 2 * most {
            kept.drain(..kept.len() - most);
        }
    }
    kept.drain(..kept.len().saturating_sub(most));
    Ok(kept)
}

/// Writes a ZIP that was not there before, for its owner only. What is `concealed` stands nowhere in it. Blocks.
pub fn pack(out: &Path, parts: &[Part], concealed: &[String]) -> io::Result<()> {
    let file = platform::private(OpenOptions::new().write(true).create_new(true)).open(out)?;
    let packed = (|| {
        let mut zip = zip::ZipWriter::new(file);
        for part in parts {
            zip.start_file(part.name, SimpleFileOptions::default())?;
            zip.write_all(without_addresses(&without(&part.text, concealed)).as_bytes())?;
        }
        zip.finish()?.sync_all()
    })();
    if packed.is_err() {
        // Half an archive is none.
        let _ = std::fs::remove_file(out);
    }
    packed
}

/// A single letter or two is no secret, and stands everywhere.
fn without<'a>(text: &'a str, concealed: &[String]) -> Cow<'a, str> {
    let secrets = concealed.iter().filter(|secret| secret.chars().count() > 2);
    secrets.fold(Cow::Borrowed(text), |text, secret| {
        if text.contains(secret.as_str()) { Cow::Owned(text.replace(secret.as_str(), CONCEALED)) } else { text }
    })
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
    fn of_what_a_program_says_the_end_is_kept() {
        let all: Vec<u8> = (0..=u8::MAX).cycle().take(1_000).collect();
        for most in [1, 7, 999, 1_000, 5_000] {
            assert_eq!(newest(&mut &all[..], most).unwrap(), all[1_000_usize.saturating_sub(most)..], "{most}");
        }
        let told = |script: &str| told_by(Command::new("sh").args(["-c", script]));
        assert_eq!(told("printf a; printf '\\377'").unwrap(), "a\u{fffd}");
        assert!(told("exit 3").is_err());
    }

    #[test]
    fn an_archive_is_never_written_over() {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("a.zip");
        pack(&out, &[Part { name: "a.txt", text: "x".to_owned() }], &[]).unwrap();
        assert_eq!(pack(&out, &[], &[]).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
    }
}
