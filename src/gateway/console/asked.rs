//! What a request says of itself.

use axum::extract::Request;
use axum::http::{HeaderMap, header};

use super::fields::Fields;
use super::lang::{self, Lang};
use crate::domain::digest::Sha256;
use crate::http::Peer;
use crate::secret::Token;

/// Where the token of a browser is that somebody has signed in with.
pub(super) const BROWSER: &str = "__Host-kx-browser";

/// What a request says of itself; in its extensions.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) lang: Lang,
    pub(super) path: String,
    pub(super) query: Fields,
    /// The address that it comes from.
    pub(super) origin: String,
    /// The network of that address, which a session is bound to.
    pub(super) network: String,
    /// The browser, as it calls itself.
    pub(super) agent: String,
    /// What tells that somebody has signed in whole with this browser before: the hash of its token.
    pub(super) browser: Option<Sha256>,
}

impl Asked {
    pub(super) fn of(request: &Request) -> Self {
        let headers = request.headers();
        let query = Fields::parse(request.uri().query().unwrap_or_default().as_bytes());
        let peer = request.extensions().get::<Peer>();
        let agent = headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
        Self {
            lang: Lang::of(&query, cookie(headers, lang::COOKIE)),
            path: request.uri().path().to_owned(),
            query,
            origin: peer.map(|peer| peer.address.ip().to_canonical().to_string()).unwrap_or_default(),
            network: peer.map(Peer::network).unwrap_or_default(),
            agent: agent.chars().take(200).collect(),
            browser: cookie(headers, BROWSER).map(Token::hash_of),
        }
    }
}

/// The cookie of that name.
pub(super) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.into_iter().find(|(key, _)| *key == name).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn a_cookie_is_found_by_its_whole_name() {
        let value = HeaderValue::from_static("a=1; __Host-kx-session=abc; x__Host-kx-session=2");
        let all = HeaderMap::from_iter([(header::COOKIE, value)]);
        assert_eq!(cookie(&all, "__Host-kx-session"), Some("abc"));
        assert_eq!(cookie(&all, "kx-session"), None);
    }
}
