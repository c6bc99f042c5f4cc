//! The keys of a TOML document, flat, and what is near to a key that is none.

use std::collections::BTreeMap;

use toml::{Table, Value};

/// Every leaf of the document by its dotted key. Arrays are leaves, and headings with nothing below them.
pub(super) fn flatten(table: &Table) -> BTreeMap<String, Value> {
    let mut leaves = BTreeMap::new();
    collect(table, "", &mut leaves);
    leaves
}

fn collect(table: &Table, prefix: &str, leaves: &mut BTreeMap<String, Value>) {
    for (name, value) in table {
        let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        match value {
            Value::Table(table) if !table.is_empty() => collect(table, &key, leaves),
            leaf => drop(leaves.insert(key, leaf.clone())),
        }
    }
}

/// The known key that somebody most likely meant, if one is near enough.
pub fn nearest<'a>(key: &str, known: impl Iterator<Item = &'a String>) -> Option<&'a str> {
    let scored = known.map(|candidate| (score(key, candidate), candidate.as_str()));
    scored.filter(|(score, _)| *score > 0.7).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, candidate)| candidate)
}

/// The right name under the wrong heading is as near as a misspelt name under the right one.
fn score(key: &str, candidate: &str) -> f64 {
    let last = |key: &str| key.rsplit('.').next().unwrap_or_default().to_owned();
    let whole = strsim::jaro_winkler(key, candidate);
    if last(key) == last(candidate) { whole.max(0.9) } else { whole }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_key_is_named() {
        let known = ["pull.interval_seconds", "pull.parallel", "log.level"].map(String::from);
        assert_eq!(nearest("pull.intervall_seconds", known.iter()), Some("pull.interval_seconds"));
        assert_eq!(nearest("level", known.iter()), Some("log.level"));
        assert_eq!(nearest("zzz", known.iter()), None);
    }
}
