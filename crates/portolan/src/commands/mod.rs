//! The commands, one file each: its arguments and what it does.

mod config;
mod serve;

use clap::{Parser, Subcommand};

/// An OCI registry in which every manifest finds a place.
#[derive(Parser)]
#[command(version, about, propagate_version = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Serve(serve::Arguments),
    #[command(subcommand)]
    Config(config::Command),
}

/// Why a command did not do what was asked, and the status that the process ends with.
pub(crate) struct Failure {
    pub(crate) status: Status,
    pub(crate) error: anyhow::Error,
}

/// The exit statuses that scripts rely on, as docs/operations.md lists them.
#[derive(Clone, Copy)]
pub(crate) enum Status {
    /// Something on this side failed.
    Failed = 1,
    /// The command or the configuration is wrong.
    Usage = 2,
}

impl Failure {
    pub(crate) fn usage(error: impl Into<anyhow::Error>) -> Self {
        Self { status: Status::Usage, error: error.into() }
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self { status: Status::Failed, error }
    }
}

impl From<Status> for std::process::ExitCode {
    fn from(status: Status) -> Self {
        Self::from(status as u8)
    }
}

pub(crate) fn run(arguments: Arguments) -> Result<(), Failure> {
    match arguments.command {
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Config(command) => config::run(&command),
    }
}
