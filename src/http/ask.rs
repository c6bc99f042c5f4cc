//! What a running server says of itself on its listener for health and metrics, asked by another process.

use std::net::SocketAddr;
use std::time::Duration;

use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::{Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::runtime::task::Snapshot;

/// A server on this machine answers within this time or is not there.
const PATIENCE: Duration = Duration::from_secs(2);
/// Bytes of the longest answer.
const LONGEST: usize = 256 * 1024;

/// What the server that is watched at this address does by itself; nothing when none answers there, or it is none of ours.
pub async fn ask_tasks(address: SocketAddr) -> Option<Vec<Snapshot>> {
    let answer = tokio::time::timeout(PATIENCE, get(address, "/tasks")).await.ok()??;
    serde_json::from_slice(&answer).ok()
}

async fn get(address: SocketAddr, path: &str) -> Option<Bytes> {
    let stream = TcpStream::connect(address).await.ok()?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.ok()?;
    let request = Request::get(path).header(header::HOST, address.to_string()).body(Empty::<Bytes>::new()).ok()?;
    let answer = async {
        let answer = sender.send_request(request).await.ok()?;
        if answer.status() != StatusCode::OK {
            return None;
        }
        Some(Limited::new(answer.into_body(), LONGEST).collect().await.ok()?.to_bytes())
    };
    let mut connection = Box::pin(connection);
    let mut answer = Box::pin(answer);
    tokio::select! {
        answer = &mut answer => answer,
        // The other end has closed: what it said before may be whole.
        _ = &mut connection => answer.await,
    }
}
