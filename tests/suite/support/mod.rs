//! What several tests need: a relay in this process with real TLS, unions and users with real certificates, and an HTTP
//! client that can also do what no good client does.

pub(crate) mod enrolment;
pub(crate) mod faulty;
pub(crate) mod http;
pub(crate) mod relay;
pub(crate) mod soon;
