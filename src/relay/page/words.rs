//! What people read, and the one field that they fill in.

use askama::Template;
use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use percent_encoding::percent_decode;
use zeroize::Zeroizing;

/// The look of every page.
pub(super) const STYLE: &str = include_str!("../../../templates/relay/style.css");

/// The form for the download password.
#[derive(Template)]
#[template(path = "relay/form.html")]
pub(super) struct Form {
    pub(super) trouble: Option<Trouble>,
}

/// Why the form is shown again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    /// Password or link: nobody is told which.
    Refused,
    /// Too many tries from this address.
    TooOften,
}

/// The button to the ZIP.
#[derive(Template)]
#[template(path = "relay/button.html")]
pub(super) struct Button<'a> {
    pub(super) ticket: &'a str,
}

/// A page that only says something, in Japanese and in English: a title, what to do.
#[derive(Template)]
#[template(path = "relay/notice.html")]
pub(super) struct Notice {
    title: &'static str,
    text: &'static str,
    english: &'static str,
}

impl Notice {
    /// There is no such page.
    pub(super) fn unknown() -> Self {
        Self {
            title: "ページが見つかりません",
            text: "メールに記載されたリンクをもう一度開いてください。",
            english: "There is no such page. Open the link in the mail once more.",
        }
    }

    /// The time between password and download was too long.
    pub(super) fn again() -> Self {
        Self {
            title: "ダウンロードできる時間を過ぎました",
            text: "メールに記載されたリンクをもう一度開き、パスワードを入力してください。",
            english: "The time for the download is over. Open the link in the mail once more and enter the password.",
        }
    }

    /// We failed, or are too busy.
    pub(super) fn failed() -> Self {
        Self {
            title: "ただいま処理できません",
            text: "しばらくしてからもう一度お試しください。",
            english: "The server cannot do this at present. Try again in a few minutes.",
        }
    }
}

impl IntoResponse for Form {
    fn into_response(self) -> Response {
        html(&self)
    }
}

impl IntoResponse for Button<'_> {
    fn into_response(self) -> Response {
        html(&self)
    }
}

impl IntoResponse for Notice {
    fn into_response(self) -> Response {
        html(&self)
    }
}

fn html(page: &impl Template) -> Response {
    let Ok(text) = page.render() else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
    let mut response = Response::new(Body::from(text));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    response
}

/// A field of a form (`application/x-www-form-urlencoded`), without blanks around it.
pub(super) fn field(body: &[u8], name: &str) -> Option<Zeroizing<String>> {
    let pair = body.split(|byte| *byte == b'&').find_map(|pair| {
        let (key, value) = pair.split_at_checked(pair.iter().position(|byte| *byte == b'=')?)?;
        (key == name.as_bytes()).then_some(&value[1..])
    })?;
    let spaced: Zeroizing<Vec<u8>> = Zeroizing::new(pair.iter().map(|b| if *b == b'+' { b' ' } else { *b }).collect());
    let decoded = Zeroizing::new(percent_decode(&spaced).collect::<Vec<u8>>());
    Some(Zeroizing::new(std::str::from_utf8(&decoded).ok()?.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_found_and_decoded() {
        assert_eq!(field(b"a=1&password=x%2By+z&b", "password").unwrap().as_str(), "x+y z");
        assert_eq!(field(b"password=%20ab%0d%0a", "password").unwrap().as_str(), "ab");
        for body in [&b""[..], b"password", b"xpassword=1", b"password=%ff"] {
            assert!(field(body, "password").is_none());
        }
    }
}
