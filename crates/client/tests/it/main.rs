//! Tests of the client against Portolan's server, and against fakes of other registries.
#![expect(
    clippy::unwrap_used,
    reason = "test helpers panic in the same way as tests"
)]

mod auth;
mod contract;
mod downloads;
mod harness;
mod host;
mod hostile;
mod lists;
mod manifests;
mod origins;
mod registry;
mod retry;
mod tls;
mod uploads;
