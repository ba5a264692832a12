//! `cargo xtask ci`: runs every check and tier, with the time of each. All of them run, and the
//! command fails if one fails.

mod step;

use std::env;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

use self::step::Step;
use crate::tools;

/// Pinned, so that new lints of a new release are adopted by a deliberate change.
const CARGO_DENY: &str = "0.20.2";

/// Tiers with real peers. Torture and bench run shorter than when run alone: here they only show
/// that nothing is broken.
const TIERS: [&[&str]; 9] = [
    &["services"],
    &["conformance"],
    &["interop"],
    &["compat"],
    &["faults"],
    &["proxies"],
    &["torture", "--kills", "10", "--cuts", "5"],
    &["torture", "--hostile", "--quick"],
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
    "lint::tests::hostile::ten_thousand_children_within_100_ms",
];

/// Command line arguments of `cargo xtask ci`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Skip `cargo test --workspace`, for a caller that has just run it
    #[arg(long)]
    without_tests: bool,
}

/// Runs all steps, and prints the time of each and the last lines of those that failed.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let mut steps = Vec::new();
    run_checks(&mut steps)?;
    if !arguments.without_tests {
        steps.push(step::run(
            "tests",
            &mut cargo_command(&["test", "--workspace"]),
        ));
    }
    steps.push(
        step::run(
            "lint time limit",
            cargo_command(&LINT_TIME).args(["--exact", "--ignored"]),
        )
        .expect_line("test result: ok. 1 passed"),
    );
    tools::require(&[tools::DISTRIBUTION])?;
    steps.push(step::run(
        "client against distribution",
        &mut cargo_command(&DISTRIBUTION),
    ));
    for tier in TIERS {
        steps.push(step::run(&tier.join(" "), &mut xtask_command(tier)?));
    }
    print_summary(&steps)
}

fn run_checks(steps: &mut Vec<Step>) -> Result<()> {
    steps.push(step::run(
        "fmt",
        &mut cargo_command(&["fmt", "--all", "--check"]),
    ));
    steps.push(step::run(
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
    ));
    steps.push(step::run("tidy", &mut xtask_command(&["tidy"])?));
    steps.push(step::run(
        "doc",
        cargo_command(&["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "--deny warnings"),
    ));
    let deny = deny_binary()?;
    if !deny.exists() {
        steps.push(step::run("install cargo-deny", &mut install_deny()?));
    }
    // `advisories` is not checked: its database is a repository on GitHub, which some machines
    // cannot reach.
    steps.push(step::run(
        "deny",
        Command::new(deny).args([
            "check",
            "--hide-inclusion-graph",
            "bans",
            "licenses",
            "sources",
        ]),
    ));
    Ok(())
}

fn print_summary(steps: &[Step]) -> Result<()> {
    let failed: Vec<&Step> = steps.iter().filter(|step| !step.has_passed()).collect();
    for step in &failed {
        step.print_last_lines();
    }
    println!("=== ci");
    for step in steps {
        println!("{}", step.summary());
    }
    println!(
        "{} steps passed, {} failed",
        steps.len() - failed.len(),
        failed.len()
    );
    if !failed.is_empty() {
        bail!("{} steps failed", failed.len());
    }
    Ok(())
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
