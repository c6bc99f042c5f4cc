//! `kx-message open`.

use std::io::BufWriter;
use std::path::Path;

use serde_json::json;

use kenpo_express::message::keys::Certificate;
use kenpo_express::message::open::{Opened, Verified, open};
use kenpo_express::pki::identity::owner;
use kenpo_express::pki::profile::may_sign;
use kenpo_express::pki::trust::{TrustStore, Untrusted};

use crate::arguments::Open;
use crate::failure::Failure;
use crate::output::Output;
use crate::{input, keys};

pub(crate) fn run(arguments: &Open) -> Result<(), Failure> {
    if arguments.way.json && arguments.way.output == Path::new("-") {
        return Err(Failure::Usage("--json and the file cannot both go to standard output"));
    }
    let credential = keys::credential(&arguments.identity)?;
    let authorities = arguments.ca.as_deref().map(keys::certificates).transpose()?;
    let pinned = arguments.signer.as_deref().map(keys::certificate).transpose()?;
    let input = input::open(&arguments.way.input)?;
    let output = Output::create(&arguments.way.output).map_err(Failure::file(&arguments.way.output))?;
    // Other software cuts a message into small pieces.
    let (opened, content) =
        open(input, &[credential], BufWriter::with_capacity(64 << 10, output.file())).map_err(Failure::Open)?;
    drop(content);
    let verified = verify(&opened, authorities, pinned)?;
    output.publish().map_err(Failure::file(&arguments.way.output))?;
    if arguments.way.json {
        println!("{}", describe(&verified));
    }
    Ok(())
}

fn verify(
    opened: &Opened,
    authorities: Option<Vec<Certificate>>,
    pinned: Option<Certificate>,
) -> Result<Verified, Failure> {
    if let Err(refused) = &opened.header().file_name {
        return Err(Failure::FileName(*refused));
    }
    let named = pinned.is_some();
    let nobody_asked = authorities.is_none() && !named;
    let certificate = pinned.or_else(|| opened.signer().certificate()).ok_or(Failure::NoCertificate)?;
    let verified = opened.verify(&certificate)?;
    if let Some(authorities) = authorities {
        let store = TrustStore::new(authorities);
        store.path(&certificate, &[], verified.signing_time()).map_err(|untrusted| {
            let issued = store.roots().iter().any(|root| certificate.is_issued_by(root));
            if issued && untrusted == Untrusted::NoPath { Failure::Incomplete } else { Failure::Untrusted(untrusted) }
        })?;
        if !may_sign(&certificate) {
            return Err(Failure::NotForSigning);
        }
    }
    // Whom it says it is from must be whom the certificate belongs to. One from another authority says nothing about
    // that: then only a signer who was named is believed.
    match owner(&certificate) {
        Some(owner) if owner != verified.header().from => {
            return Err(Failure::Sender { from: verified.header().from.clone(), owner });
        }
        None if !named && !nobody_asked => return Err(Failure::Ownerless),
        _ => {}
    }
    if nobody_asked {
        let name: String = certificate.common_name().unwrap_or_default().chars().filter(|c| !c.is_control()).collect();
        eprintln!(
            "kx-message: warning: the signer's identity was not checked, since neither --ca nor --signer was given. \
             The message says that it is from {}; it carries a certificate that names \"{name}\", SHA-256 {}.",
            verified.header().from,
            certificate.fingerprint(),
        );
    }
    Ok(verified)
}

fn describe(verified: &Verified) -> serde_json::Value {
    let header = verified.header();
    json!({
        "id": header.id,
        "date": header.date,
        "from": header.from,
        "to": header.to,
        "sequence": header.sequence,
        "previous": header.previous,
        "file_name": header.file_name.as_ref().ok(),
        "content_type": header.content_type,
        "comment": header.comment,
        "size": verified.size(),
        "sealed_size": verified.sealed_size(),
        "tag": verified.tag(),
        "digest": hex::encode(verified.digest()),
        "signature_hash": verified.signature_hash(),
        "signed_at": verified.signing_time(),
        "signer": verified.certificate().fingerprint(),
    })
}
