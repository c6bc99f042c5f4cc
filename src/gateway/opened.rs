//! The gateway's parts, together.

use std::sync::Arc;

use super::config::GatewaySettings;
use super::flows::receive::Receiver;
use super::flows::send::Sender;
use crate::wire::client::UnionClient;

/// A gateway with everything at hand, that does nothing by itself yet. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Gateway {
    /// Its settings.
    pub settings: Arc<GatewaySettings>,
    /// What a pull works with.
    pub receiver: Arc<Receiver<UnionClient>>,
    /// What the push works with.
    pub sender: Arc<Sender<UnionClient>>,
}
