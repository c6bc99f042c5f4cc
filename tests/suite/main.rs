//! The tests that drive the real parts, in one binary so that linking is paid once.

mod architecture;
mod pki;
