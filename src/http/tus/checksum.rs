//! `Upload-Checksum` of the tus checksum extension.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::message::checksum::{Algorithm, Checksum};
use crate::wire::problem::{Code, Problem};

/// The checksum that a request's body must have, and what it is so far.
#[derive(Debug)]
pub struct Expected {
    wanted: Vec<u8>,
    running: Checksum,
}

impl Expected {
    /// From the header: the algorithm, a space, the value in base64.
    pub fn from_header(value: &str) -> Result<Self, Problem> {
        let refused = || {
            Problem::new(Code::RequestMalformed)
                .with_detail("Upload-Checksum must be sha1 or sha256 and a base64 value")
        };
        let (name, encoded) = value.trim().split_once(' ').ok_or_else(refused)?;
        let (algorithm, length) = match name {
            "sha1" => (Algorithm::Sha1, 20),
            "sha256" => (Algorithm::Sha256, 32),
            _ => return Err(refused()),
        };
        let wanted = STANDARD.decode(encoded.trim()).map_err(|_| refused())?;
        if wanted.len() == length { Ok(Self { wanted, running: Checksum::new(algorithm) }) } else { Err(refused()) }
    }

    /// Goes on with these bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.running.update(bytes);
    }

    /// Whether the bytes so far are those that were meant.
    pub fn holds(self) -> bool {
        self.running.finish() == self.wanted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_is_read_strictly() {
        let mut expected = Expected::from_header("sha1 qZk+NkcGgWq6PiVxeFDCbJzQ2J0=").unwrap();
        expected.update(b"abc");
        assert!(expected.holds());
        for wrong in
            ["", "sha1", "md5 qZk+NkcGgWq6PiVxeFDCbJzQ2J0=", "sha1 qZk+", "sha256 qZk+NkcGgWq6PiVxeFDCbJzQ2J0="]
        {
            assert!(Expected::from_header(wrong).is_err(), "{wrong}");
        }
    }
}
