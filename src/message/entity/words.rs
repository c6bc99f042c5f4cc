//! Text outside ASCII in headers: encoded words (RFC 2047) and extended parameters (RFC 8187). UTF-8 only.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// Octets of text in an encoded word, so that the word keeps to its 75 characters.
const WORD: usize = 45;

/// What may stand in an extended parameter as it is: `attr-char` of RFC 8187.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

/// Text as encoded words, one on each line; as it is, where it cannot be taken for anything else.
pub(super) fn encode(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_graphic() || byte == b' ';
    if text.len() < 900 && text.bytes().all(plain) && text.trim() == text && !text.contains("=?") {
        return text.to_owned();
    }
    let mut words = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (word, after) = rest.split_at(rest.floor_char_boundary(WORD));
        words.push(format!("=?UTF-8?B?{}?=", STANDARD.encode(word)));
        rest = after;
    }
    words.join("\r\n ")
}

/// Encoded words (base64 or "Q"), or plain text. `None`: neither.
pub(super) fn decode(value: &str) -> Option<String> {
    if !value.contains("=?") {
        return Some(value.to_owned());
    }
    let mut bytes = Vec::new();
    for word in value.split_ascii_whitespace() {
        let mut parts = word.strip_prefix("=?")?.strip_suffix("?=")?.split('?');
        let (charset, encoding, text) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() || !charset.eq_ignore_ascii_case("UTF-8") {
            return None;
        }
        match encoding {
            "B" | "b" => bytes.extend(STANDARD.decode(text).ok()?),
            "Q" | "q" => decode_q(text, &mut bytes)?,
            _ => return None,
        }
    }
    // Others may cut a character in two between words, so all is put together first.
    String::from_utf8(bytes).ok()
}

fn decode_q(text: &str, out: &mut Vec<u8>) -> Option<()> {
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'_' => out.push(b' '),
            b'=' => {
                let mut octet = [0];
                hex::decode_to_slice([rest.next()?, rest.next()?], &mut octet).ok()?;
                out.push(octet[0]);
            }
            other => out.push(other),
        }
    }
    Some(())
}

/// The value of `filename*`.
pub(super) fn encode_extended(text: &str) -> String {
    format!("UTF-8''{}", utf8_percent_encode(text, ESCAPED))
}

/// The text of such a value. `None`: it is none.
pub(super) fn decode_extended(value: &str) -> Option<String> {
    let (charset, text) = value.split_once("''")?;
    if !charset.eq_ignore_ascii_case("UTF-8") {
        return None;
    }
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let fits = match byte {
            b'%' => [rest.next(), rest.next()].iter().all(|digit| digit.is_some_and(|d| d.is_ascii_hexdigit())),
            plain => plain.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&plain),
        };
        if !fits {
            return None;
        }
    }
    percent_decode_str(text).decode_utf8().ok().map(Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_read_back_as_written() {
        let long = "賞与支払届".repeat(100);
        for text in ["", "a", "令和8年 算定基礎届", "=?UTF-8?B?", " a", &"a".repeat(500), &long, "😀é"] {
            let encoded = encode(text);
            assert!(encoded.is_ascii() && encoded.split("\r\n").all(|line| line.len() <= 900), "{encoded}");
            assert_eq!(decode(&encoded.replace("\r\n", "")), Some(text.to_owned()));
        }
    }

    #[test]
    fn words_of_others_are_read() {
        assert_eq!(decode("=?utf-8?q?caf=C3=A9_au_lait?="), Some("café au lait".into()));
        assert_eq!(decode("=?UTF-8?B?4w==?= =?UTF-8?B?gYI=?="), Some("あ".into()));
        for text in ["=?ISO-2022-JP?B?GyRCJCIbKEI=?=", "a =?UTF-8?B?YQ==?=", "=?UTF-8?B?%%?=", "=?UTF-8?Q?=C3?=", "=?"]
        {
            assert_eq!(decode(text), None, "{text}");
        }
    }

    #[test]
    fn extended_parameters_read_back_as_written() {
        for text in ["a.csv", "算定 基礎届(1).csv", "100%'s*.txt", "a\u{202E}b", ""] {
            assert_eq!(decode_extended(&encode_extended(text)), Some(text.to_owned()));
        }
        for text in
            ["a.csv", "UTF-8'en'a", "utf-16''a", "UTF-8''%4", "UTF-8''%GG", "UTF-8''a b", "UTF-8''%FF", "UTF-8''あ"]
        {
            assert_eq!(decode_extended(text), None, "{text}");
        }
    }
}
