//! `portolan serve`: the registry.

mod reload;

use std::io::{Write, stdout};
use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use portolan_registry::wrap::PolicyRules;
use tokio::signal::unix::{SignalKind, signal};

use crate::compose;
use crate::config::{self, Configuration};
use crate::failure::{Failure, Status};

/// Run the registry.
#[derive(Args)]
#[command(after_help = "\
Examples:
  portolan serve
  portolan serve --listen 127.0.0.1:5001 --data /srv/registry
  portolan serve --config /etc/portolan.toml")]
pub(crate) struct Arguments {
    /// The configuration file (TOML).
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Address to listen on, as IP:PORT; port 0 is any free one [default: 127.0.0.1:5000]
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// Folder for all data, made if it is not there [default: ./portolan-data]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Let everybody who can reach an address that is not a loopback one push and delete.
    #[arg(long)]
    anonymous: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let configuration = configure(arguments).map_err(Failure::usage)?;
    crate::logging::start(
        crate::logging::filter(&configuration.telemetry.log).map_err(Failure::usage)?,
    );
    let runtime = tokio::runtime::Runtime::new().context("starting the runtime")?;
    runtime
        .block_on(serve(arguments, configuration))
        .map_err(|error| Failure::new(Status::Failed, error))
}

fn configure(arguments: &Arguments) -> Result<Configuration, config::ConfigError> {
    let mut configuration = config::load(arguments.config.as_deref())?;
    if let Some(listen) = arguments.listen {
        configuration.server.listen = listen;
    }
    if let Some(data) = &arguments.data {
        configuration.storage.folder.clone_from(data);
    }
    configuration.server.anonymous |= arguments.anonymous;
    configuration.check()?;
    Ok(configuration)
}

async fn serve(arguments: &Arguments, configuration: Configuration) -> anyhow::Result<()> {
    let stop = stop_requested()?;
    let asked_again = signal(SignalKind::hangup()).context("listening for SIGHUP")?;
    let policies = PolicyRules::from(configuration.policies()?);
    let server = compose::server(&configuration, policies.clone()).await?;
    let scheme = if server.is_tls() { "https" } else { "http" };
    announce(
        stdout(),
        &format!("{scheme}://{}", server.local_addr()),
        &configuration,
    );
    tokio::select! {
        () = server.run(stop) => (),
        () = reload::whenever(asked_again, &configuration, &policies, || configure(arguments)) => (),
    }
    Ok(())
}

/// Says where it listens and what to type next; the first line is for scripts and ends with the
/// address. Whoever reads may go away after it, so it is no error if nobody takes the rest.
fn announce(mut output: impl Write, url: &str, configuration: &Configuration) {
    let host = url.split_once("://").map_or(url, |(_, host)| host);
    let folder = configuration.storage.folder.display();
    let _ = write!(
        output,
        "Portolan listens on {url}
Data is kept in {folder}

Try it from another terminal:
  docker tag alpine {host}/alpine && docker push {host}/alpine
  skopeo copy --all --dest-tls-verify=false docker://docker.io/library/alpine docker://{host}/alpine
  curl {url}/v2/alpine/tags/list

Stop it with Ctrl-C.
"
    );
}

/// Ends with SIGTERM or SIGINT.
fn stop_requested() -> anyhow::Result<impl Future<Output = ()> + Send + 'static> {
    let mut terminate = signal(SignalKind::terminate()).context("listening for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("listening for SIGINT")?;
    Ok(async move {
        let signal = tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        };
        tracing::info!(
            signal,
            "stopping: no new connections, requests under way may finish"
        );
    })
}
