//! Relay and gateway in this process, and the registrations between them.

use std::sync::Arc;
use std::time::Duration;

use super::error::SandboxError;
use super::parties::Person;
use super::world::World;
use crate::domain::clock::{Clock, Random};
use crate::domain::ids::UserId;
use crate::domain::staff::StaffName;
use crate::gateway::admin::{Admin, AdminError};
use crate::gateway::{self, Gateway};
use crate::relay::{self, Relay};
use crate::runtime::clock::{SystemClock, SystemRandom};
use crate::runtime::lifecycle::Shutdown;

/// How long the relay may take to confirm a registration.
const CONFIRMATION: Duration = Duration::from_secs(30);

/// The relay, running.
pub(super) struct RunningRelay {
    running: relay::Running,
    shutdown: Shutdown,
}

/// The gateway, running.
pub(super) struct RunningGateway {
    running: gateway::Running,
    shutdown: Shutdown,
}

impl RunningRelay {
    /// Tells the relay of the union, as its operator would, and starts it.
    pub(super) async fn start(world: &World) -> Result<Self, SandboxError> {
        let config = world.relay_settings()?;
        let database = relay::admin::open(&config).await?;
        relay::admin::add_union(&database, &world.new_union(), SystemClock.now()).await?;
        database.close().await;
        let shutdown = Shutdown::new();
        let started = Relay::start(config, Arc::new(SystemClock), &shutdown).await;
        let running = started.map_err(|error| match error {
            relay::StartError::Listen(address, cause) => SandboxError::Port(address, cause),
            other => SandboxError::Relay(other),
        })?;
        Ok(Self { running, shutdown })
    }

    pub(super) async fn stop(self) {
        self.running.stop(&self.shutdown).await;
    }
}

impl RunningGateway {
    /// Starts the gateway.
    pub(super) async fn start(world: &World) -> Result<Self, SandboxError> {
        let settings = world.gateway_settings()?;
        let (clock, random): (Arc<dyn Clock>, Arc<dyn Random>) = (Arc::new(SystemClock), Arc::new(SystemRandom));
        let shutdown = Shutdown::new();
        let started = Gateway::start(settings, clock, random, &shutdown).await;
        let running = started.map_err(|error| match error {
            gateway::StartError::Listen(address, cause) => SandboxError::Port(address, cause),
            other => SandboxError::Gateway(other),
        })?;
        Ok(Self { running, shutdown })
    }

    /// What staff do, in their place.
    pub(super) fn admin(&self) -> Admin {
        Admin::new(&self.running.gateway, "sandbox")
    }

    /// What this account does at the console.
    pub(super) fn staff(&self, name: &StaffName) -> Admin {
        Admin::new(&self.running.gateway, &format!("staff:{name}"))
    }

    /// Registers office and user by name, where they are not registered yet.
    pub(super) async fn register(&self, person: &Person) -> Result<(), SandboxError> {
        let admin = self.admin();
        match admin.add_office(&person.office, &person.office_name).await {
            Ok(_) | Err(AdminError::Exists(_)) => (),
            Err(error) => return Err(error.into()),
        }
        match admin.register_user(&person.office, Some(&person.user), &person.contact).await {
            Ok(_) | Err(AdminError::Exists(_)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Waits until the relay has confirmed everything that it was told of the user.
    pub(super) async fn confirmed(&self, user: &UserId) -> Result<(), SandboxError> {
        let admin = self.admin();
        self.running.orders.activate();
        let confirmed = async {
            while admin.user(user).await?.order.is_some_and(|order| order.confirmed_at.is_none()) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Ok(())
        };
        tokio::time::timeout(CONFIRMATION, confirmed).await.map_err(|_| SandboxError::NotRegistered)?
    }

    pub(super) async fn stop(self) {
        self.running.stop(&self.shutdown).await;
    }
}
