//! The relay's list of users against our registry. A relay that came back from a backup has forgotten orders that it had
//! confirmed: it may let in whom we have shut out, and lack whom we let in. A gateway that came back from one has forgotten
//! orders itself. The numbers of the orders tell the two apart.
//!
//! Shutting out is done in either case. Letting in is repeated only where the relay has forgotten it; otherwise staff decide.

use std::collections::{HashMap, HashSet};

use jiff::{SignedDuration, Timestamp};

use crate::domain::digest::Fingerprint;
use crate::domain::ids::{EnrolmentId, UserId};
use crate::domain::user::UserState;
use crate::gateway::flows::receive::Receiver;
use crate::gateway::relay::{self, Relay};
use crate::store::gateway::audit::{self, Entry};
use crate::store::gateway::certificates::{self, Purpose};
use crate::store::gateway::orders::{self, NewOrder, OrderKind};
use crate::store::gateway::standings::{self, Standing};
use crate::store::gateway::{counters, enrolments, users};
use crate::store::sqlite::{Connection, StoreError};
use crate::wire::client::ClientError;
use crate::wire::page::{MAX_LIMIT, PageQuery};
use crate::wire::union::{DisableUser, OrderNumber, User};

/// What stands in the audit and the log.
const DIFFERS: &str = "relay.differs";
/// What is done where nothing is done by itself.
const STAFF: &str = "staff decide";
/// What staff do not decide stands in the audit again after this time, and not every day.
const MONTH: SignedDuration = SignedDuration::from_hours(24 * 30);

/// What a comparison came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Compared {
    /// Users about whom the relay is told again.
    pub told: u32,
    /// Users whom nobody here knows, shut out there.
    pub strangers: u32,
    /// Users about whom staff have to decide.
    pub alarms: u32,
}

/// Why the lists are not compared.
#[derive(Debug, thiserror::Error)]
pub enum CompareError {
    /// Environment: the relay.
    #[error(transparent)]
    Relay(#[from] ClientError),
    /// Environment: the database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl CompareError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Relay(error) => relay::code(error),
            Self::Store(_) => "database",
        }
    }
}

/// Compares everybody, and puts in the line what the relay has to be told again. About how many users staff have to decide is kept,
/// so that they are alerted.
pub async fn compare<R: Relay>(receiver: &Receiver<R>) -> Result<Compared, CompareError> {
    let compared = compare_all(receiver).await?;
    let mut transaction = receiver.database.write().await?;
    counters::set(&mut transaction, counters::DIFFERING, compared.alarms.into()).await?;
    receiver.database.commit(transaction).await?;
    Ok(compared)
}

async fn compare_all<R: Relay>(receiver: &Receiver<R>) -> Result<Compared, CompareError> {
    let (mut compared, mut seen, mut after) = (Compared::default(), HashSet::new(), None);
    let failing = users::mail_failures(receiver.database.read()).await?;
    loop {
        let page = receiver.relay.users(PageQuery { after, limit: Some(MAX_LIMIT), wait: None }).await?;
        note_mail_failures(receiver, &page.items, &failing).await?;
        seen.extend(page.items.iter().map(|there| there.id.clone()));
        let pairs = page.items.into_iter().map(|there| (there.id.clone(), Some(there)));
        examine_all(receiver, pairs.collect(), &mut compared).await?;
        if !page.more {
            break;
        }
        after = page.next;
    }
    let mut last = None;
    loop {
        let ours = users::enabled_after(receiver.database.read(), last.as_ref(), MAX_LIMIT).await?;
        let Some(next) = ours.last().cloned() else { return Ok(compared) };
        let missing = ours.into_iter().filter(|user| !seen.contains(user)).map(|user| (user, None));
        examine_all(receiver, missing.collect(), &mut compared).await?;
        last = Some(next);
    }
}

/// Looks at many: mostly all of them fit.
async fn examine_all<R: Relay>(
    receiver: &Receiver<R>,
    users: Vec<(UserId, Option<User>)>,
    compared: &mut Compared,
) -> Result<(), CompareError> {
    let ids: Vec<UserId> = users.iter().map(|(user, _)| user.clone()).collect();
    let mut reader = receiver.database.reader().await?;
    let own = Own::read_all(&mut reader, &ids, receiver.clock.now()).await?;
    drop(reader);
    for (user, there) in users {
        if judge(own.get(&user), there.as_ref()) != Finding::Fits {
            examine(receiver, &user, there.as_ref(), compared).await?;
        }
    }
    Ok(())
}

/// Keeps whom mails of the relay do not reach: staff see it in the list of users.
async fn note_mail_failures<R: Relay>(
    receiver: &Receiver<R>,
    there: &[User],
    failing: &HashMap<UserId, Timestamp>,
) -> Result<(), StoreError> {
    let has_changed = |user: &&User| failing.get(&user.id).copied() != user.mail_failed_at;
    let changed: Vec<&User> = there.iter().filter(has_changed).collect();
    if changed.is_empty() {
        return Ok(());
    }
    let mut transaction = receiver.database.write().await?;
    for user in changed {
        users::set_mail_failed(&mut transaction, &user.id, user.mail_failed_at).await?;
    }
    receiver.database.commit(transaction).await
}

async fn examine<R: Relay>(
    receiver: &Receiver<R>,
    user: &UserId,
    there: Option<&User>,
    compared: &mut Compared,
) -> Result<(), CompareError> {
    let now = receiver.clock.now();
    let mut reader = receiver.database.reader().await?;
    let finding = judge(Own::read(&mut reader, user, now).await?.as_ref(), there);
    drop(reader);
    if finding == Finding::Fits {
        return Ok(());
    }
    if finding == Finding::Stranger {
        // There is no line for a user who is not ours. Again and again, it is found again.
        let number = there.map_or(OrderNumber(1), |there| there.order.max(OrderNumber(1)));
        receiver.relay.disable_user(user, number, DisableUser { at: now }).await?;
    }
    let mut transaction = receiver.database.write().await?;
    // Again, now that nobody changes anything beside it.
    let (what, done) = match judge(Own::read(&mut transaction, user, now).await?.as_ref(), there) {
        Finding::Fits => return Ok(()),
        Finding::Tell(kinds, what) => {
            let line: Vec<NewOrder> = kinds.iter().map(|kind| NewOrder::about(user, *kind)).collect();
            orders::insert(&mut transaction, &line, now).await?;
            compared.told += 1;
            (what, kinds.iter().map(|kind| kind.code()).collect::<Vec<_>>().join(" "))
        }
        Finding::Stranger => {
            compared.strangers += 1;
            ("stranger", "disabled at the relay".to_owned())
        }
        Finding::Alarm(what) => {
            compared.alarms += 1;
            (what, STAFF.to_owned())
        }
    };
    let recorded = audit::newest(&mut *transaction, DIFFERS, user.as_str()).await?;
    let is_known = |one: audit::Recorded| one.before == what && one.after == done && now.duration_since(one.at) < MONTH;
    if done == STAFF && recorded.is_some_and(is_known) {
        return Ok(());
    }
    tracing::warn!(code = DIFFERS, %user, what, done, "the relay's list of users and ours differ");
    let entry = Entry {
        at: now,
        actor: "gateway".to_owned(),
        action: DIFFERS,
        subject: user.to_string(),
        before: what.to_owned(),
        after: done,
    };
    audit::insert(&mut transaction, &[entry]).await?;
    Ok(receiver.database.commit(transaction).await?)
}

/// A user as our registry has it.
#[derive(Debug, Clone)]
struct Own {
    state: UserState,
    standing: Standing,
    /// Certificates with which the user or a PC may come in.
    counting: Vec<Fingerprint>,
    /// Certificates that were not revoked, ended or not.
    unrevoked: HashSet<Fingerprint>,
    /// A letter that is out and has brought no PC yet.
    letter: Option<EnrolmentId>,
}

impl Own {
    async fn read(connection: &mut Connection, user: &UserId, now: Timestamp) -> Result<Option<Self>, StoreError> {
        Ok(Self::read_all(connection, std::slice::from_ref(user), now).await?.remove(user))
    }

    /// Those of these users whom the registry has.
    async fn read_all(
        connection: &mut Connection,
        ids: &[UserId],
        now: Timestamp,
    ) -> Result<HashMap<UserId, Self>, StoreError> {
        let known = users::find_all(connection, ids).await?;
        let mut standings = standings::of(connection, ids).await?;
        let open = enrolments::open_of(connection, ids).await?.into_iter().filter(|open| open.pc.is_none());
        let mut letters: HashMap<UserId, EnrolmentId> = open.map(|open| (open.user, open.id)).collect();
        let purposes = [Purpose::Signing, Purpose::Device];
        let mut registered = certificates::of_users(connection, ids, &purposes).await?;
        let own = known.into_iter().map(|user| {
            let mut all = registered.remove(&user.id).unwrap_or_default();
            all.retain(|one| one.revoked_at.is_none() && (one.purpose == Purpose::Signing || one.pc.is_some()));
            let own = Self {
                state: user.state,
                standing: standings.remove(&user.id).unwrap_or_default(),
                counting: all.iter().filter(|one| one.not_after > now).map(|one| one.fingerprint).collect(),
                unrevoked: all.iter().map(|one| one.fingerprint).collect(),
                letter: letters.remove(&user.id),
            };
            (user.id, own)
        });
        Ok(own.collect())
    }
}

/// What is the matter with a user at the relay.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Finding {
    /// Nothing that the line does not put right.
    Fits,
    /// The relay has to be told.
    Tell(Vec<OrderKind>, &'static str),
    /// It lets somebody in of whom we know nothing.
    Stranger,
    /// Staff have to decide.
    Alarm(&'static str),
}

fn judge(own: Option<&Own>, there: Option<&User>) -> Finding {
    let Some(own) = own.filter(|own| own.state != UserState::Registered) else {
        return if there.is_some_and(|there| there.enabled) { Finding::Stranger } else { Finding::Fits };
    };
    if own.standing.is_open {
        return Finding::Fits;
    }
    let disabled = matches!(own.state, UserState::Disabled { .. });
    match there {
        Some(there) if disabled && there.enabled => Finding::Tell(vec![OrderKind::Disable], "disabled"),
        _ if disabled => Finding::Fits,
        Some(there) if there.order >= own.standing.settled => in_step(own, there),
        _ => forgotten(own, there),
    }
}

/// The relay has all that we remember to have said.
fn in_step(own: &Own, there: &User) -> Finding {
    let known: HashSet<&Fingerprint> = there.certificates.iter().chain(&there.devices).collect();
    let too_many = known.iter().any(|one| !own.unrevoked.contains(*one));
    let lacks = own.counting.iter().any(|one| !known.contains(one));
    let is_ahead = there.order > own.standing.newest;
    match (there.enabled, too_many, lacks) {
        (false, ..) => Finding::Alarm("disabled at the relay only"),
        // What we have forgotten may be that certificates were revoked: they are not let in again.
        (true, true, _) if is_ahead => Finding::Alarm("certificates at the relay only"),
        (true, _, true) => Finding::Alarm("certificates here only"),
        (true, true, false) => Finding::Tell(vec![OrderKind::Register], "certificates at the relay only"),
        (true, false, false) => Finding::Fits,
    }
}

/// The relay has forgotten what it had confirmed.
fn forgotten(own: &Own, there: Option<&User>) -> Finding {
    let anybody = there.is_some_and(|there| !there.certificates.is_empty() || !there.devices.is_empty());
    let mut line = Vec::new();
    if anybody || !own.counting.is_empty() {
        line.push(OrderKind::Register);
    }
    if there.is_some_and(|there| !there.enabled) {
        line.push(OrderKind::Enable);
    }
    let kit = there.and_then(|there| there.enrolment.as_ref()).map(|open| open.id);
    // The kit went with an order whose payload is gone.
    let letter_is_lost = own.letter.is_some() && (kit != own.letter || line.contains(&OrderKind::Register));
    match (line.is_empty(), letter_is_lost) {
        (true, true) => Finding::Alarm("a new letter is needed"),
        (true, false) => Finding::Fits,
        (false, true) => Finding::Tell(line, "a new letter is needed"),
        (false, false) => Finding::Tell(line, "forgotten by the relay"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::user::DisableReason;

    fn own(state: UserState, settled: i64, certificates: &[u8]) -> Own {
        let counting: Vec<Fingerprint> = certificates.iter().map(|byte| Fingerprint([*byte; 32])).collect();
        let standing = Standing { settled: OrderNumber(settled), newest: OrderNumber(settled), is_open: false };
        Own { state, standing, unrevoked: counting.iter().copied().collect(), counting, letter: None }
    }

    fn there(enabled: bool, order: i64, certificates: &[u8]) -> User {
        User {
            id: "hanako-1".parse().unwrap(),
            cursor: crate::wire::page::Cursor(1),
            office: "1234-A".parse().unwrap(),
            enabled,
            order: OrderNumber(order),
            certificates: certificates.iter().map(|byte| Fingerprint([*byte; 32])).collect(),
            devices: Vec::new(),
            enrolment: None,
            pin_locked: false,
            login_locked_until: None,
            last_login_at: None,
            mail_failed_at: None,
        }
    }

    #[test]
    fn shutting_out_is_repeated_always_and_letting_in_only_where_it_was_forgotten() {
        let out = UserState::Disabled { reason: DisableReason::Lost, at: Timestamp::UNIX_EPOCH };
        let (on, tell) = (UserState::Enabled, |kinds: &[OrderKind]| Some(kinds.to_vec()));
        let (register, enable, disable) = (OrderKind::Register, OrderKind::Enable, OrderKind::Disable);
        for (state, settled, ours, enabled, order, theirs, expected) in [
            (on, 5, &[1][..], true, 5, &[1][..], None),
            // The relay is behind, in step, ahead: out is out.
            (out, 5, &[], true, 3, &[1], tell(&[disable])),
            (out, 5, &[], true, 5, &[1], tell(&[disable])),
            (out, 5, &[], true, 9, &[1], tell(&[disable])),
            (out, 5, &[], false, 3, &[], None),
            // It has forgotten the newest certificate, a revocation, the enabling.
            (on, 5, &[1, 2], true, 3, &[1], tell(&[register])),
            (on, 5, &[], true, 3, &[1], tell(&[register])),
            (on, 5, &[2], false, 3, &[1], tell(&[register, enable])),
            // It has one too many.
            (on, 5, &[1], true, 5, &[1, 2], tell(&[register])),
        ] {
            let found = judge(Some(&own(state, settled, ours)), Some(&there(enabled, order, theirs)));
            let kinds = match &found {
                Finding::Tell(kinds, _) => Some(kinds.clone()),
                Finding::Fits => None,
                other => panic!("{other:?}"),
            };
            assert_eq!(kinds, expected, "{state:?} {settled} {ours:?} | {enabled} {order} {theirs:?}");
        }
        // We have forgotten something ourselves, or somebody else has changed the relay: nobody is let in by that.
        for (ours, enabled, order, theirs) in
            [(&[1][..], false, 9, &[1][..]), (&[1], true, 9, &[2]), (&[1, 2], true, 9, &[1]), (&[1, 2], true, 5, &[1])]
        {
            let found = judge(Some(&own(on, 5, ours)), Some(&there(enabled, order, theirs)));
            assert!(matches!(found, Finding::Alarm(_)), "{ours:?} {enabled} {order} {theirs:?}: {found:?}");
        }
    }

    #[test]
    fn strangers_are_shut_out_and_the_missing_told_of_again() {
        assert_eq!(judge(None, Some(&there(true, 5, &[1]))), Finding::Stranger);
        assert_eq!(judge(None, Some(&there(false, 5, &[1]))), Finding::Fits);
        let registered = own(UserState::Registered, 0, &[]);
        assert_eq!(judge(Some(&registered), Some(&there(true, 5, &[1]))), Finding::Stranger);
        assert_eq!(judge(Some(&registered), None), Finding::Fits);
        let missing = judge(Some(&own(UserState::Enabled, 5, &[1])), None);
        assert_eq!(missing, Finding::Tell(vec![OrderKind::Register], "forgotten by the relay"));
        let enrolment = EnrolmentId::new(Timestamp::UNIX_EPOCH, &crate::runtime::clock::SystemRandom);
        let invited = Own { letter: Some(enrolment), ..own(UserState::Enabled, 5, &[]) };
        assert_eq!(judge(Some(&invited), None), Finding::Alarm("a new letter is needed"));
        let open = Own { standing: Standing { is_open: true, ..invited.standing }, ..invited };
        assert_eq!(judge(Some(&open), None), Finding::Fits, "the line puts it right");
    }
}
