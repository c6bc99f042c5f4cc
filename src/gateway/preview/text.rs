//! Bytes as text: the encoding is decided by decoding.

use encoding_rs::{Encoding as Decoder, ISO_2022_JP, SHIFT_JIS, UTF_16BE, UTF_16LE};

use super::limits;
use super::shown::{Encoding, Text};

/// Text that was decoded.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Decoded {
    /// How it was written.
    pub(super) encoding: Encoding,
    /// What it says, without a byte order mark.
    pub(super) text: String,
    /// Whether the file has more than this.
    pub(super) is_cut: bool,
}

/// The beginning of a file as text, if that is what it is. `is_whole`: nothing follows `bytes`.
pub(super) fn decode(bytes: &[u8], is_whole: bool) -> Option<Decoded> {
    let is_cut = !is_whole || bytes.len() > limits::TEXT;
    let bytes = &bytes[..bytes.len().min(limits::TEXT)];
    // What is left of old systems ends in the mark of an end of file.
    let bytes = if is_cut { bytes } else { trim_end_marks(bytes) };
    let (encoding, text) = of_bytes(bytes, is_cut)?;
    let text = text.strip_prefix('\u{FEFF}').map_or_else(|| text.clone(), str::to_owned);
    is_text(&text).then_some(Decoded { encoding, text, is_cut })
}

/// What is shown of a text.
pub(super) fn show(decoded: &Decoded) -> Text {
    let lines = decoded.text.replace("\r\n", "\n").replace('\r', "\n");
    let mut characters = lines.chars();
    let text: String = characters.by_ref().take(limits::CHARACTERS).map(harmless).collect();
    let has_more = decoded.is_cut || characters.next().is_some();
    Text { encoding: decoded.encoding, text, has_more }
}

/// The character, or a mark in its place when it would turn the direction of writing, so that the text shows as another.
pub(super) fn harmless(character: char) -> char {
    match character {
        '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' => '\u{FFFD}',
        other => other,
    }
}

fn of_bytes(bytes: &[u8], is_cut: bool) -> Option<(Encoding, String)> {
    match bytes {
        [0xFF, 0xFE, rest @ ..] => return Some((Encoding::Utf16, exactly(UTF_16LE, rest, is_cut)?)),
        [0xFE, 0xFF, rest @ ..] => return Some((Encoding::Utf16, exactly(UTF_16BE, rest, is_cut)?)),
        _ => {}
    }
    if bytes.windows(2).any(|pair| pair == b"\x1b$") {
        return Some((Encoding::Iso2022Jp, exactly(ISO_2022_JP, bytes, is_cut)?));
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Some((Encoding::Utf8, text.to_owned())),
        // The cut went through a character.
        Err(error) if is_cut && error.error_len().is_none() => {
            let whole = &bytes[..error.valid_up_to()];
            Some((Encoding::Utf8, String::from_utf8_lossy(whole).into_owned()))
        }
        Err(_) => Some((Encoding::ShiftJis, exactly(SHIFT_JIS, bytes, is_cut)?)),
    }
}

/// Without a single character in place of what cannot be read; where the file was cut, up to three bytes may be missing at the end.
fn exactly(decoder: &'static Decoder, bytes: &[u8], is_cut: bool) -> Option<String> {
    let least = if is_cut { bytes.len().saturating_sub(3) } else { bytes.len() };
    (least..=bytes.len()).rev().find_map(|end| {
        let text = decoder.decode_without_bom_handling_and_without_replacement(&bytes[..end])?;
        Some(text.into_owned())
    })
}

fn trim_end_marks(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().rposition(|byte| *byte != 0x1A).map_or(0, |last| last + 1);
    &bytes[..end]
}

/// No control characters but those that text is laid out with.
fn is_text(text: &str) -> bool {
    text.chars()
        .all(|character| !character.is_control() || matches!(character, '\t' | '\n' | '\r' | '\u{C}' | '\u{85}'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(bytes: &[u8], is_whole: bool) -> Option<(Encoding, String)> {
        decode(bytes, is_whole).map(|decoded| (decoded.encoding, decoded.text))
    }

    #[test]
    fn every_encoding_of_japanese_offices_is_known_by_decoding() {
        let words = "髙橋　﨑山,①②,ﾊﾝｶｸ\r\n";
        let utf16: Vec<u8> = [0xFEFF].into_iter().chain(words.encode_utf16()).flat_map(u16::to_le_bytes).collect();
        let shift_jis = SHIFT_JIS.encode(words).0.into_owned();
        let mail = ISO_2022_JP.encode("資格取得届").0.into_owned();
        let expected = |encoding| Some((encoding, words.to_owned()));
        assert_eq!(decoded(words.as_bytes(), true), expected(Encoding::Utf8));
        assert_eq!(decoded(&[b"\xEF\xBB\xBF", words.as_bytes()].concat(), true), expected(Encoding::Utf8));
        assert_eq!(decoded(&utf16, true), expected(Encoding::Utf16));
        assert_eq!(decoded(&shift_jis, true), expected(Encoding::ShiftJis));
        assert_eq!(decoded(&[&shift_jis, &b"\x1A\x1A"[..]].concat(), true), expected(Encoding::ShiftJis));
        assert_eq!(decoded(&mail, true), Some((Encoding::Iso2022Jp, "資格取得届".to_owned())));
    }

    #[test]
    fn a_cut_through_a_character_is_no_fault_and_other_bytes_are_no_text() {
        let shift_jis = SHIFT_JIS.encode("算定基礎届").0.into_owned();
        assert_eq!(decoded(&shift_jis[..9], false), Some((Encoding::ShiftJis, "算定基礎".to_owned())));
        assert_eq!(decoded(&shift_jis[..9], true), None);
        let utf8 = "算定".as_bytes();
        assert_eq!(decoded(&utf8[..4], false), Some((Encoding::Utf8, "算".to_owned())));
        for bytes in [&b"MZ\x90\0\x03"[..], b"\xD8\xFF\xFE\x80\x81", b"a\0b", b"\x1b[31mred"] {
            assert_eq!(decoded(bytes, true), None, "{bytes:?}");
        }
    }

    #[test]
    fn text_that_would_show_as_another_is_made_harmless() {
        let shown = show(&decode("a\u{202E}b\r\nc\rd".as_bytes(), true).unwrap());
        assert_eq!((shown.text.as_str(), shown.has_more), ("a\u{FFFD}b\nc\nd", false));
        let long = "あ".repeat(limits::CHARACTERS + 1);
        let shown = show(&decode(long.as_bytes(), true).unwrap());
        assert_eq!((shown.text.chars().count(), shown.has_more), (limits::CHARACTERS, true));
    }
}
