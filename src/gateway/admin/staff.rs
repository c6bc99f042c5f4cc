//! Accounts of the union's staff, for the console.

use jiff::Timestamp;
use serde::Serialize;
use zeroize::Zeroizing;

use super::{Admin, AdminError};
use crate::domain::clock::Random;
use crate::domain::staff::{Role, StaffName};
use crate::secret::StaffVerifier;
use crate::secret::password::make_password;
use crate::store::gateway::audit::{self, Entry};
use crate::store::gateway::staff::{self as rows, Account};
use crate::store::gateway::{staff_factors, staff_sessions};
use crate::store::sqlite::{Connection, StoreError};

/// An account that nobody knows of yet.
#[derive(Debug)]
pub struct NewAccount {
    name: StaffName,
    role: Role,
    verifier: StaffVerifier,
    must_change: bool,
}

impl NewAccount {
    /// With this password, or with one that is made: then it is answered too, and has to be changed at the first sign-in. Blocks
    /// for a tenth of a second or two.
    pub fn make(
        name: StaffName,
        role: Role,
        password: Option<Zeroizing<String>>,
        random: &dyn Random,
    ) -> Result<(Self, Option<Zeroizing<String>>), AdminError> {
        let made = password.is_none().then(|| make_password(random));
        let password = password.or_else(|| made.clone()).unwrap_or_default();
        let verifier = StaffVerifier::new(&password, random)?;
        Ok((Self { name, role, verifier, must_change: made.is_some() }, made))
    }
}

/// An account as programs and people see it.
#[derive(Debug, Clone, Serialize)]
pub struct StaffView {
    /// What is typed to sign in.
    pub name: String,
    /// The code of its role.
    pub role: &'static str,
    /// What staff call the role.
    pub role_name: &'static str,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its password was set last.
    pub password_at: Timestamp,
    /// Whether the password has to be changed at the next sign-in.
    pub must_change: bool,
    /// Whether its second factor is set up.
    pub has_factor: bool,
    /// When it was shut.
    pub disabled_at: Option<Timestamp>,
}

impl From<&Account> for StaffView {
    fn from(account: &Account) -> Self {
        Self {
            name: account.name.to_string(),
            role: account.role.code(),
            role_name: account.role.japanese(),
            created_at: account.created_at,
            password_at: account.password_at,
            must_change: account.must_change,
            has_factor: account.has_factor,
            disabled_at: account.disabled_at,
        }
    }
}

/// An account that was made, or has another password.
#[derive(Serialize)]
pub struct MadeAccount {
    /// The account.
    #[serde(flatten)]
    pub view: StaffView,
    /// The password, where one was made: told this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
}

/// Adds an account, with its entry in the audit: who did it, and from where.
pub async fn insert(
    connection: &mut Connection,
    account: &NewAccount,
    (actor, origin): (&str, &str),
    now: Timestamp,
) -> Result<(), StoreError> {
    rows::insert(connection, (&account.name, account.role), &account.verifier, account.must_change, now).await?;
    let entry = Entry {
        at: now,
        actor: actor.to_owned(),
        action: "staff.added",
        subject: subject(&account.name),
        before: String::new(),
        after: account.role.code().to_owned(),
    };
    audit::insert_from(connection, &[entry], origin).await
}

/// As the audit calls an account.
pub(in crate::gateway) fn subject(name: &StaffName) -> String {
    format!("staff:{name}")
}

impl Admin {
    /// Makes an account: with this password, or with one that is made and told once.
    pub async fn add_staff(
        &self,
        name: StaffName,
        role: Role,
        password: Option<Zeroizing<String>>,
    ) -> Result<MadeAccount, AdminError> {
        let (account, made) = self.new_account(name.clone(), role, password).await?;
        let database = &self.gateway.receiver.database;
        let mut transaction = database.write().await?;
        insert(&mut transaction, &account, (&self.actor, &self.origin), self.now()).await?;
        database.commit(transaction).await?;
        self.made(&name, made).await
    }

    /// Gives an account another password: this one, or one that is made and told once.
    pub async fn set_staff_password(
        &self,
        name: StaffName,
        password: Option<Zeroizing<String>>,
    ) -> Result<MadeAccount, AdminError> {
        let (account, made) = self.new_account(name.clone(), Role::Reader, password).await?;
        let database = &self.gateway.receiver.database;
        let mut transaction = database.write().await?;
        let all = rows::list(&mut *transaction).await?;
        if all.iter().any(|account| account.name == name && account.disabled_at.is_some()) {
            return Err(AdminError::AccountDisabled);
        }
        rows::set_password(&mut transaction, &name, &account.verifier, account.must_change, self.now()).await?;
        staff_sessions::end_others(&mut transaction, &name, None).await?;
        self.log(&mut transaction, "staff.password", &subject(&name), "", "").await?;
        database.commit(transaction).await?;
        self.made(&name, made).await
    }

    /// Every account, by name.
    pub async fn staff(&self) -> Result<Vec<StaffView>, AdminError> {
        Ok(rows::list(self.read()).await?.iter().map(Into::into).collect())
    }

    /// Shuts an account at once. The last one that can look after accounts stays.
    pub async fn disable_staff(&self, name: &StaffName) -> Result<StaffView, AdminError> {
        let database = &self.gateway.receiver.database;
        let mut transaction = database.write().await?;
        let account = one_but_the_last_officer(&mut transaction, name).await?;
        if rows::disable(&mut transaction, name, self.now()).await? {
            staff_sessions::end_others(&mut transaction, name, None).await?;
            self.log(&mut transaction, "staff.disabled", &subject(name), account.role.code(), "disabled").await?;
        }
        database.commit(transaction).await?;
        self.one_of_staff(name).await
    }

    /// Opens an account that was shut, as if it were new: with this password, or with one that is made and told once, either to be changed at
    /// the next sign-in, and with a second factor that is set up then. Nothing that it had before opens anything again.
    pub async fn enable_staff(
        &self,
        name: StaffName,
        password: Option<Zeroizing<String>>,
    ) -> Result<MadeAccount, AdminError> {
        self.one_of_staff(&name).await?;
        let (account, made) = self.new_account(name.clone(), Role::Reader, password).await?;
        let database = &self.gateway.receiver.database;
        let mut transaction = database.write().await?;
        if !rows::enable(&mut transaction, &name).await? {
            return Err(AdminError::AccountEnabled);
        }
        rows::set_password(&mut transaction, &name, &account.verifier, true, self.now()).await?;
        staff_factors::forget(&mut transaction, &name).await?;
        // Somebody may have been in the middle of a sign-in when it was shut.
        staff_sessions::end_others(&mut transaction, &name, None).await?;
        self.log(&mut transaction, "staff.enabled", &subject(&name), "disabled", "enabled").await?;
        database.commit(transaction).await?;
        self.made(&name, made).await
    }

    /// Gives an account another role, which counts at once. The last one that can look after accounts keeps its.
    pub async fn set_staff_role(&self, name: &StaffName, role: Role) -> Result<StaffView, AdminError> {
        let database = &self.gateway.receiver.database;
        let mut transaction = database.write().await?;
        let found = rows::list(&mut *transaction).await?.into_iter().find(|account| account.name == *name);
        let before = found.ok_or(AdminError::Missing("staff"))?.role;
        if before != role {
            one_but_the_last_officer(&mut transaction, name).await?;
            rows::set_role(&mut transaction, name, role).await?;
            self.log(&mut transaction, "staff.role", &subject(name), before.code(), role.code()).await?;
        }
        database.commit(transaction).await?;
        self.one_of_staff(name).await
    }

    /// Signs somebody out everywhere.
    pub async fn end_staff_sessions(&self, name: &StaffName) -> Result<(), AdminError> {
        self.one_of_staff(name).await?;
        let database = &self.gateway.receiver.database;
        let mut transaction = database.write().await?;
        staff_sessions::end_others(&mut transaction, name, None).await?;
        self.log(&mut transaction, "staff.session-ended", &subject(name), "", "").await?;
        Ok(database.commit(transaction).await?)
    }

    /// Takes an account's second factor away, for somebody who has lost phone and recovery codes: the next sign-in sets it up anew.
    pub async fn reset_staff_factor(&self, name: &StaffName) -> Result<StaffView, AdminError> {
        let view = self.one_of_staff(name).await?;
        let database = &self.gateway.receiver.database;
        let mut transaction = database.write().await?;
        staff_factors::forget(&mut transaction, name).await?;
        staff_sessions::end_others(&mut transaction, name, None).await?;
        self.log(&mut transaction, "staff.factor-reset", &subject(name), "", "").await?;
        database.commit(transaction).await?;
        Ok(view)
    }

    async fn new_account(
        &self,
        name: StaffName,
        role: Role,
        password: Option<Zeroizing<String>>,
    ) -> Result<(NewAccount, Option<Zeroizing<String>>), AdminError> {
        let random = std::sync::Arc::clone(&self.gateway.receiver.random);
        let made = tokio::task::spawn_blocking(move || NewAccount::make(name, role, password, random.as_ref()));
        made.await.expect("stretching a password does not panic")
    }

    async fn made(&self, name: &StaffName, password: Option<Zeroizing<String>>) -> Result<MadeAccount, AdminError> {
        let view = self.one_of_staff(name).await?;
        Ok(MadeAccount { view, password: password.map(|password| password.as_str().to_owned()) })
    }

    async fn one_of_staff(&self, name: &StaffName) -> Result<StaffView, AdminError> {
        let found = self.staff().await?.into_iter().find(|view| view.name == name.as_str());
        found.ok_or(AdminError::Missing("staff"))
    }
}

/// The account, unless nobody could look after accounts without it. An officer who has never signed in is none yet, as long as there is another.
async fn one_but_the_last_officer(connection: &mut Connection, name: &StaffName) -> Result<Account, AdminError> {
    let (mut named, others): (Vec<Account>, Vec<Account>) =
        rows::list(&mut *connection).await?.into_iter().partition(|account| account.name == *name);
    let account = named.pop().ok_or(AdminError::Missing("staff"))?;
    let is_officer = |account: &Account| account.role == Role::Officer && account.disabled_at.is_none();
    let is_left = |other: &Account| is_officer(other) && (other.is_in_use() || !account.is_in_use());
    if is_officer(&account) && !others.iter().any(is_left) {
        return Err(AdminError::LastOfficer);
    }
    Ok(account)
}
