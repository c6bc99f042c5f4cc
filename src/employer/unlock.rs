//! The PIN: opens the key store with the relay's help, one counted try at a time.

use super::error::EmployerError;
use super::keys::{KeyBox, Keys};
use super::refusal::PinRefused;
use crate::domain::clock::Random;
use crate::secret::pin::{Attempt, Evaluation, PublicKey};
use crate::secret::{BoxKey, Pin, Salt};
use crate::wire::client::{ClientError, DeviceClient};
use crate::wire::enrolment::PcId;
use crate::wire::problem::Code;
use crate::wire::session::{PinProof, PinTry};

/// What one try gave.
pub(super) struct Tried {
    /// The key that PIN and relay give.
    pub(super) key: BoxKey,
    /// The relay's key for this PC.
    pub(super) relay_key: PublicKey,
    /// How many tries are left.
    pub(super) tries_left: u32,
    /// Takes the try off the count, once the user's key is open.
    pub(super) proof: PinProof,
}

/// The key store, open.
#[derive(Debug)]
pub(super) struct Open {
    /// What it is sealed with.
    pub(super) key: BoxKey,
    /// What was in it.
    pub(super) keys: Keys,
}

/// One try: the relay counts and evaluates, then the PIN is stretched here.
pub(super) async fn try_pin(
    client: &DeviceClient,
    (pc, salt, expected): (PcId, Salt, Option<PublicKey>),
    pin: Pin,
    random: &dyn Random,
) -> Result<Tried, EmployerError> {
    let attempt = Attempt::begin(pin, random);
    let answer = client.try_pin(pc, &PinTry { blinded: attempt.blinded().clone() }).await.map_err(refused)?;
    let (tries_left, proof) = (answer.tries_left, PinProof { proof: answer.proof.clone() });
    let finish = move || finish(&attempt, &answer.evaluation, expected.as_ref(), &salt);
    let (key, relay_key) = tokio::task::spawn_blocking(finish).await.expect("stretching a PIN does not panic")?;
    Ok(Tried { key, relay_key, tries_left, proof })
}

/// Opens the key store. What comes beside takes the try off the count, with the user's key.
pub(super) async fn unlock(
    client: &DeviceClient,
    shut: &KeyBox,
    pin: Pin,
    random: &dyn Random,
) -> Result<(Open, PinProof), EmployerError> {
    let tried = try_pin(client, (shut.pc, shut.salt, Some(shut.relay_key.clone())), pin, random).await?;
    let tries_left = tried.tries_left;
    let keys = shut.open(&tried.key);
    tracing::info!(pc = %shut.pc, right = keys.is_ok(), tries_left, "PIN");
    let keys = keys.map_err(|_| EmployerError::Pin(PinRefused::Wrong { tries_left }))?;
    Ok((Open { key: tried.key, keys }, tried.proof))
}

fn finish(
    attempt: &Attempt,
    evaluation: &Evaluation,
    expected: Option<&PublicKey>,
    salt: &Salt,
) -> Result<(BoxKey, PublicKey), EmployerError> {
    let key = attempt.finish(evaluation, expected, salt).map_err(PinRefused::Relay)?;
    Ok((key, evaluation.key.clone()))
}

fn refused(error: ClientError) -> EmployerError {
    match error.code() {
        Some(Code::PinLocked) => PinRefused::Locked.into(),
        _ => error.into(),
    }
}
