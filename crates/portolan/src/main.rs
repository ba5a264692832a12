//! The `portolan` command: a registry, and later the toolkit, in one binary.

mod commands;
mod compose;
mod config;
mod logging;

use std::process::ExitCode;

use clap::Parser;

use crate::commands::{Arguments, Failure};

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match commands::run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => report(&failure),
    }
}

#[expect(clippy::print_stderr, reason = "what went wrong is told to the person who typed the command")]
fn report(failure: &Failure) -> ExitCode {
    eprintln!("portolan: {:#}", failure.error);
    failure.status.into()
}
