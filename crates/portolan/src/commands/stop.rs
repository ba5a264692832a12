//! Ctrl-C and SIGTERM: the command is dropped, and with it the files that it has not finished.

use std::process::exit;
use std::time::Duration;

use anyhow::{Context, anyhow};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;
use tokio::time::sleep;

use crate::failure::{Failure, Outcome, Status};

/// How long whatever is under way may take to be dropped.
pub(super) const GRACE: Duration = Duration::from_secs(3);

/// Runs a command to its end, or until a signal comes.
pub(super) async fn unless_stopped(command: impl Future<Output = Outcome>) -> Outcome {
    let (sender, stopped) = oneshot::channel();
    let interrupt = listen(SignalKind::interrupt())?;
    let terminate = listen(SignalKind::terminate())?;
    tokio::spawn(watch(interrupt, terminate, sender));
    tokio::select! {
        outcome = command => outcome,
        Ok((name, status)) = stopped => Err(Failure::new(status, anyhow!("stopped by {name}"))),
    }
}

fn listen(kind: SignalKind) -> anyhow::Result<Signal> {
    signal(kind).context("listening for signals")
}

/// Ends the process itself where the command cannot be dropped, because it waits for whoever reads
/// its output.
async fn watch(
    mut interrupt: Signal,
    mut terminate: Signal,
    stop: oneshot::Sender<(&'static str, Status)>,
) {
    let (name, status) = tokio::select! {
        _ = interrupt.recv() => ("SIGINT", Status::Interrupted),
        _ = terminate.recv() => ("SIGTERM", Status::Terminated),
    };
    // Nobody listens where the command is done.
    let _ = stop.send((name, status));
    sleep(GRACE).await;
    exit(status as i32);
}
