//! What operator and union hand to each other before they can speak: public material only, one file each way, that a mail can
//! carry and a person can read. Its fingerprint is to be compared by another way, best by telephone.

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::domain::ids::InsurerNumber;
use crate::message::checksum::{Algorithm, Checksum};
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

    /// Whom and what it is about, as it is read out: number and name, or the address.
    fn about(&self) -> Vec<&str>;

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

    /// What is compared by telephone: the beginning of a SHA-256 over everything that it says. Who alters a certificate, a number or an
    /// address in it alters this too.
    fn fingerprint(&self) -> String {
        let mut checksum = Checksum::new(Algorithm::Sha256);
        let mut add = |part: &[u8]| {
            checksum.update(&(part.len() as u64).to_be_bytes());
            checksum.update(part);
        };
        add(Self::WORDS.as_bytes());
        self.about().iter().for_each(|text| add(text.as_bytes()));
        for pem in self.certificates() {
            let all = parse(pem).unwrap_or_default();
            add(&(all.len() as u64).to_be_bytes());
            for certificate in &all {
                add(certificate.der());
            }
        }
        let hex = hex::encode(checksum.finish());
        let groups = hex.as_bytes().chunks(4).take(8).map(|group| String::from_utf8_lossy(group).into_owned());
        groups.collect::<Vec<_>>().join("-")
    }

    /// The lines in which that is shown.
    fn shown(&self) -> String {
        format!("{}\n照合番号 / Fingerprint: {}", self.about().join("  "), self.fingerprint())
    }
}

impl Handover for ForOperator {
    const WORDS: &'static str = "# Kenpo eXpress: 健康保険組合から KX サーバーの運営者へ。公開情報のみ。kx-server union add --handover で登録します。\n\
        # From a union to the operator of the KX server. Public material only: kx-server union add --handover THIS.\n";

    fn about(&self) -> Vec<&str> {
        vec![self.insurer.as_str(), &self.name]
    }

    fn certificates(&self) -> [&str; 2] {
        [&self.client_certificates, &self.authorities]
    }
}

impl Handover for ForUnions {
    const WORDS: &'static str = "# Kenpo eXpress: KX サーバーの運営者から健康保険組合へ。公開情報のみ。kx-gateway init の from_operator に指定します。\n\
        # From the operator of the KX server to unions. Public material only: the answer from_operator of kx-gateway init.\n";

    fn about(&self) -> Vec<&str> {
        vec![&self.url]
    }

    fn certificates(&self) -> [&str; 2] {
        [&self.authorities, &self.receipt_certificates]
    }
}

/// At least one certificate.
pub fn parse(pem: &str) -> Result<Vec<Certificate>, KeyError> {
    let all = Certificate::all_from_pem(pem.as_bytes())?;
    if all.is_empty() { Err(KeyError::Empty) } else { Ok(all) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::clock::Clock;
    use crate::pki::Authority;
    use crate::runtime::clock::{SystemClock, SystemRandom};

    #[test]
    fn whoever_alters_anything_alters_the_fingerprint() {
        let ca =
            || Authority::create_operator("Operator", SystemClock.now(), &SystemRandom).unwrap().certificate().pem();
        let (one, other) = (ca(), ca());
        let handed = ForUnions {
            url: "https://10.20.0.1:18440".to_owned(),
            authorities: one.clone(),
            receipt_certificates: other.clone(),
        };
        let altered = [
            ForUnions { url: "https://10.20.0.11:18440".to_owned(), ..handed.clone() },
            ForUnions { authorities: other.clone(), ..handed.clone() },
            ForUnions { receipt_certificates: one.clone(), ..handed.clone() },
            ForUnions { authorities: one + &other, ..handed.clone() },
        ];
        assert!(altered.iter().all(|altered| altered.fingerprint() != handed.fingerprint()));
        let spaced = ForUnions { authorities: handed.authorities.replace('\n', "\r\n"), ..handed.clone() };
        assert_eq!(spaced.fingerprint(), handed.fingerprint(), "a mail may change the ends of lines");
    }
}
