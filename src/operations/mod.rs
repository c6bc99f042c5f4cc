//! What either server has for whoever operates it, beside running: what is shared of checking a configuration, of the first
//! set-up, of the examination by `doctor` and of the logs that are collected.
//!
//! * [`places`]: files, folders and addresses that a configuration names, and what is wrong with them.
//! * [`questions`], [`template`], [`owner`], [`keyfiles`]: what is asked, the configuration and the keys that are made of it, and
//!   whom they are for. [`doctor`]: what both doctors look at. [`logs`]: the archive for whoever looks for a cause. [`handover`]: what operator and union give to each other.

pub mod doctor;
pub mod handover;
pub mod keyfiles;
pub mod logs;
pub mod owner;
pub mod places;
pub mod questions;
pub mod template;
