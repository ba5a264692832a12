//! Tests of layouts and archives through the public API: the registry contract, and the resulting
//! files.

#![expect(
    clippy::unwrap_used,
    reason = "test helpers panic in the same way as tests"
)]

mod contract;
mod docker;
mod folder;
mod names;
mod oci;
mod orphans;
mod place;
mod producers;
mod reproducible;
mod saving;
mod sharing;
mod tree;
