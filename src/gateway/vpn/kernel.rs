//! What the kernel says of interfaces and routes (rtnetlink(7)). Nothing leaves the machine for an answer.

use std::io;
use std::net::{IpAddr, UdpSocket};
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netdevice, recv, sendto, socket_with};

const NLM_F_REQUEST: u16 = 1;
const NLMSG_ERROR: u16 = 2;
const RTM_NEWLINK: u16 = 16;
const RTM_GETLINK: u16 = 18;
const RTM_NEWROUTE: u16 = 24;
const RTM_GETROUTE: u16 = 26;
const RTA_DST: u16 = 1;
const RTA_SRC: u16 = 2;
const RTA_OIF: u16 = 4;
const IFF_UP: u32 = 1;
const IFF_RUNNING: u32 = 0x40;
/// Bytes of a message's head, and of the heads of what is in it.
const HEAD: usize = 16;
const ROUTE_HEAD: usize = 12;
const ATTRIBUTE_HEAD: usize = 4;
/// The kernel answers at once; whatever keeps it from that must not keep us.
const PATIENCE: Duration = Duration::from_secs(2);

/// The number of the interface of that name, if there is one.
pub(super) fn index(name: &str) -> io::Result<Option<u32>> {
    match netdevice::name_to_index(UdpSocket::bind("127.0.0.1:0")?, name) {
        Ok(index) => Ok(Some(index)),
        Err(Errno::NODEV) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Whether an interface is up, and its line too.
pub(super) fn is_up(index: u32) -> io::Result<bool> {
    let mut link = vec![0; 16];
    link[4..8].copy_from_slice(&index.to_ne_bytes());
    match ask(RTM_GETLINK, &link)? {
        Ok(answer) => {
            let flags = u32_at(&answer.of(RTM_NEWLINK)?, 8)?;
            Ok(flags & (IFF_UP | IFF_RUNNING) == IFF_UP | IFF_RUNNING)
        }
        Err(Errno::NODEV) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// By which interface the kernel would send to an address, from our own `source` if that is given. `None`: by none.
pub(super) fn route(to: IpAddr, source: Option<IpAddr>) -> io::Result<Option<u32>> {
    let family = if to.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let mut question = vec![0; ROUTE_HEAD];
    question[0] = u8::try_from(family.as_raw()).map_err(|_| invalid())?;
    question[1] = put_address(&mut question, RTA_DST, to);
    if let Some(source) = source {
        question[2] = put_address(&mut question, RTA_SRC, source);
    }
    let answer = match ask(RTM_GETROUTE, &question)? {
        Ok(answer) => answer.of(RTM_NEWROUTE)?,
        // Unreachable, prohibited, black hole: said as errors of the way itself.
        Err(Errno::NETUNREACH | Errno::HOSTUNREACH | Errno::ACCESS | Errno::INVAL) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let mut rest = answer.get(ROUTE_HEAD..).ok_or_else(invalid)?;
    while rest.len() >= ATTRIBUTE_HEAD {
        let (length, kind) = (usize::from(u16_at(rest, 0)?), u16_at(rest, 2)?);
        if kind == RTA_OIF {
            return u32_at(rest, ATTRIBUTE_HEAD).map(Some);
        }
        let next = length.max(ATTRIBUTE_HEAD).next_multiple_of(4);
        rest = rest.get(next..).unwrap_or_default();
    }
    Ok(None)
}

/// Appends an address, and gives its length in bits.
fn put_address(message: &mut Vec<u8>, kind: u16, address: IpAddr) -> u8 {
    let (octets, bits) = match address {
        IpAddr::V4(address) => (address.octets().to_vec(), 32),
        IpAddr::V6(address) => (address.octets().to_vec(), 128),
    };
    let length = u16::try_from(ATTRIBUTE_HEAD + octets.len()).expect("an address is short");
    message.extend(length.to_ne_bytes());
    message.extend(kind.to_ne_bytes());
    message.extend(octets);
    bits
}

/// The kernel's answer.
struct Answer {
    kind: u16,
    body: Vec<u8>,
}

impl Answer {
    fn of(self, kind: u16) -> io::Result<Vec<u8>> {
        if self.kind == kind { Ok(self.body) } else { Err(invalid()) }
    }
}

/// Asks for one thing; the inner error is the kernel's answer.
fn ask(kind: u16, question: &[u8]) -> io::Result<Result<Answer, Errno>> {
    // The protocol of that family that is meant without a word is NETLINK_ROUTE.
    let kernel = socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, None)?;
    set_socket_timeout(&kernel, Timeout::Recv, Some(PATIENCE))?;
    let mut message = Vec::with_capacity(HEAD + question.len());
    message.extend(u32::try_from(HEAD + question.len()).map_err(|_| invalid())?.to_ne_bytes());
    message.extend(kind.to_ne_bytes());
    message.extend(NLM_F_REQUEST.to_ne_bytes());
    message.extend([0; 8]);
    message.extend(question);
    sendto(&kernel, &message, SendFlags::empty(), &SocketAddrNetlink::new(0, 0))?;
    let mut answer = vec![0; 32 * 1024];
    let (length, _) = recv(&kernel, answer.as_mut_slice(), RecvFlags::empty())?;
    answer.truncate(length);
    let whole = usize::try_from(u32_at(&answer, 0)?).map_err(|_| invalid())?;
    let kind = u16_at(&answer, 4)?;
    let body = answer.get(HEAD..whole.min(answer.len())).ok_or_else(invalid)?.to_vec();
    if kind == NLMSG_ERROR {
        let code = i32::try_from(u32_at(&body, 0)?.wrapping_neg()).map_err(|_| invalid())?;
        return Ok(Err(Errno::from_raw_os_error(code)));
    }
    Ok(Ok(Answer { kind, body }))
}

fn u16_at(bytes: &[u8], place: usize) -> io::Result<u16> {
    let found = bytes.get(place..place + 2).and_then(|two| two.try_into().ok());
    found.map(u16::from_ne_bytes).ok_or_else(invalid)
}

fn u32_at(bytes: &[u8], place: usize) -> io::Result<u32> {
    let found = bytes.get(place..place + 4).and_then(|four| four.try_into().ok());
    found.map(u32::from_ne_bytes).ok_or_else(invalid)
}

fn invalid() -> io::Error {
    io::ErrorKind::InvalidData.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loopback_is_up_and_leads_to_itself() {
        let loopback = index("lo").unwrap().unwrap();
        assert!(is_up(loopback).unwrap());
        assert_eq!(route("127.0.0.1".parse().unwrap(), None).unwrap(), Some(loopback));
        assert_eq!(route("127.0.0.1".parse().unwrap(), "127.0.0.1".parse().ok()).unwrap(), Some(loopback));
        // Where the machine has IPv6, it leads to itself there, too; where not, nowhere.
        let six = route("::1".parse().unwrap(), None).unwrap();
        assert_eq!(six, std::net::TcpListener::bind("[::1]:0").ok().map(|_| loopback));
        assert_eq!(index("no-such-way").unwrap(), None);
        assert!(!is_up(0x7fff_fff0).unwrap(), "one that is gone is not up");
    }
}
