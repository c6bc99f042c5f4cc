//! Kenpo eXpress: sealed, signed files between a health insurance union and its employers.
//!
//! The rooms of the house, from the bottom up. Each may use those above it in this list and none below:
//!
//! * [`domain`]: the words of the business as types. Pure: no clock, no randomness, no input or output.
//! * [`message`]: the sealed message (MIME inside CMS `SignedData` inside CMS `AuthEnvelopedData`) as streams.
//! * [`pki`]: certificates, requests, revocation lists, the union's CA.
//! * [`secret`]: passwords and PINs, and what is derived from them.
//! * The edges, each apart: [`config`] (settings), [`runtime`] (time, signals, logs, metrics, tasks), [`http`] (what every
//!   server stands behind), [`wire`] (the contract between the parties), [`store`] (databases), [`stream`] (files on
//!   their way), [`archive`] (files that stay), [`mail`] (what goes out to people).
//! * [`operations`]: what either server has for whoever operates it: checks, the first set-up, the doctor.
//! * The sides, which never use each other: [`gateway`], [`relay`], [`employer`].
//!
//! What runs in data centres and at unions is for Unix only; what people's PCs need is written for Windows too.

#[cfg(unix)]
pub mod archive;
pub mod config;
pub mod domain;
pub mod employer;
#[cfg(unix)]
pub mod gateway;
#[cfg(unix)]
pub mod http;
#[cfg(unix)]
pub mod mail;
pub mod message;
#[cfg(unix)]
pub mod operations;
pub mod pki;
#[cfg(unix)]
pub mod relay;
pub mod runtime;
#[cfg(unix)]
pub mod sandbox;
pub mod secret;
#[cfg(unix)]
pub mod store;
pub mod stream;
pub mod wire;
