//! Layouts and archives as their users meet them: the contract of every registry, and the files.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod contract;
mod docker;
mod folder;
mod names;
mod oci;
mod orphans;
mod place;
mod sharing;
mod tree;
