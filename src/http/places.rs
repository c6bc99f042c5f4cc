//! How many connections there are at the same time.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use super::Limits;

/// How many connections there are, and from where.
#[derive(Debug, Default)]
pub(super) struct Places(Mutex<Taken>);

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
}

impl Places {
    /// A place, or which limit is in the way.
    pub(super) fn take(places: &Arc<Self>, address: IpAddr, limits: &Limits) -> Result<Place, &'static str> {
        let network = network(address);
        let mut taken = places.0.lock().expect("nothing panics while it holds the places");
        if taken.all >= limits.connections {
            return Err("connections");
        }
        let here = taken.by_address.entry(network).or_default();
        if *here >= limits.connections_per_address {
            return Err("connections-per-address");
        }
        *here += 1;
        taken.all += 1;
        Ok(Place { places: Arc::clone(places), network })
    }
}

/// One connection's place, given back when this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Arc<Places>,
    network: IpAddr,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.0.lock().expect("nothing panics while it holds the places");
        taken.all -= 1;
        if let Some(here) = taken.by_address.get_mut(&self.network) {
            *here -= 1;
            if *here == 0 {
                taken.by_address.remove(&self.network);
            }
        }
    }
}

/// Whoever has one address of an IPv6 /64 has them all.
pub(super) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(six) => IpAddr::V6((six.to_bits() >> 64 << 64).into()),
        four @ IpAddr::V4(_) => four,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_by_network_and_given_back() {
        let limits = Limits { connections: 3, connections_per_address: 2, ..Limits::default() };
        let places = Arc::new(Places::default());
        let take = |address: &str| Places::take(&places, address.parse().unwrap(), &limits);
        let first = take("2001:db8::1").unwrap();
        let _second = take("2001:db8::2").unwrap();
        assert_eq!(take("2001:db8::3").err(), Some("connections-per-address"));
        let _third = take("2001:db8:0:1::1").unwrap();
        assert_eq!(take("192.0.2.1").err(), Some("connections"));
        drop(first);
        assert!(take("2001:db8::3").is_ok());
    }
}
