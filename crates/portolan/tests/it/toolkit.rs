//! What the tests of the toolkit share: registries that run, and a person with a home folder.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;

use portolan_registry::Registry;
use portolan_registry::contract::Repository;
use portolan_testkit::{HttpRegistry, Process};
use tempfile::TempDir;

use super::{binary, text};

const CONFIGURATION: &str = r#"
telemetry.log = "warn"
policy = [
    { repositories = "sparse/**", preset = "sparse" },
    { repositories = "normalised/**", normalise = "oci" },
    { repositories = "oci/**", preset = "oci-only" },
]
"#;

/// A registry that runs until it is dropped. Content may be absent below `sparse/`, tags are set to what is OCI's below
/// `normalised/`, and nothing of Docker's is taken below `oci/`.
pub(crate) struct Server {
    process: Process,
    registry: Arc<dyn Registry>,
    _folder: TempDir,
}

impl Server {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("portolan.toml");
        std::fs::write(&file, CONFIGURATION).unwrap();
        let arguments = ["--config", file.to_str().unwrap()];
        let process = Process::serve(binary(), &folder.path().join("data"), &arguments).unwrap();
        let registry = Arc::new(HttpRegistry::new(process.address()));
        Self {
            process,
            registry,
            _folder: folder,
        }
    }

    /// A repository, to look into and to fill by other means.
    pub(crate) fn repository(&self, name: &str) -> Repository {
        Repository::of(&self.registry, name)
    }

    /// How the command line names something on it.
    pub(crate) fn at(&self, reference: &str) -> String {
        format!("{}/{reference}", self.host())
    }

    pub(crate) fn host(&self) -> String {
        self.process.address().to_string()
    }
}

/// Somebody who has no files but those of the test.
pub(crate) struct Person {
    home: TempDir,
}

impl Person {
    pub(crate) fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join("registries.conf"), "").unwrap();
        Self { home }
    }

    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    /// A file or folder of this person's.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.home().join(name)
    }

    /// The command, run in the home folder.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command.args(arguments).current_dir(self.home()).env_clear();
        command
            .env("HOME", self.home())
            .env("XDG_RUNTIME_DIR", self.path("run"));
        command.env("CONTAINERS_REGISTRIES_CONF", self.path("registries.conf"));
        command.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// What a command that has to succeed prints.
    pub(crate) fn prints(&self, arguments: &[&str]) -> Vec<u8> {
        let output = self.run(arguments);
        assert!(
            output.status.success(),
            "{arguments:?}: {}",
            text(&output.stderr)
        );
        output.stdout
    }

    pub(crate) fn prints_text(&self, arguments: &[&str]) -> String {
        text(&self.prints(arguments))
    }

    pub(crate) fn prints_json(&self, arguments: &[&str]) -> serde_json::Value {
        serde_json::from_slice(&self.prints(arguments)).unwrap()
    }

    /// What a command says that has to end with `status`.
    pub(crate) fn fails(&self, arguments: &[&str], status: i32) -> String {
        let output = self.run(arguments);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(status), "{arguments:?}: {said}");
        said
    }
}
