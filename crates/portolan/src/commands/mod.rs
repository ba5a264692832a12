//! The commands, one file each: its arguments and what it does.

mod attach;
mod blob;
mod completion;
mod config;
mod convert;
mod copy;
mod delete;
mod index;
mod inspect;
mod lint;
mod login;
mod logout;
mod man;
mod options;
#[cfg(test)]
mod reference;
mod referrers;
mod repos;
mod serve;
mod stop;
mod tags;
mod texts;

use anyhow::Context;
use clap::{CommandFactory, Parser, Subcommand};

use crate::failure::{Failure, Outcome};

/// An OCI registry in which every manifest finds a place, and the toolkit around it.
#[derive(Parser)]
#[command(version, about, propagate_version = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Serve(serve::Arguments),
    Copy(copy::Arguments),
    Convert(convert::Arguments),
    Inspect(inspect::Arguments),
    Lint(lint::Arguments),
    #[command(subcommand)]
    Tags(tags::Command),
    Repos(repos::Arguments),
    Referrers(referrers::Arguments),
    Attach(attach::Arguments),
    Delete(delete::Arguments),
    #[command(subcommand)]
    Blob(blob::Command),
    #[command(subcommand)]
    Index(index::Command),
    Login(login::Arguments),
    Logout(logout::Arguments),
    #[command(subcommand)]
    Config(config::Command),
    Completion(completion::Arguments),
    Man(man::Arguments),
}

/// The definition of the command line.
pub(crate) fn definition() -> clap::Command {
    Arguments::command()
}

pub(crate) fn run(arguments: Arguments) -> Outcome {
    match arguments.command {
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Copy(arguments) => copy::run(&arguments),
        Command::Convert(arguments) => convert::run(&arguments),
        Command::Inspect(arguments) => wait_for(inspect::run(&arguments)),
        Command::Lint(arguments) => wait_for(lint::run(&arguments)),
        Command::Tags(command) => wait_for(tags::run(&command)),
        Command::Repos(arguments) => wait_for(repos::run(&arguments)),
        Command::Referrers(arguments) => wait_for(referrers::run(&arguments)),
        Command::Attach(arguments) => wait_for(attach::run(&arguments)),
        Command::Delete(arguments) => wait_for(delete::run(&arguments)),
        Command::Blob(command) => wait_for(blob::run(&command)),
        Command::Index(command) => wait_for(index::run(&command)),
        Command::Login(arguments) => login::run(&arguments),
        Command::Logout(arguments) => wait_for(logout::run(&arguments)),
        Command::Config(command) => config::run(&command),
        Command::Completion(arguments) => completion::run(&arguments),
        Command::Man(arguments) => man::run(&arguments),
    }
}

/// Runs a command of the toolkit to its end, or until it is told to stop.
fn wait_for(command: impl Future<Output = Outcome>) -> Outcome {
    let runtime = tokio::runtime::Runtime::new()
        .context("starting the runtime")
        .map_err(Failure::from)?;
    let outcome = runtime.block_on(stop::unless_stopped(command));
    match &outcome {
        // The tasks of the command have files that go with them.
        Err(failure) if failure.is_stop() => runtime.shutdown_timeout(stop::GRACE),
        // What is still waiting for the disk is left alone.
        _ => runtime.shutdown_background(),
    }
    outcome
}
