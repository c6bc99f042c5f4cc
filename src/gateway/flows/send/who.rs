//! Who acts on what is sent, for the audit.

/// Somebody, and from where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Who<'a> {
    /// The account, or `gateway`.
    pub name: &'a str,
    /// The address of whoever is at the console; otherwise empty.
    pub from: &'a str,
}

impl<'a> From<&'a str> for Who<'a> {
    fn from(name: &'a str) -> Self {
        Self { name, from: "" }
    }
}

impl<'a> From<&'a String> for Who<'a> {
    fn from(name: &'a String) -> Self {
        name.as_str().into()
    }
}
