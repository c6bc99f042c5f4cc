//! From settings to a gateway that is watched.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use jiff::SignedDuration;
use tokio::net::TcpListener;

use super::Watch;
use super::lookout::{Lookout, Senses};
use super::rules::Thresholds;
use crate::gateway::config::GatewaySettings;
use crate::gateway::flows::receive::Receiver;
use crate::gateway::keeper::Keeper;
use crate::gateway::tasks;
use crate::http::{self, Edge, Peers, watch_router};
use crate::runtime::process::ProcessMetrics;
use crate::runtime::task::Tasks;
use crate::runtime::task_metrics::TaskMetrics;
use crate::wire::client::UnionClient;

/// Begins to look.
pub fn look(
    receiver: &Arc<Receiver<UnionClient>>,
    settings: &GatewaySettings,
    keeper: &Arc<Keeper<UnionClient>>,
    tasks: &Tasks,
) -> Arc<Lookout<UnionClient>> {
    let lookout = Arc::new(Lookout::new(receiver, thresholds(settings), senses(receiver, keeper, tasks)));
    tasks::watch::start(&lookout, tasks);
    lookout
}

/// Listens for Prometheus where the settings want that; answers at which address.
pub async fn serve(
    lookout: Arc<Lookout<UnionClient>>,
    settings: &GatewaySettings,
    tasks: &Tasks,
    edges: http::Metrics,
) -> Result<Option<SocketAddr>, (SocketAddr, io::Error)> {
    let Some(address) = settings.metrics.listen() else { return Ok(None) };
    let failed = |error| (address, error);
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    let edge = Edge {
        name: "watch",
        tls: None,
        limits: http::Limits::default(),
        metrics: edges.clone(),
        peers: Peers::default(),
    };
    let watch = Watch {
        lookout,
        tasks: tasks.clone(),
        of_tasks: TaskMetrics::new(),
        edges,
        listeners: settings.listeners().into_iter().map(|(_, address)| address).collect(),
        process: ProcessMetrics::new(),
    };
    edge.start(listener, watch_router(Arc::new(watch)), tasks.shutdown());
    Ok(Some(bound))
}

/// The numbers that the settings give to the rules.
pub fn thresholds(settings: &GatewaySettings) -> Thresholds {
    let alerts = &settings.alerts;
    let skew = i64::try_from(settings.pull.clock_skew_seconds).unwrap_or(i64::MAX);
    Thresholds {
        pull: alerts.pull(),
        schedule: alerts.schedule(),
        disk: alerts.disk(),
        certificates: alerts.certificates(),
        authority: settings.certificates.validity().saturating_add(alerts.certificates()),
        clock: SignedDuration::from_secs(skew),
    }
}

fn senses(receiver: &Receiver<UnionClient>, keeper: &Arc<Keeper<UnionClient>>, tasks: &Tasks) -> Senses {
    let (tasks, vpn) = (tasks.clone(), receiver.vpn.clone());
    let (due, late, outlook) = (Arc::clone(keeper), Arc::clone(keeper), Arc::clone(keeper));
    Senses {
        tasks: Box::new(move || tasks.snapshot()),
        vpn: Box::new(move || vpn.state().verdict()),
        due: Box::new(move |since, now| due.due(since, now)),
        lateness: Box::new(move || late.lateness()),
        outlook: Box::new(move |now, within| outlook.outlook(now, within)),
    }
}
