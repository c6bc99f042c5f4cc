//! Revocation lists, requests and PKCS#12: read, written, broken.

use super::*;

#[test]
fn revocation_lists_say_who_is_revoked_and_openssl_agrees() {
    let union = Union::new();
    let kept = union.issue(user(), &Profile::UserSigning, KeyKind::P256).certificate().clone();
    let stolen = union.issue(user(), &Profile::UserSigning, KeyKind::P256).certificate().clone();
    let revoked = Revoked { serial: stolen.serial(), at: now() + days(1) };
    let (made, due) = (now() + days(2), now() + days(9));
    let list = union.ca.crl(41, std::slice::from_ref(&revoked), made, due).unwrap();
    assert_eq!((list.number(), list.this_update(), list.next_update()), (41, made, due));
    let read = RevocationList::read(list.der(), union.ca.certificate()).unwrap();
    assert_eq!(read.status(&stolen, made), Ok(Status::Revoked { at: revoked.at }));
    assert_eq!(read.status(&kept, made), Ok(Status::Good));
    // Once it is stale it tells only of those who are on it.
    assert_eq!(read.status(&kept, due), Err(NoRevocationData::Stale));
    assert_eq!(read.status(&stolen, due), Ok(Status::Revoked { at: revoked.at }));

    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "ca.pem", union.ca.certificate().pem());
    put(folder.path(), "crl.pem", list.pem());
    for (certificate, good) in [(&kept, true), (&stolen, false)] {
        put(folder.path(), "one.pem", certificate.pem());
        let at = made.as_second();
        let line = format!("verify -crl_check -x509_strict -attime {at} -CAfile ca.pem -CRLfile crl.pem one.pem");
        let verified = openssl(folder.path(), &line);
        assert_eq!(verified.status.success(), good, "{verified:?}");
        assert_eq!(String::from_utf8_lossy(&verified.stderr).contains("certificate revoked"), !good);
    }
    let empty = union.ca.crl(1, &[], made, due).unwrap();
    assert_eq!(empty.status(&stolen, made), Ok(Status::Good));
    assert!(matches!(union.ca.crl(2, &[], made, made), Err(PkiError::Period)));
}

#[test]
fn a_revocation_list_of_somebody_else_is_not_taken() {
    let (union, other) = (Union::new(), Union::new());
    let due = now() + days(7);
    let list = union.ca.crl(1, &[], now(), due).unwrap();
    // The other authority has the same name.
    assert_eq!(RevocationList::read(list.der(), other.ca.certificate()).unwrap_err(), CrlError::NotIssuer);
    let signer = union.issue(user(), &Profile::UserSigning, KeyKind::P256);
    assert_eq!(RevocationList::read(list.der(), signer.certificate()).unwrap_err(), CrlError::NotIssuer);

    let mut bytes = list.der().to_vec();
    bytes.push(0);
    assert_eq!(RevocationList::read(&bytes, union.ca.certificate()).unwrap_err(), CrlError::Malformed);
    for index in 0..list.der().len() {
        let mut bytes = list.der().to_vec();
        bytes[index] ^= 1;
        assert!(RevocationList::read(&bytes, union.ca.certificate()).is_err(), "byte {index}");
    }
    let operator = Authority::create_operator("Operator CA", now(), &union.random).unwrap();
    let foreign = operator.crl(1, &[], now(), due).unwrap();
    assert_eq!(foreign.status(signer.certificate(), now()), Err(NoRevocationData::OtherIssuer));
}

#[test]
fn a_request_proves_that_the_key_is_held() {
    let key = new_key(KeyKind::P256).unwrap();
    let der = pkcs10(&"taro-1".parse().unwrap(), &key).unwrap();
    let request = Request::from_pkcs10(user(), &der).unwrap();
    assert_eq!(request, Request::new(user(), &key).unwrap());
    // The name in it is not believed.
    let union = Union::new();
    let made = union.ca.issue(&request, &Profile::UserSigning, USER_VALIDITY, now(), &union.random).unwrap();
    assert_eq!(made.common_name().as_deref(), Some("hanako-1"));

    for index in 0..der.len() {
        let mut bytes = der.clone();
        bytes[index] ^= 1;
        assert!(Request::from_pkcs10(user(), &bytes).is_err(), "byte {index}");
    }
    let mut longer = der.clone();
    longer.push(0);
    assert!(matches!(Request::from_pkcs10(user(), &longer), Err(PkiError::Request)));
    let folder = tempfile::tempdir().unwrap();
    for (key, taken) in [("rsa:2048", true), ("rsa:1024", false), ("ed25519", false)] {
        let line = format!("req -new -newkey {key} -nodes -keyout k.pem -subj /CN=x -outform DER -out r.der");
        let made = openssl(folder.path(), &line);
        assert!(made.status.success(), "{made:?}");
        let der = std::fs::read(folder.path().join("r.der")).unwrap();
        assert_eq!(Request::from_pkcs10(user(), &der).is_ok(), taken, "{key}");
    }
}

#[test]
fn pkcs12_goes_both_ways_with_openssl() {
    let union = Union::new();
    let credential = union.issue(user(), &Profile::UserSigning, KeyKind::P256);
    let bundle = pkcs12::Bundle { credential, chain: vec![union.ca.certificate().clone()] };
    let file = pkcs12::write(&bundle, "hanako-1", "パスワード1").unwrap();
    let read = pkcs12::read(&file, "パスワード1").unwrap();
    assert_eq!(read.credential.certificate(), bundle.credential.certificate());
    assert_eq!(read.chain, bundle.chain);
    assert_eq!(read.credential.key().to_der(), bundle.credential.key().to_der());
    assert!(matches!(pkcs12::read(&file, "wrong"), Err(PkiError::Input(_))));
    assert!(matches!(pkcs12::read(&file, "a\0b"), Err(PkiError::Passphrase)));
    assert!(matches!(pkcs12::read(&file[..file.len() - 1], "パスワード1"), Err(PkiError::Input(_))));

    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "ours.p12", &file);
    let shown = openssl(folder.path(), "pkcs12 -in ours.p12 -passin pass:パスワード1 -nodes");
    let text = String::from_utf8(shown.stdout).unwrap();
    assert!(text.contains(bundle.credential.certificate().pem().trim()), "{text}");
    put(folder.path(), "one.pem", bundle.credential.certificate().pem());
    put(folder.path(), "one.key", bundle.credential.key().to_pem());
    let made = openssl(folder.path(), "pkcs12 -export -in one.pem -inkey one.key -out theirs.p12 -passout pass:secret");
    assert!(made.status.success(), "{made:?}");
    let theirs = pkcs12::read(&std::fs::read(folder.path().join("theirs.p12")).unwrap(), "secret").unwrap();
    assert_eq!(theirs.credential.certificate(), bundle.credential.certificate());
    assert!(theirs.chain.is_empty());
}
