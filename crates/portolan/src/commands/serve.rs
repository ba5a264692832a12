//! `portolan serve`: runs the registry.

mod descriptors;
mod reload;

use std::future::pending;
use std::io::{Write, stdout};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::pin;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use portolan_model::escape_line;
use portolan_registry::wrap::PolicyRules;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::stop;
use super::values::parse_address;
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
    /// Read this configuration file (TOML) [default: none].
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Listen on this IP:PORT, localhost:PORT or PORT; port 0
    /// selects a free port [default: 127.0.0.1:5000]
    #[arg(long, verbatim_doc_comment, value_name = "ADDR", value_parser = parse_address)]
    listen: Option<SocketAddr>,
    /// Store all data in this folder, created if missing
    /// [default: ./portolan-data]
    #[arg(long, verbatim_doc_comment, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Allow a non-loopback address, on which everybody
    /// can push and delete
    #[arg(long, verbatim_doc_comment)]
    anonymous: bool,
}

/// Maximum time to wait for background jobs, and again for work on a disk that does not respond,
/// after the last request has ended.
const GRACE: Duration = Duration::from_secs(3);

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let configuration = configure(arguments)?;
    let _log = crate::logging::start(crate::logging::parse_filter(&configuration.telemetry.log)?);
    let runtime = tokio::runtime::Runtime::new().context("failed to start the async runtime")?;
    let served = runtime.block_on(serve(arguments, configuration));
    runtime.shutdown_timeout(GRACE);
    served.map_err(|error| Failure::new(Status::Failed, error))
}

/// Loads the configuration, overrides it with the arguments, and validates the result.
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

/// Runs the server until a signal stops it.
async fn serve(arguments: &Arguments, configuration: Configuration) -> anyhow::Result<()> {
    let (stop, abort) = wait_for_stop()?;
    stop::survive_file_size_limit()?;
    let hangup = signal(SignalKind::hangup()).context("failed to listen for SIGHUP")?;
    let policies = PolicyRules::from(configuration.policies()?);
    let mut possible = configuration.clone();
    let connections = &mut possible.server.limits.connections;
    *connections = descriptors::connections(*connections, descriptors::raise_limit());
    let mut stop = pin!(stop);
    let starting = compose::build_server(&possible, policies.clone());
    let Some(started) = unless_stopped(starting, stop.as_mut()).await else {
        return Ok(());
    };
    let (server, jobs) = started?;
    let scheme = if server.is_tls() { "https" } else { "http" };
    announce(
        stdout(),
        &format!("{scheme}://{}", server.local_addr()),
        &configuration,
    );
    tokio::select! {
        () = server.run(stop, abort) => (),
        () = reload::reload_on_signal(hangup, &configuration, &policies, || configure(arguments)) => (),
    }
    if timeout(GRACE, jobs.stop()).await.is_err() {
        tracing::warn!("a background job did not stop in time; it goes on after the next start");
    }
    Ok(())
}

/// Returns the result of `start`, or `None` if `stop` ends first: a start may wait for a slow disk.
async fn unless_stopped<T>(
    start: impl Future<Output = T>,
    stop: impl Future<Output = ()>,
) -> Option<T> {
    tokio::select! {
        started = start => Some(started),
        () = stop => None,
    }
}

/// Prints the URL of the server and commands to try.
///
/// The first line ends with the URL, for scripts. A script may close the pipe after this line, so
/// write errors are ignored.
fn announce(mut output: impl Write, url: &str, configuration: &Configuration) {
    let host = url.split_once("://").map_or(url, |(_, host)| host);
    let folder = configuration.storage.folder.to_string_lossy();
    let folder = escape_line(&folder);
    let _ = write!(
        output,
        "Portolan is listening on {url}
Data is stored in {folder}

Try it from another terminal:
  docker tag alpine {host}/alpine && docker push {host}/alpine
  skopeo copy --all --dest-tls-verify=false docker://docker.io/library/alpine docker://{host}/alpine
  curl {url}/v2/alpine/tags/list

Press Ctrl-C to stop.
"
    );
}

/// SIGTERM and SIGINT.
struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignals {
    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

/// Returns a future that completes on the first SIGTERM or SIGINT, and one that completes on the
/// second.
fn wait_for_stop() -> anyhow::Result<(impl Future<Output = ()>, impl Future<Output = ()>)> {
    let mut signals = StopSignals {
        terminate: signal(SignalKind::terminate()).context("failed to listen for SIGTERM")?,
        interrupt: signal(SignalKind::interrupt()).context("failed to listen for SIGINT")?,
    };
    let (sender, receiver) = oneshot::channel();
    let first = async move {
        let signal = signals.next().await;
        tracing::info!(
            signal,
            "shutting down: rejecting new connections, waiting for active requests; another signal ends them"
        );
        // The receiver is gone if the server has already ended.
        let _ = sender.send(signals);
    };
    let second = async move {
        let Ok(mut signals) = receiver.await else {
            return pending().await;
        };
        signals.next().await;
    };
    Ok((first, second))
}

#[cfg(test)]
mod tests {
    use std::future::ready;

    use super::*;

    #[tokio::test]
    async fn a_signal_ends_a_start_that_takes_long() {
        assert_eq!(unless_stopped(pending::<()>(), ready(())).await, None);
        assert_eq!(unless_stopped(ready(1), pending()).await, Some(1));
    }
}
