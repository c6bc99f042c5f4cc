//! What the gateway does by itself.

pub mod arrivals;
pub mod certificates;
pub mod compare;
pub mod handoff;
pub mod hooks;
pub mod keys;
mod line;
pub mod news;
pub mod notices;
pub mod orders;
pub mod pull;
pub mod push;
pub mod requests;
pub mod scanner;
pub mod schedule;
mod trouble;
pub mod upkeep;
pub mod vpn;
pub mod watch;

use std::time::Duration;

/// Between two looks at orders that are open. The command line puts orders in the line, too, and sends its own at once.
pub const ORDERS_PERIOD: Duration = super::flows::orders::PERIOD.unsigned_abs();
/// Between two looks at what ends or comes of age: the revocation list, certificates.
pub const CERTIFICATES_PERIOD: Duration = Duration::from_secs(3_600);
/// Between two looks whether there is something to send. What another process has staged is found by that.
pub const PUSH_PERIOD: Duration = Duration::from_secs(2);
/// Between two looks at the files of certificates and keys.
pub const KEYS_PERIOD: Duration = Duration::from_secs(10);
/// Between two looks whether the prescribed way to the relay is there.
pub const VPN_PERIOD: Duration = Duration::from_secs(5);
/// Between two looks whether the malware scanner is there.
pub const SCANNER_PERIOD: Duration = Duration::from_secs(5);
/// Between two looks at events that staff are to be told of.
pub const NOTICES_PERIOD: Duration = Duration::from_secs(1);
/// Between two looks at events that programs are to be told of.
pub const HOOKS_PERIOD: Duration = Duration::from_secs(1);
/// Between two looks at schedule and clock.
pub const SCHEDULE_PERIOD: Duration = Duration::from_secs(1);
/// Seconds that the relay may hold a question for arrivals or requests.
pub const ARRIVALS_WAIT: u32 = 50;
