//! `cargo xtask services`: the tests that need a service, on a PostgreSQL that is started for them.

use std::fs::{self, File, Permissions};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::servers::{free_address, workspace};
use crate::tools;

const START_LIMIT: Duration = Duration::from_secs(30);
/// The user that Debian's package creates. The server refuses to run as root.
const USER: &str = "postgres";

/// The store on PostgreSQL: the metadata suite, the plan of every statement, and the contract.
const TESTS: [&str; 6] = [
    "test",
    "--package",
    "portolan-store",
    "--features",
    "postgres-tests",
    "--lib",
];

/// Starts the services, runs the tests, and stops the services.
pub(crate) fn run() -> Result<()> {
    tools::require(&[tools::POSTGRES, tools::INITDB, tools::SETPRIV])?;
    let folder = tempfile::tempdir()?;
    let server = Postgres::start(folder.path())?;
    let status = Command::new("cargo")
        .args(TESTS)
        .args(["postgres"])
        .env("PORTOLAN_TEST_POSTGRES", server.url())
        .current_dir(workspace())
        .status()?;
    if !status.success() {
        bail!("the tests on PostgreSQL failed");
    }
    Ok(())
}

/// A running PostgreSQL server, stopped when dropped.
struct Postgres {
    child: Child,
    address: SocketAddr,
}

impl Postgres {
    /// Creates a database cluster in `folder` and starts a server on a free loopback port.
    fn start(folder: &Path) -> Result<Self> {
        // The server's user must be able to reach its own folder below this one.
        fs::set_permissions(folder, Permissions::from_mode(0o755))?;
        let data = data_folder(folder)?;
        succeed(
            as_user(&tools::INITDB.path())
                .args(["--auth=trust", "--encoding=UTF8", "--locale=C", "--pgdata"])
                .arg(&data)
                .stdout(Stdio::null()),
        )?;
        let (address, log) = (free_address()?, File::create(folder.join("log"))?);
        let child = as_user(&tools::POSTGRES.path())
            .arg("-D")
            .arg(&data)
            .args(["-p", &address.port().to_string()])
            .args(["-c", "listen_addresses=127.0.0.1"])
            .args(["-c", "unix_socket_directories="])
            // The tests show what statements do, and nothing about power cuts.
            .args(["-c", "fsync=off"])
            .stdin(Stdio::null())
            .stderr(log)
            .spawn()
            .context("failed to start PostgreSQL")?;
        let server = Self { child, address };
        server.wait(folder)?;
        Ok(server)
    }

    fn wait(&self, folder: &Path) -> Result<()> {
        let start = Instant::now();
        while TcpStream::connect(self.address).is_err() {
            if start.elapsed() > START_LIMIT {
                let log = fs::read_to_string(folder.join("log")).unwrap_or_default();
                bail!("PostgreSQL does not listen after {START_LIMIT:?}:\n{log}");
            }
            sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    fn url(&self) -> String {
        let (host, port) = (self.address.ip(), self.address.port());
        format!("host={host} port={port} user={USER} dbname=postgres")
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // SIGINT ends the connections and stops the server with all of its processes.
        let pid = self.child.id().to_string();
        let _ = Command::new("kill").args(["-INT", &pid]).status();
        let _ = self.child.wait();
    }
}

/// Creates the folder of the cluster, which belongs to the server's user.
fn data_folder(folder: &Path) -> Result<PathBuf> {
    let data = folder.join("postgres");
    let owner = ["--owner", USER, "--group", USER, "--mode", "0700"];
    succeed(
        Command::new("install")
            .arg("--directory")
            .args(owner)
            .arg(&data),
    )?;
    Ok(data)
}

/// Returns a command that replaces itself by the program, so that its process id is the program's.
fn as_user(program: &Path) -> Command {
    let mut command = Command::new(tools::SETPRIV.path());
    command
        .args(["--reuid", USER, "--regid", USER, "--clear-groups"])
        .arg(program);
    command
}

fn succeed(command: &mut Command) -> Result<()> {
    let program = command.get_program().display().to_string();
    let status = command.status();
    let status = status.with_context(|| format!("failed to start {program}"))?;
    if !status.success() {
        bail!("{program} ended with {status}");
    }
    Ok(())
}
