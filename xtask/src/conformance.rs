//! `cargo xtask conformance`: runs the official program at 1.1 and dev, dense and sparse, without a
//! failure or a skip.
//!
//! The exit status of the program is not sufficient: an invalid configuration exits with 0, and one
//! pass outranks every skip. Therefore its counts and its table of features are read, and any
//! result other than a pass fails the run.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::servers::{self, RunningServer, ServerProgram};
use crate::tools;

/// Command line arguments of `cargo xtask conformance`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Server under test; a peer shows the results of other servers
    #[arg(long, value_enum, default_value = "portolan")]
    against: ServerProgram,
}

const CONFIGURATION: &str = "[[policy]]\nrepositories = \"sparse/**\"\npreset = \"sparse\"\n";

/// Features of the program, including those that 1.1 disables. `OCI_DATA_SPARSE` is set for each
/// run.
const FEATURES: [&str; 30] = [
    "OCI_API_PING",
    "OCI_API_PULL",
    "OCI_API_PUSH",
    "OCI_API_BLOBS_ATOMIC",
    "OCI_API_BLOBS_DELETE",
    "OCI_API_BLOBS_DIGEST_HEADER",
    "OCI_API_BLOBS_MOUNT_ANONYMOUS",
    "OCI_API_BLOBS_UPLOAD_CANCEL",
    "OCI_API_MANIFESTS_ATOMIC",
    "OCI_API_MANIFESTS_DELETE",
    "OCI_API_MANIFESTS_DIGEST_HEADER",
    "OCI_API_MANIFESTS_TAG_PARAM",
    "OCI_API_TAGS_ATOMIC",
    "OCI_API_TAGS_DELETE",
    "OCI_API_TAGS_LIST",
    "OCI_API_REFERRER",
    "OCI_DATA_IMAGE",
    "OCI_DATA_INDEX",
    "OCI_DATA_INDEX_LIST",
    "OCI_DATA_ARTIFACT",
    "OCI_DATA_SUBJECT",
    "OCI_DATA_SUBJECT_MISSING",
    "OCI_DATA_ARTIFACT_LIST",
    "OCI_DATA_SUBJECT_LIST",
    "OCI_DATA_DATA_FIELD",
    "OCI_DATA_NONDISTRIBUTABLE",
    "OCI_DATA_CUSTOM_FIELDS",
    "OCI_DATA_NO_LAYERS",
    "OCI_DATA_EMPTY_BLOB",
    "OCI_DATA_SHA512",
];

/// One run of the program.
struct ConformanceRun {
    version: &'static str,
    policy: &'static str,
}

const RUNS: [ConformanceRun; 4] = [
    ConformanceRun {
        version: "1.1",
        policy: "open",
    },
    ConformanceRun {
        version: "1.1",
        policy: "sparse",
    },
    ConformanceRun {
        version: "dev",
        policy: "open",
    },
    ConformanceRun {
        version: "dev",
        policy: "sparse",
    },
];

/// Runs all four, and fails unless each passed without a skip.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    tools::require(&[tools::CONFORMANCE])?;
    if arguments.against == ServerProgram::Distribution {
        tools::require(&[tools::DISTRIBUTION])?;
    }
    let folder = tempfile::tempdir()?;
    let server = RunningServer::start(
        arguments.against,
        &folder.path().join("data"),
        CONFIGURATION,
    )?;
    let reports = servers::target_folder().join("conformance");
    let mut failed = 0;
    for run in &RUNS {
        let findings = run.findings(&server.host(), &reports)?;
        failed += usize::from(!findings.is_empty());
        for finding in &findings {
            println!("  {finding}");
        }
    }
    println!("reports written to {}", reports.display());
    if failed > 0 {
        bail!("{failed} of {} conformance runs did not pass", RUNS.len());
    }
    Ok(())
}

impl ConformanceRun {
    fn is_sparse(&self) -> bool {
        self.policy == "sparse"
    }

    /// Runs the program, prints the counts and returns everything that is not a pass.
    fn findings(&self, host: &str, reports: &Path) -> Result<Vec<String>> {
        let results = self.execute(host, reports)?;
        let text = fs::read_to_string(results.join("output.txt"))?;
        let counts = Counts::read(&text)
            .with_context(|| format!("no result found in {}", results.display()))?;
        println!("{} {}: {}", self.version, self.policy, counts.summary());
        let mut findings = counts.findings();
        findings.extend(unfinished_tests(&text));
        let table = fs::read_to_string(results.join("results.yaml"))?;
        findings.extend(unfinished_features(&table, self.is_sparse()));
        Ok(findings)
    }

    /// Runs the program with repositories of its own, and returns the folder with its three reports
    /// and its output.
    fn execute(&self, host: &str, reports: &Path) -> Result<PathBuf> {
        let results = reports.join(format!("{}-{}", self.version, self.policy));
        fs::create_dir_all(&results)?;
        let repository = format!("{}/conformance-{}", self.policy, self.version);
        // The exit status is ignored: the output contains the same information in more detail.
        Command::new(tools::CONFORMANCE.path())
            .envs(FEATURES.map(|feature| (feature, "true")))
            .env("OCI_DATA_SPARSE", self.is_sparse().to_string())
            .env("OCI_VERSION", self.version)
            .env("OCI_REGISTRY", host)
            .env("OCI_TLS", "disabled")
            .env("OCI_REPO1", format!("{repository}/one"))
            .env("OCI_REPO2", format!("{repository}/two"))
            .env("OCI_LOG", "error")
            .env("OCI_RESULTS_DIR", &results)
            .current_dir(&results)
            .stdin(Stdio::null())
            .stdout(File::create(results.join("output.txt"))?)
            .status()
            .context("failed to start the conformance program")?;
        Ok(results)
    }
}

/// Summary at the end of the program's output: the result and the number of tests per status.
struct Counts {
    result: String,
    passed: u32,
    failed: u32,
    skipped: u32,
    disabled: u32,
}

impl Counts {
    fn read(output: &str) -> Option<Self> {
        let (_, end) = output.split_once("\nOCI Conformance Result: ")?;
        let count = |name: &str| {
            let line = end
                .lines()
                .find(|line| line.trim_start().starts_with(name))?;
            line.rsplit_once(':')?.1.trim().parse::<u32>().ok()
        };
        Some(Self {
            result: end.lines().next()?.to_owned(),
            passed: count("Pass.")?,
            failed: count("FAIL.")? + count("Error.")?,
            skipped: count("Skip.")?,
            disabled: count("Disabled.")?,
        })
    }

    fn summary(&self) -> String {
        let Self {
            result,
            passed,
            failed,
            skipped,
            disabled,
        } = self;
        format!(
            "{result}: {passed} passed, {failed} failed, {skipped} skipped, {disabled} disabled"
        )
    }

    fn findings(&self) -> Vec<String> {
        let good = self.result == "Pass" && self.passed > 0;
        let complete = self.failed + self.skipped + self.disabled == 0;
        if good && complete {
            Vec::new()
        } else {
            vec![format!("not a clean pass: {}", self.summary())]
        }
    }
}

/// Returns the innermost tests that did not pass, each with its reason, which may span several
/// lines.
fn unfinished_tests(output: &str) -> Vec<String> {
    let body = output.split("\nConfiguration:").next().unwrap_or_default();
    let mut tests: Vec<String> = Vec::new();
    let mut current = None;
    for line in body.lines() {
        let text = line.trim();
        if text.starts_with("OCI Conformance Test") {
            current = Some(text).filter(|text| !text.ends_with(": Pass"));
        } else if let Some(name) = current.take() {
            tests.push(format!("{name} {text}"));
        } else if let Some(last) = tests.last_mut().filter(|_| !text.is_empty()) {
            last.push_str("; ");
            last.push_str(text);
        }
    }
    tests
}

/// Returns the features that the table does not report as passed. Only this table contains features
/// that were never tried.
fn unfinished_features(table: &str, sparse: bool) -> Vec<String> {
    let features = table
        .lines()
        .skip_while(|line| *line != "apis:")
        .filter(|line| line.starts_with("  "));
    let expected = |line: &str| {
        line.ends_with(": Pass") || (!sparse && line == "  Sparse Manifests: Disabled")
    };
    features
        .filter(|line| !expected(line))
        .map(|line| format!("feature {}", line.trim()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str = "Test results\nOCI Conformance Test: FAIL\n  OCI Conformance Test/ping: Pass\n  \
        OCI Conformance Test/empty: FAIL\n    OCI Conformance Test/empty/referrers: FAIL\n     - a header\nand a status\n\n\
        Configuration:\n  registry: x\nOCI Conformance Result: FAIL\n  Disabled....:   0\n  Skip....:   2\n  \
        Pass....:  7\n  FAIL....:  3\n  Error...:  1\n";

    #[test]
    fn reads_counts_from_the_end_of_the_output() {
        let counts = Counts::read(OUTPUT).unwrap();
        assert_eq!(
            counts.summary(),
            "FAIL: 7 passed, 4 failed, 2 skipped, 0 disabled"
        );
        assert_eq!(counts.findings().len(), 1);
        assert!(Counts::read("failed to load config").is_none());
    }

    #[test]
    fn skip_next_to_a_pass_is_a_finding() {
        let counts = Counts {
            result: "Pass".to_owned(),
            passed: 9,
            failed: 0,
            skipped: 1,
            disabled: 0,
        };
        assert_eq!(counts.findings().len(), 1);
    }

    #[test]
    fn returns_failed_tests_with_their_reasons() {
        let tests = unfinished_tests(OUTPUT);
        assert_eq!(
            tests,
            ["OCI Conformance Test/empty/referrers: FAIL - a header; and a status"]
        );
    }

    #[test]
    fn only_dense_runs_may_skip_sparse_data() {
        let table =
            "config:\n  tls: disabled\napis:\n  Ping: Pass\ndata:\n  Sparse Manifests: Disabled\n";
        assert!(unfinished_features(table, false).is_empty());
        assert_eq!(
            unfinished_features(table, true),
            ["feature Sparse Manifests: Disabled"]
        );
    }
}
