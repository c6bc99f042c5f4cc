//! Whether a connection may be made at all, where the way to the relay is prescribed.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::BoxFuture;
use reqwest::ClientBuilder;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tower::{Layer, Service};

use super::error::{ClientError, Shut};
use super::relay_url::RelayUrl;

/// A name server that needs longer does not answer.
const LOOK_UP: Duration = Duration::from_secs(5);
/// What is said where even asking fails.
const UNKNOWN: Shut = Shut("vpn.unknown");

/// Says whether the way to the relay may be used. It is asked before each connection, and before each
/// request on one that stands. It may block.
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
            Some(address) => Ok(self.admit(vec![address]).await?),
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
            Some(addresses) => Ok(self.ask(Some(addresses)).await?),
            None => self.check().await,
        }
    }

    /// What a name is looked up to, if the way leads to all of it: whoever can put in one address could put in others. While it leads
    /// nobody knows where, the way is shut for what stands, too.
    async fn look_up(&self, name: &str) -> Result<Vec<SocketAddr>, ClientError> {
        self.ask(None).await?;
        let found = tokio::time::timeout(LOOK_UP, tokio::net::lookup_host((name, 0))).await;
        let found: Vec<SocketAddr> = match found.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
            Ok(found) => found.collect(),
            Err(error) => {
                self.seen().is_shut = true;
                return Err(ClientError::Unreachable(Box::new(error)));
            }
        };
        self.admit(found.iter().map(|address| address.ip().to_canonical()).collect()).await?;
        Ok(found)
    }

    async fn admit(&self, addresses: Vec<IpAddr>) -> Result<(), Shut> {
        self.ask(Some(addresses.clone())).await?;
        *self.seen() = Seen { is_shut: false, addresses };
        Ok(())
    }

    /// Asks on a thread that may block whether the way is there, and leads to these addresses if they are known; notes when it does not.
    async fn ask(&self, addresses: Option<Vec<IpAddr>>) -> Result<(), Shut> {
        let guard = Arc::clone(&self.guard);
        let answer = tokio::task::spawn_blocking(move || match addresses {
            Some(addresses) => guard.admit(&addresses),
            None => guard.look(),
        });
        let answer = answer.await.unwrap_or(Err(UNKNOWN));
        if answer.is_err() {
            self.seen().is_shut = true;
        }
        answer
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
    S: Service<R, Error = Box<dyn std::error::Error + Send + Sync>> + Clone + Send + 'static,
    S::Response: Send + 'static,
    S::Future: Send + 'static,
    R: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<S::Response, S::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.connector.poll_ready(context)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let Some(address) = self.way.relay.ip() else { return Box::pin(self.connector.call(request)) };
        // The one that was found ready is the one that is called.
        let next = self.connector.clone();
        let (way, mut connector) = (self.way.clone(), std::mem::replace(&mut self.connector, next));
        Box::pin(async move {
            way.admit(vec![address]).await?;
            connector.call(request).await
        })
    }
}
