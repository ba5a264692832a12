//! The fuzzers' targets on their seeds and on everything that they kept.

use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

use portolan_model::Digest;
use portolan_testkit::fuzzing::{TARGETS, Target};

/// With `WRITE_FUZZ_SEEDS=1` the seeds are also written to where the fuzzers find them.
#[test]
fn every_seed_holds() {
    for target in TARGETS {
        let seeds = (target.seeds)();
        assert!(seeds.len() > 60);
        for seed in seeds {
            (target.run)(&seed);
            if std::env::var_os("WRITE_FUZZ_SEEDS").is_some() {
                let folder = folder("corpus", &target);
                fs::create_dir_all(&folder).unwrap();
                fs::write(folder.join(&Digest::sha256(&seed).encoded()[..40]), seed).unwrap();
            }
        }
    }
}

#[test]
fn everything_that_was_kept_holds() {
    for target in TARGETS {
        let inputs = inputs(&folder("corpus", &target));
        assert!(
            inputs.len() > 60,
            "only {} inputs are kept for {}",
            inputs.len(),
            target.name
        );
        assert_all_hold(&target, &inputs);
    }
}

#[test]
fn everything_that_once_failed_holds() {
    for target in TARGETS {
        let folder = folder("found", &target);
        if folder.is_dir() {
            assert_all_hold(&target, &inputs(&folder));
        }
    }
}

fn folder(name: &str, target: &Target) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../fuzz")
        .join(name)
        .join(target.name)
}

fn inputs(folder: &Path) -> Vec<PathBuf> {
    let entries =
        fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    entries.map(|entry| entry.unwrap().path()).collect()
}

/// Names every input that does not hold, not only the first.
fn assert_all_hold(target: &Target, inputs: &[PathBuf]) {
    let fails = |path: &&PathBuf| {
        let input = fs::read(path).unwrap();
        catch_unwind(|| (target.run)(&input)).is_err()
    };
    let failed: Vec<_> = inputs.iter().filter(fails).collect();
    assert!(failed.is_empty(), "{}: {failed:?}", target.name);
}
