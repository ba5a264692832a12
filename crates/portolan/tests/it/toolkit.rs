//! Support code for tests of the toolkit: running registries, and a user with a home folder.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;

use portolan_registry::Registry;
use portolan_registry::contract::TestRepository;
use portolan_testkit::{HttpRegistry, Process};
use tempfile::TempDir;

use super::{binary, text};

const CONFIGURATION: &str = r#"
telemetry.log = "warn"
policy = [
    { repositories = "sparse/**", preset = "sparse" },
    { repositories = "normalized/**", normalize = "oci" },
    { repositories = "oci/**", preset = "oci-only" },
]
"#;

/// Registry that runs until it is dropped.
///
/// Repositories below `sparse/` accept missing content, those below `normalized/` convert tags to
/// OCI types, and those below `oci/` reject Docker types.
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

    /// Returns a repository, for direct access without the toolkit.
    pub(crate) fn repository(&self, name: &str) -> TestRepository {
        TestRepository::new(&self.registry, name)
    }

    /// Returns the reference of something in this registry for the command line.
    pub(crate) fn reference(&self, reference: &str) -> String {
        format!("{}/{reference}", self.host())
    }

    pub(crate) fn host(&self) -> String {
        self.process.address().to_string()
    }
}

/// User whose home folder contains only the files of the test.
pub(crate) struct User {
    home: TempDir,
}

impl User {
    pub(crate) fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join("registries.conf"), "").unwrap();
        Self { home }
    }

    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    /// Returns the path of a file or folder in the home folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.home().join(name)
    }

    /// Returns a command that runs in the home folder with a clean environment.
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

    /// Runs a command that must succeed, and returns its standard output.
    pub(crate) fn run_ok(&self, arguments: &[&str]) -> Vec<u8> {
        let output = self.run(arguments);
        assert!(
            output.status.success(),
            "{arguments:?}: {}",
            text(&output.stderr)
        );
        output.stdout
    }

    pub(crate) fn run_text(&self, arguments: &[&str]) -> String {
        text(&self.run_ok(arguments))
    }

    pub(crate) fn run_json(&self, arguments: &[&str]) -> serde_json::Value {
        serde_json::from_slice(&self.run_ok(arguments)).unwrap()
    }

    /// Runs a command that must exit with `status`, and returns its standard error.
    pub(crate) fn run_failing(&self, arguments: &[&str], status: i32) -> String {
        let output = self.run(arguments);
        let stderr = text(&output.stderr);
        assert_eq!(
            output.status.code(),
            Some(status),
            "{arguments:?}: {stderr}"
        );
        stderr
    }
}
