//! Who is at the other end, and how to send it away.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use tokio_util::sync::CancellationToken;

use super::places::network;
use crate::domain::digest::Fingerprint;

/// The other end of a connection; in the extensions of every request.
#[derive(Debug, Clone)]
pub struct Peer {
    /// Where it comes from.
    pub address: SocketAddr,
    /// The client certificate whose key it has proved to hold.
    pub certificate: Option<Fingerprint>,
    /// Comes true when it must go: whatever it is doing stops.
    pub ended: CancellationToken,
}

impl Peer {
    /// The address that a session is bound to: IPv4 exactly, IPv6 by its /64, since privacy addresses change inside it.
    pub fn network(&self) -> String {
        network(self.address.ip()).to_string()
    }
}

/// The peers that are connected now. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Peers(Arc<Mutex<Connected>>);

#[derive(Debug, Default)]
struct Connected {
    last: u64,
    peers: HashMap<u64, Peer>,
    by_certificate: HashMap<Fingerprint, usize>,
}

impl Peers {
    /// Sends away everybody whose client certificate is not one of those to `keep`.
    pub fn retain(&self, keep: impl Fn(Fingerprint) -> bool) {
        for peer in self.lock().peers.values() {
            if peer.certificate.is_some_and(|certificate| !keep(certificate)) {
                peer.ended.cancel();
            }
        }
    }

    /// Puts a peer on the list, unless `most` with its certificate are there.
    pub(super) fn enter(&self, peer: Peer, most: usize) -> Option<Presence> {
        let mut connected = self.lock();
        if let Some(certificate) = peer.certificate {
            let here = connected.by_certificate.entry(certificate).or_default();
            if *here >= most {
                return None;
            }
            *here += 1;
        }
        connected.last += 1;
        let number = connected.last;
        connected.peers.insert(number, peer);
        Some(Presence { peers: self.clone(), number })
    }

    fn lock(&self) -> MutexGuard<'_, Connected> {
        self.0.lock().expect("nothing panics while it holds the list of peers")
    }
}

/// A peer stays in the list as long as this lives.
#[derive(Debug)]
pub(super) struct Presence {
    peers: Peers,
    number: u64,
}

impl Drop for Presence {
    fn drop(&mut self) {
        let mut connected = self.peers.lock();
        let gone = connected.peers.remove(&self.number).and_then(|peer| peer.certificate);
        let Some(certificate) = gone else { return };
        if let Some(here) = connected.by_certificate.get_mut(&certificate) {
            *here -= 1;
            if *here == 0 {
                connected.by_certificate.remove(&certificate);
            }
        }
    }
}
