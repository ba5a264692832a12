//! CNCF distribution on a free loopback port. The process is killed on drop.

use std::fs;
use std::iter;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Maximum time until the server listens.
const START: Duration = Duration::from_mins(1);

/// Accounts of the registry.
#[derive(Clone, Copy)]
pub(crate) enum Accounts {
    /// No authentication.
    None,
    /// One account, `somebody`, with the password `secret`.
    Somebody,
}

/// Output of `htpasswd -nbB -C 4` for that account. A higher cost would dominate the run time of
/// the tests.
const SOMEBODY: &str = "somebody:$2y$04$rgwyLb0SL1Y7cQoOHGvmgeaPINFza0Wm08pJz9UKKvK9Bm01iKH3G\n";

pub(crate) struct Server {
    process: Child,
    address: SocketAddr,
    _folder: TempDir,
}

impl Server {
    pub(crate) fn start(accounts: Accounts) -> Self {
        // Another process may take the free port in the meantime.
        iter::repeat_with(|| Self::try_start(accounts))
            .take(5)
            .find_map(|server| server)
            .expect("docker-registry listens")
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    fn try_start(accounts: Accounts) -> Option<Self> {
        let folder = TempDir::new().unwrap();
        let address = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let path = |name: &str| folder.path().join(name);
        let auth = match accounts {
            Accounts::None => String::new(),
            Accounts::Somebody => {
                fs::write(path("htpasswd"), SOMEBODY).unwrap();
                format!(
                    "auth: {{htpasswd: {{realm: here, path: '{}'}}}}\n",
                    path("htpasswd").display()
                )
            }
        };
        let storage = format!(
            "{{filesystem: {{rootdirectory: '{}'}}, delete: {{enabled: true}}}}",
            path("data").display()
        );
        let http = format!("{{addr: '{address}'}}");
        let configuration = format!(
            "version: 0.1\nlog: {{level: error}}\nstorage: {storage}\nhttp: {http}\n{auth}"
        );
        fs::write(path("config.yml"), configuration).unwrap();
        let mut command = Command::new("docker-registry");
        command
            .arg("serve")
            .arg(path("config.yml"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let process = command
            .spawn()
            .expect("docker-registry starts; it is in Debian's package docker-registry");
        let mut server = Self {
            process,
            address,
            _folder: folder,
        };
        server.listens().then_some(server)
    }

    fn listens(&mut self) -> bool {
        let start = Instant::now();
        while start.elapsed() < START {
            if self.process.try_wait().unwrap().is_some() {
                return false;
            }
            if TcpStream::connect(self.address).is_ok() {
                return true;
            }
            sleep(Duration::from_millis(10));
        }
        false
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
