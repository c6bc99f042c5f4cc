//! File names as they are looked up: by any part of them, whatever width and whichever kana it is written in.

use std::collections::BTreeSet;

use sqlx::{QueryBuilder, Sqlite, SqliteConnection};

use crate::domain::folding::fold;
use crate::store::gateway::days::Numbers;
use crate::store::sqlite::{StoreError, groups};

/// Digits that are looked up together: pairs of them are in so many names that they say little.
const DIGITS: usize = 3;

/// Every letter of a folded text, every pair that stands side by side, and digits by threes; as words of letters and digits, each once.
fn words(folded: &str) -> BTreeSet<String> {
    let letters: Vec<char> = folded.chars().collect();
    let single = letters.iter().filter(|letter| letter.is_alphabetic()).map(|letter| word(&[*letter]));
    let numbers = letters.windows(DIGITS).filter(|part| are_digits(part)).map(word);
    single.chain(letters.windows(2).map(word)).chain(numbers).collect()
}

/// The words that all names have which may hold this folded text: the fewest that say as much.
fn asked(folded: &str) -> BTreeSet<String> {
    let letters: Vec<char> = folded.chars().collect();
    if let [letter] = letters[..] {
        return letter.is_alphabetic().then(|| word(&[letter])).into_iter().collect();
    }
    // What three digits say their pairs say, too.
    let covered =
        |at: usize| (at.saturating_sub(1)..=at).any(|at| letters.get(at..at + DIGITS).is_some_and(are_digits));
    let pairs = letters.windows(2).enumerate().filter(|(at, _)| !covered(*at)).map(|(_, pair)| word(pair));
    pairs.chain(letters.windows(DIGITS).filter(|part| are_digits(part)).map(word)).collect()
}

fn are_digits(letters: &[char]) -> bool {
    letters.iter().all(char::is_ascii_digit)
}

fn word(letters: &[char]) -> String {
    letters.iter().map(|letter| format!("{:x}", u32::from(*letter))).collect::<Vec<_>>().join("z")
}

/// Makes rows findable by the names of their files, in the transaction that adds them.
pub(in crate::store::gateway) async fn note(
    connection: &mut SqliteConnection,
    numbers: Numbers,
    rows: &[(i64, &str)],
) -> Result<(), StoreError> {
    let insert = match numbers {
        Numbers::Received => "INSERT INTO received_words (rowid, words) ",
        Numbers::Sent => "INSERT INTO sent_words (rowid, words) ",
    };
    for group in groups(rows) {
        let mut query = QueryBuilder::<Sqlite>::new(insert);
        query.push_values(group, |mut row, (number, name)| {
            row.push_bind(*number).push_bind(index(name));
        });
        query.build().execute(&mut *connection).await?;
    }
    Ok(())
}

/// What a name is found by.
fn index(name: &str) -> String {
    words(&fold(name)).into_iter().collect::<Vec<_>>().join(" ")
}

/// What asks for all names that may hold this folded text. None for a single sign or digit.
pub(super) fn question(folded: &str) -> Option<String> {
    let words = asked(folded);
    (!words.is_empty()).then(|| words.into_iter().collect::<Vec<_>>().join(" AND "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_looked_up_are_words_without_signs() {
        assert_eq!(index("AA\"b"), "22z62 61 61z22 61z61 62");
        assert_eq!(index("_012"), "30z31 30z31z32 31z32 5fz30");
        assert_eq!(question("賞与").as_deref(), Some("8cdez4e0e"));
        assert_eq!(question("賞").as_deref(), Some("8cde"));
        assert_eq!(question("12").as_deref(), Some("31z32"));
        assert_eq!(question("月_0123年").as_deref(), Some("30z31z32 AND 31z32z33 AND 33z5e74 AND 5fz30 AND 6708z5f"));
        assert_eq!((question("1"), question("_"), question("")), (None, None, None));
        for text in ["算定123基礎_1234a", "ab", "1234", "a1b2", "12a345"] {
            let asked = asked(text);
            assert!(!asked.is_empty() && asked.is_subset(&words(text)), "{text}");
        }
        assert!(question("a' OR *:^\"").unwrap().chars().all(|letter| letter.is_ascii_alphanumeric() || letter == ' '));
    }
}
