//! Mount namespace of the process, so that no mount remains after it ends, for whatever reason.

use std::env;
use std::os::unix::process::CommandExt;
use std::process::Command;

use anyhow::{Context, Result};

const INSIDE: &str = "XTASK_TORTURE_NAMESPACE";

/// Replaces this process with the same command inside `unshare --mount`, unless this was done
/// already.
///
/// # Errors
///
/// Returns an error if the process may not mount (it is not root), so that power cuts are not
/// skipped silently.
pub(crate) fn enter() -> Result<()> {
    if env::var_os(INSIDE).is_some() {
        return Ok(());
    }
    let failure = Command::new("unshare")
        .args(["--mount", "--propagation", "private", "--"])
        .arg(env::current_exe()?)
        .args(env::args_os().skip(1))
        .env(INSIDE, "1")
        .exec();
    Err(failure).context("power cuts require root and `unshare` from util-linux")
}
