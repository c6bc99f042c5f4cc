//! What operator and union hand to each other before they can speak: public material only, one file each way, that a mail can
//! carry and a person can read. Its fingerprints are to be compared by another way, best by telephone.

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::domain::ids::InsurerNumber;
use crate::message::keys::{Certificate, KeyError};

/// Why a file is not what it should be.
#[derive(Debug, thiserror::Error)]
pub enum HandoverError {
    /// Environment: it cannot be read.
    #[error("{} を読めません ({} cannot be read)", .0.display(), .0.display())]
    File(PathBuf, #[source] std::io::Error),
    /// Input: it is no file of this kind.
    #[error("{} は引き渡しファイルではありません ({} is not the file that was expected)", .0.display(), .0.display())]
    Content(PathBuf, #[source] Box<toml::de::Error>),
    /// Input: a certificate in it.
    #[error("{} の電子証明書が使えません (a certificate in it cannot be used)", .0.display())]
    Certificate(PathBuf, #[source] KeyError),
}

/// What the operator of the KX server needs of a union.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForOperator {
    /// Number of the union.
    pub insurer: InsurerNumber,
    /// Its name.
    pub name: String,
    /// What its gateway comes in with, PEM.
    pub client_certificates: String,
    /// The authorities of its users, PEM.
    pub authorities: String,
}

/// What a union needs of the operator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForUnions {
    /// Where the KX server is on the VPN: `https://HOST:PORT`.
    pub url: String,
    /// Who vouches for it, PEM.
    pub authorities: String,
    /// What it signs its receipts with, PEM.
    pub receipt_certificates: String,
}

/// A file that is handed over.
pub trait Handover: Serialize + DeserializeOwned {
    /// Its first lines.
    const WORDS: &'static str;

    /// Every text in it that holds certificates.
    fn certificates(&self) -> [&str; 2];

    /// As it is handed over.
    fn text(&self) -> String {
        let body = toml::to_string_pretty(self).expect("texts can be written as TOML");
        format!("{}\n{body}", Self::WORDS)
    }

    /// Reads one.
    fn read(file: &Path) -> Result<Self, HandoverError> {
        let text = std::fs::read_to_string(file).map_err(|error| HandoverError::File(file.to_owned(), error))?;
        let read: Self =
            toml::from_str(&text).map_err(|error| HandoverError::Content(file.to_owned(), Box::new(error)))?;
        for pem in read.certificates() {
            let all = parse(pem).map_err(|error| HandoverError::Certificate(file.to_owned(), error))?;
            debug_assert!(!all.is_empty(), "an empty list is refused when it is parsed");
        }
        Ok(read)
    }

    /// What is compared by telephone: the beginning of the SHA-256 of each certificate.
    fn fingerprints(&self) -> Vec<String> {
        let all = self.certificates().into_iter().filter_map(|pem| parse(pem).ok()).flatten();
        let shown = |certificate: Certificate| {
            let hex = certificate.fingerprint().to_string();
            let groups = hex.as_bytes().chunks(4).take(6).map(|group| String::from_utf8_lossy(group).into_owned());
            groups.collect::<Vec<_>>().join("-")
        };
        all.map(shown).collect()
    }
}

impl Handover for ForOperator {
    const WORDS: &'static str = "# Kenpo eXpress: 健康保険組合から KX サーバーの運営者へ。公開情報のみ。kx-server union add --handover で登録します。\n\
        # From a union to the operator of the KX server. Public material only: kx-server union add --handover THIS.\n";

    fn certificates(&self) -> [&str; 2] {
        [&self.client_certificates, &self.authorities]
    }
}

impl Handover for ForUnions {
    const WORDS: &'static str = "# Kenpo eXpress: KX サーバーの運営者から健康保険組合へ。公開情報のみ。kx-gateway init の from_operator に指定します。\n\
        # From the operator of the KX server to unions. Public material only: the answer from_operator of kx-gateway init.\n";

    fn certificates(&self) -> [&str; 2] {
        [&self.authorities, &self.receipt_certificates]
    }
}

/// At least one certificate.
pub fn parse(pem: &str) -> Result<Vec<Certificate>, KeyError> {
    let all = Certificate::all_from_pem(pem.as_bytes())?;
    if all.is_empty() { Err(KeyError::Empty) } else { Ok(all) }
}
