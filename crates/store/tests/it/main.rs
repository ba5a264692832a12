//! Tests of the store through its public API: the contract of every registry, and restarts.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod contract;
mod reserve;
mod restart;
