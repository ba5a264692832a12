//! Runs clients with a home of their own, bounded in time, and tells a client's refusal from a broken test.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::{Context, anyhow};

use crate::tools::{Tool, UNSHARE};

/// The longest that one command of a client may take.
const LIMIT: &str = "60";

/// Where containers/image keeps its memory of blobs when it runs as root.
const BLOB_INFO_CACHE: &str = "/var/lib/containers/cache";

/// The exit status with which `timeout` says that it had to end the command.
const TIMED_OUT: i32 = 124;

/// Why a client did not do as asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// It said no; these are its words.
    #[error("{0}")]
    Refused(String),
    /// It said yes and something else is wrong, or it said nothing in time.
    #[error("{0:#}")]
    Broken(#[from] anyhow::Error),
}

/// A folder that stands for a client's home, so that nobody's settings or logins come in.
#[derive(Clone, Debug)]
pub(crate) struct Sandbox {
    folder: PathBuf,
}

impl Sandbox {
    /// Creates the folder.
    pub(crate) fn new(folder: PathBuf) -> anyhow::Result<Self> {
        fs::create_dir_all(&folder)?;
        Ok(Self { folder })
    }

    /// A path inside.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// A bounded command of this client.
    pub(crate) fn command(&self, tool: Tool) -> Command {
        let mut command = Command::new("timeout");
        command.args(["--kill-after=5", LIMIT]).arg(tool.path());
        self.environment(&mut command);
        command
    }

    /// A bounded command of skopeo, podman or buildah.
    ///
    /// For root all three remember in one system folder which layer they saw where and how it was packed, and push
    /// and pull differently for it. Each of these commands sees a folder of the sandbox there instead.
    pub(crate) fn containers_command(&self, tool: Tool) -> anyhow::Result<Command> {
        let cache = self.path("blob-info-cache");
        for folder in [&cache, Path::new(BLOB_INFO_CACHE)] {
            fs::create_dir_all(folder)?;
        }
        let mut command = Command::new(UNSHARE.path());
        command.args([
            "--mount",
            "sh",
            "-c",
            "mount --bind \"$0\" \"$1\" && shift && exec \"$@\"",
        ]);
        command
            .arg(cache)
            .args([BLOB_INFO_CACHE, "timeout", "--kill-after=5", LIMIT])
            .arg(tool.path());
        self.environment(&mut command);
        Ok(command)
    }

    /// A command that is bounded by whoever started it: a daemon.
    pub(crate) fn daemon(&self, tool: Tool) -> Command {
        let mut command = Command::new(tool.path());
        self.environment(&mut command);
        command
    }

    fn environment(&self, command: &mut Command) {
        let homes = [
            "HOME",
            "XDG_RUNTIME_DIR",
            "XDG_CONFIG_HOME",
            "XDG_CACHE_HOME",
            "TMPDIR",
        ];
        command
            .envs(homes.map(|name| (name, &self.folder)))
            .env("LC_ALL", "C")
            .stdin(Stdio::null());
        for setting in [
            "DOCKER_CONFIG",
            "DOCKER_HOST",
            "DOCKER_CONTEXT",
            "REGISTRY_AUTH_FILE",
        ] {
            command.env_remove(setting);
        }
    }
}

/// Runs a command; what it printed to standard output is the answer.
pub(crate) fn run(command: &mut Command) -> Result<String, Failure> {
    run_and_listen(command).map(|(output, _)| output)
}

/// Runs a command; what it printed to standard output and the end of what it printed beside are the answer.
pub(crate) fn run_and_listen(command: &mut Command) -> Result<(String, String), Failure> {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().context("starting timeout(1)")?;
    let output = String::from_utf8_lossy(&stdout).into_owned();
    let errors = last_words(&String::from_utf8_lossy(&stderr));
    if status.success() {
        return Ok((output, errors));
    }
    let message = if errors.is_empty() {
        last_words(&output)
    } else {
        errors
    };
    match status.code() {
        Some(TIMED_OUT) => Err(anyhow!("no end after {LIMIT} seconds: {message}").into()),
        Some(_) => Err(Failure::Refused(message)),
        None => Err(anyhow!("ended by a signal: {message}").into()),
    }
}

/// An absolute path as an argument, with what a transport puts before it.
pub(crate) fn prefixed(prefix: &str, path: &Path) -> String {
    format!("{prefix}{}", path.display())
}

/// The last sha256 digest that a client printed.
pub(crate) fn digest_in(output: &str) -> String {
    let found = output
        .rmatch_indices("sha256:")
        .next()
        .and_then(|(start, _)| output.get(start..start + 71));
    found.unwrap_or_default().to_owned()
}

/// The end of what a client said, where it says why.
fn last_words(text: &str) -> String {
    let mut lines: Vec<_> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .rev()
        .take(4)
        .collect();
    lines.reverse();
    lines.join(" | ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Result<String, Failure> {
        run(Command::new("sh").args(["-c", script]))
    }

    #[test]
    fn output_is_the_answer_and_a_failure_has_the_last_words() {
        assert_eq!(shell("echo yes").unwrap(), "yes\n");
        let failure = shell("echo first >&2; echo second >&2; exit 3").unwrap_err();
        assert!(matches!(failure, Failure::Refused(message) if message == "first | second"));
        assert!(matches!(shell("kill -9 $$"), Err(Failure::Broken(_))));
        assert!(matches!(shell("exit 124"), Err(Failure::Broken(_))));
    }

    #[test]
    fn the_last_digest_is_found() {
        let hash = "0123456789abcdef".repeat(4);
        assert_eq!(
            digest_in(&format!("was sha256:0 now sha256:{hash} size: 5")),
            format!("sha256:{hash}")
        );
        assert_eq!(digest_in("nothing"), "");
    }
}
