//! DER, byte by byte, and the names of things.

pub(crate) fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let mut out = vec![tag];
    match content.len() {
        short @ 0..0x80 => out.push(u8::try_from(short).unwrap()),
        middle @ 0x80..0x100 => out.extend([0x81, u8::try_from(middle).unwrap()]),
        long => {
            let octets = u32::try_from(long).unwrap().to_be_bytes();
            let zeros = octets.iter().take_while(|octet| **octet == 0).count();
            out.push(0x80 | u8::try_from(4 - zeros).unwrap());
            out.extend(&octets[zeros..]);
        }
    }
    [out, content].concat()
}

/// Of indefinite length.
pub(crate) fn ber(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    [&[tag, 0x80], &*parts.concat(), &[0, 0]].concat()
}

pub(crate) fn seq(parts: &[&[u8]]) -> Vec<u8> {
    der(0x30, parts)
}

pub(crate) fn set(parts: &[&[u8]]) -> Vec<u8> {
    der(0x31, parts)
}

pub(crate) fn octets(bytes: &[u8]) -> Vec<u8> {
    der(4, &[bytes])
}

pub(crate) fn int(value: u8) -> Vec<u8> {
    vec![2, 1, value]
}

/// From the dotted form.
pub(crate) fn oid(dotted: &str) -> Vec<u8> {
    let arcs: Vec<u64> = dotted.split('.').map(|arc| arc.parse().unwrap()).collect();
    let mut content = Vec::new();
    for arc in [&[arcs[0] * 40 + arcs[1]], &arcs[2..]].concat() {
        let mut octets = vec![u8::try_from(arc & 0x7F).unwrap()];
        let mut rest = arc >> 7;
        while rest > 0 {
            octets.insert(0, 0x80 | u8::try_from(rest & 0x7F).unwrap());
            rest >>= 7;
        }
        content.extend(octets);
    }
    der(6, &[&content])
}

pub(crate) const DATA: &str = "1.2.840.113549.1.7.1";
pub(crate) const SIGNED: &str = "1.2.840.113549.1.7.2";
pub(crate) const ENVELOPED: &str = "1.2.840.113549.1.7.3";
pub(crate) const AUTH_ENVELOPED: &str = "1.2.840.113549.1.9.16.1.23";
pub(crate) const AES_256_GCM: &str = "2.16.840.1.101.3.4.1.46";
pub(crate) const AES_256_WRAP: &str = "2.16.840.1.101.3.4.1.45";
pub(crate) const ECDH_SHA256: &str = "1.3.132.1.11.1";
pub(crate) const EC_KEY: &str = "1.2.840.10045.2.1";
pub(crate) const SHA256: &str = "2.16.840.1.101.3.4.2.1";
pub(crate) const SHA512: &str = "2.16.840.1.101.3.4.2.3";
pub(crate) const SHA1: &str = "1.3.14.3.2.26";
pub(crate) const ECDSA_SHA256: &str = "1.2.840.10045.4.3.2";
pub(crate) const ECDSA_SHA512: &str = "1.2.840.10045.4.3.4";
pub(crate) const CONTENT_TYPE: &str = "1.2.840.113549.1.9.3";
pub(crate) const MESSAGE_DIGEST: &str = "1.2.840.113549.1.9.4";
pub(crate) const SIGNING_TIME: &str = "1.2.840.113549.1.9.5";
pub(crate) const SIGNING_CERTIFICATE: &str = "1.2.840.113549.1.9.16.2.47";
