//! Switch to the release build of a program: a slow client on the same cores would distort the
//! measurement of the server.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::servers::{target_folder, workspace};

/// Builds the program of the workspace's package `name` and replaces this process with it. Returns
/// only after a failure.
pub(crate) fn replace_process(
    name: &str,
    arguments: impl IntoIterator<Item = OsString>,
) -> Result<()> {
    let status = Command::new("cargo")
        .args(["build", "--release", "--quiet", "--package", name])
        .current_dir(workspace())
        .status()?;
    if !status.success() {
        bail!("failed to build {name} in release mode");
    }
    let failure = Command::new(target_folder().join("release").join(name))
        .args(arguments)
        .exec();
    Err(failure).with_context(|| format!("failed to start the release build of {name}"))
}
