//! How the gateway is, in one look.

use super::{Admin, AdminError};
use crate::gateway::flows::expiry;
use crate::gateway::view::StatusView;
use crate::gateway::view::alerts::AlertView;
use crate::gateway::vpn::State;
use crate::http;
use crate::runtime::task::Snapshot;
use crate::runtime::version::VERSION;
use crate::store::gateway::{
    acknowledgements, alerts, counters, directory, hook_letters, keys_problem, orders, requests, runs, troubles,
    waiting,
};

impl Admin {
    /// What the running gateway does by itself.
    async fn tasks(&self) -> Option<Vec<Snapshot>> {
        http::ask_tasks(self.gateway.settings.metrics.listen()?).await
    }

    /// What is wrong with the gateway, the oldest first, as the running gateway found it.
    pub async fn alerts(&self) -> Result<Vec<AlertView>, AdminError> {
        Ok(alerts::firing(self.read()).await?.into_iter().map(Into::into).collect())
    }

    /// How the gateway is.
    pub async fn status(&self) -> Result<StatusView, AdminError> {
        let receiver = &self.gateway.receiver;
        let (read, now) = (receiver.database.read(), self.now());
        let soon = now.saturating_add(expiry::FIRST).unwrap_or(now);
        let counters = counters::all(read).await?;
        let counter = |name: &str| counters.get(name).copied().unwrap_or(0);
        let schedule = self.schedule(1).await?;
        let (hooks_waiting, hooks_given_up) = hook_letters::counts(read).await?;
        Ok(StatusView {
            union: receiver.keys.union().to_string(),
            version: VERSION,
            archived: counter(counters::ARCHIVED),
            quarantined: counter(counters::QUARANTINED),
            archived_bytes: counter(counters::ARCHIVED_BYTES),
            disk_free_bytes: receiver.disk.free()?,
            disk_reserve_bytes: self.gateway.settings.storage.reserve_bytes,
            unacknowledged: acknowledgements::count(read).await?,
            waiting: waiting::list(read, 1_000).await?.iter().map(Into::into).collect(),
            open_orders: orders::open(read, 1_000).await?.iter().map(Into::into).collect(),
            devices_waiting: requests::users_waiting(read, 1_000).await?.iter().map(ToString::to_string).collect(),
            certificates_ending: directory::ending(read, now, soon).await?.len(),
            certificates_ended: directory::ending(read, jiff::Timestamp::UNIX_EPOCH, now).await?.len(),
            keys_problem: keys_problem(read).await?,
            vpn: State::of(&receiver.relay).await.into(),
            hooks_waiting,
            hooks_given_up,
            alerts: self.alerts().await?,
            troubles: troubles::list(read).await?.into_iter().map(Into::into).collect(),
            next_pull_at: schedule.next.iter().find(|planned| planned.runs).map(|planned| planned.at),
            pull_obstacle: schedule.obstacle,
            runs: runs::list(read, 10).await?.iter().map(Into::into).collect(),
            tasks: self.tasks().await,
        })
    }
}
