//! New certificates in place of those that end soon: asked for by the app itself, signed with the present key.
//!
//! The new keys are shut in before they are asked for, the request is kept until it is answered, and the old certificates
//! stay beside the new ones: old and new overlap, and old keys open old files.

use std::time::Duration;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::answer::{self, NewKeys};
use super::error::EmployerError;
use super::home::{self, Certificates, Home, HomeError};
use super::keys::{KeyBox, Keys};
use super::pc::User;
use super::refusal::SetupRefused;
use super::union::Union;
use crate::domain::ids::RequestId;
use crate::failpoint;
use crate::message::words;
use crate::wire::Der;
use crate::wire::client::EmployerClient;
use crate::wire::enrolment::{CertificateRequest, KeyRequests, Outcome, Renewal, SealedRequest};

/// A certificate that ends sooner than this is renewed.
pub const RENEWED_BEFORE: SignedDuration = SignedDuration::from_hours(90 * 24);

/// Name of the file that is there while a renewal is under way.
pub(super) const RENEWAL: &str = "renewal.json";

/// What became of it.
#[derive(Debug)]
pub enum Renewed {
    /// The certificates are good for a while.
    NotDue,
    /// Asked for; a later call hears the answer.
    Asked,
    /// New ones are here: the user with them. A session is bound to its certificate, so this user has to log in.
    Done(Box<User>),
}

#[derive(Serialize, Deserialize)]
struct UnderWay {
    requests: KeyRequests,
    request: CertificateRequest,
}

/// Asks for new certificates when the present ones end soon, or hears the answer to an earlier request. Needs a session.
///
/// # Errors
/// [`SetupRefused::Union`] when the union refuses; the next call asks anew.
pub async fn renew(user: &User, patience: Duration) -> Result<Renewed, EmployerError> {
    let folder = user.home().folder();
    let path = folder.join(RENEWAL);
    let left = user.home().signing_certificate()?.not_after().duration_since(user.clock().now());
    if !path.exists() && left >= RENEWED_BEFORE {
        return Ok(Renewed::NotDue);
    }
    // Two at once would each write the key store, and one of them would lose the other's keys.
    let Some(_lock) = home::lock(folder)? else { return Ok(Renewed::Asked) };
    if Home::read(folder)?.certificates() != user.home().certificates() {
        // Another one has come to its end meanwhile.
        return Ok(Renewed::Asked);
    }
    let client = user.client()?;
    let (under_way, keys) = if path.exists() {
        (home::read_json(&path)?, keys_at_home(user)?)
    } else {
        let (asked, keys) = begin(user, &union(user, &client).await?)?;
        home::write_json(&path, &asked)?;
        failpoint!("renewal.kept");
        (asked, keys)
    };
    let mut state = client.request_certificates(&under_way.request).await?;
    if state.answer.is_none() {
        state = client.certificate_request(under_way.request.id, patience).await?;
    }
    let Some(der) = state.answer else { return Ok(Renewed::Asked) };
    let union = union(user, &client).await?;
    match answer::read(&der, &under_way.request, &union)? {
        Outcome::Issued { signing, encryption, device, stream: _ } => {
            let asked_for = answer::public_keys(&under_way.requests)?;
            let issued = [&signing, &encryption, &device];
            answer::check_issued(issued, &asked_for, user.home().identity(), &union, user.clock().now())?;
            let before = user.home().certificates();
            // A renewal that was cut off may have put them there already.
            let newest_first = |new: Der, old: &[Der]| {
                let others = old.iter().filter(|der| **der != new).cloned().collect::<Vec<_>>();
                [vec![new], others].concat()
            };
            let certificates = Certificates {
                signing: newest_first(signing, &before.signing),
                encryption: newest_first(encryption, &before.encryption),
                device: newest_first(device, &before.device),
            };
            let mut home = user.home().clone();
            home.set_certificates(certificates)?;
            failpoint!("renewal.certificates");
            home::remove(&path)?;
            Ok(Renewed::Done(Box::new(user.with(home, keys)?)))
        }
        Outcome::WaitsForApproval => Ok(Renewed::Asked),
        Outcome::Refused { reason } => {
            home::remove(&path)?;
            Err(SetupRefused::Union(reason).into())
        }
    }
}

/// The keys as they lie in the store now: another process may have put some there since ours was opened.
fn keys_at_home(user: &User) -> Result<Keys, EmployerError> {
    let folder = user.home().folder();
    let opened = KeyBox::read(folder)?.open(user.store().1);
    Ok(opened.map_err(|_| HomeError::Damaged(folder.to_owned()))?)
}

/// Makes new keys, shuts them in beside the old ones, and says what is asked for them.
fn begin(user: &User, union: &Union) -> Result<(UnderWay, Keys), EmployerError> {
    let who = user.home().identity().who();
    let made = NewKeys::make()?;
    let requests = made.requests(&who.user)?;
    let folder = user.home().folder();
    let (key_box, key) = user.store();
    // An earlier renewal that was cut off may have left keys there that nobody asked for; they do no harm.
    let keys = keys_at_home(user)?.renewed(vec![made.signing, made.encryption]);
    key_box.with(&keys, key, &**user.random()).write(folder)?;
    failpoint!("renewal.keys");
    Keys::read_device(folder)?.renewed(vec![made.device]).write_device(folder)?;
    let now = user.clock().now();
    let id = RequestId::new(now, &**user.random());
    let renewal = Renewal { id, user: who.user.clone(), pc: key_box.pc, keys: requests.clone() };
    let signed = Der(words::sign(&renewal, user.signing(), now)?);
    let present = user.signing().certificate().fingerprint();
    let request = answer::seal(id, &SealedRequest::Renewal { signed, signer: present }, union, &**user.random())?;
    Ok((UnderWay { requests, request }, keys))
}

async fn union(user: &User, client: &EmployerClient) -> Result<Union, EmployerError> {
    let told = client.union().await?;
    let (home, now) = (user.home().clone(), user.clock().now());
    let check = move || Union::told(&told, home.identity(), home.folder(), now);
    tokio::task::spawn_blocking(check).await.expect("checking certificates does not panic")
}
