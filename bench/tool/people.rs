//! Employers by the thousand: whoever is registered at a gateway and has no certificate gets some, and the relay learns of it.

use std::path::Path;
use std::sync::Arc;

use futures_util::{StreamExt, TryStreamExt, stream};
use kenpo_express::config::load;
use kenpo_express::domain::clock::Clock;
use kenpo_express::domain::ids::{InsurerNumber, UserId};
use kenpo_express::domain::user::UserState;
use kenpo_express::gateway::Gateway;
use kenpo_express::gateway::admin::Admin;
use kenpo_express::message::keys::Certificate;
use kenpo_express::pki::{Authority, KeyKind, Profile, Request, Subject, new_key};
use kenpo_express::runtime::clock::{SystemClock, SystemRandom};
use kenpo_express::store::gateway::certificates::{self, Purpose, Registered};
use kenpo_express::store::gateway::directory::Filter;
use kenpo_express::store::gateway::registry_changed;
use kenpo_express::store::gateway::users::{self, User};
use kenpo_express::wire::Der;
use kenpo_express::wire::union::{OrderNumber, UserRegistration};

use crate::Result;

/// Orders on their way to the relay side by side.
const PARALLEL: usize = 16;
/// Days that the certificates are valid.
const VALIDITY: jiff::SignedDuration = jiff::SignedDuration::from_hours(24 * 365);

/// Does for everybody what an enrolment ends with. Nobody has the private keys afterwards: who is sent something never opens it.
/// The relay must be running.
pub(crate) async fn certify(config: &Path) -> Result<()> {
    let gateway = Gateway::open(load(config)?, Arc::new(SystemClock), Arc::new(SystemRandom)).await?;
    let receiver = &gateway.receiver;
    let keys = receiver.keys.current();
    let authority = keys.authority.as_ref().ok_or("the gateway has no key of its CA")?;
    let mut registered = Vec::new();
    let mut transaction = receiver.database.write().await?;
    for id in waiting(&gateway).await? {
        let mut user = users::find(&mut *transaction, &id).await?.ok_or("a user is gone")?;
        user.state = UserState::Enabled;
        users::update(&mut transaction, &user).await?;
        let [signing, encryption] = [Profile::UserSigning, Profile::UserEncryption]
            .map(|profile| issue(authority, keys.union.clone(), &user, &profile));
        let (signing, encryption) = (signing?, encryption?);
        for (one, purpose) in [(&signing, Purpose::Signing), (&encryption, Purpose::Encryption)] {
            let row = Registered::new(one, &id, purpose, authority.certificate(), SystemClock.now());
            certificates::insert(&mut transaction, &row).await?;
        }
        registered.push((user, signing));
    }
    registry_changed(&mut transaction).await?;
    receiver.database.commit(transaction).await?;
    stream::iter(registered)
        .map(|(user, signing)| async move {
            let registration = UserRegistration {
                office: user.office,
                certificates: vec![Der(signing.der().to_vec())],
                devices: vec![],
                login: None,
            };
            receiver.relay.put_user(&user.id, OrderNumber(1), &registration).await
        })
        .buffer_unordered(PARALLEL)
        .try_collect::<Vec<()>>()
        .await?;
    Ok(())
}

/// Everybody who is registered and no more.
async fn waiting(gateway: &Gateway) -> Result<Vec<UserId>> {
    let (admin, mut found) = (Admin::new(gateway, "bench"), Vec::new());
    let mut after = None;
    loop {
        let page = admin.users(&Filter { after: after.clone(), ..Filter::default() }, 1_000).await?;
        let Some(last) = page.last() else { return Ok(found) };
        after = Some(last.id.parse()?);
        for view in page {
            let id: UserId = view.id.parse()?;
            let user = users::find(gateway.receiver.database.read(), &id).await?;
            if user.is_some_and(|user| user.state == UserState::Registered) {
                found.push(id);
            }
        }
    }
}

fn issue(authority: &Authority, union: InsurerNumber, user: &User, profile: &Profile) -> Result<Certificate> {
    let subject = Subject::User { union, office: user.office.clone(), user: user.id.clone() };
    let request = Request::new(subject, &new_key(KeyKind::P256)?)?;
    Ok(authority.issue(&request, profile, VALIDITY, SystemClock.now(), &SystemRandom)?)
}
