//! The store as its users meet it: the contract of every registry, and what survives a restart.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod contract;
mod restart;
