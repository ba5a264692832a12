//! A mount namespace of our own, so that no mount outlives this process, however it ends.

use std::env;
use std::os::unix::process::CommandExt;
use std::process::Command;

use anyhow::{Context, Result};

const INSIDE: &str = "XTASK_TORTURE_NAMESPACE";

/// Starts this very command again inside `unshare --mount`, unless that was done already.
///
/// # Errors
/// Without the right to mount (root) there are no power cuts, and that is said rather than skipped.
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
    Err(failure).context("power cuts need root and util-linux's `unshare`")
}
