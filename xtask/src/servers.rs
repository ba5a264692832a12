//! Servers under test and their peers: started on a free loopback port, stopped by process id.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

const START_LIMIT: Duration = Duration::from_secs(30);

/// Which server a tier runs against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Program {
    /// The release binary of this workspace.
    Portolan,
    /// CNCF distribution, Debian's `docker-registry`.
    Distribution,
}

/// A running server, killed when dropped.
pub(crate) struct Server {
    child: Child,
    address: SocketAddr,
    /// Kept open: who prints into a closed pipe may die of it.
    _output: Option<ChildStdout>,
}

impl Server {
    /// Builds and starts Portolan, or starts a peer, which knows nothing of `configuration`.
    pub(crate) fn start(program: Program, data: &Path, configuration: &str) -> Result<Self> {
        match program {
            Program::Portolan => {
                build_portolan().and_then(|()| Self::portolan(data, configuration))
            }
            Program::Distribution => Self::distribution(data),
        }
    }

    /// Starts the release binary on `data`, with the lines of `configuration` as its TOML file.
    pub(crate) fn portolan(data: &Path, configuration: &str) -> Result<Self> {
        let mut child = Self::spawn_portolan(data, configuration)?;
        match announced_address(&mut child) {
            Ok((address, output)) => Ok(Self {
                child,
                address,
                _output: Some(output),
            }),
            Err(error) => {
                // A server that said nothing must not outlive the failure.
                let _ = child.kill();
                let _ = child.wait();
                let log = fs::read_to_string(data.with_extension("log")).unwrap_or_default();
                Err(error.context(log))
            }
        }
    }

    /// Begins to start the release binary, as [`Server::portolan`] does, and does not wait for it.
    pub(crate) fn spawn_portolan(data: &Path, configuration: &str) -> Result<Child> {
        fs::create_dir_all(data)?;
        let file = data.with_extension("toml");
        fs::write(&file, configuration)?;
        let log = File::create(data.with_extension("log"))?;
        Command::new(portolan_binary())
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(data)
            .arg("--config")
            .arg(&file)
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .with_context(|| format!("starting {}", portolan_binary().display()))
    }

    /// Starts CNCF distribution (Debian's `docker-registry`) with a filesystem root, delete enabled.
    pub(crate) fn distribution(data: &Path) -> Result<Self> {
        let (child, address) = Self::spawn_distribution(data)?;
        let server = Self {
            child,
            address,
            _output: None,
        };
        wait_until_listening(address)?;
        Ok(server)
    }

    /// Begins to start CNCF distribution, as [`Server::distribution`] does, and does not wait for it.
    pub(crate) fn spawn_distribution(data: &Path) -> Result<(Child, SocketAddr)> {
        fs::create_dir_all(data)?;
        let address = free_address()?;
        let file = data.with_extension("yml");
        let root = data.display();
        fs::write(
            &file,
            format!(
                "version: 0.1\nlog: {{level: error}}\nstorage:\n  filesystem: {{rootdirectory: {root}}}\n  delete: {{enabled: true}}\nhttp: {{addr: '{address}'}}\n"
            ),
        )?;
        let log = File::create(data.with_extension("log"))?;
        let child = Command::new("docker-registry")
            .arg("serve")
            .arg(&file)
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .context("starting docker-registry (Debian's package of that name)")?;
        Ok((child, address))
    }

    /// Where the registry listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// `127.0.0.1:PORT`, as clients name the registry.
    pub(crate) fn host(&self) -> String {
        self.address.to_string()
    }

    /// The server's process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Ends the process at once, as `kill -9` does.
    pub(crate) fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.kill();
    }
}

/// Builds the release binary that every tier here runs.
pub(crate) fn build_portolan() -> Result<()> {
    let status = Command::new("cargo")
        .args(["build", "--release", "--package", "portolan"])
        .current_dir(workspace())
        .status()?;
    if !status.success() {
        bail!("the release binary does not build");
    }
    Ok(())
}

/// The root of the repository.
pub(crate) fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .map_or_else(PathBuf::new, Path::to_path_buf)
}

/// Cargo's output folder, wherever the environment put it.
pub(crate) fn target_folder() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace().join("target"), PathBuf::from)
}

/// The release binary, once it is built.
pub(crate) fn portolan_binary() -> PathBuf {
    target_folder().join("release/portolan")
}

fn announced_address(child: &mut Child) -> Result<(SocketAddr, ChildStdout)> {
    let mut stdout = BufReader::new(child.stdout.take().context("no standard output")?);
    let mut line = String::new();
    stdout.read_line(&mut line)?;
    let address = line.split_once("http://").map(|(_, rest)| rest.trim());
    match address.and_then(|text| text.parse().ok()) {
        Some(address) => Ok((address, stdout.into_inner())),
        None => bail!("the server did not announce its address, it said {line:?}"),
    }
}

/// A loopback port that nobody listens on.
pub(crate) fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

fn wait_until_listening(address: SocketAddr) -> Result<()> {
    let start = Instant::now();
    while TcpStream::connect(address).is_err() {
        if start.elapsed() > START_LIMIT {
            bail!("nothing listens on {address} after {START_LIMIT:?}");
        }
        sleep(Duration::from_millis(20));
    }
    Ok(())
}
