//! Where the kernel is not Linux nobody can be asked, so an interface that is prescribed counts as shut.

use std::io;
use std::net::IpAddr;

pub(super) fn index(_name: &str) -> io::Result<Option<u32>> {
    Err(io::ErrorKind::Unsupported.into())
}

pub(super) fn is_up(_index: u32) -> io::Result<bool> {
    Err(io::ErrorKind::Unsupported.into())
}

pub(super) fn route(_to: IpAddr, _source: Option<IpAddr>) -> io::Result<Option<u32>> {
    Err(io::ErrorKind::Unsupported.into())
}
