//! The client against Portolan's server, and against registries that behave as others do.
#![expect(
    clippy::unwrap_used,
    reason = "the helpers of tests fail a test as the tests themselves do"
)]

mod auth;
mod contract;
mod downloads;
mod fake;
mod harness;
mod host;
mod hostile;
mod lists;
mod manifests;
mod origins;
mod retry;
mod tls;
mod uploads;
