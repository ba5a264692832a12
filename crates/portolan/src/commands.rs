//! Commands. Each command has its own module with its arguments and implementation.

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
mod values;

use anyhow::Context;
use clap::{CommandFactory, Parser, Subcommand};

use crate::failure::{Failure, Outcome};

/// An OCI registry and a toolkit for container images.
#[derive(Parser)]
#[command(version, propagate_version = true)]
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

/// Explanation of references, for the help of the commands that accept them.
const REFERENCES: &str = "\
References:
  HOST[:PORT]/NAME[:TAG][@DIGEST]  image in a registry; the default host is
                                   docker.io, the default tag is latest
  oci:FOLDER[:REF]                 image in an OCI layout
  oci-archive:FILE[:REF]           image in a tar file of an OCI layout
  docker-archive:FILE[:REF]        image in a tar file of `docker save`
  @DIGEST can replace :REF. Without either, the only image on disk is used.";

/// Returns the definition of the command line.
pub(crate) fn definition() -> clap::Command {
    explain_references(Arguments::command())
}

/// Adds the explanation of references to the long help of the commands that accept them.
fn explain_references(command: clap::Command) -> clap::Command {
    let command = command.mut_subcommands(explain_references);
    let is_reference = |argument: &clap::Arg| {
        let names = argument.get_value_names().unwrap_or_default();
        names.iter().any(|name| {
            [
                "REF",
                "SRC",
                "DST",
                "SRC|DST",
                "REPOSITORY",
                "REPOSITORY@DIGEST",
            ]
            .contains(&name.as_str())
        })
    };
    if !command.get_arguments().any(is_reference) {
        return command;
    }
    let examples = command.get_after_help().cloned().unwrap_or_default();
    command.after_long_help(format!("{examples}\n\n{REFERENCES}"))
}

/// Runs the selected command.
pub(crate) fn run(arguments: Arguments) -> Outcome {
    match arguments.command {
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Copy(arguments) => copy::run(&arguments),
        Command::Convert(arguments) => convert::run(&arguments),
        Command::Inspect(arguments) => block_on(inspect::run(&arguments)),
        Command::Lint(arguments) => block_on(lint::run(&arguments)),
        Command::Tags(command) => block_on(tags::run(&command)),
        Command::Repos(arguments) => block_on(repos::run(&arguments)),
        Command::Referrers(arguments) => block_on(referrers::run(&arguments)),
        Command::Attach(arguments) => block_on(attach::run(&arguments)),
        Command::Delete(arguments) => block_on(delete::run(&arguments)),
        Command::Blob(command) => block_on(blob::run(&command)),
        Command::Index(command) => block_on(index::run(&command)),
        Command::Login(arguments) => login::run(&arguments),
        Command::Logout(arguments) => block_on(logout::run(&arguments)),
        Command::Config(command) => config::run(&command),
        Command::Completion(arguments) => completion::run(&arguments),
        Command::Man(arguments) => man::run(&arguments),
    }
}

/// Runs a toolkit command until it completes or a signal stops it.
fn block_on(command: impl Future<Output = Outcome>) -> Outcome {
    let runtime = tokio::runtime::Runtime::new()
        .context("failed to start the async runtime")
        .map_err(Failure::from)?;
    let outcome = runtime.block_on(stop::run_until_signal(command));
    match &outcome {
        // After a signal, tasks of the command may still own temporary files. The shutdown waits
        // until the tasks are dropped. Dropping them removes the files.
        Err(failure) if failure.is_interruption() => runtime.shutdown_timeout(stop::GRACE_PERIOD),
        // The command has ended. Do not wait for blocking tasks: a task that waits for the disk
        // must not delay the exit.
        _ => runtime.shutdown_background(),
    }
    outcome
}
