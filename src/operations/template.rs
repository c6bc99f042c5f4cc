//! The shipped configuration with some of its values set: every key, every comment.

use toml::Value;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_change_and_comments_stay() {
        let template = "# Name.\nname = \"\"\n\n[pull]\n# Seconds.\nname = 1\nseconds = 5\n";
        let filled = fill(template, &[("pull.name", Value::Integer(2)), ("name", Value::String("a\"b".to_owned()))]);
        assert_eq!(filled, "# Name.\nname = 'a\"b'\n\n[pull]\n# Seconds.\nname = 2\nseconds = 5\n");
    }
}
