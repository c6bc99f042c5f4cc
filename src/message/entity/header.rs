//! The header block: text ↔ [`Header`].

use jiff::fmt::rfc2822;

use super::{ContentEncoding, EntityError, Header, words};
use crate::domain::address::Address;
use crate::domain::digest::Sha256;
use crate::domain::file_name::FileName;

/// Most octets of the block, the empty line included.
pub(super) const MAX_BLOCK: usize = 16 << 10;
/// Most characters of a comment.
const MAX_COMMENT: usize = 500;
/// Most octets of a media type.
const MAX_CONTENT_TYPE: usize = 200;

/// Reads a block, without the empty line that ends it.
pub(super) fn read(block: &[u8]) -> Result<Header, EntityError> {
    let fields = Fields::read(block)?;
    if fields.must("MIME-Version")? != "1.0" {
        return Err(EntityError::Header("MIME-Version"));
    }
    if !fields.must("Content-Transfer-Encoding")?.eq_ignore_ascii_case("binary") {
        return Err(EntityError::Header("Content-Transfer-Encoding"));
    }
    let encoding = match fields.get("Content-Encoding") {
        None => ContentEncoding::Identity,
        Some(value) if value.eq_ignore_ascii_case("zstd") => ContentEncoding::Zstd,
        Some(_) => return Err(EntityError::Header("Content-Encoding")),
    };
    let comment = fields.get("Subject").map(|value| words::decode(value).ok_or(EntityError::Header("Subject")));
    let comment = comment.transpose()?;
    if comment.as_deref().is_some_and(|text| !comment_is_accepted(text)) {
        return Err(EntityError::Header("Subject"));
    }
    let content_type = fields.must("Content-Type")?;
    if !content_type_is_accepted(content_type) {
        return Err(EntityError::Header("Content-Type"));
    }
    Ok(Header {
        id: bracketed(&fields, "Message-ID")?
            .strip_suffix("@kx")
            .and_then(|id| id.parse().ok())
            .ok_or(EntityError::Header("Message-ID"))?,
        date: rfc2822::DateTimeParser::new()
            .parse_timestamp(fields.must("Date")?)
            .map_err(|_| EntityError::Header("Date"))?,
        from: address(&fields, "From")?,
        to: address(&fields, "To")?,
        sequence: sequence(fields.must("KX-Sequence")?).ok_or(EntityError::Header("KX-Sequence"))?,
        previous: previous(fields.must("KX-Previous")?).ok_or(EntityError::Header("KX-Previous"))?,
        file_name: file_name(fields.must("Content-Disposition")?)
            .ok_or(EntityError::Header("Content-Disposition"))?
            .parse(),
        content_type: content_type.to_owned(),
        comment,
        encoding,
    })
}

/// Writes a block, with the empty line that ends it; or names the header whose value cannot stand in one.
pub(super) fn write(header: &Header<FileName>) -> Result<Vec<u8>, EntityError> {
    let date = rfc2822::DateTimePrinter::new()
        .timestamp_to_rfc9110_string(&header.date)
        .map_err(|_| EntityError::Header("Date"))?;
    if !content_type_is_accepted(&header.content_type) {
        return Err(EntityError::Header("Content-Type"));
    }
    if header.sequence == 0 {
        return Err(EntityError::Header("KX-Sequence"));
    }
    let mut lines = vec![
        "MIME-Version: 1.0".to_owned(),
        format!("Content-Type: {}", header.content_type),
        "Content-Transfer-Encoding: binary".to_owned(),
        format!("Content-Disposition: attachment; filename*={}", words::encode_extended(header.file_name.as_str())),
        format!("Message-ID: <{}@kx>", header.id),
        format!("Date: {}", date.replace("GMT", "+0000")),
        format!("From: <{}>", header.from),
        format!("To: <{}>", header.to),
        format!("KX-Sequence: {}", header.sequence),
        format!("KX-Previous: {}", header.previous),
    ];
    if let Some(comment) = header.comment.as_deref().filter(|comment| !comment.is_empty()) {
        if !comment_is_accepted(comment) {
            return Err(EntityError::Header("Subject"));
        }
        lines.push(format!("Subject: {}", words::encode(comment)));
    }
    if header.encoding == ContentEncoding::Zstd {
        lines.push("Content-Encoding: zstd".to_owned());
    }
    lines.push("\r\n".to_owned());
    Ok(lines.join("\r\n").into_bytes())
}

/// Name and value of each header, unfolded.
struct Fields<'a>(Vec<(&'a str, String)>);

impl<'a> Fields<'a> {
    fn read(block: &'a [u8]) -> Result<Self, EntityError> {
        let text = std::str::from_utf8(block).ok().filter(|text| text.is_ascii());
        let text = text.ok_or(EntityError::Header("not ASCII"))?;
        let mut fields: Vec<(&str, String)> = Vec::new();
        for line in text.split("\r\n") {
            if line.bytes().any(|byte| byte.is_ascii_control() && byte != b'\t') {
                return Err(EntityError::Header("a control character"));
            }
            if line.starts_with([' ', '\t']) {
                let (_, value) = fields.last_mut().ok_or(EntityError::Header("folded before the first"))?;
                value.push_str(line);
                continue;
            }
            let (name, value) = line.split_once(':').ok_or(EntityError::Header("a line without a name"))?;
            if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
                return Err(EntityError::Header("a name that is none"));
            }
            if fields.iter().any(|(known, _)| known.eq_ignore_ascii_case(name)) {
                return Err(EntityError::Header("the same header twice"));
            }
            fields.push((name, value.to_owned()));
        }
        Ok(Self(fields))
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }

    fn must(&self, name: &'static str) -> Result<&str, EntityError> {
        self.get(name).ok_or(EntityError::Header(name))
    }
}

fn bracketed<'a>(fields: &'a Fields<'_>, name: &'static str) -> Result<&'a str, EntityError> {
    let inner = fields.must(name)?.strip_prefix('<').and_then(|value| value.strip_suffix('>'));
    inner.ok_or(EntityError::Header(name))
}

fn address(fields: &Fields<'_>, name: &'static str) -> Result<Address, EntityError> {
    bracketed(fields, name)?.parse().map_err(|_| EntityError::Header(name))
}

fn sequence(value: &str) -> Option<u64> {
    value.parse().ok().filter(|number: &u64| *number > 0 && number.to_string() == value)
}

fn previous(value: &str) -> Option<Sha256> {
    value.parse().ok().filter(|hash: &Sha256| hash.to_string() == value)
}

/// Exactly one name in exactly one form: a second one could say something else.
fn file_name(value: &str) -> Option<String> {
    let (disposition, parameter) = value.split_once(';')?;
    let (name, text) = parameter.trim().split_once('=')?;
    if !disposition.trim().eq_ignore_ascii_case("attachment") || !name.eq_ignore_ascii_case("filename*") {
        return None;
    }
    words::decode_extended(text)
}

fn content_type_is_accepted(value: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_graphic() || byte == b' ';
    value.len() <= MAX_CONTENT_TYPE && value.bytes().all(plain) && value.trim() == value && value.contains('/')
}

fn comment_is_accepted(text: &str) -> bool {
    text.chars().count() <= MAX_COMMENT && !text.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Header<FileName> {
        Header {
            id: "0191e3c4-7a5b-7c3d-8e4f-a1b2c3d4e5f6".parse().unwrap(),
            date: "2026-11-22T08:57:42Z".parse().unwrap(),
            from: "yamada-1@06123456.kx".parse().unwrap(),
            to: "union@06123456.kx".parse().unwrap(),
            sequence: 7,
            previous: Sha256([0xAB; 32]),
            file_name: "算定基礎届 (1).csv".parse().unwrap(),
            content_type: "text/csv; charset=utf-8".into(),
            comment: Some("よろしくお願いします。".repeat(40)),
            encoding: ContentEncoding::Zstd,
        }
    }

    fn block() -> String {
        let mut header = header();
        header.comment = None;
        header.encoding = ContentEncoding::Identity;
        String::from_utf8(write(&header).unwrap()).unwrap().trim_end().to_owned()
    }

    fn refused(block: &str) -> Option<&'static str> {
        match read(block.as_bytes()) {
            Err(EntityError::Header(what)) => Some(what),
            _ => None,
        }
    }

    #[test]
    fn a_header_reads_back_as_written() {
        let mut header = header();
        for _ in 0..2 {
            let block = write(&header).unwrap();
            assert!(block.len() <= MAX_BLOCK && block.is_ascii());
            let Header { id, date, from, to, sequence, previous, file_name, content_type, comment, encoding } =
                header.clone();
            let file_name = Ok(file_name);
            let expected =
                Header { id, date, from, to, sequence, previous, file_name, content_type, comment, encoding };
            assert_eq!(read(block.strip_suffix(b"\r\n\r\n").unwrap()), Ok(expected));
            header.comment = Some("plain".into());
            header.encoding = ContentEncoding::Identity;
        }
        assert!(block().contains("\r\nDate: Sun, 22 Nov 2026 08:57:42 +0000\r\n"), "{}", block());
    }

    #[test]
    fn each_header_that_must_be_there_is_missed() {
        let block = block();
        for line in block.split("\r\n") {
            let name = line.split(':').next().unwrap();
            let without = block.replace(line, "X-Other: 1");
            assert_eq!(refused(&without), Some(name));
            let twice = format!("{block}\r\n{}", line.to_uppercase());
            assert_eq!(refused(&twice), Some("the same header twice"));
        }
    }

    #[test]
    fn values_with_a_second_meaning_are_refused() {
        for (from, to, what) in [
            ("Sequence: 7", "Sequence: 07", "KX-Sequence"),
            ("Sequence: 7", "Sequence: 0", "KX-Sequence"),
            ("Sequence: 7", "Sequence: +7", "KX-Sequence"),
            ("abab", "ABAB", "KX-Previous"),
            ("<yamada-1@06123456.kx>", "yamada-1@06123456.kx", "From"),
            ("<yamada-1@06123456.kx>", "<yamada-1@06123456.kx>, <union@06123456.kx>", "From"),
            ("@kx>", "@example>", "Message-ID"),
            ("attachment;", "inline;", "Content-Disposition"),
            ("filename*=UTF-8''", "filename=x; filename*=UTF-8''", "Content-Disposition"),
            ("binary", "base64", "Content-Transfer-Encoding"),
            ("1.0", "1.0 (x)", "MIME-Version"),
            ("text/csv", "text", "Content-Type"),
            ("KX-Sequence:", "KX-Sequence :", "a name that is none"),
            ("MIME-", " MIME-", "folded before the first"),
            ("\r\nTo", "\nTo", "a control character"),
            ("kx>\r\nTo", "kx>\r\n\r\nTo", "a line without a name"),
        ] {
            let block = block();
            assert!(block.contains(from), "{from}");
            assert_eq!(refused(&block.replacen(from, to, 1)), Some(what), "{to}");
        }
    }

    #[test]
    fn a_harmful_name_leaves_the_rest_readable() {
        let block = block().replace("UTF-8''", "UTF-8''..%2F");
        let header = read(block.as_bytes()).unwrap();
        assert_eq!(header.file_name, Err(crate::domain::file_name::RefusedFileName::ForbiddenCharacter));
        assert_eq!(header.sequence, 7);
    }

    #[test]
    fn what_cannot_be_written_is_refused() {
        for break_it in [
            (|header: &mut Header<FileName>| header.sequence = 0) as fn(&mut Header<FileName>),
            |header| header.comment = Some("a".repeat(501)),
            |header| header.comment = Some("two\nlines".into()),
            |header| header.content_type = "text/plain\r\nTo: <x>".into(),
            |header| header.content_type = "text".into(),
        ] {
            let mut header = header();
            break_it(&mut header);
            assert!(write(&header).is_err());
        }
    }
}
