//! Names and values as a browser sends them, in an address and in a form (`application/x-www-form-urlencoded`).

use std::str::FromStr;
use std::sync::Arc;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode, utf8_percent_encode};
use zeroize::Zeroizing;

use crate::domain::file_name::{FileName, RefusedFileName};

/// What stands for itself in an address.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Names and values, in order. A value may be a password: it is shown nowhere, and wiped.
#[derive(Clone, Default)]
pub(super) struct Fields(Arc<Vec<(String, Zeroizing<String>)>>);

impl Fields {
    /// Reads them. What is no UTF-8 is left out.
    pub(super) fn parse(text: &[u8]) -> Self {
        let pair = |pair: &[u8]| {
            let end = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
            let value = pair.get(end + 1..).unwrap_or_default();
            Some((decode(&pair[..end])?.to_string(), decode(value)?))
        };
        let pairs = text.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty());
        Self(Arc::new(pairs.filter_map(pair).collect()))
    }

    /// The first value of that name, without blanks around it; empty when there is none.
    pub(super) fn get(&self, name: &str) -> &str {
        self.all(name).next().unwrap_or_default()
    }

    /// The first value of that name, read; none when there is none.
    pub(super) fn parsed<T: FromStr>(&self, name: &str) -> Result<Option<T>, T::Err> {
        Some(self.get(name)).filter(|text| !text.is_empty()).map(str::parse).transpose()
    }

    /// What somebody wrote under that name: something, and at most so many characters, with line ends as they are everywhere else.
    pub(super) fn text(&self, name: &str, most: usize) -> Option<String> {
        let text = self.get(name).replace("\r\n", "\n");
        (1..=most).contains(&text.chars().count()).then_some(text)
    }

    /// The part of a file's name that is looked for; none when nothing is.
    pub(super) fn part_of_name(&self) -> Result<Option<String>, RefusedFileName> {
        let part = self.get("name");
        if part.len() > FileName::MAX {
            return Err(RefusedFileName::TooLong);
        }
        Ok(Some(part).filter(|part| !part.is_empty()).map(str::to_owned))
    }

    /// The first value of that name as it is: passwords may begin and end with blanks.
    pub(super) fn exact(&self, name: &str) -> Zeroizing<String> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone()).unwrap_or_default()
    }

    /// Every value of that name.
    pub(super) fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.trim())
    }

    /// All that do not have one of these names.
    pub(super) fn without(&self, names: &[&str]) -> Vec<(&str, &str)> {
        let all = self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        all.filter(|(key, _)| !names.contains(key)).collect()
    }

    /// An address with these, without those that have the names of `but` or no value, and with `more`.
    pub(super) fn address(&self, path: &str, but: &[&str], more: &[(&str, &str)]) -> String {
        let kept = self.without(but).into_iter().filter(|(_, value)| !value.is_empty());
        let pairs = kept.chain(more.iter().copied()).map(|(key, value)| format!("{}={}", encode(key), encode(value)));
        let query = pairs.collect::<Vec<_>>().join("&");
        if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
    }
}

impl std::fmt::Debug for Fields {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.iter().map(|(key, _)| key)).finish()
    }
}

/// As it stands in an address.
pub(super) fn encode(text: &str) -> String {
    utf8_percent_encode(text, ESCAPED).to_string()
}

fn decode(text: &[u8]) -> Option<Zeroizing<String>> {
    let spaced = Zeroizing::new(text.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect::<Vec<u8>>());
    let bytes = Zeroizing::new(percent_decode(&spaced).collect::<Vec<u8>>());
    Some(Zeroizing::new(std::str::from_utf8(&bytes).ok()?.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_and_written() {
        let fields = Fields::parse("id=1&id=2&word=%E7%AE%97+x&bad=%ff&empty=&q".as_bytes());
        assert_eq!(fields.all("id").collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!((fields.get("word"), fields.get("bad"), fields.get("none")), ("算 x", "", ""));
        let address = fields.address("/received", &["id"], &[("state", "a&b")]);
        assert_eq!(address, "/received?word=%E7%AE%97%20x&state=a%26b");
        assert_eq!(Fields::default().address("/", &[], &[]), "/");
        let secret = Fields::parse(b"password=%20hunter+2");
        assert_eq!(secret.exact("password").as_str(), " hunter 2");
        assert_eq!(format!("{secret:?}"), "{\"password\"}");
    }
}
