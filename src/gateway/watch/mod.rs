//! Seeing that all is well: health, metrics, charts and alerts.
//!
//! ```text
//! database, breaker, disk, keys, tasks, VPN ─▶ Picture, every 15 seconds ─┬▶ gauges for /metrics
//!                                                                         ├▶ a row for each series and minute
//!                                                                         └▶ rules ─▶ alerts ─▶ events ─▶ mails to staff, programs
//! ```

mod alerts;
mod gauges;
mod lookout;
pub mod picture;
mod readiness;
pub mod rules;
pub mod series;
pub mod serve;

use std::net::SocketAddr;
use std::sync::Arc;

use futures_util::future::BoxFuture;

use crate::http::{self, Unready, Watched};
use crate::runtime::process::ProcessMetrics;
use crate::runtime::task::{Snapshot, Tasks};
use crate::runtime::task_metrics::TaskMetrics;
use crate::wire::client::UnionClient;

pub use gauges::Gauges;
pub use lookout::{Lookout, Senses};

/// What Prometheus and systemd see of the gateway.
#[derive(Debug)]
pub struct Watch {
    /// Who looks.
    pub lookout: Arc<Lookout<UnionClient>>,
    /// Everything that the gateway does by itself.
    pub tasks: Tasks,
    /// What they do, as metrics.
    pub of_tasks: TaskMetrics,
    /// What its listeners count.
    pub edges: http::Metrics,
    /// Where it listens.
    pub listeners: Vec<SocketAddr>,
    /// What it takes of the machine.
    pub process: ProcessMetrics,
}

impl Watched for Watch {
    fn not_ready(&self) -> BoxFuture<'_, Vec<Unready>> {
        Box::pin(self.lookout.obstacles(self.tasks.shutdown().is_stopping()))
    }

    fn tasks(&self) -> Vec<Snapshot> {
        self.tasks.snapshot()
    }

    fn listeners(&self) -> Vec<SocketAddr> {
        self.listeners.clone()
    }

    fn metrics(&self) -> BoxFuture<'_, String> {
        Box::pin(async {
            [
                self.lookout.receiver().metrics.render(),
                self.lookout.gauges.render(),
                self.edges.render(),
                self.of_tasks.show(&self.tasks.snapshot()),
                self.process.look(),
            ]
            .concat()
        })
    }
}
