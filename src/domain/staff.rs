//! The union's staff: who signs in at the console, and what each may do there.

use std::fmt;
use std::str::FromStr;

/// What somebody of the staff may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// 閲覧: sees.
    Reader,
    /// 担当: reviews and sends too.
    Clerk,
    /// 管理: looks after users and the schedule too.
    Manager,
    /// 監査: sees the audit, and nothing else.
    Auditor,
    /// 責任者: accounts and retention too.
    Officer,
}

/// What somebody does at the console. Each page and each action is for one of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Duty {
    /// Looks at what came and went, and how the gateway is.
    See,
    /// Reviews what came, and sends.
    Review,
    /// Looks after users, the schedule and what is expected of employers.
    Manage,
    /// Looks into the audit.
    Audit,
    /// Looks after accounts and retention.
    Govern,
}

impl Duty {
    /// Every one there is.
    pub const ALL: [Self; 5] = [Self::See, Self::Review, Self::Manage, Self::Audit, Self::Govern];
}

/// Text that is no role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "役割は 閲覧・担当・管理・監査・責任者 のいずれかです (the role must be reader, clerk, manager, auditor or officer)"
)]
pub struct UnknownRole;

impl Role {
    /// Every one there is.
    pub const ALL: [Self; 5] = [Self::Reader, Self::Clerk, Self::Manager, Self::Auditor, Self::Officer];

    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Reader => "reader",
            Self::Clerk => "clerk",
            Self::Manager => "manager",
            Self::Auditor => "auditor",
            Self::Officer => "officer",
        }
    }

    /// What staff call it.
    pub const fn japanese(self) -> &'static str {
        match self {
            Self::Reader => "閲覧",
            Self::Clerk => "担当",
            Self::Manager => "管理",
            Self::Auditor => "監査",
            Self::Officer => "責任者",
        }
    }

    /// Whether this is among what the role does.
    pub const fn may(self, duty: Duty) -> bool {
        match self {
            Self::Reader => matches!(duty, Duty::See),
            Self::Clerk => matches!(duty, Duty::See | Duty::Review),
            Self::Manager => matches!(duty, Duty::See | Duty::Review | Duty::Manage),
            Self::Auditor => matches!(duty, Duty::Audit),
            Self::Officer => true,
        }
    }
}

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        Self::ALL.into_iter().find(|role| role.code() == text || role.japanese() == text).ok_or(UnknownRole)
    }
}

/// What somebody of the staff signs in as. Not the name of a person: it stands in the audit.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StaffName(String);

/// Text that is no name of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "ログイン名は英小文字で始め、英小文字・数字・ハイフン・ピリオド・下線で2~32文字にしてください (a login name has 2 to 32 lower-case letters, \
     digits, '-', '.' or '_', and begins with a letter)"
)]
pub struct InvalidStaffName;

impl StaffName {
    /// As it is typed.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for StaffName {
    type Err = InvalidStaffName;

    fn from_str(text: &str) -> Result<Self, InvalidStaffName> {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-._".contains(&byte);
        let is_name = (2..=32).contains(&text.len())
            && text.bytes().all(plain)
            && text.bytes().next().is_some_and(|first| first.is_ascii_lowercase());
        if is_name { Ok(Self(text.to_owned())) } else { Err(InvalidStaffName) }
    }
}

impl fmt::Display for StaffName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_and_names_are_read() {
        for role in Role::ALL {
            assert_eq!((role.code().parse(), role.japanese().parse()), (Ok(role), Ok(role)));
        }
        assert!("root".parse::<Role>().is_err());
        assert!("k.suzuki-2".parse::<StaffName>().is_ok());
        for text in ["", "a", "2suzuki", "Suzuki", "鈴木", "a b", &"a".repeat(33)] {
            assert!(text.parse::<StaffName>().is_err(), "{text}");
        }
    }
}
