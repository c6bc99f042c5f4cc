//! When two texts are the same to people: whatever width and whichever kana they are written in.

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
}
