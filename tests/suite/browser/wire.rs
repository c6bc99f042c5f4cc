//! How the driver of the browser is spoken to: plain HTTP on this machine.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::handshake;
use hyper::{Request, Response, header};
use hyper_util::rt::TokioIo;
use thirtyfour::error::{WebDriverError, WebDriverErrorInner, WebDriverResult};
use thirtyfour::session::http::{Body, HttpClient};
use tokio::net::TcpStream;

/// A connection for each request.
pub(super) struct Wire;

type Answer<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

impl HttpClient for Wire {
    fn send<'own, 'body, 'all>(
        &'own self,
        request: Request<Body<'body>>,
    ) -> Answer<'all, WebDriverResult<Response<Bytes>>>
    where
        'own: 'all,
        'body: 'all,
        Self: 'all,
    {
        Box::pin(async move {
            let (mut parts, body) = request.into_parts();
            let body = match body {
                Body::Empty => Bytes::new(),
                Body::Json(value) => serde_json::to_vec(value).expect("a value is JSON").into(),
            };
            let authority = parts.uri.authority().expect("the driver has an address").clone();
            parts.uri = parts.uri.path_and_query().expect("a command has a path").as_str().parse().expect("it is one");
            parts.headers.insert(header::HOST, authority.as_str().parse().expect("an address is ASCII"));
            parts.headers.insert(header::CONTENT_LENGTH, body.len().into());
            let exchange = async {
                let stream = TcpStream::connect(authority.as_str()).await.map_err(std::io::Error::other)?;
                let (mut sender, connection) = handshake(TokioIo::new(stream)).await.map_err(std::io::Error::other)?;
                tokio::spawn(connection);
                let request = Request::from_parts(parts, Full::new(body));
                let (parts, body) = sender.send_request(request).await.map_err(std::io::Error::other)?.into_parts();
                let body = body.collect().await.map_err(std::io::Error::other)?.to_bytes();
                Ok::<_, std::io::Error>(Response::from_parts(parts, body))
            };
            exchange.await.map_err(|error| WebDriverError::from_inner(WebDriverErrorInner::IoError(error)))
        })
    }

    fn new<'own, 'all>(&'own self) -> Answer<'all, Arc<dyn HttpClient>>
    where
        'own: 'all,
        Self: 'all,
    {
        Box::pin(async { Arc::new(Self) as Arc<dyn HttpClient> })
    }
}
