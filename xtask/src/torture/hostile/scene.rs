//! Binary under attack, and a new data folder for each server.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use tokio::runtime::Runtime;

use super::outcome::Outcome;
use crate::servers::RunningServer;

/// Program that starts a server with a shell's redirections and limits.
const SHELL: &str = "bash";

/// Binary under attack, with the folder of its data.
pub(super) struct Scene {
    binary: PathBuf,
    folder: PathBuf,
    /// Seed of all random numbers.
    pub(super) seed: u64,
    /// True for the short form.
    pub(super) quick: bool,
    /// Runtime of the hostile clients. The innocent client has one of its own.
    pub(super) runtime: Runtime,
}

impl Scene {
    pub(super) fn new(binary: PathBuf, folder: &Path, seed: u64, quick: bool) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()?;
        Ok(Self {
            binary,
            folder: folder.to_owned(),
            seed,
            quick,
            runtime,
        })
    }

    /// Returns the data folder of the server `name`.
    pub(super) fn data(&self, name: &str) -> PathBuf {
        self.folder.join(name).join("data")
    }

    /// Removes the files of an attack that the server withstood.
    pub(super) fn clean(&self, outcome: Outcome) -> Outcome {
        if !outcome.has_failed() {
            // What remains is removed at the end.
            let _ = fs::remove_dir_all(self.folder.join(outcome.name()));
        }
        outcome
    }

    /// Starts the server on the data folder of `name`.
    pub(super) fn start(&self, name: &str, configuration: &str) -> Result<RunningServer> {
        RunningServer::portolan_command(Command::new(&self.binary), &self.data(name), configuration)
            .with_context(|| format!("failed to start the server of {name}"))
    }

    /// Starts the server like [`Scene::start`], after commands of the shell and with redirections.
    pub(super) fn start_in_shell(
        &self,
        name: &str,
        setup: &str,
        redirections: &str,
    ) -> Result<RunningServer> {
        let mut command = Command::new(SHELL);
        command
            .arg("-c")
            .arg(format!("{setup}exec \"$0\" \"$@\" {redirections}"))
            .arg(&self.binary);
        RunningServer::portolan_command(command, &self.data(name), "")
            .with_context(|| format!("failed to start the server of {name}"))
    }
}
