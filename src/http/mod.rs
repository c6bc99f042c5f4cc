//! The edge that every server of ours stands behind: TLS, limits, problem documents, health and metrics.
//!
//! [`Edge`] accepts connections and runs a router on them. What it knows of the other end it puts into the extensions of
//! each request as [`Peer`]; what may come in at all is decided by an [`Admission`] during the handshake. Nothing of
//! the business is here.

mod accept;
mod ask;
mod body;
mod extract;
mod follow;
mod guard;
mod limits;
mod metrics;
mod observe;
mod parts;
mod peer;
mod places;
mod problem;
mod range;
mod rate;
mod rest;
mod taking;
mod tls;
pub mod tus;
mod watch;

pub use accept::Edge;
pub use ask::ask_tasks;
pub use body::{BodyError, BodyReader};
pub use extract::{Json, PathId, Query};
pub use follow::follow_identity;
pub use limits::Limits;
pub use metrics::Metrics;
pub use observe::{Observer, observe};
pub use parts::{Part, Parts};
pub use peer::{Peer, Peers};
pub use problem::{method_not_allowed, route_unknown};
pub use range::Asked;
pub use rate::Rate;
pub use tls::{Admission, Authorities, Identity, IdentityError, Path, Refusal, ServerTls};
pub use watch::{Unready, Watched, watch_router};
