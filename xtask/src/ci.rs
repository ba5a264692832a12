//! `cargo xtask ci`: every check and tier in turn, each timed; all run, and one that fails fails the whole.

use std::env;
use std::io;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::servers::workspace;
use crate::tools;

/// Pinned, so that a new release's new opinion is taken in by a change of ours.
const CARGO_DENY: &str = "0.20.2";

/// Tiers with real peers. Torture and bench are shorter than by themselves: here they show that nothing broke.
const TIERS: [&[&str]; 5] = [
    &["conformance"],
    &["interop"],
    &["compat"],
    &["torture", "--kills", "10", "--cuts", "5"],
    &["bench", "--quick"],
];

/// The contract suite through the client, on CNCF distribution.
const DISTRIBUTION: [&str; 7] = [
    "test",
    "--package",
    "portolan-client",
    "--features",
    "distribution",
    "--test",
    "distribution",
];

/// The time that a look at a large tree may take, which holds for optimised code alone.
const LINT_TIME: [&str; 7] = [
    "test",
    "--release",
    "--package",
    "portolan-model",
    "--lib",
    "--",
    "lint::tests::hostile::ten_thousand_children_within_200_ms",
];

/// What to leave to somebody else.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Leaves `cargo test --workspace` out, for a caller who has just run it.
    #[arg(long)]
    without_tests: bool,
}

/// One step and how it ended.
struct Step {
    name: String,
    took: Duration,
    passed: bool,
}

/// Runs all steps and closes with the time of each.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let mut steps = Vec::new();
    checks(&mut steps)?;
    if !arguments.without_tests {
        step(&mut steps, "tests", &mut cargo(&["test", "--workspace"]));
    }
    step_of_one_test(
        &mut steps,
        "lint's time",
        cargo(&LINT_TIME).args(["--exact", "--ignored"]),
    );
    tools::require(&[tools::DISTRIBUTION])?;
    step(
        &mut steps,
        "client against distribution",
        &mut cargo(&DISTRIBUTION),
    );
    for tier in TIERS {
        step(&mut steps, tier[0], &mut xtask(tier)?);
    }
    close(&steps)
}

fn checks(steps: &mut Vec<Step>) -> Result<()> {
    step(steps, "fmt", &mut cargo(&["fmt", "--all", "--check"]));
    step(
        steps,
        "clippy",
        &mut cargo(&[
            "clippy",
            "--workspace",
            "--all-targets",
            "--",
            "--deny",
            "warnings",
        ]),
    );
    step(steps, "tidy", &mut xtask(&["tidy"])?);
    step(
        steps,
        "doc",
        cargo(&["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "--deny warnings"),
    );
    let deny = deny_binary()?;
    if !deny.exists() {
        step(steps, "cargo-deny, installed once", &mut install_deny()?);
    }
    // The advisories stand in a repository on GitHub, which not every machine reaches.
    step(
        steps,
        "deny",
        Command::new(deny).args([
            "check",
            "--hide-inclusion-graph",
            "bans",
            "licenses",
            "sources",
        ]),
    );
    Ok(())
}

fn step(steps: &mut Vec<Step>, name: &str, command: &mut Command) {
    timed(steps, name, command, |command| {
        Ok(command.status()?.success())
    });
}

/// Passes only if the one test ran: a name that no test has any more is no success.
fn step_of_one_test(steps: &mut Vec<Step>, name: &str, command: &mut Command) {
    timed(steps, name, command, |command| {
        let output = command.stderr(Stdio::inherit()).output()?;
        let told = String::from_utf8_lossy(&output.stdout);
        print!("{told}");
        Ok(output.status.success() && told.contains("test result: ok. 1 passed"))
    });
}

fn timed(
    steps: &mut Vec<Step>,
    name: &str,
    command: &mut Command,
    run: impl FnOnce(&mut Command) -> io::Result<bool>,
) {
    println!("=== {name}: {command:?}");
    let begin = Instant::now();
    let outcome = run(command.current_dir(workspace()));
    if let Err(error) = &outcome {
        println!("{error}");
    }
    let passed = outcome.is_ok_and(|passed| passed);
    let took = begin.elapsed();
    println!(
        "=== {name}: {} after {:.1} s",
        word(passed),
        took.as_secs_f64()
    );
    steps.push(Step {
        name: name.to_owned(),
        took,
        passed,
    });
}

fn close(steps: &[Step]) -> Result<()> {
    println!("=== ci");
    for step in steps {
        println!(
            "{:<28} {:>7.1} s  {}",
            step.name,
            step.took.as_secs_f64(),
            word(step.passed)
        );
    }
    let failed = steps.iter().filter(|step| !step.passed).count();
    println!("{} steps passed, {failed} failed", steps.len() - failed);
    if failed > 0 {
        bail!("{failed} steps failed");
    }
    Ok(())
}

fn word(passed: bool) -> &'static str {
    if passed { "passed" } else { "FAILED" }
}

fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new("cargo");
    command.args(arguments);
    command
}

/// This program again: each tier ends as it does by itself.
fn xtask(arguments: &[&str]) -> Result<Command> {
    let mut command = Command::new(env::current_exe()?);
    command.args(arguments);
    Ok(command)
}

/// An unoptimised build takes a third of the time to make, and a check takes a second either way.
fn install_deny() -> Result<Command> {
    let mut command = cargo(&[
        "install",
        "cargo-deny",
        "--version",
        CARGO_DENY,
        "--locked",
        "--debug",
        "--root",
    ]);
    command.arg(deny_folder()?);
    Ok(command)
}

fn deny_binary() -> Result<PathBuf> {
    Ok(deny_folder()?.join("bin/cargo-deny"))
}

/// Outside the checkout, so that the next one finds it.
fn deny_folder() -> Result<PathBuf> {
    let home = env::home_dir().context("no home folder to keep cargo-deny in")?;
    Ok(home
        .join(".cache/portolan")
        .join(format!("cargo-deny-{CARGO_DENY}")))
}
