//! What is said of each case of the corpus, and what the fuzzers' targets make of it; and whether pages name what is there.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod compatibility;
mod conversion;
mod findings;
mod fuzzing;
mod mending;
mod pages;
mod snapshot;
