//! What the fuzzers run, so that tests can run the same on what the fuzzers kept.
//!
//! Each target takes any bytes and panics when something that must hold does not. The folder `fuzz/` makes programs of
//! them; its `corpus/` is replayed by this crate's tests. The seeds are the cases of [`crate::corpus`].

mod convert;
mod lint;
mod manifest;
mod pieces;
mod types;

pub use convert::convert;
pub use lint::lint;
pub use manifest::manifest;

/// Something that is fuzzed.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name, that of its program and of its folder in the corpus.
    pub name: &'static str,
    /// What is run on an input.
    pub run: fn(&[u8]),
    /// Inputs to begin with.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// Everything that is fuzzed.
pub const TARGETS: [Target; 3] = [
    Target {
        name: "manifest",
        run: manifest,
        seeds: manifest::seeds,
    },
    Target {
        name: "lint",
        run: lint,
        seeds: lint::seeds,
    },
    Target {
        name: "convert",
        run: convert,
        seeds: convert::seeds,
    },
];

/// A JSON pointer, which is cut off where it would be very long.
fn assert_pointer(pointer: &str) {
    assert!(
        pointer.is_empty() || pointer.starts_with('/') || pointer == "…",
        "{pointer} is no JSON pointer"
    );
    assert!(pointer.len() < 2000, "a pointer of {} bytes", pointer.len());
}
