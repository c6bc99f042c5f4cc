//! The employer's app: seals files, sends them, keeps them until the union's receipt is there.
//!
//! The core, apart from its faces: it prints nothing and asks nothing, but tells a [`Watcher`] what it does.
//!
//! * [`setup`]: the first start, from the [`kit`] to the first login.
//! * [`home`]: the folder with settings, keys and what was sent.
//! * [`pc`]: a PC that was set up: PIN, login, session.
//! * [`renewal`]: new certificates in time.
//! * [`doctor`]: what stands in the way on this PC, each with what to do.
//! * [`journal`]: the app's own log; [`logs`]: what the union may be sent to find a cause.
//! * [`union`]: whether to believe the certificates that the relay hands over.
//! * [`ledger`]: numbers and chains the messages, and survives a crash at every instruction.
//! * [`app`]: send, resume, look after what was sent ([`sent`]).
//! * [`inbox`]: what the union sends: fetched, verified, handed out, answered with receipts.
//! * [`receipts`]: whether to believe the receipts that the relay hands over.

pub mod alarm;
mod answer;
pub mod app;
pub mod cli;
pub mod disk;
pub mod doctor;
pub mod error;
pub mod home;
pub mod identity;
pub mod inbox;
pub mod journal;
pub mod keys;
pub mod kit;
pub mod ledger;
pub mod logs;
pub mod outgoing;
pub mod pc;
pub mod receipts;
pub mod record;
pub mod refusal;
pub mod renewal;
pub mod sent;
mod session;
pub mod settings;
pub mod setup;
mod successor;
#[cfg(test)]
mod testing;
pub mod union;
mod unlock;
pub mod watch;

pub use app::App;
pub use error::EmployerError;
pub use home::Home;
pub use pc::{Pc, User};
pub use record::{Record, State};
pub use setup::Setup;
pub use watch::{Event, Watcher};
