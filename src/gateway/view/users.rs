//! Users, their offices, certificates and enrolments, and what the relay is told about them.

use jiff::Timestamp;
use serde::Serialize;

use crate::gateway::flows::enrol::MISMATCHES;
use crate::store::gateway::certificates::Registered;
use crate::store::gateway::directory::Listed;
use crate::store::gateway::offices::Office;
use crate::store::gateway::orders::Order;
use crate::wire::enrolment::PcId;

/// A user.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the fields are named like what they show")]
pub struct UserView {
    pub id: String,
    pub office: String,
    pub name: Option<String>,
    pub mail: Option<String>,
    pub device: Option<String>,
    pub state: &'static str,
    pub disabled_reason: Option<&'static str>,
    pub disabled_at: Option<Timestamp>,
    pub lost_at: Option<Timestamp>,
    pub created_at: Timestamp,
    /// When the newest certificate that is not revoked ends.
    pub certificate_ends_at: Option<Timestamp>,
    /// When a mail of the KX server to the user last failed for good: it was refused, or it came back.
    pub mail_failed_at: Option<Timestamp>,
    /// From the letter on, until it is replaced or the user is disabled.
    pub enrolment: Option<EnrolmentView>,
    /// The newest order to the relay about this user.
    pub order: Option<OrderView>,
}

impl std::fmt::Debug for UserView {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "UserView({}, {})", self.id, self.state)
    }
}

/// How far an enrolment has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the fields are named like what they show")]
pub struct EnrolmentView {
    pub id: String,
    /// `letter` (waits for the person), `enrolled`, `waits-for-approval` (another PC) or `locked`.
    pub state: &'static str,
    pub made_at: Timestamp,
    /// The PC that has the certificates.
    pub pc: Option<String>,
    /// Its PC番号, as its person sees it.
    pub pc_mark: Option<String>,
}

impl UserView {
    /// With the newest order about the user.
    pub fn new(listed: &Listed, order: Option<&Order>) -> Self {
        use crate::domain::user::UserState;
        let user = &listed.user;
        let (disabled_reason, disabled_at) = match user.state {
            UserState::Registered | UserState::Enabled => (None, None),
            UserState::Disabled { reason, at } => (Some(reason.code()), Some(at)),
        };
        let enrolment = listed.enrolment.as_ref().map(|enrolment| EnrolmentView {
            id: enrolment.id.clone(),
            state: match &enrolment.pc {
                _ if enrolment.waiting > 0 => "waits-for-approval",
                Some(_) => "enrolled",
                None if enrolment.mismatches >= MISMATCHES => "locked",
                None => "letter",
            },
            made_at: enrolment.made_at,
            pc: enrolment.pc.clone(),
            pc_mark: enrolment.pc.as_ref().and_then(|pc| Some(pc.parse::<PcId>().ok()?.mark().to_string())),
        });
        Self {
            id: user.id.to_string(),
            office: user.office.to_string(),
            name: listed.name.clone(),
            mail: listed.mail.clone(),
            device: listed.device.clone(),
            state: user.state.code(),
            disabled_reason,
            disabled_at,
            lost_at: user.lost_at,
            created_at: user.created_at,
            certificate_ends_at: listed.certificate_ends_at,
            mail_failed_at: listed.mail_failed_at,
            enrolment,
            order: order.map(OrderView::from),
        }
    }
}

/// A user with all that is known.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "the fields are named like what they show")]
pub struct UserDetail {
    #[serde(flatten)]
    pub user: UserView,
    pub certificates: Vec<CertificateView>,
    /// The newest orders about the user, the newest first.
    pub orders: Vec<OrderView>,
    /// PCs that wait for approval.
    pub waiting: Vec<String>,
    /// What the relay says, if it can be reached.
    pub relay: Option<RelayView>,
}

/// A registered certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the fields are named like what they show")]
pub struct CertificateView {
    pub purpose: &'static str,
    pub fingerprint: String,
    pub not_after: Timestamp,
    pub revoked_at: Option<Timestamp>,
    pub pc: Option<String>,
}

impl From<&Registered> for CertificateView {
    fn from(one: &Registered) -> Self {
        Self {
            purpose: one.purpose.code(),
            fingerprint: one.fingerprint.to_string(),
            not_after: one.not_after,
            revoked_at: one.revoked_at,
            pc: one.pc.map(|pc| pc.to_string()),
        }
    }
}

/// A user as the relay has it.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "the fields are named like what they show")]
pub struct RelayView {
    pub enabled: bool,
    pub last_login_at: Option<Timestamp>,
    pub pin_locked: bool,
    pub login_locked_until: Option<Timestamp>,
    /// When a mail to the user last failed for good.
    pub mail_failed_at: Option<Timestamp>,
    /// The enrolment that is open there.
    pub enrolment: Option<MailView>,
}

/// How the mail with the link fares.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "the fields are named like what they show")]
pub struct MailView {
    pub mailed_at: Option<Timestamp>,
    pub mail_problem: Option<String>,
    pub link_expires_at: Timestamp,
    pub link_locked: bool,
    pub downloaded_at: Option<Timestamp>,
}

/// An order to the relay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the fields are named like what they show")]
pub struct OrderView {
    pub kind: &'static str,
    pub user: Option<String>,
    pub requested_at: Timestamp,
    pub confirmed_at: Option<Timestamp>,
    pub tries: u32,
    pub problem: Option<String>,
}

impl From<&Order> for OrderView {
    fn from(order: &Order) -> Self {
        Self {
            kind: order.kind.code(),
            user: order.user.as_ref().map(ToString::to_string),
            requested_at: order.requested_at,
            confirmed_at: order.confirmed_at,
            tries: order.tries,
            problem: order.problem.clone(),
        }
    }
}

/// An office.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the fields are named like what they show")]
pub struct OfficeView {
    pub code: String,
    pub name: String,
    pub created_at: Timestamp,
}

impl From<&Office> for OfficeView {
    fn from(office: &Office) -> Self {
        Self { code: office.code.to_string(), name: office.name.as_str().to_owned(), created_at: office.created_at }
    }
}
