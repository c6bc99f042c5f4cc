//! Which certificates are trusted, at which time, with certificates that OpenSSL's command makes.

use super::*;

#[test]
fn trust_is_judged_at_the_given_time_and_by_registered_roots_only() {
    let union = Union::new();
    let signing = union.issue(user(), &Profile::UserSigning, KeyKind::P256).certificate().clone();
    let trust = union.trust();
    assert_eq!(trust.path(&signing, &[], now()), Ok(()));
    let second = SignedDuration::from_secs(1);
    assert_eq!(trust.path(&signing, &[], signing.not_after() - second), Ok(()));
    assert_eq!(trust.path(&signing, &[], signing.not_before()), Ok(()));
    assert_eq!(trust.path(&signing, &[], signing.not_after()), Err(Untrusted::Expired));
    assert_eq!(trust.path(&signing, &[], signing.not_before() - second), Err(Untrusted::NotYetValid));
    // Long after both have ended.
    assert_eq!(trust.path(&signing, &[], now() + days(365 * 30)), Err(Untrusted::Expired));

    // An authority of the same name with another key, given as a root and as a hint.
    let other = Union::new();
    assert_eq!(other.trust().path(&signing, &[], now()), Err(Untrusted::NoPath));
    let hint = [union.ca.certificate().clone()];
    assert_eq!(other.trust().path(&signing, &hint, now()), Err(Untrusted::NoPath));
    assert_eq!(TrustStore::default().path(&signing, &hint, now()), Err(Untrusted::NoPath));
}

#[test]
fn an_issuer_must_be_an_authority() {
    let folder = tempfile::tempdir().unwrap();
    let root = foreign(folder.path(), "root", None, CA).certificate().clone();
    let trust = TrustStore::new(vec![root]);
    for (name, extensions, expected) in [
        ("good", CA.to_owned(), Ok(())),
        (
            "no-ca",
            CA.replace("CA:true", "CA:false").replace("keyCertSign,cRLSign", "digitalSignature"),
            Err(Untrusted::NoPath),
        ),
        ("no-constraints", CA.replace("basicConstraints=critical,CA:true\n", ""), Err(Untrusted::NoPath)),
        ("no-sign", CA.replace("keyCertSign,", ""), Err(Untrusted::NoPath)),
    ] {
        let middle = foreign(folder.path(), name, Some("root"), &extensions).certificate().clone();
        let leaf = foreign(folder.path(), "leaf", Some(name), LEAF).certificate().clone();
        assert_eq!(trust.path(&leaf, std::slice::from_ref(&middle), much_later()), expected, "{name}");
        assert_eq!(trust.path(&leaf, &[], much_later()), Err(Untrusted::NoPath), "{name}");
    }
    // A user's own certificate is no authority, whatever it signs; a path length of 0 allows none between.
    let union = Union::new();
    let hanako = union.issue(user(), &Profile::UserSigning, KeyKind::P256);
    put(folder.path(), "hanako.pem", hanako.certificate().pem());
    put(folder.path(), "hanako.key", hanako.key().to_pem());
    let forged = foreign(folder.path(), "forged", Some("hanako"), LEAF).certificate().clone();
    let hint = [hanako.certificate().clone()];
    assert_eq!(union.trust().path(&forged, &hint, forged.not_before()), Err(Untrusted::NoPath));
    put(folder.path(), "ca.pem", union.ca.certificate().pem());
    put(folder.path(), "ca.key", union.ca.credential().key().to_pem());
    let second = foreign(folder.path(), "second", Some("ca"), CA).certificate().clone();
    let below = foreign(folder.path(), "below", Some("second"), LEAF).certificate().clone();
    assert_eq!(union.trust().path(&below, &[second], below.not_before()), Err(Untrusted::NoPath));
}

#[test]
fn weak_certificates_are_not_trusted() {
    let folder = tempfile::tempdir().unwrap();
    let root = foreign(folder.path(), "root", None, CA).certificate().clone();
    let trust = TrustStore::new(vec![root]);
    let small = foreign_with_key(folder.path(), "small", Some("root"), LEAF, "rsa:1024").certificate().clone();
    assert_eq!(trust.path(&small, &[], much_later()), Err(Untrusted::Key));
    let curve = "ec -pkeyopt ec_paramgen_curve:secp256k1";
    let other = foreign_with_key(folder.path(), "other", Some("root"), LEAF, curve).certificate().clone();
    assert_eq!(trust.path(&other, &[], much_later()), Err(Untrusted::Key));
    let enough = foreign_with_key(folder.path(), "enough", Some("root"), LEAF, "rsa:2048").certificate().clone();
    assert_eq!(trust.path(&enough, &[], much_later()), Ok(()));
    // SHA-1 under a good key.
    let again = openssl(
        folder.path(),
        "x509 -req -in enough.csr -CA root.pem -CAkey root.key -days 36500 -extfile ext.cnf -extensions ext -set_serial 78 -sha1 -out sha1.pem",
    );
    assert!(again.status.success(), "{again:?}");
    let sha1 = Certificate::from_pem(&std::fs::read(folder.path().join("sha1.pem")).unwrap()).unwrap();
    assert_eq!(trust.path(&sha1, &[], much_later()), Err(Untrusted::NoPath));
}

#[test]
fn a_certificate_of_another_authority_is_trusted_once_registered() {
    let folder = tempfile::tempdir().unwrap();
    let root = foreign(folder.path(), "root", None, CA).certificate().clone();
    let leaf = foreign_with_key(folder.path(), "leaf", Some("root"), LEAF, "rsa:2048").certificate().clone();
    let twin = foreign_with_key(folder.path(), "leaf", Some("root"), LEAF, "rsa:2048").certificate().clone();
    let ours = Union::new().trust();
    assert_eq!(ours.path(&leaf, std::slice::from_ref(&root), much_later()), Err(Untrusted::NoPath));
    let registered = ours.clone().with_registered([leaf.clone()]);
    assert_eq!(registered.path(&leaf, &[], much_later()), Ok(()));
    assert_eq!(registered.path(&twin, &[], much_later()), Err(Untrusted::NoPath));
    let ended = leaf.not_after() + SignedDuration::from_secs(1);
    assert_eq!(registered.path(&leaf, &[], ended), Err(Untrusted::Expired));
    // The issuer registered instead: then all that it issues.
    assert_eq!(TrustStore::new(vec![root]).path(&twin, &[], much_later()), Ok(()));
    assert_eq!(owner(&leaf), None);
    // Text in a name that a foreign authority let through is no owner when it is doubled.
    let doubled = format!("{LEAF}\nsubjectAltName=URI:urn:kx:06123456:user:a,URI:urn:kx:06123456:user:b");
    assert_eq!(owner(foreign(folder.path(), "doubled", Some("root"), &doubled).certificate()), None);
    let single = format!("{LEAF}\nsubjectAltName=URI:https://a.example,URI:urn:kx:06123456:user:b");
    let single = foreign(folder.path(), "single", Some("root"), &single);
    assert_eq!(owner(single.certificate()), Some("b@06123456.kx".parse().unwrap()));
}
