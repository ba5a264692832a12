//! Command `portolan`: a registry and its toolkit in one binary.

mod commands;
mod compose;
mod config;
mod failure;
mod host;
mod image_config;
mod image_ref;
mod logging;
mod manifest_io;
mod output;
mod remotes;
mod resolve;
mod usage;

use std::io::{Write, stderr};
use std::process::ExitCode;

use mimalloc::MiMalloc;

use crate::failure::{Failure, Status};

/// Allocator of the process. It returns the memory of a burst of large requests to the system.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    let outcome = usage::parse(std::env::args_os().collect::<Vec<_>>())
        .map_err(Failure::usage)
        .and_then(commands::run);
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => report(&failure),
    }
}

/// Prints the error of a command, and returns its exit status. Ignores write errors, because
/// standard error may be closed.
fn report(failure: &Failure) -> ExitCode {
    if failure.status != Status::Done {
        let _ = stderr().write_all(failure.to_text("").as_str().as_bytes());
    }
    failure.status.into()
}
