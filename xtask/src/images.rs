//! Real root folders, made of Debian packages for several platforms, downloaded once and cached
//! outside the checkout.

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::tools;

/// Small packages without dependencies that are sufficient to run: a static shell with its tools,
/// and a few files of `/etc`.
const PACKAGES: &str = "--include=busybox-static,netbase";
const RELEASE: &str = "bookworm";

/// Only the release itself, because the archives of updates are not always available for every
/// architecture.
const ARCHIVE: &str = "deb http://deb.debian.org/debian bookworm main";

/// Platform as images write it, with Debian's name of the architecture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Platform {
    pub(crate) name: &'static str,
    pub(crate) debian: &'static str,
}

/// Returns a tar of the platform's root folder. The network is used only if the tar is not cached.
pub(crate) fn root_folder(platform: Platform) -> Result<PathBuf> {
    let folder = cache_folder()?.join("portolan/rootfs");
    let tar = folder.join(format!("{RELEASE}-{}.tar", platform.debian));
    if !tar.exists() {
        fs::create_dir_all(&folder)?;
        let unfinished = tar.with_extension(format!("{}.tar", std::process::id()));
        fetch(platform, &unfinished)
            .with_context(|| format!("failed to build the root folder of {}", platform.name))?;
        fs::rename(unfinished, &tar)?;
    }
    Ok(tar)
}

/// Builds the root folder. The variant `extract` only unpacks packages, so that no platform has to
/// be emulated.
fn fetch(platform: Platform, tar: &PathBuf) -> Result<()> {
    tools::require(&[tools::MMDEBSTRAP])?;
    let status = Command::new(tools::MMDEBSTRAP.path())
        .args([
            "--quiet",
            "--variant=extract",
            "--skip=output/dev",
            PACKAGES,
        ])
        .arg(format!("--architectures={}", platform.debian))
        .arg("--customize-hook=rm -r \"$1/usr/share/doc\"")
        .arg(RELEASE)
        .arg(tar)
        .arg(ARCHIVE)
        .env("SOURCE_DATE_EPOCH", "1767322800")
        .stdin(Stdio::null())
        .status()
        .context("failed to start mmdebstrap")?;
    if !status.success() {
        bail!("mmdebstrap exited with {status}");
    }
    Ok(())
}

fn cache_folder() -> Result<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value: &OsString| !value.is_empty());
    if let Some(folder) = set("XDG_CACHE_HOME") {
        return Ok(PathBuf::from(folder));
    }
    Ok(
        PathBuf::from(set("HOME").context("neither XDG_CACHE_HOME nor HOME is set")?)
            .join(".cache"),
    )
}
