//! Questions of the first set-up: to somebody at a terminal, or answered by a file. All that is missing or wrong in a file is
//! said at once. No secret is asked here.

use std::collections::BTreeMap;
use std::io::{self, BufRead, Write};
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::owner::Owner;
use crate::config::{Fault, Faults, nearest};
use crate::domain::clock::Random;

/// One question.
#[derive(Debug, Clone)]
pub struct Question<'a> {
    /// Its key in a file of answers.
    pub key: &'static str,
    /// For people, in Japanese and English.
    pub words: &'a str,
    /// What an empty answer means; none where there must be one.
    pub default: Option<&'a str>,
}

/// Where the answers come from.
#[derive(Debug)]
pub struct Questions {
    given: BTreeMap<String, Value>,
    /// Whether somebody can be asked.
    asks: bool,
    /// What somebody answers, until all is done.
    kept: Option<Kept>,
    asked: Vec<String>,
    faults: Vec<Fault>,
}

/// Answers in a file of whoever gives them, so that nobody is asked twice.
#[derive(Debug)]
struct Kept {
    file: PathBuf,
    answers: Table,
    /// Whom the folder of the file is for; none before that is answered.
    owner: Option<Owner>,
    random: &'static dyn Random,
}

impl Kept {
    fn write(&self) -> io::Result<()> {
        let Some(owner) = self.owner else { return Ok(()) };
        if let Some(folder) = self.file.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            owner.make_config_folder(folder, self.random)?;
        }
        Owner::default().replace(&self.file, self.answers.to_string().as_bytes(), self.random)
    }
}

impl Questions {
    /// Of a file alone: nobody is asked.
    pub fn of_file(file: &Path) -> Result<Self, Faults> {
        Ok(Self { given: read(file)?.into_iter().collect(), asks: false, kept: None, asked: vec![], faults: vec![] })
    }

    /// At a terminal. Each answer is kept in a file until [`Self::done`], so that whoever leaves in the middle is not asked twice.
    pub fn at_terminal(keep: &Path, random: &'static dyn Random) -> Result<Self, Faults> {
        let answers = if keep.exists() { read(keep)? } else { Table::new() };
        let given = answers.clone().into_iter().collect();
        let kept = Kept { file: keep.to_owned(), answers, owner: None, random };
        Ok(Self { given, asks: true, kept: Some(kept), asked: vec![], faults: vec![] })
    }

    /// From here on it is known whom the folder of the configuration is for, which the answers lie in: nothing is kept before.
    pub fn belong_to(&mut self, owner: Option<Owner>) {
        if let Some(kept) = &mut self.kept {
            kept.owner = owner;
        }
        self.keep();
    }

    /// Asks, and checks the answer: again, where somebody sits there. None when there is no good answer; [`Self::finish`]
    /// says why.
    pub fn ask<T>(&mut self, question: &Question<'_>, check: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        self.asked.push(question.key.to_owned());
        if let Some(given) = self.given.remove(question.key) {
            let checked = given.as_str().ok_or_else(|| "expected text".to_owned()).and_then(&check);
            match checked {
                Ok(answer) => return Some(answer),
                Err(problem) if !self.asks => return self.fault(question.key, problem),
                Err(_) => (),
            }
        }
        if !self.asks {
            let Some(default) = question.default else {
                return self.fault(question.key, "must be answered".to_owned());
            };
            return match check(default) {
                Ok(answer) => Some(answer),
                Err(problem) => self.fault(question.key, problem),
            };
        }
        loop {
            let Some(line) = prompt(question) else {
                self.asks = false;
                return self.fault(question.key, "must be answered".to_owned());
            };
            let text = if line.is_empty() { question.default.unwrap_or_default() } else { &line };
            match check(text) {
                Ok(answer) => {
                    if let Some(kept) = &mut self.kept {
                        kept.answers.insert(question.key.to_owned(), Value::String(text.to_owned()));
                    }
                    self.keep();
                    return Some(answer);
                }
                Err(problem) => eprintln!("  {problem}"),
            }
        }
    }

    /// Whether every question had its answer, and nothing else was answered.
    pub fn finish(&self) -> Result<(), Faults> {
        let asked = &self.asked;
        let unknown =
            self.given.keys().filter(|key| !asked.contains(key)).map(|key| match nearest(key, asked.iter()) {
                Some(near) => Fault::new(key, format!("there is no such question; did you mean {near}?")),
                None => Fault::new(key, "there is no such question"),
            });
        let faults: Vec<Fault> = self.faults.iter().cloned().chain(unknown).collect();
        if faults.is_empty() { Ok(()) } else { Err(Faults(faults)) }
    }

    /// What was answered is in use, and is kept no longer.
    pub fn done(self) -> io::Result<()> {
        let Some(kept) = self.kept else { return Ok(()) };
        match std::fs::remove_file(kept.file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Writes down what was answered. Where that fails, nobody is asked on in vain.
    fn keep(&mut self) {
        let Some(kept) = &self.kept else { return };
        if let Err(error) = kept.write() {
            self.faults.push(Fault::new(kept.file.display().to_string(), error.to_string()));
            self.kept = None;
            self.asks = false;
        }
    }

    fn fault<T>(&mut self, key: &str, problem: String) -> Option<T> {
        self.faults.push(Fault::new(key, problem));
        None
    }
}

/// What is between two marks of a sentence for people, on standard error; the answer from standard input.
fn prompt(question: &Question<'_>) -> Option<String> {
    let default = question.default.filter(|text| !text.is_empty()).map_or(String::new(), |text| format!(" [{text}]"));
    eprint!("{}{default}: ", question.words);
    let _ = io::stderr().flush();
    let mut line = String::new();
    match io::stdin().lock().read_line(&mut line) {
        Ok(1..) => Some(line.trim().to_owned()),
        _ => None,
    }
}

fn read(file: &Path) -> Result<Table, Faults> {
    let wrong = |problem: String| Faults(vec![Fault::new(file.display().to_string(), problem)]);
    let text = std::fs::read_to_string(file).map_err(|error| wrong(format!("cannot be read: {error}")))?;
    text.parse().map_err(|error: toml::de::Error| wrong(format!("is not TOML: {}", error.message())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_told_all_its_faults() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("answers.toml");
        std::fs::write(&file, "number = 'x'\nnmae = 'A union'\n").unwrap();
        let mut questions = Questions::of_file(&file).unwrap();
        let question = |key| Question { key, words: "?", default: None };
        let number = |text: &str| text.parse::<u32>().map_err(|error| error.to_string());
        assert_eq!(questions.ask(&question("number"), number), None);
        assert_eq!(questions.ask(&question("name"), |text| Ok(text.to_owned())), None);
        let usual = Question { default: Some("7"), ..question("usual") };
        assert_eq!(questions.ask(&usual, number), Some(7));
        let said = questions.finish().unwrap_err().to_string();
        for expected in
            ["number: invalid digit", "name: must be answered", "nmae: there is no such question; did you mean name?"]
        {
            assert!(said.contains(expected), "{said}");
        }
    }
}
