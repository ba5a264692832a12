//! The server over loopback, spoken to byte by byte, and held against the contract of a registry.
#![expect(
    clippy::unwrap_used,
    reason = "the helpers of tests fail a test as the tests themselves do"
)]

mod blobs;
mod bodies;
mod check;
mod connections;
mod contract;
mod description;
mod failures;
mod gate;
mod harness;
mod lengths;
mod lists;
mod manifests;
mod paths;
mod policies;
mod schema;
mod tls;
mod tree;
mod uploads;
