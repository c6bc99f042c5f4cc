//! Users as staff look them up: with contact, enrolment and newest order, by the page.

use jiff::Timestamp;
use sqlx::{QueryBuilder, Sqlite, SqliteExecutor};

use super::corrupt;

use super::users::{self, User};
use crate::domain::folding::fold;
use crate::domain::ids::{OfficeCode, UserId};
use crate::domain::person::MailAddress;
use crate::store::sqlite::{StoreError, micros, moment};

/// Which users.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only this one.
    pub user: Option<UserId>,
    /// Only of this office.
    pub office: Option<OfficeCode>,
    /// Only with this mail address.
    pub mail: Option<MailAddress>,
    /// Only in this state: `registered`, `enabled` or `disabled`.
    pub state: Option<&'static str>,
    /// Those after this one, by id.
    pub after: Option<UserId>,
}

/// How far a user has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// No letter was made yet.
    Registered,
    /// The letter is out, and no PC is set up.
    Letter,
    /// A PC is set up.
    Enrolled,
    /// Another PC waits for staff.
    Waiting,
    /// Shut out.
    Disabled,
}

impl Stage {
    /// Every one there is.
    pub const ALL: [Self; 5] = [Self::Registered, Self::Letter, Self::Enrolled, Self::Waiting, Self::Disabled];

    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Registered => "registered",
            Self::Letter => "letter",
            Self::Enrolled => "enrolled",
            Self::Waiting => "waiting",
            Self::Disabled => "disabled",
        }
    }

    const fn condition(self) -> &'static str {
        match self {
            Self::Registered => " AND u.state = 'registered'",
            Self::Letter => " AND u.state = 'enabled' AND e.id IS NOT NULL AND e.pc IS NULL",
            Self::Enrolled => " AND u.state = 'enabled' AND e.pc IS NOT NULL",
            Self::Waiting => {
                " AND u.id IN (SELECT r.user_id FROM requests r WHERE r.keys IS NOT NULL AND r.user_id IS NOT NULL)"
            }
            Self::Disabled => " AND u.state = 'disabled'",
        }
    }
}

/// Users as somebody looks for them.
#[derive(Debug, Clone, Default)]
pub struct Search {
    /// Parts of name, mail address, name of the PC, id, or of the office's name or code; all of them, whatever width, kana and capitals they
    /// are written in.
    pub words: Vec<String>,
    /// Only of this office.
    pub office: Option<OfficeCode>,
    /// Only those who have come so far.
    pub stage: Option<Stage>,
    /// Those after this one, by office and id.
    pub after: Option<(OfficeCode, UserId)>,
}

/// A page of users, by office and id.
pub async fn search(executor: impl SqliteExecutor<'_>, search: &Search, limit: u32) -> Result<Vec<Listed>, StoreError> {
    let rows: Vec<Row> = searched(SELECT, search, limit).build_query_as().fetch_all(executor).await?;
    rows.into_iter().map(Row::parse).collect()
}

/// How the database goes about [`search`]: the lines of its plan.
pub async fn search_plan(executor: impl SqliteExecutor<'_>, search: &Search) -> Result<Vec<String>, StoreError> {
    type Step = (i64, i64, i64, String);
    let mut statement = searched(&format!("EXPLAIN QUERY PLAN {SELECT}"), search, 100);
    let rows: Vec<Step> = statement.build_query_as().fetch_all(executor).await?;
    Ok(rows.into_iter().map(|(.., step)| step).collect())
}

fn searched(select: &str, search: &Search, limit: u32) -> QueryBuilder<Sqlite> {
    let mut query = QueryBuilder::new(select);
    let (office, id) = match &search.after {
        Some((office, id)) => (office.to_string(), id.to_string()),
        None => (String::new(), String::new()),
    };
    query.push(" WHERE (u.office, u.id) > (").push_bind(office).push(", ").push_bind(id).push(")");
    if let Some(office) = &search.office {
        query.push(" AND u.office = ").push_bind(office.to_string());
    }
    for word in &search.words {
        let word = fold(word);
        query.push(" AND (instr(u.found_by, ").push_bind(word.clone()).push(") > 0");
        query.push(" OR u.office IN (SELECT f.code FROM offices f WHERE instr(f.found_by, ");
        query.push_bind(word).push(") > 0))");
    }
    if let Some(stage) = search.stage {
        query.push(stage.condition());
    }
    query.push(" ORDER BY u.office, u.id LIMIT ").push_bind(limit);
    query
}

/// A user with what belongs to it.
#[derive(Debug, Clone)]
pub struct Listed {
    /// The user.
    pub user: User,
    /// 利用者名.
    pub name: Option<String>,
    /// メールアドレス.
    pub mail: Option<String>,
    /// 端末名.
    pub device: Option<String>,
    /// The enrolment that is open.
    pub enrolment: Option<ListedEnrolment>,
    /// The newest order to the relay about the user, notices apart.
    pub order: Option<i64>,
    /// When the newest signing certificate that is not revoked ends.
    pub certificate_ends_at: Option<Timestamp>,
    /// When a mail of the relay to the user last failed for good.
    pub mail_failed_at: Option<Timestamp>,
}

/// The enrolment of a user, as staff see it.
#[derive(Debug, Clone)]
pub struct ListedEnrolment {
    /// Which.
    pub id: String,
    /// When the letter was made.
    pub made_at: Timestamp,
    /// Requests with other names, so far.
    pub mismatches: u32,
    /// The PC that has the certificates.
    pub pc: Option<String>,
    /// Requests of other PCs that wait for staff.
    pub waiting: u32,
}

/// A page of users, by id.
pub async fn list(executor: impl SqliteExecutor<'_>, filter: &Filter, limit: u32) -> Result<Vec<Listed>, StoreError> {
    let rows: Vec<Row> = statement(SELECT, filter, limit).build_query_as().fetch_all(executor).await?;
    rows.into_iter().map(Row::parse).collect()
}

/// How the database goes about [`list`]: the lines of its plan.
pub async fn plan(executor: impl SqliteExecutor<'_>, filter: &Filter) -> Result<Vec<String>, StoreError> {
    type Step = (i64, i64, i64, String);
    let mut statement = statement(&format!("EXPLAIN QUERY PLAN {SELECT}"), filter, 100);
    let rows: Vec<Step> = statement.build_query_as().fetch_all(executor).await?;
    Ok(rows.into_iter().map(|(.., step)| step).collect())
}

/// How many users end when, for the status page: of those who are enabled, the newest certificate's end.
pub async fn ending(
    executor: impl SqliteExecutor<'_>,
    from: Timestamp,
    until: Timestamp,
) -> Result<Vec<Ending>, StoreError> {
    let rows: Vec<(String, i64, Option<i64>, bool)> = sqlx::query_as(
        "SELECT u.id, max(c.not_after), u.warned_at,
             EXISTS (SELECT 1 FROM enrolments e WHERE e.user_id = u.id AND e.ended_at IS NULL)
         FROM certificates c JOIN users u ON u.id = c.user_id
         WHERE c.purpose = 'signing' AND c.revoked_at IS NULL AND c.not_after > $1 AND c.not_after <= $2
             AND u.state = 'enabled'
             AND NOT EXISTS (SELECT 1 FROM certificates n WHERE n.user_id = u.id AND n.purpose = 'signing'
                 AND n.revoked_at IS NULL AND n.not_after > $2)
         GROUP BY u.id ORDER BY u.id",
    )
    .bind(micros(from))
    .bind(micros(until))
    .fetch_all(executor)
    .await?;
    rows.into_iter()
        .map(|(user, not_after, warned_at, has_mail)| {
            Ok(Ending {
                user: user.parse().map_err(corrupt("user id"))?,
                not_after: moment(not_after)?,
                warned_at: warned_at.map(moment).transpose()?,
                has_mail,
            })
        })
        .collect()
}

/// A user whose certificates end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// Who.
    pub user: UserId,
    /// When.
    pub not_after: Timestamp,
    /// When the user was last told.
    pub warned_at: Option<Timestamp>,
    /// Whether the relay can mail to the user.
    pub has_mail: bool,
}

const SELECT: &str = "SELECT u.id, u.office, u.state, u.disabled_reason, u.disabled_at, u.lost_at, u.created_at, \
     u.name, u.mail, u.device, u.mail_failed_at, e.id AS enrolment, e.made_at, e.mismatches, e.pc, \
     (SELECT count(*) FROM requests r WHERE r.user_id = u.id AND r.keys IS NOT NULL) AS waiting, \
     (SELECT max(o.number) FROM orders o WHERE o.user_id = u.id AND o.kind <> 'notice') AS newest_order, \
     (SELECT max(c.not_after) FROM certificates c \
         WHERE c.user_id = u.id AND c.purpose = 'signing' AND c.revoked_at IS NULL) AS ends_at \
     FROM users u LEFT JOIN enrolments e ON e.user_id = u.id AND e.ended_at IS NULL";

fn statement(select: &str, filter: &Filter, limit: u32) -> QueryBuilder<Sqlite> {
    let mut query = QueryBuilder::new(select);
    query.push(" WHERE u.id > ").push_bind(filter.after.as_ref().map_or(String::new(), ToString::to_string));
    if let Some(user) = &filter.user {
        query.push(" AND u.id = ").push_bind(user.to_string());
    }
    if let Some(office) = &filter.office {
        query.push(" AND u.office = ").push_bind(office.to_string());
    }
    if let Some(mail) = &filter.mail {
        query.push(" AND u.mail = ").push_bind(mail.as_str().to_owned());
    }
    if let Some(state) = filter.state {
        query.push(" AND u.state = ").push_bind(state);
    }
    query.push(" ORDER BY u.id LIMIT ").push_bind(limit);
    query
}

#[derive(sqlx::FromRow)]
struct Row {
    #[sqlx(flatten)]
    user: users::Row,
    name: Option<String>,
    mail: Option<String>,
    device: Option<String>,
    mail_failed_at: Option<i64>,
    enrolment: Option<String>,
    made_at: Option<i64>,
    mismatches: Option<u32>,
    pc: Option<String>,
    waiting: u32,
    newest_order: Option<i64>,
    ends_at: Option<i64>,
}

impl Row {
    fn parse(self) -> Result<Listed, StoreError> {
        let enrolment = match (self.enrolment, self.made_at, self.mismatches) {
            (Some(id), Some(made_at), Some(mismatches)) => {
                Some(ListedEnrolment { id, made_at: moment(made_at)?, mismatches, pc: self.pc, waiting: self.waiting })
            }
            _ => None,
        };
        Ok(Listed {
            user: self.user.parse()?,
            name: self.name,
            mail: self.mail,
            device: self.device,
            enrolment,
            order: self.newest_order,
            certificate_ends_at: self.ends_at.map(moment).transpose()?,
            mail_failed_at: self.mail_failed_at.map(moment).transpose()?,
        })
    }
}
