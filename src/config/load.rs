//! Defaults, then the file, then the environment; every fault at once.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use toml::{Table, Value};

use super::keys::{flatten, nearest};

/// The settings of one binary.
pub trait Settings: DeserializeOwned {
    /// The file in `config/`: every key with its default.
    const TEMPLATE: &'static str;
    /// What environment variables begin with: `KX_GATEWAY` makes `KX_GATEWAY__PULL__INTERVAL_SECONDS` set
    /// `pull.interval_seconds`.
    const ENV_PREFIX: &'static str;

    /// Makes relative paths start at the folder of the file.
    fn rebase(&mut self, folder: &Path);

    /// What is wrong beyond names and types of keys.
    fn faults(&self) -> Vec<Fault>;
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The dotted key, or the file.
    pub key: String,
    /// What is wrong with it and what would be right.
    pub problem: String,
}

impl Fault {
    /// A fault of a key.
    pub fn new(key: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { key: key.into(), problem: problem.into() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.problem)
    }
}

/// Everything that is wrong with a configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Faults(pub Vec<Fault>);

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the configuration has {} fault(s)", self.0.len())?;
        self.0.iter().try_for_each(|fault| write!(f, "\n  {fault}"))
    }
}

/// Reads the settings from a file and the environment of this process.
pub fn load<S: Settings>(file: &Path) -> Result<S, Faults> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| Faults(vec![Fault::new(file.display().to_string(), format!("cannot be read: {error}"))]))?;
    // A relative path with nothing before it means the current folder.
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).map_or(PathBuf::from("."), Into::into);
    // Other people's variables may be in any encoding.
    let lossy = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
    load_from(&text, &folder, std::env::vars_os().map(|(name, value)| (lossy(name), lossy(value))))
}

/// Reads the settings from a text and variables that are given.
pub fn load_from<S: Settings>(
    text: &str,
    folder: &Path,
    variables: impl Iterator<Item = (String, String)>,
) -> Result<S, Faults> {
    let template: Table = S::TEMPLATE.parse().expect("the compiled-in defaults are TOML");
    let known = flatten(&template);
    let mut faults = Vec::new();
    let written: Table = text.parse().map_err(|error: toml::de::Error| {
        Faults(vec![Fault::new("file", format!("is not TOML: {}", error.message()))])
    })?;
    check_keys(&flatten(&written), &known, &mut faults);
    let overrides = read_environment(S::ENV_PREFIX, variables, &known, &mut faults);
    if !faults.is_empty() {
        return Err(Faults(faults));
    }
    let merged = merge(S::TEMPLATE, text, overrides).map_err(|error| from_library(&error))?;
    let mut settings: S = merged.try_deserialize().map_err(|error| from_library(&error))?;
    settings.rebase(folder);
    match settings.faults() {
        faults if faults.is_empty() => Ok(settings),
        faults => Err(Faults(faults)),
    }
}

fn merge(
    template: &str,
    text: &str,
    overrides: BTreeMap<String, config::Value>,
) -> Result<config::Config, config::ConfigError> {
    let mut builder = config::Config::builder()
        .add_source(config::File::from_str(template, config::FileFormat::Toml))
        .add_source(config::File::from_str(text, config::FileFormat::Toml));
    for (key, value) in overrides {
        builder = builder.set_override(key, value)?;
    }
    builder.build()
}

fn from_library(error: &config::ConfigError) -> Faults {
    Faults(vec![Fault::new("configuration", error.to_string())])
}

fn check_keys(written: &BTreeMap<String, Value>, known: &BTreeMap<String, Value>, faults: &mut Vec<Fault>) {
    for (key, value) in written {
        match known.get(key) {
            None => faults.push(unknown(key, known)),
            Some(default) if !default.same_type(value) => {
                let problem = format!("expected {}, found {}", default.type_str(), value.type_str());
                faults.push(Fault::new(key, problem));
            }
            Some(_) => (),
        }
    }
}

fn unknown(key: &str, known: &BTreeMap<String, Value>) -> Fault {
    match nearest(key, known.keys()) {
        Some(near) => Fault::new(key, format!("there is no such key; did you mean {near}?")),
        None => Fault::new(key, "there is no such key"),
    }
}

fn read_environment(
    prefix: &str,
    variables: impl Iterator<Item = (String, String)>,
    known: &BTreeMap<String, Value>,
    faults: &mut Vec<Fault>,
) -> BTreeMap<String, config::Value> {
    let prefix = format!("{prefix}__");
    let mut overrides = BTreeMap::new();
    for (name, text) in variables {
        let Some(rest) = name.strip_prefix(&prefix) else { continue };
        let key = rest.to_ascii_lowercase().replace("__", ".");
        match known.get(&key) {
            None => faults.push(Fault { key: name, problem: unknown(&key, known).problem }),
            Some(default) => match parse(&text, default) {
                Some(value) => drop(overrides.insert(key, value)),
                None => faults.push(Fault::new(name, format!("expected {}", default.type_str()))),
            },
        }
    }
    overrides
}

/// Reads a variable as the type that the default has. A list is written with commas.
fn parse(text: &str, default: &Value) -> Option<config::Value> {
    match default {
        Value::Integer(_) => text.parse::<i64>().ok().map(Into::into),
        Value::Float(_) => text.parse::<f64>().ok().map(Into::into),
        Value::Boolean(_) => text.parse::<bool>().ok().map(Into::into),
        Value::Array(_) => {
            Some(text.split(',').map(str::trim).filter(|part| !part.is_empty()).collect::<Vec<_>>().into())
        }
        _ => Some(text.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    struct Example {
        folder: PathBuf,
        pull: Pull,
    }

    #[derive(Debug, serde::Deserialize)]
    struct Pull {
        interval_seconds: u64,
        networks: Vec<String>,
    }

    impl Settings for Example {
        const TEMPLATE: &'static str = "folder = ''\n[pull]\ninterval_seconds = 300\nnetworks = []\n";
        const ENV_PREFIX: &'static str = "KX_EXAMPLE";

        fn rebase(&mut self, folder: &Path) {
            self.folder = folder.join(&self.folder);
        }

        fn faults(&self) -> Vec<Fault> {
            let zero = self.pull.interval_seconds == 0;
            zero.then(|| Fault::new("pull.interval_seconds", "must be 1 or more")).into_iter().collect()
        }
    }

    fn read(text: &str, variables: &[(&str, &str)]) -> Result<Example, Faults> {
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        load_from(text, Path::new("/etc/kx"), variables)
    }

    #[test]
    fn defaults_then_file_then_environment() {
        let defaults = read("folder = 'data'", &[]).unwrap();
        assert_eq!((defaults.folder, defaults.pull.interval_seconds), ("/etc/kx/data".into(), 300));
        let text = "folder = '/var/kx'\n[pull]\ninterval_seconds = 60";
        let environment = [("KX_EXAMPLE__PULL__INTERVAL_SECONDS", "5"), ("KX_EXAMPLE__PULL__NETWORKS", "a, b")];
        let settings = read(text, &environment).unwrap();
        assert_eq!((settings.folder, settings.pull.interval_seconds), ("/var/kx".into(), 5));
        assert_eq!(settings.pull.networks, ["a", "b"]);
    }

    #[test]
    fn everything_wrong_is_said_at_once() {
        let faults = read(
            "foldr = 'data'\n[pull]\ninterval_seconds = 'soon'",
            &[("KX_EXAMPLE__PULL__INTERVALL_SECONDS", "5"), ("KX_EXAMPLE__PULL__INTERVAL_SECONDS", "x")],
        );
        let text = faults.unwrap_err().to_string();
        for expected in [
            "foldr: there is no such key; did you mean folder?",
            "pull.interval_seconds: expected integer, found string",
            "KX_EXAMPLE__PULL__INTERVALL_SECONDS: there is no such key; did you mean pull.interval_seconds?",
            "KX_EXAMPLE__PULL__INTERVAL_SECONDS: expected integer",
        ] {
            assert!(text.contains(expected), "{text}");
        }
        assert!(read("[pull]\ninterval_seconds = 0", &[]).unwrap_err().to_string().contains("must be 1 or more"));
    }
}
