//! Replay of the fuzz targets: on their seeds, and on all stored inputs.

use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

use portolan_model::Digest;
use portolan_testkit::fuzzing::{FuzzTarget, TARGETS};

/// Runs each target on its seeds. With `WRITE_FUZZ_SEEDS=1` the seeds are also written to the
/// corpus of the fuzzers.
#[test]
fn accepts_all_seeds() {
    for target in TARGETS {
        let seeds = (target.seeds)();
        assert!(seeds.len() > 3);
        for seed in seeds {
            (target.run)(&seed);
            if std::env::var_os("WRITE_FUZZ_SEEDS").is_some() {
                let folder = folder("corpus", &target);
                fs::create_dir_all(&folder).unwrap();
                fs::write(
                    folder.join(&Digest::sha256(&seed).encoded_part()[..40]),
                    seed,
                )
                .unwrap();
            }
        }
    }
}

#[test]
fn accepts_all_inputs_of_the_corpus() {
    for target in TARGETS {
        let inputs = inputs(&folder("corpus", &target));
        assert!(
            inputs.len() > 10,
            "the corpus has only {} inputs for {}",
            inputs.len(),
            target.name
        );
        assert_all_hold(&target, &inputs);
    }
}

#[test]
fn accepts_all_inputs_that_failed_before() {
    for target in TARGETS {
        let folder = folder("found", &target);
        if folder.is_dir() {
            assert_all_hold(&target, &inputs(&folder));
        }
    }
}

fn folder(name: &str, target: &FuzzTarget) -> PathBuf {
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

/// Runs a target on all inputs, and reports every input that fails, not only the first.
fn assert_all_hold(target: &FuzzTarget, inputs: &[PathBuf]) {
    let fails = |path: &&PathBuf| {
        let input = fs::read(path).unwrap();
        catch_unwind(|| (target.run)(&input)).is_err()
    };
    let failed: Vec<_> = inputs.iter().filter(fails).collect();
    assert!(failed.is_empty(), "{}: {failed:?}", target.name);
}
