//! Integration tests of the server: raw HTTP over loopback, and the contract of a registry.
#![expect(clippy::unwrap_used, reason = "a failing helper fails its test")]

mod blobs;
mod bodies;
mod check;
mod connections;
mod contract;
mod description;
mod failures;
mod gate;
mod harness;
mod heads;
mod hosts;
mod lanes;
mod lengths;
mod lists;
mod manifests;
mod paths;
mod policies;
mod schema;
mod shares;
mod tls;
mod tree;
mod uploads;
