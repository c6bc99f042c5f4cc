//! Registration of many, from CSV files: all of a file or nothing of it, and every line that is wrong is named.

mod sheet;

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::Serialize;

use super::users::make_id;
use super::{Admin, AdminError, BadLine, Refused};
use crate::domain::ids::{OfficeCode, UserId};
use crate::domain::person::{MailAddress, OfficeName};
use crate::store::gateway::audit::{self, Entry};
use crate::store::gateway::offices::{self, Office};
use crate::store::gateway::users::{self, Contact, NewUser};
use crate::store::sqlite::{Connection, StoreError};
use sheet::{Row, Sheet};

/// Octets of the largest file that is looked at.
pub const MAX_FILE: usize = sheet::MAX_FILE;

/// What an import came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Imported {
    /// Offices that are new.
    pub offices: usize,
    /// Users that are new.
    pub users: usize,
    /// How the file was written: `UTF-8` or `Shift_JIS`.
    pub encoding: &'static str,
    /// Nothing was written.
    pub dry_run: bool,
}

impl Admin {
    /// Registers the offices of a file with the columns 事業所記号, 事業所名.
    pub async fn import_offices(&self, file: Vec<u8>, dry_run: bool) -> Result<Imported, AdminError> {
        let sheet = read(file, &[OFFICE, OFFICE_NAME], &[]).await?;
        let mut bad = Bad::default();
        let rows: Vec<(u64, OfficeCode, OfficeName)> = sheet
            .rows
            .iter()
            .filter_map(|row| Some((row.line, bad.parse(row, OFFICE)?, bad.parse(row, OFFICE_NAME)?)))
            .collect();
        let mut transaction = self.gateway.receiver.database.write().await?;
        let new = offices_of(&mut transaction, &rows, &mut bad).await?;
        let mut seen = HashSet::new();
        for (line, code, _) in &rows {
            if !seen.insert(code) || !new.iter().any(|one| one.code == *code) {
                bad.add(
                    *line,
                    format_args!("{OFFICE}: 登録済みか、前の行と同じです (registered already, or twice in the file)"),
                );
            }
        }
        bad.check()?;
        self.write_offices(&mut transaction, &new).await?;
        self.conclude(transaction, Imported { offices: new.len(), users: 0, encoding: sheet.encoding, dry_run }).await
    }

    /// Registers the users of a file with the columns 事業所記号, 事業所名, 利用者名, メールアドレス, 端末名 and, if there is one,
    /// 利用者ID; and their offices as far as they are new.
    pub async fn import_users(&self, file: Vec<u8>, dry_run: bool) -> Result<Imported, AdminError> {
        let sheet = read(file, &[OFFICE, OFFICE_NAME, NAME, MAIL, DEVICE], &[USER]).await?;
        let mut bad = Bad::default();
        let lines: Vec<Wish> = sheet.rows.iter().filter_map(|row| Wish::read(row, &mut bad)).collect();
        let mut transaction = self.gateway.receiver.database.write().await?;
        let of_offices: Vec<_> = lines.iter().map(|l| (l.line, l.office.clone(), l.office_name.clone())).collect();
        let new = offices_of(&mut transaction, &of_offices, &mut bad).await?;
        known_before(&mut transaction, &lines, &mut bad).await?;
        bad.check()?;
        let users = self.with_ids(&mut transaction, lines).await?;
        let now = self.now();
        self.write_offices(&mut transaction, &new).await?;
        users::insert_registered(&mut transaction, &users, now).await?;
        let added = |user: &NewUser| self.entry("user.added", user.id.as_str(), "registered", now);
        audit::insert_from(&mut transaction, &users.iter().map(added).collect::<Vec<_>>(), &self.origin).await?;
        let done = Imported { offices: new.len(), users: users.len(), encoding: sheet.encoding, dry_run };
        self.conclude(transaction, done).await
    }

    async fn conclude(
        &self,
        transaction: crate::store::sqlite::WriteTransaction,
        done: Imported,
    ) -> Result<Imported, AdminError> {
        // A dry run does everything but the last step.
        if !done.dry_run {
            self.gateway.receiver.database.commit(transaction).await?;
        }
        Ok(done)
    }

    async fn write_offices(&self, connection: &mut Connection, new: &[Office]) -> Result<(), StoreError> {
        let now = self.now();
        let dated: Vec<Office> = new.iter().map(|office| Office { created_at: now, ..office.clone() }).collect();
        for office in &dated {
            offices::insert(connection, office).await?;
        }
        let added = |office: &Office| self.entry("office.added", office.code.as_str(), "registered", now);
        audit::insert_from(connection, &dated.iter().map(added).collect::<Vec<_>>(), &self.origin).await
    }

    /// Ids for those who were given none.
    async fn with_ids(&self, connection: &mut Connection, lines: Vec<Wish>) -> Result<Vec<NewUser>, StoreError> {
        let random = self.gateway.receiver.random.as_ref();
        let mut used: HashSet<String> =
            lines.iter().filter_map(|line| line.user.as_ref()).map(ToString::to_string).collect();
        let missing = lines.iter().filter(|line| line.user.is_none()).count();
        let mut made = Vec::with_capacity(missing);
        while made.len() < missing {
            let more: Vec<UserId> = (made.len()..missing).map(|_| make_id(random)).collect();
            let taken = users::taken(connection, &more).await?;
            made.extend(more.into_iter().filter(|id| !taken.contains(id.as_str()) && used.insert(id.to_string())));
        }
        let mut made = made.into_iter();
        let with_id = |line: Wish| {
            let id = line.user.or_else(|| made.next()).expect("as many ids were made as were missing");
            NewUser { id, office: line.office, contact: line.contact }
        };
        Ok(lines.into_iter().map(with_id).collect())
    }

    fn entry(&self, action: &'static str, subject: &str, after: &str, at: Timestamp) -> Entry {
        Entry {
            at,
            actor: self.actor.clone(),
            action,
            subject: subject.to_owned(),
            before: String::new(),
            after: after.to_owned(),
        }
    }
}

const OFFICE: &str = "事業所記号";
const OFFICE_NAME: &str = "事業所名";
const NAME: &str = "利用者名";
const MAIL: &str = "メールアドレス";
const DEVICE: &str = "端末名";
const USER: &str = "利用者ID";

async fn read(
    file: Vec<u8>,
    needed: &'static [&'static str],
    optional: &'static [&'static str],
) -> Result<Sheet, AdminError> {
    let task = tokio::task::spawn_blocking(move || Sheet::read(&file, needed, optional));
    Ok(task.await.map_err(std::io::Error::other)??)
}

/// It was written down what is wrong.
struct Wrong;

/// Collects what is wrong.
#[derive(Default)]
struct Bad(Vec<BadLine>);

impl Bad {
    fn add(&mut self, line: u64, problem: impl fmt::Display) {
        self.0.push(BadLine { line, problem: problem.to_string() });
    }

    fn parse<T: FromStr<Err: fmt::Display>>(&mut self, row: &Row, column: &str) -> Option<T> {
        let text = match row.get(column) {
            Ok(text) => text,
            Err(problem) => {
                self.add(row.line, format_args!("{column}: {problem}"));
                return None;
            }
        };
        text.parse().map_err(|problem| self.add(row.line, format_args!("{column}: {problem}"))).ok()
    }

    /// Something that may be empty.
    fn parse_some<T: FromStr<Err: fmt::Display>>(&mut self, row: &Row, column: &str) -> Result<Option<T>, Wrong> {
        match row.get(column) {
            Ok(text) if text.trim().is_empty() => Ok(None),
            _ => self.parse(row, column).map(Some).ok_or(Wrong),
        }
    }

    fn check(mut self) -> Result<(), Refused> {
        self.0.sort_by_key(|bad| bad.line);
        if self.0.is_empty() { Ok(()) } else { Err(Refused { lines: self.0 }) }
    }
}

/// A line that reads: somebody who is to be registered.
struct Wish {
    line: u64,
    office: OfficeCode,
    office_name: OfficeName,
    contact: Contact,
    user: Option<UserId>,
}

impl Wish {
    /// Reads all columns, so that everything wrong with a line is said at once.
    fn read(row: &Row, bad: &mut Bad) -> Option<Self> {
        let (office, office_name) = (bad.parse(row, OFFICE), bad.parse(row, OFFICE_NAME));
        let (name, mail) = (bad.parse(row, NAME), bad.parse(row, MAIL));
        let (device, user) = (bad.parse_some(row, DEVICE), bad.parse_some(row, USER));
        let contact = Contact { name: name?, mail: mail?, device: device.ok()? };
        Some(Self { line: row.line, office: office?, office_name: office_name?, contact, user: user.ok()? })
    }

    fn recognised(&self) -> users::Recognised {
        let Contact { name, mail, device } = &self.contact;
        let device = device.as_ref().map_or("", |device| device.as_str());
        (self.office.to_string(), name.as_str().to_owned(), mail.as_str().to_ascii_lowercase(), device.to_owned())
    }
}

/// The offices that are new. One code has one name, in the file and in the registry.
async fn offices_of(
    connection: &mut Connection,
    rows: &[(u64, OfficeCode, OfficeName)],
    bad: &mut Bad,
) -> Result<Vec<Office>, StoreError> {
    let mut codes: Vec<OfficeCode> = rows.iter().map(|(_, code, _)| code.clone()).collect();
    codes.sort_unstable();
    codes.dedup();
    let registered = offices::find_all(connection, &codes).await?;
    let mut names: HashMap<OfficeCode, OfficeName> = registered.into_iter().map(|one| (one.code, one.name)).collect();
    let mut new = Vec::new();
    for (line, code, name) in rows {
        match names.get(code) {
            Some(known) if known.is(name.as_str()) => {}
            Some(_) => bad.add(
                *line,
                format_args!(
                    "{OFFICE_NAME}: この{OFFICE}には別の名称が登録されています (this office has another name)"
                ),
            ),
            None => {
                names.insert(code.clone(), name.clone());
                new.push(Office { code: code.clone(), name: name.clone(), created_at: Timestamp::UNIX_EPOCH });
            }
        }
    }
    Ok(new)
}

/// Whoever is registered already, or stands in the file twice.
async fn known_before(connection: &mut Connection, lines: &[Wish], bad: &mut Bad) -> Result<(), StoreError> {
    let ids: Vec<UserId> = lines.iter().filter_map(|line| line.user.clone()).collect();
    let mut taken = users::taken(connection, &ids).await?;
    let mails: Vec<MailAddress> = lines.iter().map(|line| line.contact.mail.clone()).collect();
    let mut known = users::with_mails(connection, &mails).await?;
    for line in lines {
        if line.user.as_ref().is_some_and(|id| !taken.insert(id.to_string())) {
            bad.add(line.line, format_args!("{USER}: 使用済みです (the id is taken, or stands in the file twice)"));
        }
        if !known.insert(line.recognised()) {
            let problem = "同じ利用者が登録済みか、前の行にあります (registered already, or twice in the file)";
            bad.add(line.line, problem);
        }
    }
    Ok(())
}
