//! Users, files and offices by their names, with what tells them apart beside it.

use askama::Template;

use super::words::Words;
use crate::store::gateway::names::Names;

/// Something as pages name it.
#[derive(Debug, Clone, Template)]
#[template(path = "console/named.html")]
pub(super) struct Named {
    /// What staff call it; its id if it has no name, or is not there any more.
    pub(super) name: String,
    /// What tells it from others of that name.
    pub(super) note: String,
    /// Its id.
    pub(super) id: String,
}

impl Named {
    /// What is called by its id alone.
    pub(super) fn alone(id: &str) -> Self {
        Self { name: id.to_owned(), note: String::new(), id: id.to_owned() }
    }

    /// A user, with office and id.
    pub(super) fn user(id: &str, names: &Names) -> Self {
        let Some(user) = names.users.get(id) else { return Self::alone(id) };
        let office = Self::office(&user.office, names).name;
        match &user.name {
            Some(name) => Self { name: name.clone(), note: format!("{office}　{id}"), id: id.to_owned() },
            None => Self { note: office, ..Self::alone(id) },
        }
    }

    /// A file, with the end of its id.
    pub(super) fn file(id: &str, names: &Names, w: &Words) -> Self {
        match names.files.get(id) {
            Some(file) => Self::file_called(id, file.name.as_deref(), w),
            None => Self::alone(id),
        }
    }

    /// A file that is known to be called so, or to have no name that could be read.
    pub(super) fn file_called(id: &str, name: Option<&str>, w: &Words) -> Self {
        // The end of an id is by chance; its beginning is the time.
        let end = id.get(24..).unwrap_or(id);
        Self { name: name.unwrap_or(w.no_name).to_owned(), note: format!("…{end}"), id: id.to_owned() }
    }

    /// An office: code and name.
    pub(super) fn office(code: &str, names: &Names) -> Self {
        let name = names.offices.get(code).map_or_else(|| code.to_owned(), |name| format!("{code} {name}"));
        Self { name, ..Self::alone(code) }
    }
}
