//! `Range` of a request (RFC 9110, section 14).

use std::ops::Range;

use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};

use crate::wire::problem::{Code, Problem};

/// What part of some bytes a request asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// All of them.
    Whole,
    /// These.
    Part(Range<u64>),
    /// None that there are.
    Outside,
}

impl Asked {
    /// Reads the header of a request for `size` bytes.
    pub fn from_headers(headers: &HeaderMap, size: u64) -> Self {
        let asked = headers.get(header::RANGE).and_then(|value| value.to_str().ok());
        asked.map_or(Self::Whole, |asked| parse(asked, size))
    }

    /// The bytes, and `Content-Range` where only a part is sent; or the refusal.
    pub fn within(self, size: u64) -> Result<(Range<u64>, Option<String>), Box<Response>> {
        match self {
            Self::Whole => Ok((0..size, None)),
            Self::Part(range) => {
                let told = format!("bytes {}-{}/{size}", range.start, range.end - 1);
                Ok((range, Some(told)))
            }
            Self::Outside => {
                let told = [(header::CONTENT_RANGE, format!("bytes */{size}"))];
                Err(Box::new((told, Problem::new(Code::RangeNotSatisfiable)).into_response()))
            }
        }
    }
}

/// One range of bytes. Anything else may be left alone, and the whole is sent.
fn parse(text: &str, size: u64) -> Asked {
    let Some((first, last)) = text.strip_prefix("bytes=").and_then(|range| range.split_once('-')) else {
        return Asked::Whole;
    };
    let (first, last) = (first.trim(), last.trim());
    let range = match (first.parse::<u64>(), last.parse::<u64>()) {
        (Ok(first), Ok(last)) if first <= last => first..last.saturating_add(1).min(size),
        (Ok(first), Err(_)) if last.is_empty() => first..size,
        (Err(_), Ok(suffix)) if first.is_empty() => size.saturating_sub(suffix)..size,
        _ => return Asked::Whole,
    };
    if range.start >= range.end { Asked::Outside } else { Asked::Part(range) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_the_rfc_has_them() {
        for (text, expected) in [
            ("bytes=0-", Asked::Part(0..100)),
            ("bytes=10-19", Asked::Part(10..20)),
            ("bytes=90-1000", Asked::Part(90..100)),
            ("bytes=-5", Asked::Part(95..100)),
            ("bytes=-1000", Asked::Part(0..100)),
            ("bytes=100-", Asked::Outside),
            ("bytes=-0", Asked::Outside),
            ("bytes=20-10", Asked::Whole),
            ("bytes=0-1,5-6", Asked::Whole),
            ("lines=0-1", Asked::Whole),
            ("bytes=18446744073709551615-18446744073709551615", Asked::Outside),
        ] {
            assert_eq!(parse(text, 100), expected, "{text}");
        }
    }
}
