//! Many small files through the library, side by side on all cores.

use std::fs;
use std::io::{BufReader, BufWriter, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use kenpo_express::domain::clock::Clock;
use kenpo_express::domain::digest::Sha256;
use kenpo_express::domain::ids::MessageId;
use kenpo_express::message::entity::ContentEncoding;
use kenpo_express::message::keys::{Certificate, Credential, PrivateKey};
use kenpo_express::message::open::open;
use kenpo_express::message::seal::{Draft, seal};
use kenpo_express::runtime::clock::{SystemClock, SystemRandom};

use crate::{Many, Result, files};

/// Seals every file: a stream of messages from one user to the union.
pub(crate) fn seal_all(many: &Many) -> Result<()> {
    let sender = credential(&many.sender_cert, &many.sender_key)?;
    let recipients = [Certificate::from_pem(&fs::read(&many.union_cert)?)?];
    let now = SystemClock.now();
    let sequence = AtomicU64::new(1);
    files::each(many, |input, output| {
        let draft = Draft {
            id: MessageId::new(now, &SystemRandom),
            date: now,
            from: "bench-user@99000001.kx".parse()?,
            to: "union@99000001.kx".parse()?,
            sequence: sequence.fetch_add(1, Ordering::Relaxed),
            previous: Sha256::ZERO,
            file_name: "届書.csv".parse()?,
            content_type: "text/csv".to_owned(),
            comment: None,
            encoding: ContentEncoding::Identity,
        };
        seal(&draft, &sender, &recipients, &SystemRandom, BufReader::new(input), BufWriter::new(output))?;
        Ok(())
    })
}

/// Opens and verifies every message.
pub(crate) fn open_all(many: &Many) -> Result<()> {
    let keys = [credential(&many.union_cert, &many.union_key)?];
    let sender = Certificate::from_pem(&fs::read(&many.sender_cert)?)?;
    files::each(many, |input, output| {
        let (opened, mut content) = open(BufReader::new(input), &keys, BufWriter::new(output))?;
        opened.verify(&sender)?;
        content.flush()?;
        Ok(())
    })
}

fn credential(certificate: &Path, key: &Path) -> Result<Credential> {
    let certificate = Certificate::from_pem(&fs::read(certificate)?)?;
    Ok(Credential::new(certificate, PrivateKey::from_pem(&fs::read(key)?)?)?)
}
