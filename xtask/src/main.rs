//! `cargo xtask`: checks of the project, interoperability runs and benchmarks.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line prints to the terminal"
)]

mod ci;
mod compat;
mod conformance;
mod faults;
mod images;
mod interop;
mod proxies;
mod release;
mod services;
mod tidy;
mod torture;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;
use xtask::{load, servers, tools};

/// Run checks, interoperability tests and benchmarks of the repository
#[derive(Parser)]
enum Command {
    /// Run all checks, tests and the tiers with real peers
    Ci(ci::Arguments),
    /// Check the structural rules of docs/architecture.md
    Tidy,
    /// Run the official conformance program, at 1.1 and dev, dense and sparse
    Conformance(conformance::Arguments),
    /// Push to and pull from the release binary with real clients
    Interop(interop::Arguments),
    /// Compare the compatibility table with the programs that run here
    Compat(compat::Arguments),
    /// Repeat the cases of public bug reports with the release binary and its peers
    Faults(faults::Arguments),
    /// Push through common proxies to the release binary
    Proxies,
    /// Test the store on a PostgreSQL server that is started for it
    Services,
    /// Measure workloads side by side with other registries
    #[command(disable_help_flag = true)]
    Bench {
        /// Arguments of the benchmark
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Test kill -9 and power cuts under load
    Torture(torture::Arguments),
}

fn main() -> ExitCode {
    match run(Command::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Without the backtrace, which would push a tier's last lines out of sight.
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Ci(arguments) => ci::run(&arguments),
        Command::Tidy => tidy::run(),
        Command::Conformance(arguments) => conformance::run(&arguments),
        Command::Interop(arguments) => interop::run(&arguments),
        Command::Compat(arguments) => compat::run(&arguments),
        Command::Faults(arguments) => faults::run(&arguments),
        Command::Proxies => proxies::run(),
        Command::Services => services::run(),
        Command::Bench { arguments } => release::replace_process("bench", arguments),
        Command::Torture(arguments) => torture::run(&arguments),
    }
}
