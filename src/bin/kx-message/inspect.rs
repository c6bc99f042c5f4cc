//! `kx-message inspect`.

use kenpo_express::message::inspect::{Outline, inspect};

use crate::arguments::Inspect;
use crate::failure::Failure;
use crate::input;

pub(crate) fn run(arguments: &Inspect) -> Result<(), Failure> {
    let outline = inspect(input::open(&arguments.input)?).map_err(Failure::Open)?;
    if arguments.json {
        println!("{}", serde_json::to_string(&outline).expect("an outline can be written as JSON"));
    } else {
        show(&outline);
    }
    Ok(())
}

fn show(outline: &Outline) {
    println!("sealed message   {} bytes, of which {} encrypted", outline.size, outline.encrypted_size);
    println!("cipher           {}, nonce {}", outline.cipher, outline.nonce);
    println!("tag              {}", outline.tag);
    for recipient in &outline.recipients {
        let name = match (&recipient.issuer, &recipient.serial, &recipient.key_identifier) {
            (Some(issuer), Some(serial), _) => format!("serial {serial} of {issuer}"),
            (_, _, Some(identifier)) => format!("key identifier {identifier}"),
            _ => "without a name".to_owned(),
        };
        println!("recipient        {} {name}", recipient.method);
    }
}
