//! Handling of Ctrl-C and SIGTERM. The command is dropped, and this removes its unfinished files.

use std::process::exit;
use std::time::Duration;

use anyhow::{Context, anyhow};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;
use tokio::time::sleep;

use crate::failure::{Failure, Outcome, Status};

/// Maximum time between a signal and the exit of the process, even if the command has not been
/// dropped yet.
pub(super) const GRACE_PERIOD: Duration = Duration::from_secs(3);

/// Runs a command until it completes or a signal arrives. On a signal, drops the command and
/// returns a failure.
pub(super) async fn run_until_signal(command: impl Future<Output = Outcome>) -> Outcome {
    let (sender, stopped) = oneshot::channel();
    survive_file_size_limit()?;
    let interrupt = listen(SignalKind::interrupt())?;
    let terminate = listen(SignalKind::terminate())?;
    tokio::spawn(watch(interrupt, terminate, sender));
    tokio::select! {
        outcome = command => outcome,
        Ok((name, status)) = stopped => Err(Failure::new(status, anyhow!("stopped by {name}"))),
    }
}

/// Installs a handler for SIGXFSZ. Without a handler, a write that exceeds the limit of the process
/// on file sizes would end the process. With it, the write fails, as on a full disk. The handler
/// remains installed after the stream of signals is dropped.
pub(super) fn survive_file_size_limit() -> anyhow::Result<()> {
    listen(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw())).map(drop)
}

fn listen(kind: SignalKind) -> anyhow::Result<Signal> {
    signal(kind).context("failed to listen for signals")
}

/// Waits for a signal and sends it to `stop`. After the grace period, exits the process.
///
/// The exit is necessary for a command that is blocked in a write to a full pipe: it never returns
/// to the runtime, so it cannot be dropped.
async fn watch(
    mut interrupt: Signal,
    mut terminate: Signal,
    stop: oneshot::Sender<(&'static str, Status)>,
) {
    let (name, status) = tokio::select! {
        _ = interrupt.recv() => ("SIGINT", Status::Interrupted),
        _ = terminate.recv() => ("SIGTERM", Status::Terminated),
    };
    // The receiver is gone if the command has already completed.
    let _ = stop.send((name, status));
    sleep(GRACE_PERIOD).await;
    exit(status as i32);
}
