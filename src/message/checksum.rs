//! Checksums of bytes on their way, against faults of the line. No proof of anything else.

use std::fmt;

use openssl::hash::{Hasher, MessageDigest};

/// The algorithms that uploads may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// SHA-1, which tus 1.0 asks every server for.
    Sha1,
    /// SHA-256.
    Sha256,
}

/// A checksum that is being made.
pub struct Checksum(Hasher);

impl Checksum {
    /// Over no bytes yet.
    pub fn new(algorithm: Algorithm) -> Self {
        let digest = match algorithm {
            Algorithm::Sha1 => MessageDigest::sha1(),
            Algorithm::Sha256 => MessageDigest::sha256(),
        };
        Self(Hasher::new(digest).expect("the cryptographic library has SHA-1 and SHA-256"))
    }

    /// Goes on with these bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes).expect("hashing bytes in memory does not fail");
    }

    /// The value over all of them.
    pub fn finish(mut self) -> Vec<u8> {
        self.0.finish().expect("hashing bytes in memory does not fail").to_vec()
    }
}

impl fmt::Debug for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Checksum(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_examples_hold() {
        let of = |algorithm| {
            let mut checksum = Checksum::new(algorithm);
            checksum.update(b"a");
            checksum.update(b"bc");
            hex::encode(checksum.finish())
        };
        assert_eq!(of(Algorithm::Sha1), "a9993e364706816aba3e25717850c26c9cd0d89d");
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(of(Algorithm::Sha256), expected);
    }
}
