//! The parts of a form with files (`multipart/form-data`, RFC 7578), one after another as they come: no part is ever held whole.
//!
//! `multer`, which axum offers for this, reads on for as long as bytes are ready, whether or not anybody takes them: from a fast browser it
//! would hold a whole file.

use axum::extract::Request;
use axum::http::header;
use bytes::{Bytes, BytesMut};

use super::{BodyError, BodyReader, Limits};

/// Bytes of the longest head of a part.
const HEAD: usize = 8_192;
/// Bytes of the longest boundary (RFC 2046).
const BOUNDARY: usize = 70;
/// What ends the head of a part.
const HEAD_END: &[u8] = b"\r\n\r\n";

/// A form that is being read.
#[derive(Debug)]
pub struct Parts {
    body: BodyReader,
    buffer: BytesMut,
    /// What stands between two parts: a line end, two hyphens, the boundary.
    between: Vec<u8>,
    /// Whether the bytes of a part are to be read, or what is after them.
    is_within: bool,
}

/// A part, as its head names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The field.
    pub name: String,
    /// What the browser calls the file, if it is one.
    pub file_name: Option<String>,
}

impl Parts {
    /// The parts of a request's body, unless it is no such form.
    pub fn new(request: Request, limits: &Limits) -> Option<Self> {
        let kind = request.headers().get(header::CONTENT_TYPE)?.to_str().ok()?;
        let boundary = boundary(kind)?;
        let between = format!("\r\n--{boundary}").into_bytes();
        // The first boundary has no line before it.
        Some(Self { body: BodyReader::new(request, limits), buffer: b"\r\n"[..].into(), between, is_within: true })
    }

    /// The head of the next part, after whatever is left of the one before; nothing after the last.
    pub async fn next(&mut self) -> Result<Option<Part>, BodyError> {
        while self.chunk().await?.is_some() {}
        while self.buffer.len() < 2 {
            self.fill().await?;
        }
        if self.buffer.starts_with(b"--") {
            return Ok(None);
        }
        let end = loop {
            if let Some(end) = find(&self.buffer, HEAD_END) {
                break end;
            }
            if self.buffer.len() > HEAD {
                return Err(BodyError::TooLarge);
            }
            self.fill().await?;
        };
        let head = self.buffer.split_to(end + HEAD_END.len());
        self.is_within = true;
        std::str::from_utf8(&head).ok().and_then(part).map(Some).ok_or(BodyError::Broken)
    }

    /// The next bytes of this part; nothing at its end.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, BodyError> {
        while self.is_within {
            if let Some(end) = find(&self.buffer, &self.between) {
                let last = self.buffer.split_to(end).freeze();
                drop(self.buffer.split_to(self.between.len()));
                self.is_within = false;
                return Ok(Some(last).filter(|last| !last.is_empty()));
            }
            // The boundary may have come in part.
            let sure = (self.buffer.len() + 1).saturating_sub(self.between.len());
            if sure > 0 {
                return Ok(Some(self.buffer.split_to(sure).freeze()));
            }
            self.fill().await?;
        }
        Ok(None)
    }

    /// The whole of this part, when it is text of at most so many bytes.
    pub async fn text(&mut self, most: usize) -> Result<String, BodyError> {
        let mut text = Vec::new();
        while let Some(bytes) = self.chunk().await? {
            if text.len() + bytes.len() > most {
                return Err(BodyError::TooLarge);
            }
            text.extend_from_slice(&bytes);
        }
        String::from_utf8(text).map_err(|_| BodyError::Broken)
    }

    /// Reads what is left, up to `limit` bytes, so that the other end gets to read our answer.
    pub async fn drain(self, limit: u64) {
        self.body.drain(limit).await;
    }

    async fn fill(&mut self) -> Result<(), BodyError> {
        let bytes = self.body.chunk().await?.ok_or(BodyError::Broken)?;
        self.buffer.extend_from_slice(&bytes);
        Ok(())
    }
}

fn boundary(kind: &str) -> Option<&str> {
    let (kind, rest) = kind.split_once(';')?;
    let mut parameters = rest.split(';').filter_map(|one| one.trim().split_once('='));
    let (_, boundary) = parameters.find(|(name, _)| name.eq_ignore_ascii_case("boundary"))?;
    let boundary = boundary.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(boundary);
    let fits = (1..=BOUNDARY).contains(&boundary.len()) && boundary.bytes().all(|byte| byte.is_ascii_graphic());
    (kind.trim().eq_ignore_ascii_case("multipart/form-data") && fits).then_some(boundary)
}

/// What the head of a part says of it.
fn part(head: &str) -> Option<Part> {
    let line = head.split("\r\n").find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-disposition").then_some(value)
    })?;
    let mut rest = line.trim().strip_prefix("form-data")?;
    let (mut name, mut file_name) = (None, None);
    while let Some(parameter) = rest.trim_start().strip_prefix(';') {
        let (key, value) = parameter.trim_start().split_once("=\"")?;
        let (value, after) = value.split_once('"')?;
        // As browsers write what would end the value or the line.
        let value = value.replace("%22", "\"").replace("%0D", "\r").replace("%0A", "\n");
        match key {
            "name" => name = Some(value),
            "filename" => file_name = Some(value),
            _ => {}
        }
        rest = after;
    }
    Some(Part { name: name?, file_name })
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        at += bytes.get(at..)?.iter().position(|byte| *byte == wanted[0])?;
        if bytes[at..].starts_with(wanted) {
            return Some(at);
        }
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    const FORM: &str = "--xyz\r\nContent-Disposition: form-data; name=\"csrf\"\r\n\r\ntoken\r\n--xyz\r\n\
        content-disposition: form-data; name=\"file\"; filename=\"算定%22届.csv\"\r\nContent-Type: text/csv\r\n\r\n\
        a\r\n--xy\r\n-\r\n\r\n--xyz\r\nContent-Disposition: form-data; name=\"empty\"; filename=\"\"\r\n\r\n\r\n--xyz--\r\n";

    fn parts(kind: &'static str, body: &[u8], pieces: usize) -> Option<Parts> {
        let pieces: Vec<_> = body.chunks(pieces).map(|piece| Ok::<_, std::io::Error>(piece.to_vec())).collect();
        let body = Body::from_stream(futures_util::stream::iter(pieces));
        let request = Request::builder().header("content-type", kind).body(body).unwrap();
        Parts::new(request, &Limits::default())
    }

    async fn read(mut parts: Parts) -> Result<Vec<(String, Option<String>, String)>, BodyError> {
        let mut all = Vec::new();
        while let Some(part) = parts.next().await? {
            all.push((part.name, part.file_name, parts.text(100).await?));
        }
        Ok(all)
    }

    #[tokio::test]
    async fn parts_are_the_same_however_they_are_cut() {
        let own = |text: &str| text.to_owned();
        let expected = vec![
            (own("csrf"), None, own("token")),
            (own("file"), Some(own("算定\"届.csv")), own("a\r\n--xy\r\n-\r\n")),
            (own("empty"), Some(String::new()), String::new()),
        ];
        for pieces in 1..FORM.len() {
            let parts = parts("multipart/form-data; boundary=xyz", FORM.as_bytes(), pieces).unwrap();
            assert_eq!(read(parts).await.as_ref(), Ok(&expected), "{pieces}");
        }
    }

    #[tokio::test]
    async fn what_breaks_off_or_is_no_form_is_refused() {
        for end in 1..FORM.len() - 4 {
            if let Some(parts) = parts("multipart/form-data; boundary=xyz", &FORM.as_bytes()[..end], 7) {
                assert!(read(parts).await.is_err(), "{end}");
            }
        }
        for kind in
            ["text/plain", "multipart/form-data", "multipart/form-data; boundary=", "multipart/mixed; boundary=x"]
        {
            assert!(parts(kind, b"x", 1).is_none(), "{kind}");
        }
        let long = format!("--xyz\r\nContent-Disposition: form-data; name=\"{}\"\r\n\r\n", "x".repeat(9_000));
        let long = parts("multipart/form-data; boundary=\"xyz\"", long.as_bytes(), 100).unwrap();
        assert_eq!(read(long).await, Err(BodyError::TooLarge));
    }
}
