//! The fuzzers' targets on their seeds and on everything that they kept.

use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

use portolan_model::Digest;
use portolan_testkit::fuzzing::{TARGETS, Target};

/// Where the fuzzers keep the inputs of a target.
fn kept(target: &Target) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target.name)
}

/// With `WRITE_FUZZ_SEEDS=1` the seeds are also written to where the fuzzers find them.
#[test]
fn every_seed_holds() {
    for target in TARGETS {
        let seeds = (target.seeds)();
        assert!(seeds.len() > 60);
        for seed in seeds {
            (target.run)(&seed);
            if std::env::var_os("WRITE_FUZZ_SEEDS").is_some() {
                fs::create_dir_all(kept(&target)).unwrap();
                fs::write(kept(&target).join(&Digest::sha256(&seed).encoded()[..40]), seed).unwrap();
            }
        }
    }
}

#[test]
fn everything_that_was_kept_holds() {
    for target in TARGETS {
        let mut failed = Vec::new();
        let mut inputs = 0;
        for entry in fs::read_dir(kept(&target)).expect("fuzz/corpus has a folder for each target") {
            let path = entry.unwrap().path();
            let input = fs::read(&path).unwrap();
            inputs += 1;
            if catch_unwind(|| (target.run)(&input)).is_err() {
                failed.push(path);
            }
        }
        assert!(inputs > 60, "only {inputs} inputs are kept for {}", target.name);
        assert!(failed.is_empty(), "{}: {failed:?}", target.name);
    }
}
