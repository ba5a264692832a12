//! Fuzz targets, for the fuzzers and for the tests that replay the inputs of the fuzzers.
//!
//! Each target accepts any bytes, and panics if an invariant is violated. The folder `fuzz/`
//! contains a binary for each target, and the tests of this crate replay the inputs in
//! `fuzz/corpus/`. The seeds of the targets for manifests are the cases of [`crate::corpus`].

mod archive;
mod auth_file;
mod challenge;
mod convert;
mod layout_index;
mod link;
mod lint;
mod manifest;
mod names;
mod pieces;
mod registries_conf;
mod types;

pub use archive::archive;
pub use auth_file::auth_file;
pub use challenge::challenge;
pub use convert::convert;
pub use layout_index::layout_index;
pub use link::link;
pub use lint::lint;
pub use manifest::manifest;
pub use names::names;
pub use registries_conf::registries_conf;

/// Fuzz target.
#[derive(Clone, Copy, Debug)]
pub struct FuzzTarget {
    /// Name of the target, of its binary, and of its folder in `fuzz/corpus/`.
    pub name: &'static str,
    /// Function that runs on each input.
    pub run: fn(&[u8]),
    /// Function that creates the seeds, the initial inputs.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// All fuzz targets.
pub const TARGETS: [FuzzTarget; 10] = [
    FuzzTarget {
        name: "manifest",
        run: manifest,
        seeds: manifest::seeds,
    },
    FuzzTarget {
        name: "lint",
        run: lint,
        seeds: lint::seeds,
    },
    FuzzTarget {
        name: "convert",
        run: convert,
        seeds: convert::seeds,
    },
    FuzzTarget {
        name: "archive",
        run: archive,
        seeds: archive::seeds,
    },
    FuzzTarget {
        name: "layout_index",
        run: layout_index,
        seeds: layout_index::seeds,
    },
    FuzzTarget {
        name: "auth_file",
        run: auth_file,
        seeds: auth_file::seeds,
    },
    FuzzTarget {
        name: "registries_conf",
        run: registries_conf,
        seeds: registries_conf::seeds,
    },
    FuzzTarget {
        name: "challenge",
        run: challenge,
        seeds: challenge::seeds,
    },
    FuzzTarget {
        name: "link",
        run: link,
        seeds: link::seeds,
    },
    FuzzTarget {
        name: "names",
        run: names,
        seeds: names::seeds,
    },
];

/// Checks that `pointer` is a JSON pointer. A truncated pointer, which ends with `…`, is accepted.
fn assert_pointer(pointer: &str) {
    assert!(
        pointer.is_empty() || pointer.starts_with('/') || pointer == "…",
        "{pointer} is not a JSON pointer"
    );
    assert!(pointer.len() < 2000, "a pointer of {} bytes", pointer.len());
}
