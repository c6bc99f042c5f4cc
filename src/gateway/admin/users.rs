//! Users: registered with certificates, disabled, enabled.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::two_persons::Agreed;
use super::{Admin, AdminError};
use crate::domain::address::Address;
use crate::domain::clock::Random;
use crate::domain::ids::{OfficeCode, UserId};
use crate::domain::person::OfficeName;
use crate::domain::two_persons::Matter;
use crate::domain::user::{DisableReason, UserState};
use crate::gateway::flows::{orders as line, revocation};
use crate::gateway::view::users::{UserDetail, UserView};
use crate::message::keys::Certificate;
use crate::pki::identity::{Subject, owner};
use crate::pki::profile::{Profile, may_encrypt, may_sign};
use crate::pki::request::Request;
use crate::store::gateway::certificates::{self, Purpose, Registered};
use crate::store::gateway::directory::{self, Filter, Listed, Search};
use crate::store::gateway::offices::{self, Office};
use crate::store::gateway::orders::{self, NewOrder, OrderKind};
use crate::store::gateway::users::{self, Contact, NewUser, User};
use crate::store::gateway::{enrolments, messages, registry_changed, requests};
use crate::store::sqlite::{Connection, StoreError};

/// How long a person waits for the relay.
const PATIENCE: Duration = Duration::from_secs(10);
/// How far a person's clock may be ahead of ours.
const CLOCKS_DIFFER: SignedDuration = SignedDuration::from_mins(5);

impl Admin {
    /// Registers a user with certificates that exist already.
    pub async fn add_user(
        &self,
        office: &OfficeCode,
        id: &UserId,
        signing: &Certificate,
        encryption: &Certificate,
    ) -> Result<UserView, AdminError> {
        self.check(id, signing, may_sign(signing))?;
        self.check(id, encryption, may_encrypt(encryption))?;
        let database = &self.gateway.receiver.database;
        let now = self.now();
        let user =
            User { id: id.clone(), office: office.clone(), state: UserState::Enabled, lost_at: None, created_at: now };
        let mut transaction = database.write().await?;
        users::insert(&mut transaction, &user).await?;
        self.register(&mut transaction, id, signing, encryption).await?;
        self.log(&mut transaction, "user.added", id.as_str(), "", "enabled").await?;
        database.commit(transaction).await?;
        self.user(id).await
    }

    /// Issues a user's certificates for keys that are the user's, and registers both.
    pub async fn issue_user(
        &self,
        office: &OfficeCode,
        id: &UserId,
        signing: &crate::pki::PublicKey,
        encryption: &crate::pki::PublicKey,
    ) -> Result<(Certificate, Certificate), AdminError> {
        let receiver = &self.gateway.receiver;
        let keys = receiver.keys.current();
        let authority = keys.authority.as_ref().ok_or(AdminError::NoAuthority)?;
        let subject = Subject::User { union: keys.union.clone(), office: office.clone(), user: id.clone() };
        let issue = |key: &crate::pki::PublicKey, profile| {
            let request = Request { subject: subject.clone(), key: key.clone() };
            let validity = receiver.limits.user_validity;
            authority.issue(&request, &profile, validity, self.now(), receiver.random.as_ref())
        };
        let signing = issue(signing, Profile::UserSigning)?;
        let encryption = issue(encryption, Profile::UserEncryption)?;
        self.add_user(office, id, &signing, &encryption).await?;
        Ok((signing, encryption))
    }

    /// Registers further certificates of a user who brings them: the next ones of another authority, or new ones after the
    /// user was enabled again. Old and new count beside each other.
    pub async fn add_certificates(
        &self,
        id: &UserId,
        signing: &Certificate,
        encryption: &Certificate,
    ) -> Result<UserView, AdminError> {
        self.check(id, signing, may_sign(signing))?;
        self.check(id, encryption, may_encrypt(encryption))?;
        let database = &self.gateway.receiver.database;
        let mut transaction = database.write().await?;
        let user = users::find(&mut *transaction, id).await?.ok_or(StoreError::Missing("user"))?;
        if matches!(user.state, UserState::Disabled { .. }) {
            return Err(AdminError::Disabled);
        }
        users::update(&mut transaction, &User { state: UserState::Enabled, ..user }).await?;
        self.register(&mut transaction, id, signing, encryption).await?;
        self.log(&mut transaction, "user.certificates", id.as_str(), "", "registered").await?;
        database.commit(transaction).await?;
        self.user(id).await
    }

    /// Registers a user by name. The letter makes the passwords.
    pub async fn register_user(
        &self,
        office: &OfficeCode,
        id: Option<&UserId>,
        contact: &Contact,
    ) -> Result<UserView, AdminError> {
        self.register_person(office, None, id, contact).await
    }

    /// Registers a user by name; and the office, if a name for it is given and it is new.
    pub async fn register_person(
        &self,
        code: &OfficeCode,
        name: Option<&OfficeName>,
        id: Option<&UserId>,
        contact: &Contact,
    ) -> Result<UserView, AdminError> {
        let (receiver, now) = (&self.gateway.receiver, self.now());
        let database = &receiver.database;
        let mut transaction = database.write().await?;
        match (offices::find(&mut *transaction, code).await?, name) {
            (Some(known), Some(name)) if !known.name.is(name.as_str()) => return Err(AdminError::OfficeName),
            (Some(_), _) => (),
            (None, None) => return Err(StoreError::Missing("office").into()),
            (None, Some(name)) => {
                let office = Office { code: code.clone(), name: name.clone(), created_at: now };
                offices::insert(&mut transaction, &office).await?;
                self.log(&mut transaction, "office.added", code.as_str(), "", "registered").await?;
            }
        }
        let id = id.cloned().unwrap_or_else(|| make_id(receiver.random.as_ref()));
        let user = NewUser { id: id.clone(), office: code.clone(), contact: contact.clone() };
        users::insert_registered(&mut transaction, &[user], now).await?;
        self.log(&mut transaction, "user.added", id.as_str(), "", "registered").await?;
        database.commit(transaction).await?;
        self.user(&id).await
    }

    /// Shuts a user out: what arrives from now on goes to quarantine, at once; the relay gets the order. With a time of
    /// loss, what arrived since then is marked suspect.
    pub async fn disable_user(
        &self,
        id: &UserId,
        reason: DisableReason,
        lost_at: Option<Timestamp>,
    ) -> Result<Disabled, AdminError> {
        self.disable(id, reason, lost_at, true).await
    }

    /// The same, for a user who was not disabled when it was decided.
    ///
    /// # Errors
    /// [`AdminError::State`] when somebody else has done so meanwhile: then nothing is changed, whatever their reason was.
    pub async fn disable_first(
        &self,
        id: &UserId,
        reason: DisableReason,
        lost_at: Option<Timestamp>,
    ) -> Result<Disabled, AdminError> {
        self.disable(id, reason, lost_at, false).await
    }

    async fn disable(
        &self,
        id: &UserId,
        reason: DisableReason,
        lost_at: Option<Timestamp>,
        is_again: bool,
    ) -> Result<Disabled, AdminError> {
        let receiver = &self.gateway.receiver;
        let now = self.now();
        if let Some(lost_at) = lost_at.filter(|lost_at| lost_at.duration_since(now) > CLOCKS_DIFFER) {
            return Err(AdminError::LostLater(lost_at));
        }
        let mut transaction = receiver.database.write().await?;
        let before = users::find(&mut *transaction, id).await?.ok_or(StoreError::Missing("user"))?;
        if matches!(before.state, UserState::Disabled { .. }) && !is_again {
            return Err(AdminError::State { state: before.state.code() });
        }
        let (at, lost_at, suspect_from) = match before.state {
            // Told again, it is still the same time out. A loss is known better later, but what is suspect stays so.
            UserState::Disabled { at, .. } => {
                let earliest = [before.lost_at, lost_at].into_iter().flatten().min();
                (at, earliest, earliest)
            }
            // Another loss than one of long ago: what came from the PC after that one is not suspect again.
            UserState::Registered | UserState::Enabled => (now, lost_at.or(before.lost_at), lost_at),
        };
        let user = User { state: UserState::Disabled { reason, at }, lost_at, ..before.clone() };
        users::update(&mut transaction, &user).await?;
        certificates::revoke_all(&mut transaction, id, at).await?;
        enrolments::end(&mut transaction, id, now).await?;
        requests::forget_waiting(&mut transaction, id).await?;
        revocation::renew(&mut transaction, &receiver.keys.current(), now).await?;
        registry_changed(&mut transaction).await?;
        let suspects = match suspect_from {
            Some(from) => messages::mark_suspect(&mut transaction, &user.office, id, from).await?,
            None => Vec::new(),
        };
        self.overtake(&mut transaction, Matter::EnableUser, id.as_str()).await?;
        orders::drop_open(&mut transaction, id).await?;
        if before.state != UserState::Registered {
            orders::insert(&mut transaction, &[NewOrder::about(id, OrderKind::Disable)], now).await?;
        }
        let after = format!("disabled {reason}");
        self.log(&mut transaction, "user.disabled", id.as_str(), before.state.code(), &after).await?;
        receiver.database.commit(transaction).await?;
        receiver.database.fold().await;
        Ok(Disabled { user: self.user(id).await?, suspects })
    }

    /// Lets a user in again, with the consent of a second person, and without certificates: the old ones stay revoked, a new
    /// letter (or new certificates of another authority) is needed.
    pub async fn enable_user(&self, id: &UserId, approver: &str) -> Result<UserView, AdminError> {
        self.enable_with(id, &self.with_approver(approver)?).await
    }

    pub(super) async fn enable_with(&self, id: &UserId, agreed: &Agreed) -> Result<UserView, AdminError> {
        let database = &self.gateway.receiver.database;
        let mut transaction = database.write().await?;
        let before = users::find(&mut *transaction, id).await?.ok_or(StoreError::Missing("user"))?;
        let UserState::Disabled { reason, .. } = before.state else {
            return Err(AdminError::State { state: before.state.code() });
        };
        agreed.settle(&mut transaction, Matter::EnableUser, id.as_str(), self).await?;
        users::update(&mut transaction, &User { state: UserState::Enabled, ..before }).await?;
        registry_changed(&mut transaction).await?;
        // First without certificates, so that enabling lets nobody in.
        let line = [NewOrder::about(id, OrderKind::Register), NewOrder::about(id, OrderKind::Enable)];
        orders::insert(&mut transaction, &line, self.now()).await?;
        let (before, after) = (format!("disabled {reason}"), format!("enabled {agreed}"));
        self.log(&mut transaction, "user.enabled", id.as_str(), &before, &after).await?;
        database.commit(transaction).await?;
        self.user(id).await
    }

    /// One user.
    pub async fn user(&self, id: &UserId) -> Result<UserView, AdminError> {
        let filter = Filter { user: Some(id.clone()), ..Filter::default() };
        Ok(self.users(&filter, 1).await?.pop().ok_or(StoreError::Missing("user"))?)
    }

    /// One user with all that is known; asks the relay, too.
    pub async fn user_detail(&self, id: &UserId) -> Result<UserDetail, AdminError> {
        let read = self.gateway.receiver.database.read();
        let waiting = requests::waiting(read, id).await?;
        let relay = self.at_relay(id).await;
        Ok(UserDetail {
            user: self.user(id).await?,
            certificates: certificates::of_user(read, id).await?.iter().map(Into::into).collect(),
            orders: orders::of_user(read, id, 20).await?.iter().map(Into::into).collect(),
            waiting: waiting.into_iter().filter_map(|one| one.pc).map(|pc| pc.mark().to_string()).collect(),
            relay,
        })
    }

    /// Tells the relay now what stands in the line about this user. Answers a stable code when it does not work.
    pub async fn tell_relay(&self, id: &UserId) -> Result<(), &'static str> {
        let told = line::send_about(&self.gateway.receiver, id);
        tokio::time::timeout(PATIENCE, told).await.map_err(|_| "relay.silent")?
    }

    /// A page of users, by id.
    pub async fn users(&self, filter: &Filter, limit: u32) -> Result<Vec<UserView>, AdminError> {
        let mut reader = self.gateway.receiver.database.reader().await?;
        let page = directory::list(&mut *reader, filter, limit).await?;
        views(&mut reader, &page).await
    }

    /// A page of users as somebody looks for them, by office and id.
    pub async fn find_users(&self, search: &Search, limit: u32) -> Result<Vec<UserView>, AdminError> {
        let mut reader = self.gateway.receiver.database.reader().await?;
        let page = directory::search(&mut *reader, search, limit).await?;
        views(&mut reader, &page).await
    }

    fn check(&self, id: &UserId, certificate: &Certificate, fit: bool) -> Result<(), AdminError> {
        let keys = self.gateway.receiver.keys.current();
        if !fit {
            return Err(AdminError::Certificate("用途が違います (its key usage does not allow this use)"));
        }
        // A certificate of another CA names nobody of ours; then the registration alone says whose it is.
        if owner(certificate).is_some_and(|owner| owner != Address::User(keys.union.clone(), id.clone())) {
            return Err(AdminError::Certificate("持ち主が違います (it names another owner)"));
        }
        keys.trust.path(certificate, &[], self.now()).map_err(|_| {
            AdminError::Certificate("信頼できる認証局のものではないか、有効期間外です (not trusted, or not valid now)")
        })
    }

    /// Both certificates count from now on, and the relay is to be told.
    async fn register(
        &self,
        connection: &mut Connection,
        user: &UserId,
        signing: &Certificate,
        encryption: &Certificate,
    ) -> Result<(), StoreError> {
        let (keys, now) = (self.gateway.receiver.keys.current(), self.now());
        for (certificate, purpose) in [(signing, Purpose::Signing), (encryption, Purpose::Encryption)] {
            certificates::insert(connection, &Registered::new(certificate, user, purpose, &keys.ca, now)).await?;
        }
        registry_changed(connection).await?;
        orders::insert(connection, &[NewOrder::about(user, OrderKind::Register)], now).await
    }
}

async fn views(reader: &mut Connection, page: &[Listed]) -> Result<Vec<UserView>, AdminError> {
    let numbers: Vec<i64> = page.iter().filter_map(|listed| listed.order).collect();
    let orders = orders::find_all(reader, &numbers).await?;
    let view = |listed: &Listed| UserView::new(listed, listed.order.and_then(|number| orders.get(&number)));
    Ok(page.iter().map(view).collect())
}

/// `u` and 8 letters and digits that are not mistaken for each other.
pub(super) fn make_id(random: &dyn Random) -> UserId {
    const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let mut bytes = [0; 8];
    random.fill(&mut bytes);
    let rest: String = bytes.iter().map(|byte| char::from(LETTERS[usize::from(byte % 32)])).collect();
    format!("u{rest}").parse().expect("nine lower-case letters and digits are a user id")
}

/// What disabling a user came to.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Disabled {
    /// The user, with the order to the relay: requested, later confirmed.
    #[serde(flatten)]
    pub user: UserView,
    /// Ids of archived messages that are suspect now.
    pub suspects: Vec<String>,
}
