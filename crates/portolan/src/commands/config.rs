//! `portolan config`: shows and checks the configuration.

mod policies;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use portolan_model::RepositoryName;

use super::values::parse_repository;
use crate::config::{self, Configuration};
use crate::failure::Failure;
use crate::output::{self, Text};

/// Show and check the configuration.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Check the configuration, or explain the policy of a repository.
    ///
    /// Also checks that `serve` can read the certificate and its key, and
    /// can write to the data folder.
    #[command(after_help = "\
Examples:
  portolan config check --config portolan.toml
  portolan config check --config portolan.toml --repository team/app")]
    Check {
        #[command(flatten)]
        source: ConfigSource,
        /// Explain the policy that applies to this repository.
        #[arg(long, value_name = "NAME", value_parser = parse_repository)]
        repository: Option<RepositoryName>,
        /// Print the policies as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Print the effective configuration
    ///
    /// It is merged from the file, the environment and the defaults.
    #[command(
        after_help = "Examples:\n  PORTOLAN_SERVER__LISTEN=127.0.0.1:5001 portolan config show"
    )]
    Show {
        #[command(flatten)]
        source: ConfigSource,
        /// Print JSON instead of TOML.
        #[arg(long)]
        json: bool,
    },
}

/// Source of the configuration.
#[derive(Args)]
pub(crate) struct ConfigSource {
    /// Read this configuration file (TOML) [default: none].
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

fn load(source: &ConfigSource) -> Result<Configuration, Failure> {
    Ok(config::load(source.config.as_deref())?)
}

fn check(
    configuration: &Configuration,
    repository: Option<&RepositoryName>,
    json: bool,
) -> Result<(), Failure> {
    configuration.check()?;
    configuration.check_files().map_err(Failure::usage)?;
    match repository {
        Some(repository) => {
            let explained = policies::explain(configuration, repository)?;
            if json {
                output::json(&explained)
            } else {
                output::text(&explained.render())
            }
        }
        None if json => output::json(&policies::list(configuration)),
        None => {
            let mut text = Text::default().with_line("The configuration is valid.");
            text.append(&policies::list(configuration).render());
            output::text(&text)
        }
    }
}

fn show(configuration: &Configuration, json: bool) -> Result<(), Failure> {
    let text = if json {
        configuration.to_json()
    } else {
        configuration.to_toml()
    }?;
    output::bytes(format!("{}\n", text.trim_end()).as_bytes())
}
