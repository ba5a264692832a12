//! Servers under test and their peers: started on a free loopback port, and stopped by process id.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use crate::tools;

const START_LIMIT: Duration = Duration::from_secs(30);

/// Server that a tier runs against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum ServerProgram {
    /// Release binary of this workspace
    Portolan,
    /// CNCF distribution, from Debian's package docker-registry
    Distribution,
}

/// Running server. Dropping it kills it.
pub struct RunningServer {
    child: Child,
    address: SocketAddr,
    /// Kept open, because a process that writes into a closed pipe may be killed by SIGPIPE.
    _output: Option<ChildStdout>,
}

impl RunningServer {
    /// Builds and starts Portolan, or starts a peer, which ignores `configuration`.
    pub fn start(program: ServerProgram, data: &Path, configuration: &str) -> Result<Self> {
        match program {
            ServerProgram::Portolan => {
                build_portolan().and_then(|()| Self::portolan(data, configuration))
            }
            ServerProgram::Distribution => Self::distribution(data),
        }
    }

    /// Starts the release binary on `data`, with `configuration` as its TOML file.
    pub fn portolan(data: &Path, configuration: &str) -> Result<Self> {
        Self::portolan_binary(&portolan_binary(), data, configuration)
    }

    /// Starts another binary like [`RunningServer::portolan`].
    pub fn portolan_binary(binary: &Path, data: &Path, configuration: &str) -> Result<Self> {
        Self::portolan_command(Command::new(binary), data, configuration)
    }

    /// Starts the release binary through another program such as strace, which must start it in its
    /// own process. `wrapper` is the command to which the binary and its arguments are added.
    pub fn portolan_through(
        mut wrapper: Command,
        data: &Path,
        configuration: &str,
    ) -> Result<Self> {
        wrapper.arg(portolan_binary());
        Self::portolan_command(wrapper, data, configuration)
    }

    /// Starts `command`, to which the arguments of `portolan` are added.
    pub fn portolan_command(command: Command, data: &Path, configuration: &str) -> Result<Self> {
        let mut child = Self::spawn_serve(command, data, configuration)?;
        match announced_address(&mut child) {
            Ok((address, output)) => Ok(Self {
                child,
                address,
                _output: Some(output),
            }),
            Err(error) => {
                // A server that did not announce its address must not survive the failure.
                let _ = child.kill();
                let _ = child.wait();
                let log = fs::read_to_string(data.with_extension("log")).unwrap_or_default();
                Err(error.context(log))
            }
        }
    }

    /// Starts the release binary like [`RunningServer::portolan`], without waiting until it listens.
    pub fn spawn_portolan(data: &Path, configuration: &str) -> Result<Child> {
        Self::spawn_serve(Command::new(portolan_binary()), data, configuration)
    }

    fn spawn_serve(mut command: Command, data: &Path, configuration: &str) -> Result<Child> {
        fs::create_dir_all(data)?;
        let file = data.with_extension("toml");
        fs::write(&file, configuration)?;
        let log = File::create(data.with_extension("log"))?;
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(data)
            .arg("--config")
            .arg(&file)
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .with_context(|| format!("failed to start {}", command.get_program().display()))
    }

    /// Starts CNCF distribution (Debian's `docker-registry`) with filesystem storage and deletion
    /// enabled.
    pub fn distribution(data: &Path) -> Result<Self> {
        Self::distribution_binary(&tools::DISTRIBUTION.path(), data)
    }

    /// Starts another binary like [`RunningServer::distribution`].
    pub fn distribution_binary(binary: &Path, data: &Path) -> Result<Self> {
        let (child, address) = Self::spawn_distribution_binary(binary, data)?;
        Self::wait(child, address)
    }

    /// Starts CNCF distribution like [`RunningServer::distribution`], without waiting until it listens.
    pub fn spawn_distribution(data: &Path) -> Result<(Child, SocketAddr)> {
        Self::spawn_distribution_binary(&tools::DISTRIBUTION.path(), data)
    }

    fn spawn_distribution_binary(binary: &Path, data: &Path) -> Result<(Child, SocketAddr)> {
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
        let child = Command::new(binary)
            .arg("serve")
            .arg(&file)
            // Without it, version 3 sends traces to a collector.
            .env("OTEL_TRACES_EXPORTER", "none")
            .stdout(Stdio::null())
            .stderr(File::create(data.with_extension("log"))?)
            .spawn()
            .with_context(|| format!("failed to start {}", binary.display()))?;
        Ok((child, address))
    }

    /// Starts zot with its default settings for local storage.
    pub fn zot(binary: &Path, data: &Path) -> Result<Self> {
        fs::create_dir_all(data)?;
        let address = free_address()?;
        let file = data.with_extension("json");
        let configuration = serde_json::json!({
            "storage": { "rootDirectory": data },
            "http": { "address": address.ip(), "port": address.port().to_string() },
            "log": { "level": "error" },
        });
        fs::write(&file, configuration.to_string())?;
        let child = Command::new(binary)
            .arg("serve")
            .arg(&file)
            .stdout(Stdio::null())
            .stderr(File::create(data.with_extension("log"))?)
            .spawn()
            .with_context(|| format!("failed to start {}", binary.display()))?;
        Self::wait(child, address)
    }

    /// Waits until a server that does not announce its address listens.
    fn wait(child: Child, address: SocketAddr) -> Result<Self> {
        let server = Self {
            child,
            address,
            _output: None,
        };
        wait_until_listening(address)?;
        Ok(server)
    }

    /// Returns the address on which the registry listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns `127.0.0.1:PORT`, the host of references.
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// Returns the process id of the server.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Kills the process immediately, as `kill -9` does.
    pub fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Returns whether the process has ended.
    pub fn has_ended(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_some())
    }

    /// Stops the process with SIGTERM and waits until it has exited.
    pub fn stop(&mut self) -> Result<()> {
        // After the exit, another process may have this process id.
        if self.child.try_wait()?.is_none() {
            let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
            kill_process(pid.context("invalid process id")?, Signal::TERM)?;
            self.child.wait()?;
        }
        Ok(())
    }
}

impl Drop for RunningServer {
    fn drop(&mut self) {
        let _ = self.kill();
    }
}

/// Builds the release binary that the tiers run.
pub fn build_portolan() -> Result<()> {
    let status = Command::new("cargo")
        .args(["build", "--release", "--package", "portolan"])
        .current_dir(workspace())
        .status()?;
    if !status.success() {
        bail!("failed to build the release binary");
    }
    Ok(())
}

/// Returns the root of the repository.
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .map_or_else(PathBuf::new, Path::to_path_buf)
}

/// Returns Cargo's output folder, which the environment may set.
pub fn target_folder() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace().join("target"), PathBuf::from)
}

/// Returns the path of the release binary. It exists after a build.
pub fn portolan_binary() -> PathBuf {
    target_folder().join("release/portolan")
}

fn announced_address(child: &mut Child) -> Result<(SocketAddr, ChildStdout)> {
    let mut stdout = BufReader::new(child.stdout.take().context("no standard output")?);
    let mut line = String::new();
    stdout.read_line(&mut line)?;
    let address = line.split_once("://").map(|(_, rest)| rest.trim());
    match address.and_then(|text| text.parse().ok()) {
        Some(address) => Ok((address, stdout.into_inner())),
        None => bail!("the server did not announce its address, but printed {line:?}"),
    }
}

/// Returns a loopback address with a port that is not in use.
pub fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

fn wait_until_listening(address: SocketAddr) -> Result<()> {
    let start = Instant::now();
    while TcpStream::connect(address).is_err() {
        if start.elapsed() > START_LIMIT {
            bail!("no server listens on {address} after {START_LIMIT:?}");
        }
        sleep(Duration::from_millis(20));
    }
    Ok(())
}
