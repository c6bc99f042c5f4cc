//! File names as they are looked up: by any part of them, whatever width and whichever kana it is written in.

use std::collections::BTreeSet;

use unicode_normalization::UnicodeNormalization;

/// A text in the form in which two texts that people take for the same are the same: full and half width, katakana and hiragana, capital
/// and small letters. What chooses between two shapes of a character is left out.
pub fn fold(text: &str) -> String {
    text.nfkc().filter(|letter| !is_selector(*letter)).flat_map(char::to_lowercase).map(hiragana).collect()
}

fn is_selector(letter: char) -> bool {
    matches!(letter, '\u{FE00}'..='\u{FE0F}' | '\u{E0100}'..='\u{E01EF}')
}

fn hiragana(letter: char) -> char {
    match letter {
        'ァ'..='ヶ' | 'ヽ'..='ヾ' => char::from_u32(u32::from(letter) - 0x60).unwrap_or(letter),
        other => other,
    }
}

/// Every pair of letters that stand side by side in a folded text, as words of letters and digits; each once.
pub(super) fn pairs(folded: &str) -> BTreeSet<String> {
    let letters: Vec<char> = folded.chars().collect();
    letters.windows(2).map(|pair| format!("{:x}z{:x}", u32::from(pair[0]), u32::from(pair[1]))).collect()
}

/// What a name is found by.
pub(in crate::store::gateway) fn index(name: &str) -> String {
    pairs(&fold(name)).into_iter().collect::<Vec<_>>().join(" ")
}

/// What asks for all names that may hold this folded text: those with all of its pairs. None for less than two letters.
pub(super) fn question(folded: &str) -> Option<String> {
    let pairs = pairs(folded);
    (!pairs.is_empty()).then(|| pairs.into_iter().collect::<Vec<_>>().join(" AND "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_take_for_the_same_is_the_same() {
        for (one, other) in [
            ("ｻﾝﾃｲｷｿﾄﾞｹ.CSV", "さんていきそどけ.csv"),
            ("算定　基礎（１０月）", "算定 基礎(10月)"),
            ("か\u{3099}ギ", "がぎ"),
            ("葛\u{E0100}飾", "葛飾"),
            ("ヴァイス", "ゔぁいす"),
        ] {
            assert_eq!(fold(one), fold(other));
        }
        assert_ne!(fold("髙橋"), fold("高橋"), "another character is another name");
        assert_ne!(fold("賞与"), fold("賞予"));
    }

    #[test]
    fn pairs_are_words_without_signs() {
        assert_eq!(index("AA\"b"), "22z62 61z22 61z61");
        assert_eq!(question("賞与").as_deref(), Some("8cdez4e0e"));
        assert_eq!(question("賞"), None);
        assert!(question("a' OR *:^\"").unwrap().chars().all(|letter| letter.is_ascii_alphanumeric() || letter == ' '));
    }
}
