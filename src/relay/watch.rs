//! What Prometheus and systemd see of the relay.

use std::fmt::Write;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::state::State;
use crate::http::{self, Watched};
use crate::runtime::task::{Snapshot, Tasks};
use crate::store::relay::{deliveries, outbox, parcels, uploads};
use crate::store::sqlite::StoreError;

/// A relay that can be watched.
#[derive(Debug)]
pub(super) struct Watch {
    pub(super) state: Arc<State>,
    pub(super) edges: http::Metrics,
    pub(super) tasks: Tasks,
}

impl Watch {
    /// What is counted by looking, not by happening.
    async fn look(&self) -> Result<(), StoreError> {
        let (state, metrics) = (&self.state, &self.state.metrics);
        let waiting = parcels::waiting_in_all(state.database.read()).await?;
        let age = waiting.oldest.map_or(0, |oldest| state.clock.now().as_second() - oldest.as_second());
        metrics.parcels_waiting.set(whole(waiting.items));
        metrics.parcels_waiting_bytes.set(whole(waiting.bytes));
        metrics.oldest_waiting_seconds.set(age.max(0));
        let waiting = deliveries::waiting_in_all(state.database.read()).await?;
        metrics.deliveries_waiting.set(whole(waiting.items));
        metrics.deliveries_waiting_bytes.set(whole(waiting.bytes));
        metrics.uploads_open.set(uploads::count(state.database.read()).await?);
        let (waiting, in_trouble) = outbox::count(state.database.read()).await?;
        metrics.mails_waiting.set(waiting);
        metrics.mails_in_trouble.set(in_trouble);
        Ok(())
    }

    async fn room(&self) -> Option<u64> {
        self.state.bytes.room().await.ok().flatten()
    }
}

fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

impl Watched for Watch {
    fn not_ready(&self) -> BoxFuture<'_, Vec<&'static str>> {
        async {
            let mut reasons = Vec::new();
            if self.state.shutdown.is_stopping() {
                reasons.push("server.stopping");
            }
            if self.look().await.is_err() {
                reasons.push("store.failed");
            }
            let reserve = self.state.config.parcels.disk_reserve_bytes;
            if self.room().await.is_some_and(|room| room < reserve) {
                reasons.push("storage.full");
            }
            reasons
        }
        .boxed()
    }

    fn tasks(&self) -> Vec<Snapshot> {
        self.tasks.snapshot()
    }

    fn metrics(&self) -> BoxFuture<'_, String> {
        async {
            // Figures that cannot be looked up keep their last value; `/readyz` says so.
            let _ = self.look().await;
            if let Some(room) = self.room().await {
                self.state.metrics.disk_free_bytes.set(whole(room));
            }
            let mut text = self.state.metrics.render();
            write!(text, "{}", self.edges.render()).expect("a string takes any text");
            text
        }
        .boxed()
    }
}
