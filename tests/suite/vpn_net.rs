//! The addresses of the hosts in the tests of the VPN, of either family.

/// What the relay is called on the VPN.
pub(crate) const NAME: &str = "relay.vpn.example";

/// The addresses of a world.
#[derive(Debug)]
pub(crate) struct Net {
    pub(crate) relay_vpn: &'static str,
    pub(crate) gateway_vpn: &'static str,
    /// What the VPN's addresses are in.
    pub(crate) vpn: &'static str,
    pub(crate) relay_internet: &'static str,
    pub(crate) employer_internet: &'static str,
    pub(crate) gateway_internet: &'static str,
    /// How many bits of an address on the Internet, and on the VPN, are those of the network.
    pub(crate) bits: [u8; 2],
    /// How the relay listens everywhere.
    pub(crate) anywhere: &'static str,
    /// Switches IPv6 on or off.
    pub(crate) disable_ipv6: u8,
    /// How `ip` is told of an address: one of IPv6 is to be there at once.
    pub(crate) more: &'static str,
}

pub(crate) const V4: Net = Net {
    relay_vpn: "10.20.0.1",
    gateway_vpn: "10.20.0.2",
    vpn: "10.20.0.0/16",
    relay_internet: "198.51.100.1",
    employer_internet: "198.51.100.10",
    gateway_internet: "198.51.100.20",
    bits: [24, 16],
    anywhere: "0.0.0.0",
    disable_ipv6: 1,
    more: "",
};

pub(crate) const V6: Net = Net {
    relay_vpn: "fd00:20::1",
    gateway_vpn: "fd00:20::2",
    vpn: "fd00:20::/64",
    relay_internet: "2001:db8:51::1",
    employer_internet: "2001:db8:51::10",
    gateway_internet: "2001:db8:51::20",
    bits: [64, 64],
    anywhere: "[::]",
    disable_ipv6: 0,
    more: " nodad",
};

impl Net {
    /// What the gateway is told of the way.
    pub(crate) fn guarded(&self) -> String {
        let (source, vpn) = (self.gateway_vpn, self.vpn);
        format!("interface = \"vpn0\"\nsource_address = \"{source}\"\nnetworks = [\"{vpn}\"]")
    }

    /// The gateway's address on the VPN, for `ip addr`.
    pub(crate) fn own(&self) -> String {
        format!("{}/{} dev vpn0{}", self.gateway_vpn, self.bits[1], self.more)
    }

    /// A world of the other family.
    pub(crate) fn other(&self) -> &'static Self {
        if self.disable_ipv6 == 0 { &V4 } else { &V6 }
    }

    /// One address, for `ip route`.
    pub(crate) fn only(&self, address: &str) -> String {
        format!("{address}/{}", if self.disable_ipv6 == 0 { 128 } else { 32 })
    }
}

/// An address, as it stands in a URL.
pub(crate) fn in_url(address: &str) -> String {
    if address.contains(':') { format!("[{address}]") } else { address.to_owned() }
}
