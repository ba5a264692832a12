//! Programs that copy images, with their commands.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use xtask::servers::portolan_binary;
use xtask::tools::{CRANE, SKOPEO, Tool, UNSHARE};

/// Programs that Portolan is compared with, and the tools that they need.
pub(crate) const TOOLS: [Tool; 3] = [SKOPEO, CRANE, UNSHARE];

/// Folder in which skopeo, run by root, caches which registry has which blob.
const BLOB_INFO_CACHE: &str = "/var/lib/containers/cache";

/// Program that copies. The order is that of the table.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum CopyProgram {
    Portolan,
    Skopeo,
    Crane,
}

impl CopyProgram {
    pub(super) const ALL: [Self; 3] = [Self::Portolan, Self::Skopeo, Self::Crane];

    /// Returns the name used in the table.
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Portolan => "`portolan copy --from FILE`, one run",
            Self::Skopeo => "`skopeo copy --all`, one image after another",
            Self::Crane => "`crane copy`, one image after another",
        }
    }

    /// Returns the largest allowed ratio of Portolan's wall time to that of this program.
    pub(super) fn goal(self) -> Option<f64> {
        match self {
            Self::Portolan => None,
            Self::Skopeo | Self::Crane => Some(0.5),
        }
    }

    /// Returns the command that copies all `names` from `source` to `target`, with `home` as its
    /// home folder.
    pub(super) fn command(
        self,
        home: &Path,
        source: &str,
        target: &str,
        names: &[String],
    ) -> Result<Command> {
        let mut command = match self {
            Self::Portolan => {
                let list = home.join("images");
                let lines: Vec<_> = names
                    .iter()
                    .map(|name| format!("{source}/{name}"))
                    .collect();
                fs::write(&list, lines.join("\n"))?;
                let mut command = Command::new(portolan_binary());
                command
                    .args(["copy", "--quiet", "--from"])
                    .arg(list)
                    .arg(format!("{target}/"));
                command
            }
            Self::Skopeo => {
                let copy = "skopeo --insecure-policy copy --all --quiet --preserve-digests --src-tls-verify=false \
                            --dest-tls-verify=false";
                let mut command = Command::new(UNSHARE.path());
                // For root, skopeo's cache has a fixed path. A bind mount over it keeps the runs
                // independent of each other and of the machine.
                fs::create_dir_all(BLOB_INFO_CACHE)?;
                let script = format!(
                    "mount --bind \"$HOME\" {BLOB_INFO_CACHE}\n{}",
                    copy_script(copy, "docker://")
                );
                command
                    .args(["--mount", "sh", "-c", &script, source, target])
                    .args(names);
                command
            }
            Self::Crane => {
                let mut command = Command::new("sh");
                command.args([
                    "-c",
                    &copy_script(&format!("{} copy", CRANE.path().display()), ""),
                    source,
                    target,
                ]);
                command.args(names);
                command
            }
        };
        let homes = [
            "HOME",
            "XDG_CACHE_HOME",
            "XDG_CONFIG_HOME",
            "XDG_RUNTIME_DIR",
            "XDG_STATE_HOME",
        ];
        command.envs(homes.map(|name| (name, home)));
        Ok(command)
    }
}

/// Returns a shell script that copies each of its arguments, from host `$0` to the host in `$1`.
fn copy_script(copy: &str, transport: &str) -> String {
    format!(
        "target=$1; shift\n\
         for name; do {copy} \"{transport}$0/$name\" \"{transport}$target/$name\" || exit; done"
    )
}

/// Runs a command to its end. The error includes its standard error.
pub(super) fn run_successfully(command: &mut Command) -> Result<()> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("failed to start {command:?}"))?;
    if !output.status.success() {
        bail!(
            "{}: {}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(())
}
