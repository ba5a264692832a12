//! Tests over the corpus: findings, conversions and compatibility of each case, replays of the fuzz
//! targets, and the references in documentation pages.

#![expect(clippy::unwrap_used, reason = "a panic fails the test")]

mod compatibility;
mod conversion;
mod findings;
mod fixes;
mod fuzzing;
mod pages;
mod snapshot;
