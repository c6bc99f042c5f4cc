//! What Prometheus and systemd see of the relay.

mod gauges;
mod look;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::check::listeners;
use super::state::State;
use crate::http::{self, Unready, Watched};
use crate::runtime::process::ProcessMetrics;
use crate::runtime::task::{Snapshot, Tasks};
use crate::runtime::task_metrics::TaskMetrics;
use crate::store::relay::registry;

pub(super) use look::{Seen, look};

/// A database that takes longer does not work.
const DATABASE_ANSWERS: Duration = Duration::from_secs(2);

const STOPPING: Unready = Unready::new("server.stopping", "停止処理中です。", "The server is stopping.");
const DATABASE: Unready = Unready::new("store.failed", "データベースを読めません。", "The database cannot be read.");
const STORAGE: Unready =
    Unready::new("storage.failed", "ファイルの保管場所を使えません。", "The storage of parcels cannot be used.");
const FULL: Unready = Unready::new(
    "storage.full",
    "ディスクの空きが予約分を下回り、新しいファイルを受け付けられません。",
    "The disk is down to its reserve: no new parcels are taken.",
);
const CERTIFICATE: Unready = Unready::new(
    "certificate.ended",
    "サーバー自身の証明書の期限が切れています。",
    "A certificate of the server itself has ended.",
);

/// A relay that can be watched.
#[derive(Debug)]
pub(super) struct Watch {
    pub(super) state: Arc<State>,
    pub(super) seen: Arc<Seen>,
    pub(super) edges: http::Metrics,
    pub(super) tasks: Tasks,
    pub(super) of_tasks: TaskMetrics,
    pub(super) process: ProcessMetrics,
}

impl Watched for Watch {
    fn not_ready(&self) -> BoxFuture<'_, Vec<Unready>> {
        async {
            let state = &self.state;
            let mut reasons = Vec::new();
            if state.shutdown.is_stopping() {
                reasons.push(STOPPING);
            }
            let asked = tokio::time::timeout(DATABASE_ANSWERS, registry::version(state.database.read()));
            if !matches!(asked.await, Ok(Ok(_))) {
                reasons.push(DATABASE);
            }
            match state.bytes.room().await {
                Ok(Some(room)) if room < state.config.parcels.disk_reserve_bytes => reasons.push(FULL),
                Ok(_) => {}
                Err(_) => reasons.push(STORAGE),
            }
            let now = state.clock.now();
            if look::ends(state).await.iter().any(|(_, end)| *end <= now) {
                reasons.push(CERTIFICATE);
            }
            reasons
        }
        .boxed()
    }

    fn tasks(&self) -> Vec<Snapshot> {
        self.tasks.snapshot()
    }

    fn listeners(&self) -> Vec<SocketAddr> {
        listeners(&self.state.config).into_iter().map(|(_, address)| address).collect()
    }

    fn metrics(&self) -> BoxFuture<'_, String> {
        async {
            [
                self.state.metrics.render(),
                self.seen.gauges.render(),
                self.edges.render(),
                self.of_tasks.show(&self.tasks.snapshot()),
                self.process.look(),
            ]
            .concat()
        }
        .boxed()
    }
}
