//! Daemons of clients: started with folders of their own, polled until they respond, and stopped by
//! process id.

use std::fs::File;
use std::io;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

const START_LIMIT: Duration = Duration::from_mins(1);
const STOP_LIMIT: Duration = Duration::from_secs(15);
const INTERVAL: Duration = Duration::from_millis(100);

/// Running daemon. Dropping it stops it, and kills it if it does not exit in time.
pub(crate) struct Daemon {
    child: Child,
}

impl Daemon {
    /// Starts the command and waits until `ask` succeeds.
    pub(crate) fn start(
        mut command: Command,
        log: &Path,
        ask: impl Fn() -> io::Result<Output>,
    ) -> Result<Self> {
        let program = command.get_program().display().to_string();
        let output = File::create(log)?;
        command
            .stdin(Stdio::null())
            .stderr(output.try_clone()?)
            .stdout(output);
        let mut daemon = Self {
            child: command
                .spawn()
                .with_context(|| format!("failed to start {program}"))?,
        };
        let start = Instant::now();
        while !ask()?.status.success() {
            if let Some(status) = daemon.child.try_wait()? {
                bail!("{program} exited with {status}: {}", last_lines(log));
            }
            if start.elapsed() > START_LIMIT {
                bail!("{program} does not respond: {}", last_lines(log));
            }
            sleep(INTERVAL);
        }
        Ok(daemon)
    }

    /// Stops the daemon with SIGTERM first, because a daemon has to stop its own children.
    fn stop(&mut self) -> Result<()> {
        kill_process(Pid::from_child(&self.child), Signal::TERM)?;
        let start = Instant::now();
        while self.child.try_wait()?.is_none() {
            if start.elapsed() > STOP_LIMIT {
                self.child.kill()?;
            }
            sleep(INTERVAL);
        }
        Ok(())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.stop();
    }
}

fn last_lines(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<_> = text.lines().rev().take(5).collect();
    lines.into_iter().rev().collect::<Vec<_>>().join("\n")
}
