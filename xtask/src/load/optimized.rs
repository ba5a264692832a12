//! Switch to an optimized build: a slow client on the same two cores would distort the measurement
//! of the server.

use std::env;
use std::os::unix::process::CommandExt;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::servers::{target_folder, workspace};

/// Builds the release build of this program and replaces the process with it. Does nothing if this
/// is already the release build.
pub(crate) fn reexecute() -> Result<()> {
    if !cfg!(debug_assertions) {
        return Ok(());
    }
    let status = Command::new("cargo")
        .args(["build", "--release", "--quiet", "--package", "xtask"])
        .current_dir(workspace())
        .status()?;
    if !status.success() {
        bail!("failed to build xtask in release mode");
    }
    let failure = Command::new(target_folder().join("release/xtask"))
        .args(env::args_os().skip(1))
        .exec();
    Err(failure).context("failed to start the release build of xtask")
}
