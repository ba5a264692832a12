//! `cargo xtask`: the project's checks, interoperability runs and benchmarks.

#![expect(
    clippy::print_stdout,
    reason = "a command line's answers go to the terminal"
)]

mod bench;
mod ci;
mod compat;
mod conformance;
mod images;
mod interop;
mod load;
mod servers;
mod tidy;
mod tools;
mod torture;

use clap::Parser;

/// Everything that is run on the repository rather than shipped with it.
#[derive(Parser)]
enum Command {
    /// All checks: formatting, clippy, tidy, docs, deny, tests and the tiers with real peers.
    Ci(ci::Arguments),
    /// The structural rules of docs/architecture.md, read from `cargo metadata` and the files.
    Tidy,
    /// The official conformance program, at 1.1 and dev, dense and sparse.
    Conformance(conformance::Arguments),
    /// Real clients push to and pull from the release binary.
    Interop(interop::Arguments),
    /// What the table says of others, and what those do that run here.
    Compat(compat::Arguments),
    /// Workloads timed beside CNCF distribution.
    Bench(bench::Arguments),
    /// `kill -9` and power cuts under a pushing load.
    Torture(torture::Arguments),
}

fn main() -> anyhow::Result<()> {
    match Command::parse() {
        Command::Ci(arguments) => ci::run(&arguments),
        Command::Tidy => tidy::run(),
        Command::Conformance(arguments) => conformance::run(&arguments),
        Command::Interop(arguments) => interop::run(&arguments),
        Command::Compat(arguments) => compat::run(&arguments),
        Command::Bench(arguments) => bench::run(&arguments),
        Command::Torture(arguments) => torture::run(&arguments),
    }
}
