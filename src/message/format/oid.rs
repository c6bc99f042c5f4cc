//! Contents octets of the object identifiers that a sealed message knows.

/// `id-data`, 1.2.840.113549.1.7.1 (RFC 5652).
pub(in crate::message) const DATA: &[u8] = b"\x2A\x86\x48\x86\xF7\x0D\x01\x07\x01";
/// `id-signedData`, 1.2.840.113549.1.7.2 (RFC 5652).
pub(in crate::message) const SIGNED_DATA: &[u8] = b"\x2A\x86\x48\x86\xF7\x0D\x01\x07\x02";
/// `id-envelopedData`, 1.2.840.113549.1.7.3 (RFC 5652).
pub(in crate::message) const ENVELOPED_DATA: &[u8] = b"\x2A\x86\x48\x86\xF7\x0D\x01\x07\x03";
/// `id-encryptedData`, 1.2.840.113549.1.7.6 (RFC 5652).
pub(in crate::message) const ENCRYPTED_DATA: &[u8] = b"\x2A\x86\x48\x86\xF7\x0D\x01\x07\x06";
/// `id-ct-authEnvelopedData`, 1.2.840.113549.1.9.16.1.23 (RFC 5083).
pub(in crate::message) const AUTH_ENVELOPED_DATA: &[u8] = b"\x2A\x86\x48\x86\xF7\x0D\x01\x09\x10\x01\x17";

/// `id-aes256-GCM`, 2.16.840.1.101.3.4.1.46 (RFC 5084).
pub(in crate::message) const AES_256_GCM: &[u8] = b"\x60\x86\x48\x01\x65\x03\x04\x01\x2E";
/// `id-aes256-wrap`, 2.16.840.1.101.3.4.1.45 (RFC 3565).
pub(in crate::message) const AES_256_WRAP: &[u8] = b"\x60\x86\x48\x01\x65\x03\x04\x01\x2D";
/// `dhSinglePass-stdDH-sha256kdf-scheme`, 1.3.132.1.11.1 (RFC 5753).
pub(in crate::message) const ECDH_SHA256: &[u8] = b"\x2B\x81\x04\x01\x0B\x01";
/// `dhSinglePass-stdDH-sha384kdf-scheme`, 1.3.132.1.11.2 (RFC 5753).
pub(in crate::message) const ECDH_SHA384: &[u8] = b"\x2B\x81\x04\x01\x0B\x02";
/// `dhSinglePass-stdDH-sha512kdf-scheme`, 1.3.132.1.11.3 (RFC 5753).
pub(in crate::message) const ECDH_SHA512: &[u8] = b"\x2B\x81\x04\x01\x0B\x03";

/// `id-ecPublicKey`, 1.2.840.10045.2.1 (RFC 5480).
pub(in crate::message) const EC_PUBLIC_KEY: &[u8] = b"\x2A\x86\x48\xCE\x3D\x02\x01";
/// `rsaEncryption`, 1.2.840.113549.1.1.1 (RFC 8017).
pub(in crate::message) const RSA: &[u8] = b"\x2A\x86\x48\x86\xF7\x0D\x01\x01\x01";
/// `id-RSAES-OAEP`, 1.2.840.113549.1.1.7 (RFC 8017).
pub(in crate::message) const RSA_OAEP: &[u8] = b"\x2A\x86\x48\x86\xF7\x0D\x01\x01\x07";
/// `id-mgf1`, 1.2.840.113549.1.1.8 (RFC 8017).
pub(in crate::message) const MGF1: &[u8] = b"\x2A\x86\x48\x86\xF7\x0D\x01\x01\x08";
/// `id-RSASSA-PSS`, 1.2.840.113549.1.1.10 (RFC 8017).
pub(in crate::message) const RSA_PSS: &[u8] = b"\x2A\x86\x48\x86\xF7\x0D\x01\x01\x0A";
/// `sha256WithRSAEncryption`, 1.2.840.113549.1.1.11 (RFC 8017).
pub(in crate::message) const RSA_SHA256: &[u8] = b"\x2A\x86\x48\x86\xF7\x0D\x01\x01\x0B";
/// `sha384WithRSAEncryption`, 1.2.840.113549.1.1.12 (RFC 8017).
pub(in crate::message) const RSA_SHA384: &[u8] = b"\x2A\x86\x48\x86\xF7\x0D\x01\x01\x0C";
/// `sha512WithRSAEncryption`, 1.2.840.113549.1.1.13 (RFC 8017).
pub(in crate::message) const RSA_SHA512: &[u8] = b"\x2A\x86\x48\x86\xF7\x0D\x01\x01\x0D";
/// `ecdsa-with-SHA256`, 1.2.840.10045.4.3.2 (RFC 5758).
pub(in crate::message) const ECDSA_SHA256: &[u8] = b"\x2A\x86\x48\xCE\x3D\x04\x03\x02";
/// `ecdsa-with-SHA384`, 1.2.840.10045.4.3.3 (RFC 5758).
pub(in crate::message) const ECDSA_SHA384: &[u8] = b"\x2A\x86\x48\xCE\x3D\x04\x03\x03";
/// `ecdsa-with-SHA512`, 1.2.840.10045.4.3.4 (RFC 5758).
pub(in crate::message) const ECDSA_SHA512: &[u8] = b"\x2A\x86\x48\xCE\x3D\x04\x03\x04";

/// `id-sha256`, 2.16.840.1.101.3.4.2.1 (RFC 5754).
pub(in crate::message) const SHA256: &[u8] = b"\x60\x86\x48\x01\x65\x03\x04\x02\x01";
/// `id-sha384`, 2.16.840.1.101.3.4.2.2 (RFC 5754).
pub(in crate::message) const SHA384: &[u8] = b"\x60\x86\x48\x01\x65\x03\x04\x02\x02";
/// `id-sha512`, 2.16.840.1.101.3.4.2.3 (RFC 5754).
pub(in crate::message) const SHA512: &[u8] = b"\x60\x86\x48\x01\x65\x03\x04\x02\x03";

/// `id-contentType`, 1.2.840.113549.1.9.3 (RFC 5652).
pub(in crate::message) const CONTENT_TYPE: &[u8] = b"\x2A\x86\x48\x86\xF7\x0D\x01\x09\x03";
/// `id-messageDigest`, 1.2.840.113549.1.9.4 (RFC 5652).
pub(in crate::message) const MESSAGE_DIGEST: &[u8] = b"\x2A\x86\x48\x86\xF7\x0D\x01\x09\x04";
/// `id-signingTime`, 1.2.840.113549.1.9.5 (RFC 5652).
pub(in crate::message) const SIGNING_TIME: &[u8] = b"\x2A\x86\x48\x86\xF7\x0D\x01\x09\x05";
/// `id-aa-signingCertificateV2`, 1.2.840.113549.1.9.16.2.47 (RFC 5035).
pub(in crate::message) const SIGNING_CERTIFICATE_V2: &[u8] = b"\x2A\x86\x48\x86\xF7\x0D\x01\x09\x10\x02\x2F";
/// `id-aa-CMSAlgorithmProtection`, 1.2.840.113549.1.9.52 (RFC 6211).
pub(in crate::message) const ALGORITHM_PROTECTION: &[u8] = b"\x2A\x86\x48\x86\xF7\x0D\x01\x09\x34";
/// `id-ce-subjectKeyIdentifier`, 2.5.29.14 (RFC 5280).
pub(in crate::message) const SUBJECT_KEY_IDENTIFIER: &[u8] = b"\x55\x1D\x0E";
