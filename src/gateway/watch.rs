//! Health and metrics of the gateway.

use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::flows::receive::Receiver;
use super::patience::BreakerState;
use crate::http::Watched;
use crate::runtime::task::{Snapshot, Task, Tasks};
use crate::store::gateway::orders;
use crate::wire::client::UnionClient;

/// What is watched.
#[derive(Debug)]
pub struct Watch {
    /// The insides.
    pub receiver: Arc<Receiver<UnionClient>>,
    /// The pull.
    pub pull: Task,
    /// Everything that the gateway does by itself.
    pub tasks: Tasks,
}

impl Watched for Watch {
    fn not_ready(&self) -> BoxFuture<'_, Vec<&'static str>> {
        Box::pin(async {
            let mut reasons: Vec<&'static str> =
                self.pull.status().last.and_then(|run| run.error).into_iter().collect();
            if matches!(self.receiver.breaker.state(), BreakerState::Open { .. }) {
                reasons.push("relay.breaker-open");
            }
            if self.receiver.disk.admit(0).is_ok_and(|room| room.is_none()) {
                reasons.push("disk.low");
            }
            reasons.sort_unstable();
            reasons.dedup();
            reasons
        })
    }

    fn tasks(&self) -> Vec<Snapshot> {
        self.tasks.snapshot()
    }

    fn metrics(&self) -> BoxFuture<'_, String> {
        Box::pin(async {
            let metrics = &self.receiver.metrics;
            if let Ok(free) = self.receiver.disk.free() {
                metrics.disk_free_bytes.set(i64::try_from(free).unwrap_or(i64::MAX));
            }
            if let Ok(open) = orders::open(self.receiver.database.read(), 10_000).await {
                metrics.orders_open.set(i64::try_from(open.len()).unwrap_or(i64::MAX));
            }
            metrics.render()
        })
    }
}
