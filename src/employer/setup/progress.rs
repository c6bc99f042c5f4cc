//! How far a set-up has come, on disk: each step is durable before the next begins.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::domain::clock::Random;
use crate::domain::ids::EnrolmentId;
use crate::employer::home::{HomeError, SETUP, read_json, write_json};
use crate::secret::Salt;
use crate::wire::enrolment::{CertificateRequest, KeyRequests, PcId, StreamPosition};

/// `setup.json`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Progress {
    /// Of which enrolment.
    pub(super) enrolment: EnrolmentId,
    /// This PC: made once, so that a set-up that was interrupted is no second PC.
    pub(super) pc: PcId,
    /// What the PIN is stretched with.
    pub(super) salt: Salt,
    /// What comes next.
    pub(super) step: Step,
}

/// What comes next.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "next")]
pub(super) enum Step {
    /// A PIN is chosen and keys are made.
    Choose,
    /// The PIN is typed once more.
    Prove {
        /// What will be asked for the keys.
        requests: KeyRequests,
    },
    /// Office, user and mail address are typed, and the initial password.
    Ask {
        /// What will be asked for the keys.
        requests: KeyRequests,
    },
    /// The request is at the relay, or on its way there; the union answers.
    Answer {
        /// For when the union wants the names again.
        requests: KeyRequests,
        /// Sent as it is however often we start again.
        request: CertificateRequest,
    },
    /// The certificates are here: login and change of the initial password.
    Login {
        /// Whether the change was begun: then either password may be the right one.
        changing: bool,
        /// Where the stream of the PC before stands, if there was one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stream: Option<StreamPosition>,
    },
}

impl Step {
    /// For logs.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Choose => "choose",
            Self::Prove { .. } => "prove",
            Self::Ask { .. } => "ask",
            Self::Answer { .. } => "answer",
            Self::Login { .. } => "login",
        }
    }
}

impl Progress {
    /// The beginning.
    pub(super) fn new(enrolment: EnrolmentId, random: &dyn Random) -> Self {
        Self { enrolment, pc: PcId::new(random), salt: Salt::new(random), step: Step::Choose }
    }

    /// Whether the union was asked for something that would be lost.
    pub(super) fn has_asked(&self) -> bool {
        matches!(self.step, Step::Answer { .. } | Step::Login { .. })
    }

    /// What was written, if a set-up is under way.
    pub(super) fn read(folder: &Path) -> Result<Option<Self>, HomeError> {
        let path = folder.join(SETUP);
        if path.exists() { read_json(&path).map(Some) } else { Ok(None) }
    }

    pub(super) fn write(&self, folder: &Path) -> Result<(), HomeError> {
        write_json(&folder.join(SETUP), self)
    }

    /// Goes to another step, durably.
    pub(super) fn go_to(&mut self, step: Step, folder: &Path) -> Result<(), HomeError> {
        let next = Self { step, ..self.clone() };
        next.write(folder)?;
        tracing::info!(step = next.step.name(), "set-up");
        *self = next;
        Ok(())
    }
}
