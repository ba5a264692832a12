//! The `portolan` command: a registry and the toolkit around it, in one binary.

mod commands;
mod compose;
mod config;
mod documents;
mod failure;
mod host;
mod hosts;
mod image_config;
mod location;
mod logging;
mod output;
mod places;

use std::process::ExitCode;

use clap::Parser;

use crate::commands::Arguments;
use crate::failure::{Failure, Status};

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match commands::run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => report(&failure),
    }
}

#[expect(
    clippy::print_stderr,
    reason = "what went wrong is told to the person who typed the command"
)]
fn report(failure: &Failure) -> ExitCode {
    if failure.status != Status::Done {
        eprintln!("portolan: {failure}");
    }
    failure.status.into()
}
