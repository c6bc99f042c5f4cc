//! Settings of mails to staff.

use std::path::PathBuf;

use jiff::SignedDuration;
use serde::Deserialize;

use crate::config::Fault;
use crate::mail::{MailAddress, needs_sender, sender};
use crate::store::gateway::staff_notices::Kind;

/// `[mail]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct MailSettings {
    /// `smtp://`, `smtps://`, `directory:` or `memory`.
    pub transport: String,
    /// The sender's address; may be empty unless mails go out by SMTP.
    pub from: String,
    /// File with user and password; empty for none.
    pub credentials: PathBuf,
    /// An authority beside the machine's own, PEM; empty for none.
    pub root: PathBuf,
}

/// `[notices]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct NoticeSettings {
    /// Who is told of what.
    pub staff: Vec<StaffSettings>,
    /// Seconds after a mail in which what happens is gathered for the next one.
    pub window_seconds: u32,
}

/// One of the staff.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StaffSettings {
    /// Where mails go.
    pub address: String,
    /// Codes of what is told.
    pub kinds: Vec<String>,
}

impl NoticeSettings {
    /// How long after a mail what happens is gathered for the next one.
    pub fn window(&self) -> SignedDuration {
        SignedDuration::from_secs(self.window_seconds.into())
    }

    /// Who is to be told of this.
    pub fn who(&self, kind: Kind) -> impl Iterator<Item = &str> {
        let wants = move |staff: &&StaffSettings| staff.kinds.iter().any(|code| code == kind.code());
        self.staff.iter().filter(wants).map(|staff| staff.address.as_str())
    }
}

pub(super) fn faults(mail: &MailSettings, notices: &NoticeSettings) -> Vec<Fault> {
    let is_address = |text: &str| text.parse::<MailAddress>().is_ok();
    let addresses = notices.staff.iter().all(|staff| is_address(&staff.address));
    let kinds = notices.staff.iter().flat_map(|staff| &staff.kinds).all(|code| Kind::from_code(code).is_some());
    let checks = [
        (sender(&mail.from).is_ok(), "mail.from", "must be a mail address"),
        (
            !(mail.from.is_empty() && needs_sender(&mail.transport)),
            "mail.from",
            "must be set when mails go out by SMTP: the address that they come from",
        ),
        (addresses, "notices.staff", "each needs a mail address"),
        (kinds, "notices.staff", "kinds are arrival, quarantine, returned, uncollected, alarm, relay and alert"),
    ];
    checks.into_iter().filter(|(valid, ..)| !valid).map(|(_, key, problem)| Fault::new(key, problem)).collect()
}
