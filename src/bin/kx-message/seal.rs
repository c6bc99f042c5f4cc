//! `kx-message seal`.

use std::io;
use std::path::Path;

use serde_json::json;

use kenpo_express::domain::clock::Clock;
use kenpo_express::domain::digest::Sha256;
use kenpo_express::domain::file_name::FileName;
use kenpo_express::domain::ids::MessageId;
use kenpo_express::message::entity::ContentEncoding;
use kenpo_express::message::seal::{Draft, seal};
use kenpo_express::runtime::clock::{SystemClock, SystemRandom};

use crate::arguments::Seal;
use crate::failure::Failure;
use crate::output::Output;
use crate::{input, keys};

pub(crate) fn run(arguments: &Seal) -> Result<(), Failure> {
    let to_stdout = arguments.way.output == Path::new("-");
    if arguments.way.json && to_stdout {
        return Err(Failure::Usage("--json and a message cannot both go to standard output"));
    }
    let draft = draft(arguments)?;
    let signer = keys::credential(&arguments.identity)?;
    let recipients = arguments.to.iter().map(|file| keys::certificate(file)).collect::<Result<Vec<_>, _>>()?;
    let input = input::open(&arguments.way.input)?;
    let sealed = if to_stdout {
        // Half a message is nothing that anybody can open.
        seal(&draft, &signer, &recipients, &SystemRandom, input, io::stdout()).map_err(Failure::Seal)?
    } else {
        let output = Output::create(&arguments.way.output).map_err(Failure::file(&arguments.way.output))?;
        let sealed = seal(&draft, &signer, &recipients, &SystemRandom, input, output.file()).map_err(Failure::Seal)?;
        output.publish().map_err(Failure::file(&arguments.way.output))?;
        sealed
    };
    if arguments.way.json {
        let made = json!({
            "id": draft.id,
            "tag": sealed.tag,
            "digest": sealed.digest,
            "signature_hash": sealed.signature_hash,
            "size": sealed.size,
            "sealed_size": sealed.sealed_size,
        });
        println!("{made}");
    }
    Ok(())
}

fn draft(arguments: &Seal) -> Result<Draft, Failure> {
    let name = match &arguments.name {
        Some(name) => name.as_str(),
        None => arguments
            .way
            .input
            .file_name()
            .and_then(|name| name.to_str())
            .filter(|name| *name != "-")
            .ok_or(Failure::Usage("--name is needed: IN has no name that could be taken"))?,
    };
    let file_name = FileName::normalize(name)
        .map_err(|_| Failure::Usage("the file name is not one that may be sent: choose another with --name"))?;
    let now = SystemClock.now();
    Ok(Draft {
        id: arguments.message_id.unwrap_or_else(|| MessageId::new(now, &SystemRandom)),
        date: now,
        from: arguments.from.clone(),
        to: arguments.recipient.clone(),
        sequence: arguments.sequence,
        previous: arguments.previous.unwrap_or(Sha256::ZERO),
        file_name,
        content_type: arguments.content_type.clone(),
        comment: arguments.comment.clone(),
        encoding: if arguments.compress { ContentEncoding::Zstd } else { ContentEncoding::Identity },
    })
}
