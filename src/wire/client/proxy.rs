//! An HTTP proxy on the way to the relay. It only passes bytes on (CONNECT, RFC 9110, section 9.3.6): TLS with both
//! certificates goes through it end to end.

use std::fmt;
use std::str::FromStr;

use reqwest::{NoProxy, Url};
use zeroize::Zeroizing;

use super::relay_url::bare;

/// Where the proxy is, and who we are there.
#[derive(Clone)]
pub struct Proxy {
    url: Url,
    credentials: Option<(String, Zeroizing<String>)>,
    /// Hosts that are reached without it, as `NO_PROXY` lists them.
    except: Option<String>,
}

/// Text that names no proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a proxy's address: expected http://HOST:PORT and nothing more")]
pub struct InvalidProxy;

impl FromStr for Proxy {
    type Err = InvalidProxy;

    /// Without credentials: they have no place in a setting.
    fn from_str(text: &str) -> Result<Self, InvalidProxy> {
        let url = bare(text, "http").ok_or(InvalidProxy)?;
        Ok(Self { url, credentials: None, except: None })
    }
}

impl Proxy {
    /// As `HTTPS_PROXY` says it: the scheme may be missing, name and password may stand in it; with `NO_PROXY` beside it.
    pub fn from_environment(https_proxy: &str, no_proxy: Option<&str>) -> Result<Self, InvalidProxy> {
        let with_scheme =
            if https_proxy.contains("://") { https_proxy.to_owned() } else { format!("http://{https_proxy}") };
        let mut url = Url::parse(&with_scheme).map_err(|_| InvalidProxy)?;
        let decoded = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
        let credentials = (!url.username().is_empty())
            .then(|| (decoded(url.username()), Zeroizing::new(decoded(url.password().unwrap_or_default()))));
        url.set_username("").and_then(|()| url.set_password(None)).map_err(|()| InvalidProxy)?;
        url.set_path("");
        let proxy: Self = url.as_str().parse()?;
        Ok(Self { credentials, except: no_proxy.map(str::to_owned), ..proxy })
    }

    /// With name and password (RFC 7617), as a file has them: `NAME:PASSWORD` on its first line.
    pub fn with_credentials(self, line: &str) -> Result<Self, InvalidProxy> {
        let (name, password) = line.lines().next().and_then(|line| line.split_once(':')).ok_or(InvalidProxy)?;
        Ok(Self { credentials: Some((name.to_owned(), Zeroizing::new(password.to_owned()))), ..self })
    }

    pub(super) fn to_reqwest(&self) -> Result<reqwest::Proxy, reqwest::Error> {
        let mut proxy = reqwest::Proxy::all(self.url.clone())?;
        if let Some((name, password)) = &self.credentials {
            proxy = proxy.basic_auth(name, password);
        }
        Ok(proxy.no_proxy(self.except.as_deref().and_then(NoProxy::from_string)))
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.url.as_str().trim_end_matches('/'))
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_has_no_password_in_it_and_the_environment_may() {
        assert!("http://proxy.example:8080".parse::<Proxy>().is_ok());
        for text in ["", "proxy.example:8080", "https://p:1", "http://n:p@p:1", "http://p:1/path", "socks5://p:1"] {
            assert_eq!(text.parse::<Proxy>().unwrap_err(), InvalidProxy, "{text}");
        }
        let proxy = Proxy::from_environment("n%40me:pass@proxy.example:8080", None).unwrap();
        assert_eq!(format!("{proxy} {proxy:?}"), "http://proxy.example:8080 Proxy(http://proxy.example:8080)");
        let (name, password) = proxy.credentials.unwrap();
        assert_eq!((name.as_str(), password.as_str()), ("n@me", "pass"));
        assert!(Proxy::from_environment("https://proxy.example", None).is_err());
    }
}
