//! Names in an archive: each can be unpacked by Windows, and none displaces another.

use std::collections::HashSet;

use crate::domain::file_name::FileName;

/// UTF-16 units of a name. Windows allows 260 for a whole path, and people unpack into deep folders.
const LONGEST: usize = 120;

/// Names that were given so far.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// As Windows compares them.
    taken: HashSet<String>,
}

impl Names {
    /// A name for a file that is called so, or for one that has no name that can be used.
    pub(super) fn give(&mut self, name: Option<&FileName>, id: &str) -> String {
        let wished = name.map_or_else(|| format!("名前なし_{id}"), |name| harmless(name.as_str()));
        let (stem, ending) = match wished.rsplit_once('.') {
            Some((stem, ending)) if !stem.is_empty() && ending.len() <= 10 => (stem, format!(".{ending}")),
            _ => (wished.as_str(), String::new()),
        };
        let mut number = 1;
        loop {
            let mark = if number > 1 { format!(" ({number})") } else { String::new() };
            let room = LONGEST.saturating_sub(units(&mark) + units(&ending));
            let name = format!("{}{mark}{ending}", shortened(stem, room));
            if self.taken.insert(name.to_lowercase()) {
                return name;
            }
            number += 1;
        }
    }
}

/// Without what Windows does not allow in a name beside what [`FileName`] refuses already.
fn harmless(name: &str) -> String {
    name.chars()
        .map(|letter| match letter {
            '<' => '＜',
            '>' => '＞',
            ':' => '：',
            '"' => '”',
            '|' => '｜',
            '?' => '？',
            '*' => '＊',
            other => other,
        })
        .collect()
}

fn units(text: &str) -> usize {
    text.encode_utf16().count()
}

/// As many whole letters as fit; no blank or dot at the end, which Windows drops.
fn shortened(text: &str, room: usize) -> &str {
    let mut used = 0;
    let end = text.char_indices().find(|(_, letter)| {
        used += letter.len_utf16();
        used > room
    });
    match end {
        Some((end, _)) => text[..end].trim_end_matches([' ', '.']),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(names: &[&str]) -> Vec<String> {
        let mut all = Names::default();
        names.iter().map(|name| all.give(Some(&name.parse().unwrap()), "id")).collect()
    }

    #[test]
    fn equal_names_are_numbered_as_windows_compares_them() {
        let names = ["届.csv", "届.CSV", "届.csv", "届 (2).csv", "なし", "なし"];
        assert_eq!(given(&names), ["届.csv", "届 (2).CSV", "届 (3).csv", "届 (2) (2).csv", "なし", "なし (2)"]);
        assert_eq!(given(&[".profile", ".profile"]), [".profile", ".profile (2)"]);
    }

    #[test]
    fn what_windows_refuses_is_written_otherwise() {
        assert_eq!(given(&["a<b>:\"c|d?*.csv"]), ["a＜b＞：”c｜d？＊.csv"]);
        let mut names = Names::default();
        assert_eq!(names.give(None, "0191e3c4"), "名前なし_0191e3c4");
        let long = format!("{}.csv", "あ".repeat(83));
        let names = given(&[&long, &long]);
        assert_eq!(names[0], long);
        let longer = format!("{}.csv", "a".repeat(250));
        let names = [names, given(&[&longer, &longer])].concat();
        assert!(names.iter().all(|name| units(name) <= LONGEST && name.rsplit('.').next() == Some("csv")), "{names:?}");
        assert_eq!(names.iter().collect::<HashSet<_>>().len(), 4);
    }
}
