//! Making the crowd: unions as the operator adds them, users as their unions register them, and a session for each.

use std::fs;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::{StreamExt, TryStreamExt, stream};
use hyper::Method;
use jiff::SignedDuration;
use kenpo_express::config::load;
use kenpo_express::domain::clock::Clock;
use kenpo_express::domain::ids::{EnrolmentId, InsurerNumber, UserId};
use kenpo_express::message::keys::{Certificate, Credential, PrivateKey};
use kenpo_express::pki::{Authority, KeyKind, Profile, Request, Subject, new_key};
use kenpo_express::relay::{Config, admin};
use kenpo_express::runtime::clock::{SystemClock, SystemRandom};
use kenpo_express::secret::{LoginKey, Salt};
use kenpo_express::store::relay::unions::NewUnion;
use kenpo_express::wire::enrolment::EnrolmentOrder;
use kenpo_express::wire::session::{Login, PasswordChange, Session};
use kenpo_express::wire::union::{HANDSHAKE, USERS, UserRegistration, user_enrolment};
use kenpo_express::wire::{Der, employer};
use serde::{Deserialize, Serialize};

use super::line::{Caller, roots};
use crate::Result;

const VALIDITY: SignedDuration = SignedDuration::from_hours(24 * 365);
/// Connections that are made side by side.
const PARALLEL: usize = 32;
/// Insurer numbers from here on.
const FIRST: usize = 20_000_000;

/// What measuring needs of everybody: written between the two, so that the server can start afresh.
#[derive(Serialize, Deserialize)]
pub(super) struct Crowd {
    pub(super) unions: Vec<Pem>,
    pub(super) users: Vec<Member>,
}

/// A certificate and its key.
#[derive(Serialize, Deserialize)]
pub(super) struct Pem {
    certificate: String,
    key: String,
}

/// A user with a session.
#[derive(Serialize, Deserialize)]
pub(super) struct Member {
    pub(super) pem: Pem,
    pub(super) token: String,
}

impl Pem {
    fn of(credential: &Credential) -> Self {
        Self { certificate: credential.certificate().pem(), key: credential.key().to_pem() }
    }

    pub(super) fn credential(&self) -> Result<Credential> {
        let certificate = Certificate::from_pem(self.certificate.as_bytes())?;
        Ok(Credential::new(certificate, PrivateKey::from_pem(self.key.as_bytes())?)?)
    }
}

/// A union with what its gateway holds.
struct Union {
    insurer: InsurerNumber,
    authority: Authority,
    gateway: Credential,
}

/// Registers them all at a relay that runs, and writes them into a file.
pub(crate) async fn register(config: &Path, ca: &Path, unions: usize, users: usize, into: &Path) -> Result<()> {
    let (config, roots): (Config, _) = (load(config)?, roots(ca)?);
    let database = admin::open(&config).await?;
    let made = (0..unions).map(|number| Union::new(FIRST + number)).collect::<Result<Vec<_>>>()?;
    for union in &made {
        let new = NewUnion {
            insurer: union.insurer.clone(),
            name: format!("第{}健康保険組合", union.insurer),
            clients: vec![union.gateway.certificate().clone()],
            authorities: vec![union.authority.certificate().clone()],
        };
        admin::add_union(&database, &new, SystemClock.now()).await?;
    }
    let vpn = |union: &Union| Caller::new(config.vpn.address, &roots, &union.gateway);
    let last = vpn(made.last().ok_or("no union")?)?;
    known(&last).await?;
    let (made, vpn, roots) = (&made, &vpn, &roots);
    let members = stream::iter(0..users)
        .map(|number| async move {
            let union = &made[number % made.len()];
            let caller = vpn(union)?;
            let user = format!("u{number:06}").parse()?;
            let credential = union.register(&caller, &user).await?;
            let employer = Caller::new(config.employer.address, roots, &credential)?;
            Result::Ok(Member { pem: Pem::of(&credential), token: log_in(&employer).await? })
        })
        .buffer_unordered(PARALLEL)
        .try_collect()
        .await?;
    let crowd = Crowd { unions: made.iter().map(|union| Pem::of(&union.gateway)).collect(), users: members };
    fs::write(into, serde_json::to_vec(&crowd)?)?;
    Ok(())
}

/// Ends once the server has read the unions that were added beside it.
async fn known(union: &Caller) -> Result<()> {
    let mut tries = 0;
    loop {
        let answer = async { union.connect().await?.get(HANDSHAKE).await }.await;
        match answer {
            Ok(_) => return Ok(()),
            Err(error) if tries == 100 => return Err(error),
            Err(_) => tries += 1,
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}

impl Union {
    fn new(number: usize) -> Result<Self> {
        let insurer: InsurerNumber = format!("{number:08}").parse()?;
        let authority = Authority::create(&insurer, "A union", SystemClock.now(), &SystemRandom)?;
        let gateway = issue(&authority, Subject::Union(insurer.clone()), &Profile::TlsClient)?;
        Ok(Self { insurer, authority, gateway })
    }

    /// What the gateway orders from the letter to the finished enrolment.
    async fn register(&self, caller: &Caller, user: &UserId) -> Result<Credential> {
        let office: kenpo_express::domain::ids::OfficeCode = "00001".parse()?;
        let subject = Subject::User { union: self.insurer.clone(), office: office.clone(), user: user.clone() };
        let credential = issue(&self.authority, subject, &Profile::UserSigning)?;
        let device = Subject::Device { union: self.insurer.clone(), office: office.clone(), user: user.clone() };
        let order = EnrolmentOrder {
            id: EnrolmentId::new(SystemClock.now(), &SystemRandom),
            office: office.clone(),
            mail: format!("{user}@example.jp"),
            device: Der(issue(&self.authority, device, &Profile::Device)?.certificate().der().to_vec()),
            download_salt: Salt::new(&SystemRandom),
            download_verifier: key(3)?.verifier(),
            kit: vec![0; 1_000],
            login: key(1)?.verifier(),
        };
        let registration = UserRegistration {
            office,
            certificates: vec![Der(credential.certificate().der().to_vec())],
            devices: vec![],
            login: None,
        };
        let mut line = caller.connect().await?;
        line.send(Method::PUT, &user_enrolment(user), &order).await?;
        line.send(Method::PUT, &format!("{USERS}/{user}"), &registration).await?;
        Ok(credential)
    }
}

/// The first login with the password that it begins with, and another password after it.
async fn log_in(employer: &Caller) -> Result<String> {
    let mut line = employer.connect().await?;
    let session = line.send(Method::POST, employer::LOGIN, &Login { key: key(1)? }).await?;
    let token = serde_json::from_slice::<Session>(&session)?.token;
    let mut line = employer.clone().within(token.clone()).connect().await?;
    let change = PasswordChange { current: key(1)?, new: key(2)?.verifier() };
    line.send(Method::POST, employer::PASSWORD, &change).await?;
    Ok(token)
}

/// A key that a password was turned into, without the work.
fn key(word: u8) -> Result<LoginKey> {
    Ok(serde_json::from_value(STANDARD.encode([word; 32]).into())?)
}

fn issue(authority: &Authority, subject: Subject, profile: &Profile) -> Result<Credential> {
    let key = new_key(KeyKind::P256)?;
    let request = Request::new(subject, &key)?;
    let certificate = authority.issue(&request, profile, VALIDITY, SystemClock.now(), &SystemRandom)?;
    Ok(Credential::new(certificate, key)?)
}
