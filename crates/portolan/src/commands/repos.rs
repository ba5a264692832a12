//! `portolan repos`: lists the repositories of a registry.

use clap::Args;
use portolan_registry::{Context, PageRequest};
use serde::Serialize;

use super::options::CommonOptions;
use crate::failure::Outcome;
use crate::host::Host;
use crate::output::{self, DataWriter};

/// Number of repositories to request per page.
const PAGE: usize = 1000;

/// List the repositories of a registry.
#[derive(Args)]
#[command(after_help = "\
Examples:
  portolan repos 127.0.0.1:5000
  portolan repos registry.example.com --json")]
pub(crate) struct Arguments {
    /// Host of the registry.
    #[arg(value_name = "HOST")]
    host: Host,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    options: CommonOptions,
}

/// Repositories of a registry, printed as JSON.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Repositories<'a> {
    host: &'a str,
    repositories: Vec<String>,
}

pub(crate) async fn run(arguments: &Arguments) -> Outcome {
    let host = &arguments.host;
    let resolver = arguments.options.resolver()?;
    let registry = resolver.remotes().registry(host).await?;
    let mut data = DataWriter::new();
    let mut repositories = Vec::new();
    let mut request = PageRequest::first(PAGE);
    loop {
        let page = registry.repositories(&Context::anonymous(), &request).await;
        let page = page.map_err(|error| host.annotate("list the repositories of", error))?;
        for repository in page.items {
            if arguments.json {
                repositories.push(repository.to_string());
            } else {
                data.line(repository)?;
            }
        }
        data.flush()?;
        match page.next {
            Some(next) => request.after = Some(next),
            None => break,
        }
    }
    if arguments.json {
        output::json(&Repositories {
            host: host.as_str(),
            repositories,
        })
    } else {
        Ok(())
    }
}
