//! The client that speaks the contract: mutual TLS 1.3, HTTP/1.1 kept alive, every answer checked.
//!
//! The relay is blind and not trusted, so nothing it says is taken at its word: lengths, ranges, ids, cursors and
//! sizes are compared with what was asked, answers are bounded, redirects are not followed, and neither the system's
//! roots nor the environment's proxies are looked at, unless a caller hands one in.
//!
//! * [`UnionClient`]: what a gateway asks (`wire::union`, and the union's half of `wire::delivery`).
//! * [`DeviceClient`]: what a PC asks before its user's keys are open: enrolment and PIN.
//! * [`EmployerClient`]: what an employer's app asks (`wire::employer`), with uploads by tus that go on where they
//!   stopped.
//! * [`WebHook`]: an address of somebody else that is told of events.

mod common;
mod connection;
mod content;
mod deliveries;
mod device;
mod employer;
mod error;
mod guard;
mod inbox;
mod page;
mod proxy;
mod relay_url;
mod tus_upload;
mod union;
mod webhook;

#[cfg(test)]
mod testing;

pub use connection::{Settings, SettingsError};
pub use content::Content;
pub use device::DeviceClient;
pub use employer::EmployerClient;
pub use error::{ClientError, Distrust, Fault, Shut};
pub use guard::Guard;
pub use page::{EnrolmentPage, InvalidLink};
pub use proxy::{InvalidProxy, Proxy};
pub use relay_url::{InvalidRelayUrl, RelayUrl};
pub use tus_upload::{Effort, FileSource, Progress, Source};
pub use union::UnionClient;
pub use webhook::{InvalidAddress, NotTold, WebHook, WebHookError};
