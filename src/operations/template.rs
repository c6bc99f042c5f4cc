//! The shipped configuration with some of its values set: every key, every comment.

use toml::{Table, Value};

use crate::config::Fault;

/// The template with these values in place of its own.
///
/// # Panics
/// When a key is not in the template: that is a fault of ours.
pub fn fill(template: &str, values: &[(&str, Value)]) -> String {
    let mut section = String::new();
    let mut text = String::with_capacity(template.len() + 1_024);
    let mut left: Vec<&(&str, Value)> = values.iter().collect();
    for line in template.lines() {
        if let Some(heading) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = format!("{heading}.");
        }
        let name = line.split_once(" = ").map(|(name, _)| format!("{section}{name}"));
        if let Some(place) = name.and_then(|name| left.iter().position(|(key, _)| *key == name)) {
            let (key, value) = left.swap_remove(place);
            let own = key.rsplit('.').next().unwrap_or(key);
            text.extend([own, " = ", &value.to_string(), "\n"]);
        } else {
            text.extend([line, "\n"]);
        }
    }
    assert!(left.is_empty(), "the template has every key that is set: {left:?}");
    text
}

/// What a configuration that is there says otherwise: it stays as it is. A key that it does not have is not held against it.
pub fn differences(there: &str, values: &[(&str, Value)]) -> Vec<Fault> {
    let Ok(there) = there.parse::<Table>() else { return Vec::new() };
    let find = |key: &str| {
        let (section, name) = key.rsplit_once('.').map_or((None, key), |(section, name)| (Some(section), name));
        match section {
            None => there.get(name),
            Some(section) => there.get(section)?.get(name),
        }
    };
    let different = values.iter().filter_map(|(key, value)| {
        let stands = find(key).filter(|stands| *stands != value)?;
        Some(Fault::new(
            *key,
            format!("stays {stands}; the answer was {value}: to change it, edit the configuration by hand"),
        ))
    });
    different.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_otherwise_is_named() {
        let there = "name = 'one'\n[pull]\nname = 1\n";
        let values =
            |name: &str, number| [("name", Value::String(name.to_owned())), ("pull.name", Value::Integer(number))];
        assert_eq!(differences(there, &values("one", 1)), []);
        let keys = |found: Vec<Fault>| found.into_iter().map(|fault| fault.key).collect::<Vec<_>>();
        assert_eq!(keys(differences(there, &values("two", 2))), ["name", "pull.name"]);
        assert_eq!(keys(differences("", &values("two", 2))), Vec::<String>::new());
    }

    #[test]
    fn values_change_and_comments_stay() {
        let template = "# Name.\nname = \"\"\n\n[pull]\n# Seconds.\nname = 1\nseconds = 5\n";
        let filled = fill(template, &[("pull.name", Value::Integer(2)), ("name", Value::String("a\"b".to_owned()))]);
        assert_eq!(filled, "# Name.\nname = 'a\"b'\n\n[pull]\n# Seconds.\nname = 2\nseconds = 5\n");
    }
}
