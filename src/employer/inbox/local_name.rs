//! What a file from the union is called on this PC.
//!
//! A [`FileName`] is harmless already (no separators, control characters, device names); what is left are characters and names
//! that some systems keep for themselves. They are written alike everywhere, so that a folder can move from one to another.

use crate::domain::file_name::FileName;

/// Most octets of a name that every file system takes.
const MAX: usize = 255;
/// Names that are tried before we give up.
const TRIES: u32 = 10_000;

/// The names under which a file may be put down, the best first: `name.csv`, `name (2).csv`, …
pub(super) fn candidates(name: &FileName) -> impl Iterator<Item = String> {
    let name = local(name.as_str());
    let (stem, extension) = split(&name);
    let (stem, extension) = (stem.to_owned(), extension.to_owned());
    (1..=TRIES).map(move |number| {
        let number = if number == 1 { String::new() } else { format!(" ({number})") };
        let room = MAX.saturating_sub(number.len() + extension.len());
        format!("{}{number}{extension}", shortened(&stem, room))
    })
}

/// Windows keeps `< > : " | ? *` (a colon names a second stream of a file), and devices also with superscript digits. A dot in
/// front hides a file, or makes it the settings of a shell.
fn local(name: &str) -> String {
    let name: String = name
        .chars()
        .map(|letter| match letter {
            '<' => '＜',
            '>' => '＞',
            ':' => '：',
            '"' => '＂',
            '|' => '｜',
            '?' => '？',
            '*' => '＊',
            other => other,
        })
        .collect();
    if name.starts_with(['.', ' ']) || is_device(&name) { format!("_{name}") } else { name }
}

fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or(name).trim_end().to_uppercase();
    if matches!(stem.as_str(), "CONIN$" | "CONOUT$" | "COM0" | "LPT0") {
        return true;
    }
    let port = stem.strip_prefix("COM").or_else(|| stem.strip_prefix("LPT"));
    port.is_some_and(|digit| matches!(digit, "¹" | "²" | "³"))
}

/// The name before its extension, and the extension with its dot; one that is too long is none.
fn split(name: &str) -> (&str, &str) {
    match name.rfind('.') {
        Some(dot) if dot > 0 && name.len() - dot <= 32 => name.split_at(dot),
        _ => (name, ""),
    }
}

/// At most so many octets of a text, cut between letters.
fn shortened(text: &str, room: usize) -> &str {
    let end = (0..=room.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    // Windows drops what would stand at the end now.
    text[..end].trim_end_matches(if end < text.len() { [' ', '.'].as_slice() } else { &[] })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(name: &str) -> Vec<String> {
        candidates(&name.parse().unwrap()).take(3).collect()
    }

    #[test]
    fn what_is_there_is_gone_round() {
        assert_eq!(names("通知.csv"), ["通知.csv", "通知 (2).csv", "通知 (3).csv"]);
        assert_eq!(names("README"), ["README", "README (2)", "README (3)"]);
        assert_eq!(names("a.tar.gz")[1], "a.tar (2).gz");
        assert_eq!(candidates(&"a".parse().unwrap()).count(), 10_000);
    }

    #[test]
    fn names_are_right_on_windows_too() {
        assert_eq!(names("10:30 <A|B>?*\".csv")[0], "10：30 ＜A｜B＞？＊＂.csv");
        assert_eq!(names(".bashrc")[0], "_.bashrc");
        for name in ["COM¹.csv", "conin$.txt", "LPT²", "com0"] {
            assert_eq!(names(name)[0], format!("_{name}"));
        }
        assert_eq!(names("community.csv")[0], "community.csv");
    }

    #[test]
    fn long_names_are_cut_between_letters_and_keep_their_extension() {
        let long = format!("{}.csv", "届".repeat(83));
        for name in candidates(&long.parse().unwrap()).take(12) {
            assert!(name.len() <= MAX && name.starts_with('届') && split(&name).1 == ".csv", "{name}");
        }
        // One octet over, since a colon is written with three.
        let longer = names(&format!("{}:", "届".repeat(84)));
        assert!(longer.iter().all(|name| name.len() <= MAX), "{longer:?}");
        let dots = names(&format!("{}. {}", "a".repeat(248), "b".repeat(5)));
        assert!(dots.iter().all(|name| name.len() <= MAX && !name.contains(". (")), "{dots:?}");
    }
}
