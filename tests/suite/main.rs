//! The tests that drive the real parts, in one binary so that linking is paid once.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod architecture;
mod exchange_alarms;
mod exchange_employer;
mod exchange_sandbox;
mod exchange_servers;
mod exchange_support;
mod gateway_quarantine;
mod gateway_relay;
mod gateway_staff;
mod gateway_support;
mod message_command;
mod message_hostile;
mod message_openssl;
mod message_roundtrip;
mod message_support;
mod message_vectors;
mod pki;
mod pull_again;
mod pull_beside;
mod pull_crash;
mod pull_disk;
mod pull_flow;
mod pull_lies;
mod pull_restored;
mod pull_verdicts;
mod relay_access;
mod relay_command;
mod relay_foreign;
mod relay_limits;
mod relay_login;
mod relay_openapi;
mod relay_page;
mod relay_parcels;
mod relay_pin;
mod relay_renewal;
mod relay_requests;
mod relay_smtp;
mod relay_storage;
mod relay_upload_rules;
mod relay_uploads;
mod support;
