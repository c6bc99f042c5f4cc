//! Asks the person at the terminal, or a file where nobody sits. What is secret is never shown.

use std::fs;
use std::io::{self, BufRead, Write};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::arguments::Secrets;
use crate::secret::Pin;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unanswered {
    /// The file cannot be read.
    #[error("{} cannot be read", .0.display())]
    File(PathBuf, #[source] io::Error),
    /// Nobody is there to be asked, or whoever was there left.
    #[error("nobody can be asked: there is no terminal")]
    Nobody(#[source] io::Error),
    /// The file does not hold a PIN.
    #[error("{} does not hold a PIN of four digits", .0.display())]
    NoPin(PathBuf),
    /// Somebody said no.
    #[error("stopped")]
    Stopped,
}

/// Asks for secrets.
#[derive(Debug)]
pub(super) struct Asker(pub(super) Secrets);

impl Asker {
    /// The PIN, from the file or typed.
    pub(super) fn pin(&self, prompt: &str) -> Result<Pin, Unanswered> {
        if let Some(file) = &self.0.pin_file {
            return first_line(file)?.parse().map_err(|_| Unanswered::NoPin(file.clone()));
        }
        loop {
            match hidden(prompt)?.parse() {
                Ok(pin) => return Ok(pin),
                Err(wrong) => say(&format!("  {wrong}")),
            }
        }
    }

    /// Whether the PIN comes from a file: then asking again brings nothing new.
    pub(super) fn has_pin(&self) -> bool {
        self.0.pin_file.is_some()
    }

    /// The password, from the file or typed.
    pub(super) fn password(&self, prompt: &str) -> Result<Zeroizing<String>, Unanswered> {
        secret(self.0.password_file.as_deref(), prompt)
    }

    /// Whether the password comes from a file.
    pub(super) fn has_password(&self) -> bool {
        self.0.password_file.is_some()
    }
}

/// A secret from this file, or typed.
pub(super) fn secret(file: Option<&Path>, prompt: &str) -> Result<Zeroizing<String>, Unanswered> {
    file.map_or_else(|| hidden(prompt), first_line)
}

/// A line that may be seen.
pub(super) fn line(prompt: &str) -> Result<String, Unanswered> {
    eprint!("{prompt}: ");
    let _ = io::stderr().flush();
    let mut text = String::new();
    let read = io::stdin().lock().read_line(&mut text).map_err(Unanswered::Nobody)?;
    if read == 0 {
        return Err(Unanswered::Nobody(io::ErrorKind::UnexpectedEof.into()));
    }
    Ok(text.trim().to_owned())
}

/// はい or いいえ.
pub(super) fn agree(question: &str) -> Result<(), Unanswered> {
    loop {
        match line(&format!("{question} [はい/いいえ, y/n]"))?.to_lowercase().as_str() {
            "はい" | "y" | "yes" => return Ok(()),
            "いいえ" | "n" | "no" => return Err(Unanswered::Stopped),
            _ => (),
        }
    }
}

/// Tells whoever sits there.
pub(super) fn say(text: &str) {
    eprintln!("{text}");
}

fn hidden(prompt: &str) -> Result<Zeroizing<String>, Unanswered> {
    rpassword::prompt_password(format!("{prompt}: ")).map(Zeroizing::new).map_err(Unanswered::Nobody)
}

fn first_line(file: &Path) -> Result<Zeroizing<String>, Unanswered> {
    let text = fs::read_to_string(file).map_err(|error| Unanswered::File(file.to_owned(), error))?;
    let text = Zeroizing::new(text);
    Ok(Zeroizing::new(text.lines().next().unwrap_or_default().trim_end().to_owned()))
}
