//! Scene of a case: a folder, a home folder, and the programs that run in them.

use std::cell::{Cell, RefCell};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};
use portolan_testkit::fake::{Asked, Fake, Reply};
use portolan_testkit::fake_registry::{Behavior, FakeRegistry};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

use super::peer::Peer;
use super::run::Run;
use crate::interop::document::Kind;
use crate::interop::reference::TaggedReference;
use crate::interop::registry::RegistryConnection;
use crate::interop::sandbox::Sandbox;
use crate::servers::RunningServer;

/// Folder of one case. Portolan and its peers share a home folder in it, so that they read the same
/// files.
pub(crate) struct Scene {
    folder: TempDir,
    home: Sandbox,
    binary: PathBuf,
    servers: Cell<usize>,
    peers: RefCell<Vec<(Peer, String)>>,
    /// Runs the fake registries.
    runtime: Runtime,
}

impl Scene {
    /// Creates the folder of a case, and its home folder.
    pub(crate) fn new(name: &str, binary: PathBuf) -> Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix(&format!("{name}-"))
            .tempdir()?;
        let home = Sandbox::new(folder.path().join("home"))?;
        Ok(Self {
            folder,
            home,
            binary,
            servers: Cell::new(0),
            peers: RefCell::default(),
            runtime: Builder::new_multi_thread()
                .worker_threads(1)
                .enable_all()
                .build()?,
        })
    }

    /// Returns a path in the folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file in the home folder, with the folders above it, and returns its path.
    ///
    /// `HOME`, `XDG_CONFIG_HOME` and `XDG_RUNTIME_DIR` are the home folder: docker's file is
    /// `.docker/config.json`, and those of podman are below `containers/`.
    pub(crate) fn write_home(&self, name: &str, content: impl AsRef<[u8]>) -> Result<PathBuf> {
        let path = self.home.path(name);
        fs::create_dir_all(path.parent().context("no folder above the file")?)?;
        fs::write(&path, content)?;
        Ok(path)
    }

    /// Writes the `registries.conf` of the user, also where skopeo reads it, which ignores
    /// `XDG_CONFIG_HOME`.
    pub(crate) fn write_registries(&self, configuration: &str) -> Result<()> {
        for folder in ["containers", ".config/containers"] {
            self.write_home(&format!("{folder}/registries.conf"), configuration)?;
        }
        Ok(())
    }

    /// Returns a path in the home folder.
    pub(crate) fn home(&self, name: &str) -> PathBuf {
        self.home.path(name)
    }

    /// Runs Portolan in the folder.
    pub(crate) fn portolan(&self, arguments: &[&str]) -> Result<Run> {
        let mut command = self.home.program_command(&self.binary);
        Run::new(command.args(arguments).current_dir(self.folder.path()))
    }

    /// Starts Portolan without output, for a caller that interrupts it.
    pub(crate) fn start_portolan(&self, arguments: &[&str]) -> Result<Child> {
        let mut command = self.home.daemon(&self.binary);
        command.args(arguments).current_dir(self.folder.path());
        Ok(command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?)
    }

    /// Runs a shell script in the folder. In it, `$0` is the binary under test, and `$@` are the
    /// arguments.
    pub(crate) fn shell(&self, script: &str, arguments: &[&str]) -> Result<Run> {
        let mut command = self.home.program_command(Path::new("sh"));
        command.args(["-c", script]).arg(&self.binary);
        Run::new(command.args(arguments).current_dir(self.folder.path()))
    }

    /// Returns the binary under test.
    pub(crate) fn binary(&self) -> &Path {
        &self.binary
    }

    /// Starts Portolan as a server on a free loopback port, with its own data.
    pub(crate) fn serve(&self, configuration: &str) -> Result<RunningServer> {
        let number = self.servers.get() + 1;
        self.servers.set(number);
        let data = self.path(&format!("registry-{number}"));
        RunningServer::portolan_binary(&self.binary, &data, configuration)
    }

    /// Starts an empty fake registry.
    pub(crate) fn fake(&self, behavior: Behavior) -> FakeRegistry {
        self.runtime.block_on(FakeRegistry::start(behavior))
    }

    /// Starts a server that responds to each request with the result of `answer`.
    pub(crate) fn fake_server(
        &self,
        answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static,
    ) -> Fake {
        self.runtime.block_on(Fake::start(answer))
    }

    /// Pushes a kind to a registry over HTTP, as `HOST/REPOSITORY:TAG`, and returns this reference.
    pub(crate) fn seed(kind: &Kind, host: &str, name: &str) -> Result<String> {
        let (repository, tag) = name.split_once(':').context("a name has a tag")?;
        let place = TaggedReference {
            host: host.to_owned(),
            repository: repository.to_owned(),
            tag: tag.to_owned(),
        };
        RegistryConnection::new(host)?.seed(kind, &place)?;
        Ok(place.to_string())
    }

    /// Runs a peer in the folder, and records whether it succeeded.
    pub(crate) fn peer(&self, peer: Peer, arguments: &[&str]) -> Result<Run> {
        let mut command = peer.command(&self.home)?;
        let run = Run::new(command.args(arguments).current_dir(self.folder.path()))?;
        self.note_peer(peer, if run.status == 0 { "ok" } else { "failed" });
        Ok(run)
    }

    /// Runs a peer with a pipe from a file of the folder as its standard input.
    pub(crate) fn peer_with_input(
        &self,
        peer: Peer,
        file: &str,
        arguments: &[&str],
    ) -> Result<Run> {
        let mut cat = Command::new("cat")
            .arg(self.path(file))
            .stdout(Stdio::piped())
            .spawn()?;
        let pipe = cat.stdout.take().context("no standard output")?;
        let mut command = peer.command(&self.home)?;
        command.args(arguments).current_dir(self.folder.path());
        let run = Run::new(command.stdin(pipe))?;
        cat.wait()?;
        self.note_peer(peer, if run.status == 0 { "ok" } else { "failed" });
        Ok(run)
    }

    /// Copies with a peer between registries without TLS, and records whether it succeeded.
    pub(crate) fn copy_with_peer(&self, peer: Peer, from: &str, to: &str) -> Result<Run> {
        let arguments = peer.copy_arguments(from, to);
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        self.peer(peer, &arguments)
    }

    /// Records the outcome of a peer, in place of the one recorded before.
    pub(crate) fn note_peer(&self, peer: Peer, outcome: &str) {
        let mut peers = self.peers.borrow_mut();
        peers.retain(|(known, _)| *known != peer);
        peers.push((peer, outcome.to_owned()));
    }

    /// Discards the recorded outcomes, for a peer that only prepares the input.
    pub(crate) fn forget_peers(&self) {
        self.peers.borrow_mut().clear();
    }

    /// Ends the scene, and returns the outcomes of the peers.
    pub(crate) fn into_peers(self) -> Vec<(Peer, String)> {
        self.peers.into_inner()
    }
}
