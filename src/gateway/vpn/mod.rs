//! The closed VPN: the relay is reached on the prescribed way, or not at all.
//!
//! The settings prescribe an interface, a source address of ours, and the networks that the relay's addresses are in; each of
//! them may be left open. Before each connection it is looked whether the way is there and leads to the relay. If not, nothing
//! is sent. Beside that every socket is bound to the interface and to the source address, so that the kernel cannot send by
//! another one what was begun while the way was there.

#[cfg(target_os = "linux")]
mod kernel;
#[cfg(not(target_os = "linux"))]
#[path = "elsewhere.rs"]
mod kernel;

use std::io;
use std::net::{IpAddr, UdpSocket};
use std::sync::{Arc, Mutex};

use ipnet::IpNet;

use crate::wire::client::{ClientError, Guard, Shut, UnionClient};

/// Why the way is shut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// There is no interface of that name.
    InterfaceAbsent,
    /// The interface is down, or its line is.
    InterfaceDown,
    /// The source address is not an address of this machine.
    SourceAbsent,
    /// The relay's name has no address now.
    Unresolved,
    /// An address of the relay is outside of the networks that it must be in.
    AddressOutside,
    /// The kernel knows no way to an address of the relay.
    NoRoute,
    /// The kernel would send to an address of the relay by another interface.
    RouteElsewhere,
    /// The kernel does not say how it would send.
    Unknown,
}

impl Reason {
    /// Every one there is.
    pub const ALL: &[Self] = &[
        Self::InterfaceAbsent,
        Self::InterfaceDown,
        Self::SourceAbsent,
        Self::Unresolved,
        Self::AddressOutside,
        Self::NoRoute,
        Self::RouteElsewhere,
        Self::Unknown,
    ];

    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::InterfaceAbsent => "vpn.interface-absent",
            Self::InterfaceDown => "vpn.interface-down",
            Self::SourceAbsent => "vpn.source-absent",
            Self::Unresolved => "vpn.unresolved",
            Self::AddressOutside => "vpn.address-outside",
            Self::NoRoute => "vpn.no-route",
            Self::RouteElsewhere => "vpn.route-elsewhere",
            Self::Unknown => "vpn.unknown",
        }
    }

    /// What it means and what to look at, for staff.
    pub const fn words(self) -> &'static str {
        match self {
            Self::InterfaceAbsent => "VPNのインターフェースがありません (relay.interface: there is no such interface)",
            Self::InterfaceDown => "VPNのインターフェースが停止しています (relay.interface: it is down)",
            Self::SourceAbsent => {
                "VPNの送信元アドレスがこの機器にありません (relay.source_address: not an address here)"
            }
            Self::Unresolved => "KXサーバーの名前を解決できません (relay.url: its name has no address now)",
            Self::AddressOutside => {
                "KXサーバーの名前が許可されたネットワークの外を指しています (relay.networks: an address of relay.url is outside)"
            }
            Self::NoRoute => "KXサーバーへの経路がありません (relay.interface: there is no route to relay.url)",
            Self::RouteElsewhere => {
                "KXサーバーへの経路がVPNの外を通ります (relay.interface: the route to relay.url leaves by another interface)"
            }
            Self::Unknown => "VPNの状態を確認できません (relay.interface: the kernel does not tell the route)",
        }
    }

    fn from_code(code: &str) -> Self {
        Self::ALL.iter().copied().find(|reason| reason.code() == code).unwrap_or(Self::Unknown)
    }
}

impl From<Reason> for Shut {
    fn from(reason: Reason) -> Self {
        Self(reason.code())
    }
}

/// How the way to the relay is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Not prescribed: the system's own way is taken.
    Unguarded,
    /// There.
    Open,
    /// Not there: nothing is sent.
    Shut(Reason),
}

impl State {
    /// Looks whether a connection could be made now. Nothing is sent to the relay.
    pub async fn of(relay: &UnionClient) -> Self {
        match relay.check_way().await {
            Ok(false) => Self::Unguarded,
            Ok(true) => Self::Open,
            Err(ClientError::Shut(Shut(code))) => Self::Shut(Reason::from_code(code)),
            // Whether the name has addresses is all that was asked beside.
            Err(_) => Self::Shut(Reason::Unresolved),
        }
    }

    /// The stable code: `unguarded`, `open` or `shut`.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Unguarded => "unguarded",
            Self::Open => "open",
            Self::Shut(_) => "shut",
        }
    }

    /// Whether it is there, or the code of why not; none where none is prescribed.
    pub fn verdict(self) -> Option<Result<(), &'static str>> {
        match self {
            Self::Unguarded => None,
            Self::Open => Some(Ok(())),
            Self::Shut(reason) => Some(Err(reason.code())),
        }
    }

    /// Why it is shut, if it is.
    pub const fn reason(self) -> Option<Reason> {
        match self {
            Self::Shut(reason) => Some(reason),
            Self::Unguarded | Self::Open => None,
        }
    }
}

/// The state as it was seen last. Cheap to clone; all clones show the same.
#[derive(Debug, Clone)]
pub struct Vpn(Arc<Mutex<State>>);

impl Default for Vpn {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(State::Unguarded)))
    }
}

impl Vpn {
    /// As it was seen last.
    pub fn state(&self) -> State {
        *self.0.lock().expect("nothing panics while it holds the state of the way")
    }

    /// Notes how it is now. Gives how it was before.
    pub fn note(&self, state: State) -> State {
        std::mem::replace(&mut *self.0.lock().expect("nothing panics while it holds the state of the way"), state)
    }
}

/// The prescribed way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// The interface.
    pub interface: Option<String>,
    /// Our own address.
    pub source: Option<IpAddr>,
    /// What the relay's addresses are in; empty: anywhere.
    pub networks: Vec<IpNet>,
}

impl Rules {
    /// Whether anything is prescribed.
    pub fn are_set(&self) -> bool {
        self.interface.is_some() || self.source.is_some() || !self.networks.is_empty()
    }

    /// The index of the interface, if one is prescribed. It and the source address are there.
    fn there(&self) -> Result<Option<u32>, Reason> {
        let mut index = None;
        if let Some(name) = &self.interface {
            let found = kernel::index(name).map_err(|_| Reason::Unknown)?.ok_or(Reason::InterfaceAbsent)?;
            match kernel::is_up(found) {
                Ok(true) => index = Some(found),
                Ok(false) => return Err(Reason::InterfaceDown),
                Err(_) => return Err(Reason::Unknown),
            }
        }
        match self.source.map(|address| UdpSocket::bind((address, 0))) {
            Some(Err(error)) if error.kind() == io::ErrorKind::AddrNotAvailable => Err(Reason::SourceAbsent),
            Some(Err(_)) => Err(Reason::Unknown),
            Some(Ok(_)) | None => Ok(index),
        }
    }

    fn leads_to(&self, index: Option<u32>, address: IpAddr) -> Result<(), Reason> {
        if !self.networks.is_empty() && !self.networks.iter().any(|network| network.contains(&address)) {
            return Err(Reason::AddressOutside);
        }
        let Some(index) = index else { return Ok(()) };
        let source = self.source.filter(|source| source.is_ipv4() == address.is_ipv4());
        match kernel::route(address, source) {
            Ok(Some(by)) if by == index => Ok(()),
            Ok(Some(_)) => Err(Reason::RouteElsewhere),
            Ok(None) => Err(Reason::NoRoute),
            Err(_) => Err(Reason::Unknown),
        }
    }
}

impl Guard for Rules {
    fn look(&self) -> Result<(), Shut> {
        Ok(self.there().map(drop)?)
    }

    fn admit(&self, addresses: &[IpAddr]) -> Result<(), Shut> {
        let index = self.there()?;
        Ok(addresses.iter().try_for_each(|address| self.leads_to(index, *address))?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(interface: &str, source: &str, networks: &[&str]) -> Rules {
        Rules {
            interface: Some(interface.to_owned()).filter(|name| !name.is_empty()),
            source: source.parse().ok(),
            networks: networks.iter().map(|network| network.parse().unwrap()).collect(),
        }
    }

    #[test]
    fn each_part_of_the_way_is_looked_at() {
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        for (rules, to, expected) in [
            (rules("", "", &[]), "203.0.113.7", Ok(())),
            (rules("lo", "127.0.0.1", &["127.0.0.0/8"]), "127.0.0.1", Ok(())),
            (rules("no-such-way", "", &[]), "127.0.0.1", Err(Reason::InterfaceAbsent)),
            (rules("", "192.0.2.77", &[]), "127.0.0.1", Err(Reason::SourceAbsent)),
            (rules("", "", &["10.20.0.0/16"]), "10.21.0.1", Err(Reason::AddressOutside)),
            (rules("", "", &["10.20.0.0/16", "fd00:20::/32"]), "fd00:20::1", Ok(())),
            (rules("", "", &["10.20.0.0/16", "fd00:20::/32"]), "fd00:21::1", Err(Reason::AddressOutside)),
        ] {
            assert_eq!(rules.admit(&[address(to)]), expected.map_err(Shut::from), "{rules:?} {to}");
        }
        let mixed = rules("", "", &["10.20.0.0/16"]).admit(&[address("10.20.0.1"), address("203.0.113.7")]);
        assert_eq!(mixed, Err(Shut("vpn.address-outside")), "one address outside spoils the answer");
    }

    #[test]
    fn codes_read_back() {
        for reason in Reason::ALL {
            assert_eq!(Reason::from_code(reason.code()), *reason);
        }
    }
}
