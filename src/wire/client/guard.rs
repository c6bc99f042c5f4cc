//! Whether a connection may be made at all, where the way to the relay is prescribed.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use reqwest::ClientBuilder;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tower::{Layer, Service};

use super::error::{ClientError, Shut};
use super::relay_url::RelayUrl;

/// Says whether the way to the relay may be used. It is asked before each connection, and before each
/// request on one that stands.
pub trait Guard: fmt::Debug + Send + Sync {
    /// Whether the way is there, before the relay's name is even asked for.
    fn look(&self) -> Result<(), Shut>;

    /// Whether the way is there and leads to all of these addresses, which are the relay's.
    fn admit(&self, addresses: &[IpAddr]) -> Result<(), Shut>;
}

/// A relay that is reached on one way only. Cheap to clone; all clones see the same.
#[derive(Debug, Clone)]
pub(super) struct Way {
    guard: Arc<dyn Guard>,
    relay: RelayUrl,
    seen: Arc<Mutex<Seen>>,
}

/// What was seen last.
#[derive(Debug, Default)]
struct Seen {
    is_shut: bool,
    /// The relay's, when the way led to them.
    addresses: Vec<IpAddr>,
}

impl Way {
    pub(super) fn new(guard: &Arc<dyn Guard>, relay: &RelayUrl) -> Self {
        Self { guard: Arc::clone(guard), relay: relay.clone(), seen: Arc::default() }
    }

    /// Has every connection ask first: a name where it is looked up, an address, which is never looked up, where it is
    /// connected to.
    pub(super) fn guard(&self, builder: ClientBuilder) -> ClientBuilder {
        match self.relay.ip() {
            Some(_) => builder.connector_layer(self.clone()),
            None => builder.dns_resolver(self.clone()),
        }
    }

    /// Asks as a connection would, and sends nothing to the relay.
    pub(super) async fn check(&self) -> Result<(), ClientError> {
        match self.relay.ip() {
            Some(address) => Ok(self.admit(vec![address])?),
            None => self.look_up(self.relay.host()).await.map(drop),
        }
    }

    /// Asks whether a request may go out, be it on a connection that stands: what was shut must be found open again.
    pub(super) async fn still_there(&self) -> Result<(), ClientError> {
        let addresses = {
            let seen = self.seen();
            if seen.is_shut { None } else { Some(seen.addresses.clone()) }
        };
        match addresses {
            // What is found here opens nothing that a look at the name has shut meanwhile.
            Some(addresses) => Ok(self.note(self.guard.admit(&addresses))?),
            None => self.check().await,
        }
    }

    /// What a name is looked up to, if the way leads to all of it: whoever can put in one address could put in others.
    async fn look_up(&self, name: &str) -> Result<Vec<SocketAddr>, ClientError> {
        self.note(self.guard.look())?;
        let unreachable = |error: io::Error| ClientError::Unreachable(Box::new(error));
        let found: Vec<SocketAddr> = tokio::net::lookup_host((name, 0)).await.map_err(unreachable)?.collect();
        self.admit(found.iter().map(|address| address.ip().to_canonical()).collect())?;
        Ok(found)
    }

    fn admit(&self, addresses: Vec<IpAddr>) -> Result<(), Shut> {
        self.note(self.guard.admit(&addresses))?;
        *self.seen() = Seen { is_shut: false, addresses };
        Ok(())
    }

    fn note(&self, looked: Result<(), Shut>) -> Result<(), Shut> {
        if looked.is_err() {
            self.seen().is_shut = true;
        }
        looked
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().expect("nothing panics while it holds what was seen of the way")
    }
}

impl Resolve for Way {
    fn resolve(&self, name: Name) -> Resolving {
        let way = self.clone();
        Box::pin(async move {
            match way.look_up(name.as_str()).await {
                Ok(found) => Ok(Box::new(found.into_iter()) as Addrs),
                Err(ClientError::Shut(shut)) => Err(shut.into()),
                Err(error) => Err(error.into()),
            }
        })
    }
}

impl<S> Layer<S> for Way {
    type Service = Guarded<S>;

    fn layer(&self, connector: S) -> Guarded<S> {
        Guarded { way: self.clone(), connector }
    }
}

/// Connects when the way is there.
#[derive(Debug, Clone)]
pub(super) struct Guarded<S> {
    way: Way,
    connector: S,
}

impl<S, R> Service<R> for Guarded<S>
where
    S: Service<R, Error = Box<dyn std::error::Error + Send + Sync>>,
    S::Response: Send + 'static,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<S::Response, S::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.connector.poll_ready(context)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let admitted = self.way.relay.ip().map_or(Ok(()), |address| self.way.admit(vec![address]));
        match admitted {
            Ok(()) => Box::pin(self.connector.call(request)),
            Err(shut) => Box::pin(std::future::ready(Err(shut.into()))),
        }
    }
}
