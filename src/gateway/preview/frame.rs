//! What the child says, piece by piece: what it is, then each picture as soon as it is painted, then that this is all.

use std::io::{self, Read, Write};

use serde::{Deserialize, Serialize};

use super::limits;
use super::shown::Preview;

/// What the child is told about the file, on the first line of its input.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Header {
    /// The name, which is a hint and no more.
    pub(super) name: Option<String>,
    /// Bytes of the whole file; what follows may be its beginning.
    pub(super) size: u64,
}

/// One thing that the child says.
#[derive(Debug)]
pub(super) enum Frame {
    /// What it is; of pictures without the pictures.
    What(Box<Preview>),
    /// A picture, as PNG.
    Picture(Vec<u8>),
    /// This was all.
    End,
}

/// Writes one.
pub(super) fn write(output: &mut impl Write, frame: &Frame) -> io::Result<()> {
    let json;
    let (tag, payload): (u8, &[u8]) = match frame {
        Frame::What(preview) => {
            json = serde_json::to_vec(preview)?;
            (b'W', &json)
        }
        Frame::Picture(png) => (b'P', png),
        Frame::End => (b'E', &[]),
    };
    if payload.len() > limits::FRAME {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    let length = u32::try_from(payload.len()).expect("the limit of a frame is below 4 GiB");
    output.write_all(&[tag])?;
    output.write_all(&length.to_be_bytes())?;
    output.write_all(payload)?;
    output.flush()
}

/// Reads the next one. The child may have been taken over by the file: nothing is taken that is larger than it may be.
pub(super) fn read(input: &mut impl Read) -> io::Result<Frame> {
    let mut head = [0; 5];
    input.read_exact(&mut head)?;
    let [tag, length @ ..] = head;
    let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
    if length > limits::FRAME {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut payload = vec![0; length];
    input.read_exact(&mut payload)?;
    match tag {
        b'W' => Ok(Frame::What(serde_json::from_slice(&payload)?)),
        b'P' => Ok(Frame::Picture(payload)),
        b'E' if payload.is_empty() => Ok(Frame::End),
        _ => Err(io::ErrorKind::InvalidData.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::preview::shown::Refusal;

    #[test]
    fn frames_read_back_and_nothing_else_is_taken() {
        let mut bytes = Vec::new();
        write(&mut bytes, &Frame::What(Box::new(Preview::Refused(Refusal::Locked)))).unwrap();
        write(&mut bytes, &Frame::Picture(vec![1, 2, 3])).unwrap();
        write(&mut bytes, &Frame::End).unwrap();
        let mut input = bytes.as_slice();
        assert!(matches!(read(&mut input).unwrap(), Frame::What(what) if *what == Preview::Refused(Refusal::Locked)));
        assert!(matches!(read(&mut input).unwrap(), Frame::Picture(png) if png == [1, 2, 3]));
        assert!(matches!(read(&mut input).unwrap(), Frame::End));
        for wrong in [&[][..], b"X\0\0\0\0", b"E\0\0\0\x01a", b"P\xff\xff\xff\xff", b"W\0\0\0\x02{}", b"P\0\0\0\x05abc"]
        {
            assert!(read(&mut &*wrong).is_err(), "{wrong:?}");
        }
        assert!(write(&mut Vec::new(), &Frame::Picture(vec![0; limits::FRAME + 1])).is_err());
    }
}
