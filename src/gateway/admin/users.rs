//! Users: registered with certificates, disabled, enabled.

use jiff::{SignedDuration, Timestamp};

use super::{Admin, AdminError};
use crate::domain::address::Address;
use crate::domain::ids::{OfficeCode, UserId};
use crate::domain::user::{DisableReason, UserState};
use crate::gateway::view::UserView;
use crate::message::keys::Certificate;
use crate::pki::identity::{Subject, owner};
use crate::pki::profile::{Profile, may_encrypt, may_sign};
use crate::pki::request::Request;
use crate::store::gateway::certificates::{self, Purpose, Registered};
use crate::store::gateway::orders::{self, OrderKind};
use crate::store::gateway::users::{self, User};
use crate::store::gateway::{messages, registry_changed};
use crate::store::sqlite::{Connection, StoreError};

/// How long a user's certificates are valid.
const VALIDITY: SignedDuration = SignedDuration::from_hours(24 * 365);

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
        self.register(&mut transaction, id, Purpose::Signing, signing).await?;
        self.register(&mut transaction, id, Purpose::Encryption, encryption).await?;
        registry_changed(&mut transaction).await?;
        orders::insert(&mut transaction, OrderKind::Register, id, now).await?;
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
        let authority = receiver.keys.authority.as_ref().ok_or(AdminError::NoAuthority)?;
        let subject = Subject::User { union: receiver.keys.union.clone(), office: office.clone(), user: id.clone() };
        let issue = |key: &crate::pki::PublicKey, profile| {
            let request = Request { subject: subject.clone(), key: key.clone() };
            authority.issue(&request, &profile, VALIDITY, self.now(), receiver.random.as_ref())
        };
        let signing = issue(signing, Profile::UserSigning)?;
        let encryption = issue(encryption, Profile::UserEncryption)?;
        self.add_user(office, id, &signing, &encryption).await?;
        Ok((signing, encryption))
    }

    /// Shuts a user out: what arrives from now on goes to quarantine, at once; the relay gets the order. With a time of
    /// loss, what arrived since then is marked suspect.
    pub async fn disable_user(
        &self,
        id: &UserId,
        reason: DisableReason,
        lost_at: Option<Timestamp>,
    ) -> Result<Disabled, AdminError> {
        let database = &self.gateway.receiver.database;
        let now = self.now();
        let mut transaction = database.write().await?;
        let before = users::find(&mut *transaction, id).await?.ok_or(StoreError::Missing("user"))?;
        // A loss is known better later, but what is suspect already stays so.
        let lost_at = [before.lost_at, lost_at].into_iter().flatten().min();
        // Told again, it is still the same time out: what it revoked comes back together.
        let at = match before.state {
            UserState::Disabled { at, .. } => at,
            UserState::Enabled => now,
        };
        let user = User { state: UserState::Disabled { reason, at }, lost_at, ..before.clone() };
        users::update(&mut transaction, &user).await?;
        certificates::revoke_all(&mut transaction, id, at).await?;
        registry_changed(&mut transaction).await?;
        let suspects = match lost_at {
            Some(lost_at) => messages::mark_suspect(&mut transaction, &user.office, id, lost_at).await?,
            None => Vec::new(),
        };
        orders::insert(&mut transaction, OrderKind::Disable, id, now).await?;
        let after = format!("disabled {reason}");
        self.log(&mut transaction, "user.disabled", id.as_str(), before.state.code(), &after).await?;
        database.commit(transaction).await?;
        Ok(Disabled { user: self.user(id).await?, suspects })
    }

    /// Lets a user in again with new certificates or, when the old ones were not revoked for a loss, with those.
    pub async fn enable_user(&self, id: &UserId) -> Result<UserView, AdminError> {
        let database = &self.gateway.receiver.database;
        let mut transaction = database.write().await?;
        let before = users::find(&mut *transaction, id).await?.ok_or(StoreError::Missing("user"))?;
        let UserState::Disabled { reason, at } = before.state else {
            return Err(AdminError::State { state: before.state.code() });
        };
        if before.lost_at.is_some() || matches!(reason, DisableReason::Lost | DisableReason::Stolen) {
            return Err(AdminError::LostDevice);
        }
        users::update(&mut transaction, &User { state: UserState::Enabled, ..before }).await?;
        certificates::restore(&mut transaction, id, at).await?;
        registry_changed(&mut transaction).await?;
        orders::insert(&mut transaction, OrderKind::Enable, id, self.now()).await?;
        self.log(&mut transaction, "user.enabled", id.as_str(), "disabled", "enabled").await?;
        database.commit(transaction).await?;
        self.user(id).await
    }

    /// One user, with the newest order to the relay.
    pub async fn user(&self, id: &UserId) -> Result<UserView, AdminError> {
        let read = self.gateway.receiver.database.read();
        let user = users::find(read, id).await?.ok_or(StoreError::Missing("user"))?;
        let order = orders::newest(read, id).await?;
        Ok(UserView::new(&user, order.as_ref()))
    }

    /// The users, by id.
    pub async fn users(&self, limit: u32) -> Result<Vec<UserView>, AdminError> {
        let read = self.gateway.receiver.database.read();
        let mut views = Vec::new();
        for user in users::list(read, None, limit).await? {
            let order = orders::newest(read, &user.id).await?;
            views.push(UserView::new(&user, order.as_ref()));
        }
        Ok(views)
    }

    fn check(&self, id: &UserId, certificate: &Certificate, fit: bool) -> Result<(), AdminError> {
        let keys = &self.gateway.receiver.keys;
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

    async fn register(
        &self,
        connection: &mut Connection,
        user: &UserId,
        purpose: Purpose,
        certificate: &Certificate,
    ) -> Result<(), StoreError> {
        let registered = Registered {
            fingerprint: certificate.fingerprint(),
            user: user.clone(),
            purpose,
            der: certificate.der().to_vec(),
            not_before: certificate.not_before(),
            not_after: certificate.not_after(),
            registered_at: self.now(),
            revoked_at: None,
        };
        certificates::insert(connection, &registered).await
    }
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
