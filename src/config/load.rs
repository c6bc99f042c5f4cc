//! Defaults, then the file, then the environment; every fault at once.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use toml::{Table, Value};

use super::keys::{flatten, nearest};
use super::units;

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

/// Settings as far as they could be read, and everything that is wrong with them.
#[derive(Debug, Clone)]
pub struct Examined<S> {
    /// What is wrong has its default here.
    pub settings: S,
    /// What is wrong.
    pub faults: Vec<Fault>,
}

impl<S> Examined<S> {
    /// The settings, if nothing is wrong with them.
    pub fn into_settings(self) -> Result<S, Faults> {
        if self.faults.is_empty() { Ok(self.settings) } else { Err(Faults(self.faults)) }
    }
}

/// Reads the settings from a file and the environment of this process.
pub fn load<S: Settings>(file: &Path) -> Result<S, Faults> {
    examine(file)?.into_settings()
}

/// Reads the settings from a text and variables that are given.
pub fn load_from<S: Settings>(
    text: &str,
    folder: &Path,
    variables: impl Iterator<Item = (String, String)>,
) -> Result<S, Faults> {
    examine_from(text, folder, variables).into_settings()
}

/// Reads as much as can be read of the settings in a file and in the environment of this process, and says everything that
/// is wrong. Fails only when the file cannot be read at all.
pub fn examine<S: Settings>(file: &Path) -> Result<Examined<S>, Faults> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| Faults(vec![Fault::new(file.display().to_string(), format!("cannot be read: {error}"))]))?;
    // A relative path with nothing before it means the current folder.
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).map_or(PathBuf::from("."), Into::into);
    // Other people's variables may be in any encoding.
    let lossy = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
    Ok(examine_from(&text, &folder, std::env::vars_os().map(|(name, value)| (lossy(name), lossy(value)))))
}

/// As [`examine`], from a text and variables that are given.
pub fn examine_from<S: Settings>(
    text: &str,
    folder: &Path,
    variables: impl Iterator<Item = (String, String)>,
) -> Examined<S> {
    let template: Table = S::TEMPLATE.parse().expect("the compiled-in defaults are TOML");
    let known = flatten(&template);
    let mut faults = Vec::new();
    let mut written = flatten(&parse_text(text, &mut faults));
    written.retain(|key, value| fits(key, value, &known, &mut faults));
    let mut overrides = read_environment(S::ENV_PREFIX, variables, &known, &mut faults);
    let read = |keys: &BTreeMap<String, Value>| -> Result<S, config::ConfigError> {
        merge(S::TEMPLATE, keys)?.try_deserialize()
    };
    let together = |written: &BTreeMap<String, Value>, overrides: &BTreeMap<String, (String, Value)>| {
        let said = overrides.iter().map(|(key, (_, value))| (key.clone(), value.clone()));
        read(&written.clone().into_iter().chain(said).collect())
    };
    let mut settings = together(&written, &overrides);
    if settings.is_err() {
        // Which ones they are shows when each is read beside nothing but defaults.
        let alone = |key: &String, value: &Value| read(&BTreeMap::from([(key.clone(), value.clone())])).err();
        written.retain(|key, value| match alone(key, value) {
            Some(error) => complain(key, &error, &mut faults),
            None => true,
        });
        overrides.retain(|key, (name, value)| match alone(key, value) {
            Some(error) => complain(name, &error, &mut faults),
            None => true,
        });
        settings = together(&written, &overrides);
    }
    let mut settings = settings.unwrap_or_else(|error| {
        complain("configuration", &error, &mut faults);
        read(&BTreeMap::new()).expect("the compiled-in defaults are of the right types")
    });
    settings.rebase(folder);
    // Of a key that was not read, only the default would be judged.
    let unread: BTreeSet<String> = faults.iter().map(|fault| fault.key.clone()).collect();
    faults.extend(settings.faults().into_iter().filter(|fault| !unread.contains(&fault.key)));
    Examined { settings, faults }
}

/// What may be told of settings to whoever looks for the cause of a fault.
#[derive(Debug, Clone, Copy)]
pub struct Discretion<'a> {
    /// Keys of which only is told that they are set.
    pub hidden: &'a [&'a str],
    /// Keys that name a file with a secret. Whoever has put the secret itself there is not to send it away with the settings.
    pub secret_files: &'a [&'a str],
}

/// Settings as they may be told.
#[derive(Debug, Clone)]
pub struct Described {
    /// Every key with its value and where that comes from, a line each. Of whatever is no key of ours is only told that it is set.
    pub text: String,
    /// What stands where the name of a file with a secret should, and may be the secret: it must stand in nothing that is told.
    pub concealed: Vec<String>,
}

/// Describes the settings in a file and in the environment of this process.
pub fn describe<S: Settings>(file: &Path, discretion: &Discretion<'_>) -> Described {
    let template: Table = S::TEMPLATE.parse().expect("the compiled-in defaults are TOML");
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let mut keys: BTreeMap<String, (String, &str)> = BTreeMap::new();
    let known = flatten(&template);
    let folder = file.parent().unwrap_or(Path::new("."));
    let mut concealed = Vec::new();
    let mut shown = |key: &str, value: &Value| {
        let named = value.as_str().filter(|_| discretion.secret_files.contains(&key));
        if let Some(named) = named.filter(|named| !named.is_empty() && !folder.join(named).is_file()) {
            concealed.push(named.to_owned());
            return "(set: no such file)".to_owned();
        }
        let is_plain = known.contains_key(key) && !discretion.hidden.contains(&key);
        if is_plain { value.to_string() } else { "(set)".to_owned() }
    };
    keys.extend(known.iter().map(|(key, value)| (key.clone(), (value.to_string(), "default"))));
    let written = flatten(&parse_text(&text, &mut Vec::new()));
    keys.extend(written.iter().map(|(key, value)| (key.clone(), (shown(key, value), "file"))));
    let variables =
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let overrides = read_environment(S::ENV_PREFIX, variables, &known, &mut Vec::new());
    keys.extend(overrides.iter().map(|(key, (_, value))| (key.clone(), (shown(key, value), "environment"))));
    let line = |(key, (value, source)): (String, (String, &str))| format!("{key} = {value} ({source})\n");
    Described { text: keys.into_iter().map(line).collect(), concealed }
}

/// What can be made of a text, also where some of it is no TOML.
fn parse_text(text: &str, faults: &mut Vec<Fault>) -> Table {
    let error = match text.parse::<Table>() {
        Ok(table) => return table,
        Err(error) => error,
    };
    let (_, errors) = toml::de::DeTable::parse_recoverable(text);
    let all = if errors.is_empty() { vec![error] } else { errors };
    let mut wrong = BTreeSet::new();
    for error in all {
        let line = error.span().map_or(0, |span| text[..span.start.min(text.len())].matches('\n').count());
        if wrong.insert(line) {
            faults.push(Fault::new(format!("line {}", line + 1), format!("is not TOML: {}", error.message())));
        }
    }
    // Without those lines there is most often a document.
    let rest = text.lines().enumerate().filter(|(number, _)| !wrong.contains(number)).map(|(_, line)| line);
    rest.collect::<Vec<_>>().join("\n").parse().unwrap_or_default()
}

fn merge(template: &str, keys: &BTreeMap<String, Value>) -> Result<config::Config, config::ConfigError> {
    let mut written = Table::new();
    for (key, value) in keys {
        insert(&mut written, key, value.clone());
    }
    config::Config::builder()
        .add_source(config::File::from_str(template, config::FileFormat::Toml))
        .add_source(config::File::from_str(&written.to_string(), config::FileFormat::Toml))
        .build()
}

fn insert(table: &mut Table, key: &str, value: Value) {
    match key.split_once('.') {
        None => drop(table.insert(key.to_owned(), value)),
        Some((section, rest)) => {
            let inner = table.entry(section).or_insert_with(|| Value::Table(Table::new()));
            if let Value::Table(inner) = inner {
                insert(inner, rest, value);
            }
        }
    }
}

/// Always false: this key is not read.
fn complain(key: &str, error: &config::ConfigError, faults: &mut Vec<Fault>) -> bool {
    let words = match error {
        config::ConfigError::At { error, .. } => error.to_string(),
        other => other.to_string(),
    };
    faults.push(Fault::new(key, words));
    false
}

fn fits(key: &str, value: &Value, known: &BTreeMap<String, Value>, faults: &mut Vec<Fault>) -> bool {
    let is_known_heading = |name: &String| name.strip_prefix(key).is_some_and(|rest| rest.starts_with('.'));
    let fault = match known.get(key) {
        None if value.is_table() && known.keys().any(is_known_heading) => return false,
        None => unknown(key, known),
        Some(default) if !default.same_type(value) => {
            let expected = format!("expected {}, found {}", default.type_str(), value.type_str());
            let hint = value.as_str().and_then(|text| units::hint(key, text));
            Fault::new(key, expected + &hint.unwrap_or_default())
        }
        Some(_) => return true,
    };
    faults.push(fault);
    false
}

fn unknown(key: &str, known: &BTreeMap<String, Value>) -> Fault {
    match nearest(key, known.keys()) {
        Some(near) => Fault::new(key, format!("there is no such key; did you mean {near}?")),
        None => Fault::new(key, "there is no such key"),
    }
}

/// What the variables set: the name of each, and its value, by key.
fn read_environment(
    prefix: &str,
    variables: impl Iterator<Item = (String, String)>,
    known: &BTreeMap<String, Value>,
    faults: &mut Vec<Fault>,
) -> BTreeMap<String, (String, Value)> {
    let prefix = format!("{prefix}__");
    let mut overrides = BTreeMap::new();
    for (name, text) in variables {
        let Some(rest) = name.strip_prefix(&prefix) else { continue };
        let key = rest.to_ascii_lowercase().replace("__", ".");
        match known.get(&key) {
            None => faults.push(Fault { key: name, problem: unknown(&key, known).problem }),
            Some(default) => {
                if let Some(value) = parse(&text, default) {
                    overrides.insert(key, (name, value));
                } else {
                    let hint = units::hint(&key, &text).unwrap_or_default();
                    faults.push(Fault::new(name, format!("expected {}{hint}", default.type_str())));
                }
            }
        }
    }
    overrides
}

/// Reads a variable as the type that the default has. A list is written with commas.
fn parse(text: &str, default: &Value) -> Option<Value> {
    match default {
        Value::Integer(_) => text.parse().ok().map(Value::Integer),
        Value::Float(_) => text.parse().ok().map(Value::Float),
        Value::Boolean(_) => text.parse().ok().map(Value::Boolean),
        Value::Array(_) => {
            let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
            Some(Value::Array(parts.map(|part| Value::String(part.to_owned())).collect()))
        }
        _ => Some(Value::String(text.to_owned())),
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
    #[test]
    fn one_thing_wrong_hides_no_other() {
        let text = "folder = 'data'\nthis is nothing\n[pull]\ninterval_seconds = -5\nnetworks = = 1\n[puls]\n";
        let examined = super::examine_from::<Example>(text, Path::new("/etc/kx"), std::iter::empty());
        let said = Faults(examined.faults).to_string();
        for expected in
            ["line 2: is not TOML", "line 5: is not TOML", "pull.interval_seconds: ", "puls: there is no such"]
        {
            assert!(said.contains(expected), "{said}");
        }
        assert_eq!((examined.settings.folder, examined.settings.pull.interval_seconds), ("/etc/kx/data".into(), 300));
    }

    #[test]
    fn a_number_with_a_unit_is_told_without() {
        let faults = read("[pull]\ninterval_seconds = '5m'", &[("KX_EXAMPLE__PULL__INTERVAL_SECONDS", "1h")]);
        let said = faults.unwrap_err().to_string();
        assert!(said.contains("found string; it counts seconds, without a unit: 300"), "{said}");
        assert!(said.contains("KX_EXAMPLE__PULL__INTERVAL_SECONDS: expected integer; it counts seconds"), "{said}");
    }
}
