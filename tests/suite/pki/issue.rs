//! What the authority issues, and what it does not.

use std::sync::Arc;
use std::time::Duration;

use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;

use super::*;

#[test]
fn openssl_agrees_with_every_profile() {
    let union = Union::new();
    let operator = Authority::create_operator("Operator CA", now(), &union.random).unwrap();
    let service = Subject::Service("relay".to_owned());
    let insurer = Subject::Union("06123456".parse().unwrap());
    let names = vec!["relay.example".to_owned(), "192.0.2.7".to_owned(), "2001:db8::7".to_owned()];
    let folder = tempfile::tempdir().unwrap();
    let at = now().as_second();
    for (authority, subject, profile, purpose, shown) in [
        (&union.ca, user(), Profile::UserSigning, "smimesign", "CN=hanako-1"),
        (&union.ca, user(), Profile::UserSigning, "sslclient", "URI:urn:kx:06123456:user:hanako-1"),
        (&union.ca, user(), Profile::UserEncryption, "any", "Key Agreement"),
        (&union.ca, insurer.clone(), Profile::UnionSigning, "smimesign", "URI:urn:kx:06123456:union"),
        (&union.ca, insurer.clone(), Profile::UnionEncryption, "any", "Key Agreement"),
        (&union.ca, insurer, Profile::TlsClient, "sslclient", "TLS Web Client Authentication"),
        (
            &operator,
            service.clone(),
            Profile::TlsServer { names },
            "sslserver",
            "DNS:relay.example, IP Address:192.0.2.7",
        ),
        (&operator, service, Profile::ReceiptSigning, "smimesign", "Digital Signature"),
    ] {
        let request = Request::new(subject, &new_key(KeyKind::P256).unwrap()).unwrap();
        let made = authority.issue(&request, &profile, USER_VALIDITY, now(), &union.random).unwrap();
        put(folder.path(), "ca.pem", authority.certificate().pem());
        put(folder.path(), "one.pem", made.pem());
        let verified = openssl(
            folder.path(),
            &format!("verify -x509_strict -auth_level 2 -attime {at} -purpose {purpose} -CAfile ca.pem one.pem"),
        );
        assert!(verified.status.success(), "{profile:?} {verified:?}");
        let text = openssl(folder.path(), "x509 -in one.pem -noout -text -nameopt RFC2253").stdout;
        let text = String::from_utf8(text).unwrap();
        assert!(text.contains(shown), "{profile:?} {text}");
        assert_eq!(made.not_after(), now() + USER_VALIDITY);
        assert_eq!(TrustStore::new(vec![authority.certificate().clone()]).path(&made, &[], now()), Ok(()));
    }
    put(folder.path(), "ca.pem", union.ca.certificate().pem());
    let text = String::from_utf8(openssl(folder.path(), "x509 -in ca.pem -noout -text").stdout).unwrap();
    assert!(text.contains("CA:TRUE, pathlen:0") && text.contains("Certificate Sign, CRL Sign"), "{text}");
}

#[test]
fn a_certificate_says_what_it_may_do_and_whose_it_is() {
    let union = Union::new();
    let insurer = Subject::Union("06123456".parse().unwrap());
    let hanako: Address = "hanako-1@06123456.kx".parse().unwrap();
    let own: Address = "union@06123456.kx".parse().unwrap();
    for (subject, profile, kind, whose, sign, encrypt) in [
        (user(), Profile::UserSigning, KeyKind::P256, &hanako, true, false),
        (user(), Profile::UserEncryption, KeyKind::P384, &hanako, false, true),
        (user(), Profile::UserSigning, KeyKind::Rsa(2048), &hanako, true, false),
        (user(), Profile::UserEncryption, KeyKind::Rsa(2048), &hanako, false, true),
        (insurer.clone(), Profile::UnionSigning, KeyKind::P256, &own, true, false),
        (insurer.clone(), Profile::UnionEncryption, KeyKind::P256, &own, false, true),
        (insurer, Profile::TlsClient, KeyKind::P256, &own, false, false),
    ] {
        let made = union.issue(subject, &profile, kind);
        let certificate = made.certificate();
        assert_eq!(owner(certificate).as_ref(), Some(whose));
        assert_eq!((may_sign(certificate), may_encrypt(certificate)), (sign, encrypt), "{profile:?}");
    }
}

#[test]
fn what_makes_no_sense_is_not_issued() {
    let union = Union::new();
    let key = new_key(KeyKind::P256).unwrap();
    let issue = |subject: Subject, profile: Profile, validity, at| {
        union.ca.issue(&Request::new(subject, &key).unwrap(), &profile, validity, at, &union.random)
    };
    let service = || Subject::Service("relay".to_owned());
    let insurer = Subject::Union("06123456".parse().unwrap());
    let other_union = Subject::Union("06999999".parse().unwrap());
    assert!(matches!(issue(other_union, Profile::UnionSigning, days(1), now()), Err(PkiError::Subject)));
    assert!(matches!(issue(insurer, Profile::UserSigning, days(1), now()), Err(PkiError::Subject)));
    assert!(matches!(issue(user(), Profile::UnionSigning, days(1), now()), Err(PkiError::Subject)));
    assert!(matches!(issue(service(), Profile::TlsClient, days(1), now()), Err(PkiError::Subject)));
    for name in ["", "a b", "-a.example", "a..example", "*.*.example", "a\0b"] {
        let profile = Profile::TlsServer { names: vec!["ok.example".to_owned(), name.to_owned()] };
        assert!(matches!(issue(service(), profile, days(1), now()), Err(PkiError::HostName)), "{name:?}");
    }
    let nameless = Profile::TlsServer { names: vec![] };
    assert!(matches!(issue(service(), nameless, days(1), now()), Err(PkiError::HostName)));
    assert!(matches!(issue(user(), Profile::UserSigning, days(0), now()), Err(PkiError::Period)));
    let end = union.ca.certificate().not_after();
    let too_late = issue(user(), Profile::UserSigning, days(1), end);
    assert!(matches!(too_late, Err(PkiError::AuthorityNotValid)));
    // Nothing outlives its authority.
    let last = issue(user(), Profile::UserSigning, days(365), end - days(10)).unwrap();
    assert_eq!(last.not_after(), end);
    assert!(matches!(new_key(KeyKind::Rsa(1024)), Err(PkiError::Key)));
}

#[test]
fn serial_numbers_are_long_and_differ() {
    let union = Union::new();
    let serials: std::collections::BTreeSet<String> =
        (0..20).map(|_| union.issue(user(), &Profile::UserSigning, KeyKind::P256).certificate().serial()).collect();
    assert_eq!(serials.len(), 20);
    assert!(serials.iter().all(|serial| serial.len() == 32), "{serials:?}");
}

#[test]
fn an_authority_is_read_back_and_only_an_authority_is() {
    let union = Union::new();
    let (certificate, key) = (union.ca.certificate().pem(), union.ca.credential().key().to_pem());
    let again = Authority::load(certificate.as_bytes(), key.as_bytes()).unwrap();
    assert_eq!(again.certificate(), union.ca.certificate());

    let leaf = union.issue(user(), &Profile::UserSigning, KeyKind::P256);
    let (leaf_pem, leaf_key) = (leaf.certificate().pem(), leaf.key().to_pem());
    let not_one = Authority::load(leaf_pem.as_bytes(), leaf_key.as_bytes());
    assert!(matches!(not_one, Err(PkiError::NotAnAuthority)));
    assert!(matches!(Authority::load(certificate.as_bytes(), leaf_key.as_bytes()), Err(PkiError::Input(_))));

    let folder = tempfile::tempdir().unwrap();
    foreign(folder.path(), "root", None, CA);
    for (name, extensions) in [
        ("no-ca", CA.replace("CA:true", "CA:false")),
        ("no-sign", CA.replace("keyCertSign,", "")),
        ("no-crl", CA.replace(",cRLSign", "")),
    ] {
        let credential = foreign(folder.path(), name, Some("root"), &extensions);
        assert!(matches!(Authority::from_credential(credential), Err(PkiError::NotAnAuthority)), "{name}");
    }
    let sub = foreign(folder.path(), "sub", Some("root"), CA);
    assert!(Authority::from_credential(sub).is_ok());
}

#[test]
fn rustls_lets_in_the_certificates_for_tls_and_no_others() {
    let union = Union::new();
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(union.ca.certificate().der())).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
    let at = UnixTime::since_unix_epoch(Duration::from_secs(now().as_second().unsigned_abs()));
    let insurer = Subject::Union("06123456".parse().unwrap());
    for (subject, profile, kind, let_in) in [
        (user(), Profile::UserSigning, KeyKind::P256, true),
        (user(), Profile::UserSigning, KeyKind::Rsa(2048), true),
        (insurer.clone(), Profile::TlsClient, KeyKind::P256, true),
        (user(), Profile::UserEncryption, KeyKind::P256, false),
        (insurer, Profile::UnionSigning, KeyKind::P256, false),
    ] {
        let made = union.issue(subject, &profile, kind);
        let der = CertificateDer::from(made.certificate().der());
        assert_eq!(verifier.verify_client_cert(&der, &[], at).is_ok(), let_in, "{profile:?}");
    }
}

#[test]
fn a_certificate_has_one_encoding() {
    let made = Union::new().ca.certificate().der().to_vec();
    assert!(Certificate::from_der(&made).is_ok());
    assert!(Certificate::from_der(&[made.as_slice(), &[0]].concat()).is_err());
    assert!(Certificate::from_der(&made[..made.len() - 1]).is_err());
    // The same with an indefinite length outside: BER.
    let loose = [&[0x30, 0x80], &made[4..], &[0, 0]].concat();
    assert!(Certificate::from_der(&loose).is_err());
}
