//! The client against Portolan's server, and against registries that behave as others do.
#![expect(clippy::unwrap_used, reason = "the helpers of tests fail a test as the tests themselves do")]

mod auth;
mod contract;
mod downloads;
mod fake;
mod harness;
mod origins;
mod retry;
