//! `cargo xtask ci`: runs every check and tier, with the time of each. All of them run, and the
//! command fails if one fails.

use std::env;
use std::io;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::servers::workspace;
use crate::tools;

/// Pinned, so that new lints of a new release are adopted by a deliberate change.
const CARGO_DENY: &str = "0.20.2";

/// Tiers with real peers. Torture and bench run shorter than when run alone: here they only show
/// that nothing is broken.
const TIERS: [&[&str]; 8] = [
    &["services"],
    &["conformance"],
    &["interop"],
    &["compat"],
    &["faults"],
    &["proxies"],
    &["torture", "--kills", "10", "--cuts", "5"],
    &["bench", "--quick"],
];

/// Contract suite run through the client against CNCF distribution.
const DISTRIBUTION: [&str; 7] = [
    "test",
    "--package",
    "portolan-client",
    "--features",
    "distribution",
    "--test",
    "distribution",
];

/// Time limit for linting a large tree, which only optimized code meets.
const LINT_TIME: [&str; 7] = [
    "test",
    "--release",
    "--package",
    "portolan-model",
    "--lib",
    "--",
    "lint::tests::hostile::ten_thousand_children_within_200_ms",
];

/// Command line arguments of `cargo xtask ci`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Skip `cargo test --workspace`, for a caller that has just run it
    #[arg(long)]
    without_tests: bool,
}

/// Outcome of one step.
struct Step {
    name: String,
    took: Duration,
    passed: bool,
}

/// Runs all steps and prints the time of each.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let mut steps = Vec::new();
    run_checks(&mut steps)?;
    if !arguments.without_tests {
        run_step(
            &mut steps,
            "tests",
            &mut cargo_command(&["test", "--workspace"]),
        );
    }
    run_step_of_one_test(
        &mut steps,
        "lint time limit",
        cargo_command(&LINT_TIME).args(["--exact", "--ignored"]),
    );
    tools::require(&[tools::DISTRIBUTION])?;
    run_step(
        &mut steps,
        "client against distribution",
        &mut cargo_command(&DISTRIBUTION),
    );
    for tier in TIERS {
        run_step(&mut steps, tier[0], &mut xtask_command(tier)?);
    }
    print_summary(&steps)
}

fn run_checks(steps: &mut Vec<Step>) -> Result<()> {
    run_step(
        steps,
        "fmt",
        &mut cargo_command(&["fmt", "--all", "--check"]),
    );
    run_step(
        steps,
        "clippy",
        &mut cargo_command(&[
            "clippy",
            "--workspace",
            "--all-targets",
            "--features",
            "portolan-store/postgres-tests",
            "--",
            "--deny",
            "warnings",
        ]),
    );
    run_step(steps, "tidy", &mut xtask_command(&["tidy"])?);
    run_step(
        steps,
        "doc",
        cargo_command(&["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "--deny warnings"),
    );
    let deny = deny_binary()?;
    if !deny.exists() {
        run_step(steps, "install cargo-deny", &mut install_deny()?);
    }
    // `advisories` is not checked: its database is a repository on GitHub, which some machines
    // cannot reach.
    run_step(
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

fn run_step(steps: &mut Vec<Step>, name: &str, command: &mut Command) {
    time_step(steps, name, command, |command| {
        Ok(command.status()?.success())
    });
}

/// Runs a step that passes only if exactly one test ran. Cargo succeeds even if the name matches no
/// test.
fn run_step_of_one_test(steps: &mut Vec<Step>, name: &str, command: &mut Command) {
    time_step(steps, name, command, |command| {
        let output = command.stderr(Stdio::inherit()).output()?;
        let stdout = String::from_utf8_lossy(&output.stdout);
        print!("{stdout}");
        Ok(output.status.success() && stdout.contains("test result: ok. 1 passed"))
    });
}

fn time_step(
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
        status_text(passed),
        took.as_secs_f64()
    );
    steps.push(Step {
        name: name.to_owned(),
        took,
        passed,
    });
}

fn print_summary(steps: &[Step]) -> Result<()> {
    println!("=== ci");
    for step in steps {
        println!(
            "{:<28} {:>7.1} s  {}",
            step.name,
            step.took.as_secs_f64(),
            status_text(step.passed)
        );
    }
    let failed = steps.iter().filter(|step| !step.passed).count();
    println!("{} steps passed, {failed} failed", steps.len() - failed);
    if failed > 0 {
        bail!("{failed} steps failed");
    }
    Ok(())
}

fn status_text(passed: bool) -> &'static str {
    if passed { "passed" } else { "FAILED" }
}

fn cargo_command(arguments: &[&str]) -> Command {
    let mut command = Command::new("cargo");
    command.args(arguments);
    command
}

/// Returns a command that runs this program again, so that each tier exits as it does when run
/// alone.
fn xtask_command(arguments: &[&str]) -> Result<Command> {
    let mut command = Command::new(env::current_exe()?);
    command.args(arguments);
    Ok(command)
}

/// Returns the command that installs cargo-deny. An unoptimized build takes a third of the time,
/// and a check takes a second either way.
fn install_deny() -> Result<Command> {
    let mut command = cargo_command(&[
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

/// Returns the folder of cargo-deny. It is outside the checkout, so that other checkouts share it.
fn deny_folder() -> Result<PathBuf> {
    let home = env::home_dir().context("no home folder for cargo-deny")?;
    Ok(home
        .join(".cache/portolan")
        .join(format!("cargo-deny-{CARGO_DENY}")))
}
