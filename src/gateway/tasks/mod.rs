//! What the gateway does by itself.

pub mod arrivals;
pub mod orders;
pub mod pull;

use std::time::Duration;

/// Seconds between two looks at orders that are open.
pub const ORDERS_PERIOD: Duration = Duration::from_secs(10);
/// Seconds that the relay may hold a question for arrivals.
pub const ARRIVALS_WAIT: u32 = 50;
