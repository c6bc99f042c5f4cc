//! The kit: `kenpoexpress.zip` as it was downloaded, or the folder that came out of it.
//!
//! Nothing is unpacked: of the ZIP the one file is read that is wanted, by its exact name and with a limit.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::identity::{Identity, InvalidIdentity};
use crate::message::keys::{Certificate, Credential, KeyError, PrivateKey};
use crate::secret::mac::WrongMac;
use crate::secret::{MacKey, Salt};
use crate::wire::client::RelayUrl;
use crate::wire::enrolment::{KIT_FOLDER, KIT_JSON, KIT_MAC, Kit, KitBody};

/// Most bytes of `kit.json`: a few certificates.
const MAX_KIT: u64 = 256 << 10;
/// Most entries of the ZIP: the kit, a text, and an app.
const MAX_ENTRIES: usize = 10_000;

/// A kit for which nobody vouches yet: it says where the relay is, and that is all it is good for until
/// [`Self::prove`].
#[derive(Clone)]
pub struct Unproven {
    kit: Kit,
    body: KitBody,
    relay: RelayUrl,
    roots: Vec<Certificate>,
    credential: Credential,
}

/// Why a kit cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KitError {
    /// Input: the file.
    #[error("{} cannot be read", .0.display())]
    File(PathBuf, #[source] io::Error),
    /// Input: not a ZIP file.
    #[error("{} is not a ZIP file that can be read", .0.display())]
    Zip(PathBuf, #[source] zip::result::ZipError),
    /// Input: no kit in it, or more than one.
    #[error("{} does not hold exactly one {KIT_FOLDER}/{KIT_JSON}", .0.display())]
    NoKit(PathBuf),
    /// Input: larger than a kit is.
    #[error("{} is larger than a kit can be", .0.display())]
    TooLarge(PathBuf),
    /// Input: not what a kit is.
    #[error("the kit is damaged")]
    Json(#[from] serde_json::Error),
    /// Input: what it says makes no sense.
    #[error("the kit is damaged")]
    Body(#[from] InvalidIdentity),
    /// Input: its credential.
    #[error("the kit's credential cannot be read")]
    Credential(#[from] KeyError),
}

impl Unproven {
    /// Reads a ZIP, a folder or a `kit.json`. Blocks.
    pub fn read(path: &Path) -> Result<Self, KitError> {
        let text = if path.is_dir() {
            let inner = path.join(KIT_FOLDER).join(KIT_JSON);
            plain(&if inner.exists() { inner } else { path.join(KIT_JSON) })?
        } else if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json")) {
            plain(path)?
        } else {
            zipped(path)?
        };
        Self::parse(&text)
    }

    /// Reads the text of a `kit.json`.
    pub(super) fn parse(text: &[u8]) -> Result<Self, KitError> {
        let kit: Kit = serde_json::from_slice(text)?;
        let body: KitBody = serde_json::from_str(&kit.kit.body)?;
        let relay = body.relay.parse().map_err(|_| InvalidIdentity)?;
        let roots = Identity::certificates(&body.relay_roots)?;
        let pem = kit.device.as_bytes();
        let credential = Credential::new(Certificate::from_pem(pem)?, PrivateKey::from_pem(pem)?)?;
        Ok(Self { kit, body, relay, roots, credential })
    }

    /// As it is kept.
    pub(super) fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(&self.kit).expect("a kit is plain data")
    }

    /// What it says, without proof.
    pub fn claims(&self) -> &KitBody {
        &self.body
    }

    /// Where it says the relay is.
    pub fn relay(&self) -> &RelayUrl {
        &self.relay
    }

    /// Who it says vouches for the relay.
    pub fn roots(&self) -> &[Certificate] {
        &self.roots
    }

    /// The device credential in it: good for enrolment and nothing else.
    pub fn credential(&self) -> &Credential {
        &self.credential
    }

    /// What the login password is stretched with.
    pub fn salt(&self) -> &Salt {
        &self.kit.login_salt
    }

    /// Believes it, if the union made it: only app and gateway have the key, by the initial password.
    ///
    /// # Errors
    /// [`WrongMac`] when the password is wrong or the kit was altered; the two look the same.
    pub fn prove(&self, key: &MacKey) -> Result<Identity, WrongMac> {
        let body: KitBody = key.open(KIT_MAC, &self.kit.kit)?;
        Identity::believed(body, self.kit.login_salt).map_err(|_| WrongMac)
    }
}

impl std::fmt::Debug for Unproven {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Unproven({})", self.body.enrolment)
    }
}

fn plain(path: &Path) -> Result<Vec<u8>, KitError> {
    let failed = |error| KitError::File(path.to_owned(), error);
    limited(path, File::open(path).map_err(failed)?)
}

fn zipped(path: &Path) -> Result<Vec<u8>, KitError> {
    let file = File::open(path).map_err(|error| KitError::File(path.to_owned(), error))?;
    let broken = |error| KitError::Zip(path.to_owned(), error);
    let mut archive = zip::ZipArchive::new(io::BufReader::new(file)).map_err(broken)?;
    if archive.len() > MAX_ENTRIES {
        return Err(KitError::TooLarge(path.to_owned()));
    }
    let wanted = format!("{KIT_FOLDER}/{KIT_JSON}");
    let mut found = Vec::new();
    for index in 0..archive.len() {
        let entry = archive.by_index_raw(index).map_err(broken)?;
        if entry.name_raw() == wanted.as_bytes() && entry.is_file() {
            found.push(index);
        }
    }
    let [index] = found[..] else { return Err(KitError::NoKit(path.to_owned())) };
    limited(path, archive.by_index(index).map_err(broken)?)
}

/// Never more than a kit has, whatever the file claims.
fn limited(path: &Path, input: impl Read) -> Result<Vec<u8>, KitError> {
    let mut text = Vec::new();
    let read = input.take(MAX_KIT + 1).read_to_end(&mut text);
    let read = read.map_err(|error| KitError::File(path.to_owned(), error))?;
    if read as u64 > MAX_KIT { Err(KitError::TooLarge(path.to_owned())) } else { Ok(text) }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::employer::testing::Parties;
    use crate::secret::PasswordKeys;

    fn zip_of(path: &Path, entries: &[(&str, &[u8])]) {
        let mut zip = zip::ZipWriter::new(File::create(path).unwrap());
        for (name, content) in entries {
            zip.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
            zip.write_all(content).unwrap();
        }
        zip.finish().unwrap();
    }

    #[test]
    fn a_kit_is_read_from_zip_folder_and_file_and_nothing_else_is() {
        let (parties, folder) = (Parties::new(), tempfile::tempdir().unwrap());
        let text = serde_json::to_vec(&parties.kit("kx-initial-1")).unwrap();
        let path = folder.path().join("kenpoexpress.zip");
        let read = |entries: &[(&str, &[u8])]| {
            zip_of(&path, entries);
            Unproven::read(&path)
        };
        assert!(read(&[("kenpoexpress/README.txt", b"x"), ("kenpoexpress/kit.json", &text)]).is_ok());
        for name in ["kit.json", "../kenpoexpress/kit.json", "/kenpoexpress/kit.json", "kenpoexpress/kit.json/"] {
            assert!(matches!(read(&[(name, &text)]), Err(KitError::NoKit(_))), "{name}");
        }
        // A bomb: small in the ZIP, large out of it.
        assert!(matches!(read(&[("kenpoexpress/kit.json", &vec![b' '; 1 << 20])]), Err(KitError::TooLarge(_))));
        assert!(matches!(read(&[("kenpoexpress/kit.json", b"{}")]), Err(KitError::Json(_))));
        std::fs::write(&path, b"no zip").unwrap();
        assert!(matches!(Unproven::read(&path), Err(KitError::Zip(..))));

        let unpacked = folder.path().join("kenpoexpress");
        std::fs::create_dir(&unpacked).unwrap();
        std::fs::write(unpacked.join("kit.json"), &text).unwrap();
        for path in [folder.path(), &unpacked, &unpacked.join("kit.json")] {
            assert!(Unproven::read(path).is_ok(), "{}", path.display());
        }
    }

    #[test]
    fn a_kit_whose_authority_was_exchanged_is_not_believed() {
        let parties = Parties::new();
        let mut kit = parties.kit("kx-initial-1");
        let keys = PasswordKeys::derive("kx-initial-1", &kit.login_salt);
        let read = |kit: &Kit| Unproven::parse(&serde_json::to_vec(kit).unwrap()).unwrap();
        assert!(read(&kit).prove(&keys.mac).is_ok());
        let wrong = PasswordKeys::derive("kx-initial-2", &kit.login_salt);
        assert!(read(&kit).prove(&wrong.mac).is_err());
        let mut body: KitBody = serde_json::from_str(&kit.kit.body).unwrap();
        body.union_ca = vec![crate::wire::Der(parties.relay.certificate().der().to_vec())];
        kit.kit.body = serde_json::to_string(&body).unwrap();
        assert!(read(&kit).prove(&keys.mac).is_err());
    }
}
