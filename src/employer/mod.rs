//! The employer's app: seals files, sends them, keeps them until the union's receipt is there.
//!
//! The core, apart from its faces: it prints nothing and asks nothing, but tells a [`Watcher`] what it does.
//!
//! * [`home`]: the folder with settings, keys and what was sent.
//! * [`ledger`]: numbers and chains the messages, and survives a crash at every instruction.
//! * [`app`]: send, resume, look after what was sent ([`sent`]).
//! * [`receipts`]: whether to believe the receipts that the relay hands over.

pub mod app;
pub mod cli;
pub mod disk;
pub mod error;
pub mod home;
pub mod ledger;
pub mod outgoing;
pub mod receipts;
pub mod record;
pub mod sent;
pub mod settings;
#[cfg(test)]
mod testing;
pub mod watch;

pub use app::App;
pub use error::EmployerError;
pub use home::Home;
pub use record::{Record, State};
pub use watch::{Event, Watcher};
