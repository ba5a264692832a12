//! Sandboxes for clients: each has its own home and a time limit, and an error of a client is
//! distinguished from a broken test.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::{Context, anyhow};

use crate::tools::{Tool, UNSHARE};

/// Time limit for one command of a client, in seconds.
const LIMIT: &str = "60";

/// Folder in which containers/image caches information on blobs when it runs as root.
const BLOB_INFO_CACHE: &str = "/var/lib/containers/cache";

/// Exit status of `timeout` if the command exceeded its time.
const TIMED_OUT: i32 = 124;

/// Reason why a client failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientFailure {
    /// The client reported an error with this message.
    #[error("{0}")]
    Rejected(String),
    /// The client reported success but something else is wrong, or it timed out.
    #[error("{0:#}")]
    Broken(#[from] anyhow::Error),
}

/// Folder that serves as a client's home, so that no settings or logins of the user have an effect.
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

    /// Returns a path in the folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Returns a command of this client with a time limit.
    pub(crate) fn command(&self, tool: Tool) -> Command {
        self.program_command(&tool.path())
    }

    /// Returns a command of any program with a time limit.
    pub(crate) fn program_command(&self, program: &Path) -> Command {
        let mut command = Command::new("timeout");
        command.args(["--kill-after=5", LIMIT]).arg(program);
        self.environment(&mut command);
        command
    }

    /// Returns a command of skopeo, podman or buildah with a time limit.
    ///
    /// As root, all three cache in one system folder which layer is stored where and how it is
    /// compressed, and push and pull differently depending on it. Each command sees a folder of the
    /// sandbox in its place.
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

    /// Returns a command without a time limit, for a program that its caller stops. The process of
    /// the command is the program itself, so the end of the process is the end of the program.
    pub(crate) fn daemon(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
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

/// Runs a command and returns its standard output.
pub(crate) fn run(command: &mut Command) -> Result<String, ClientFailure> {
    run_with_errors(command).map(|(output, _)| output)
}

/// Runs a command and returns its standard output and the end of its standard error.
pub(crate) fn run_with_errors(command: &mut Command) -> Result<(String, String), ClientFailure> {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().context("failed to start timeout(1)")?;
    let output = String::from_utf8_lossy(&stdout).into_owned();
    let errors = last_lines(&String::from_utf8_lossy(&stderr));
    if status.success() {
        return Ok((output, errors));
    }
    let message = if errors.is_empty() {
        last_lines(&output)
    } else {
        errors
    };
    match status.code() {
        Some(TIMED_OUT) => Err(anyhow!("timed out after {LIMIT} seconds: {message}").into()),
        Some(_) => Err(ClientFailure::Rejected(message)),
        None => Err(anyhow!("killed by a signal: {message}").into()),
    }
}

/// Returns an absolute path as an argument, with the prefix of a transport.
pub(crate) fn path_argument(prefix: &str, path: &Path) -> String {
    format!("{prefix}{}", path.display())
}

/// Returns the last sha256 digest that a client printed.
pub(crate) fn find_digest(output: &str) -> String {
    let found = output
        .rmatch_indices("sha256:")
        .next()
        .and_then(|(start, _)| output.get(start..start + 71));
    found.unwrap_or_default().to_owned()
}

/// Returns the end of a client's output, which contains the reason of a failure.
fn last_lines(text: &str) -> String {
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

    fn shell(script: &str) -> Result<String, ClientFailure> {
        run(Command::new("sh").args(["-c", script]))
    }

    #[test]
    fn success_returns_output_and_failure_returns_last_lines() {
        assert_eq!(shell("echo yes").unwrap(), "yes\n");
        let failure = shell("echo first >&2; echo second >&2; exit 3").unwrap_err();
        assert!(matches!(failure, ClientFailure::Rejected(message) if message == "first | second"));
        assert!(matches!(shell("kill -9 $$"), Err(ClientFailure::Broken(_))));
        assert!(matches!(shell("exit 124"), Err(ClientFailure::Broken(_))));
    }

    #[test]
    fn finds_the_last_digest() {
        let hash = "0123456789abcdef".repeat(4);
        assert_eq!(
            find_digest(&format!("was sha256:0 now sha256:{hash} size: 5")),
            format!("sha256:{hash}")
        );
        assert_eq!(find_digest("nothing"), "");
    }
}
