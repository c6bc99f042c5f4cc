//! Style, script and picture of the console, compiled in. Their names have a hash, so that browsers may keep them for good.

use std::sync::LazyLock;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::gateway::chart;
use crate::secret::Token;

struct Asset {
    name: String,
    kind: &'static str,
    text: String,
}

/// Where they are.
pub(super) const ROUTE: &str = "/assets/{name}";

static STYLE: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new(
        "style",
        "css",
        "text/css; charset=utf-8",
        &[include_str!("../../../assets/console/style.css"), chart::STYLE],
    )
});
static SCRIPT: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new("script", "js", "text/javascript; charset=utf-8", &[include_str!("../../../assets/console/script.js")])
});
static ICON: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("icon", "svg", "image/svg+xml", &[include_str!("../../../assets/console/icon.svg")]));

impl Asset {
    fn new(stem: &str, extension: &str, kind: &'static str, parts: &[&str]) -> Self {
        let text = parts.concat();
        let hash = hex::encode(&Token::hash_of(&text).as_bytes()[..8]);
        Self { name: format!("{stem}-{hash}.{extension}"), kind, text }
    }
}

/// The names, for the head of a page.
pub(super) fn style() -> &'static str {
    &STYLE.name
}

pub(super) fn script() -> &'static str {
    &SCRIPT.name
}

pub(super) fn icon() -> &'static str {
    &ICON.name
}

/// The one of that name.
pub(super) fn find(name: &str) -> Option<Response> {
    let all: [&'static Asset; 3] = [&STYLE, &SCRIPT, &ICON];
    let asset = all.into_iter().find(|asset| asset.name == name)?;
    let kept = HeaderValue::from_static("public, max-age=31536000, immutable");
    let headers = [(header::CONTENT_TYPE, HeaderValue::from_static(asset.kind)), (header::CACHE_CONTROL, kept)];
    Some((StatusCode::OK, headers, asset.text.as_str()).into_response())
}
