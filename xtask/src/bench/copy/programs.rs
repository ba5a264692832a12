//! Who copies, and with which command.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::servers::portolan_binary;
use crate::tools::{CRANE, SKOPEO, Tool, UNSHARE};

/// The programs that Portolan is measured beside, and what they need.
pub(crate) const TOOLS: [Tool; 3] = [SKOPEO, CRANE, UNSHARE];

/// Where skopeo, run by root, keeps what it knows of blobs and registries.
const BLOB_INFO_CACHE: &str = "/var/lib/containers/cache";

/// Who copies; the order is the table's.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Program {
    Portolan,
    Skopeo,
    Crane,
}

impl Program {
    pub(super) const ALL: [Self; 3] = [Self::Portolan, Self::Skopeo, Self::Crane];

    /// As the table calls it.
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Portolan => "`portolan copy --from FILE`, one run",
            Self::Skopeo => "`skopeo copy --all`, one image after another",
            Self::Crane => "`crane copy`, one image after another",
        }
    }

    /// Most of its wall time that Portolan may take.
    pub(super) fn goal(self) -> Option<f64> {
        match self {
            Self::Portolan => None,
            Self::Skopeo => Some(0.5),
            Self::Crane => Some(0.8),
        }
    }

    /// What copies all `names` from one host to the other, with `home` for a home.
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
                fs::create_dir_all(BLOB_INFO_CACHE)?;
                let script = format!(
                    "mount --bind \"$HOME\" {BLOB_INFO_CACHE}\n{}",
                    each(copy, "docker://")
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
                    &each(&format!("{} copy", CRANE.path().display()), ""),
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

/// A script that copies each of its arguments from the host `$0` to the host before them.
fn each(copy: &str, transport: &str) -> String {
    format!(
        "target=$1; shift\n\
         for name; do {copy} \"{transport}$0/$name\" \"{transport}$target/$name\" || exit; done"
    )
}

/// Runs a command to its end; its words are shown only if it fails.
pub(super) fn succeed(command: &mut Command) -> Result<()> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("starting {command:?}"))?;
    if !output.status.success() {
        bail!(
            "{}: {}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(())
}
