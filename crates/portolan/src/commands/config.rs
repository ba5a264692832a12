//! `portolan config`: what the configuration is, and whether it is right.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::config::{self, Configuration};
use crate::failure::Failure;
use crate::output;

/// Look at the configuration.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Say whether the configuration is right, and if not, where it is wrong.
    #[command(after_help = "Examples:\n  portolan config check --config portolan.toml")]
    Check(Source),
    /// Print the configuration that results from the file, the environment and the defaults.
    #[command(after_help = "Examples:\n  PORTOLAN_SERVER__LISTEN=127.0.0.1:5001 portolan config show")]
    Show {
        #[command(flatten)]
        source: Source,
        /// As JSON instead of TOML.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Args)]
pub(crate) struct Source {
    /// The configuration file (TOML).
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

pub(crate) fn run(command: &Command) -> Result<(), Failure> {
    match command {
        Command::Check(source) => check(&load(source)?),
        Command::Show { source, json } => show(&load(source)?, *json),
    }
}

fn load(source: &Source) -> Result<Configuration, Failure> {
    config::load(source.config.as_deref()).map_err(Failure::usage)
}

fn check(configuration: &Configuration) -> Result<(), Failure> {
    configuration.check().map_err(Failure::usage)?;
    output::line("The configuration is right.")
}

fn show(configuration: &Configuration, json: bool) -> Result<(), Failure> {
    let text = if json { configuration.to_json() } else { configuration.to_toml() }?;
    output::line(text.trim_end())
}
