//! `portolan config`: what the configuration is, and whether it is right.

mod policies;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use portolan_model::RepositoryName;

use crate::config::{self, Configuration};
use crate::failure::Failure;
use crate::output;

/// Look at the configuration.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Say whether the configuration is right, and if not, where it is wrong; and which policy a repository gets.
    #[command(after_help = "\
Examples:
  portolan config check --config portolan.toml
  portolan config check --config portolan.toml --repository team/app")]
    Check {
        #[command(flatten)]
        source: Source,
        /// Explain the policy of this repository.
        #[arg(long, value_name = "NAME")]
        repository: Option<RepositoryName>,
        /// Print the policies as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Print the configuration that results from the file, the environment and the defaults.
    #[command(
        after_help = "Examples:\n  PORTOLAN_SERVER__LISTEN=127.0.0.1:5001 portolan config show"
    )]
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
        Command::Check {
            source,
            repository,
            json,
        } => check(&load(source)?, repository.as_ref(), *json),
        Command::Show { source, json } => show(&load(source)?, *json),
    }
}

fn load(source: &Source) -> Result<Configuration, Failure> {
    config::load(source.config.as_deref()).map_err(Failure::usage)
}

fn check(
    configuration: &Configuration,
    repository: Option<&RepositoryName>,
    json: bool,
) -> Result<(), Failure> {
    configuration.check().map_err(Failure::usage)?;
    match repository {
        Some(repository) => {
            let explained = policies::explain(configuration, repository).map_err(Failure::usage)?;
            if json {
                output::json(&explained)
            } else {
                output::text(&explained.to_string())
            }
        }
        None if json => output::json(&policies::list(configuration)),
        None => output::text(&format!(
            "The configuration is right.\n{}",
            policies::list(configuration)
        )),
    }
}

fn show(configuration: &Configuration, json: bool) -> Result<(), Failure> {
    let text = if json {
        configuration.to_json()
    } else {
        configuration.to_toml()
    }?;
    output::line(text.trim_end())
}
