//! Proxies in front of the registry, each with its shortest configuration.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use crate::servers::free_address;
use crate::tools::{self, Tool};

const START_LIMIT: Duration = Duration::from_secs(30);

/// Proxy program. In its configuration, `LISTEN` and `REGISTRY` are placeholders for addresses, and
/// `FOLDER` is a placeholder for its own folder.
#[derive(Clone, Copy)]
pub(crate) struct Program {
    pub(crate) name: &'static str,
    pub(crate) tool: Tool,
    arguments: &'static [&'static str],
    configuration: &'static str,
}

pub(crate) const PROGRAMS: [Program; 3] = [
    Program {
        name: "nginx",
        tool: tools::NGINX,
        arguments: &["-p", "FOLDER", "-c"],
        configuration: NGINX,
    },
    Program {
        name: "haproxy",
        tool: tools::HAPROXY,
        arguments: &["-f"],
        configuration: HAPROXY,
    },
    Program {
        name: "caddy",
        tool: tools::CADDY,
        arguments: &["run", "--adapter", "caddyfile", "--config"],
        configuration: CADDY,
    },
];

const NGINX: &str = "daemon off;
user root;
pid FOLDER/pid;
error_log FOLDER/error.log;
events {}
http {
    access_log off;
    client_body_temp_path FOLDER/body;
    proxy_temp_path FOLDER/proxy;
    fastcgi_temp_path FOLDER/fastcgi;
    uwsgi_temp_path FOLDER/uwsgi;
    scgi_temp_path FOLDER/scgi;
    server {
        listen LISTEN;
        location / { proxy_pass http://REGISTRY; }
    }
}
";

const HAPROXY: &str = "defaults
    mode http
    timeout connect 10s
    timeout client 60s
    timeout server 60s
listen registry
    bind LISTEN
    server registry REGISTRY
";

const CADDY: &str = "{
    admin off
    auto_https off
    storage file_system FOLDER
}
http://LISTEN {
    reverse_proxy REGISTRY
}
";

/// Running proxy. Dropping it stops it.
pub(crate) struct Proxy {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Proxy {
    /// Starts a proxy on a free loopback port. Its files are in `folder`.
    pub(crate) fn start(program: Program, folder: &Path, registry: SocketAddr) -> Result<Self> {
        let address = free_address()?;
        let insert = |text: &str| {
            text.replace("LISTEN", &address.to_string())
                .replace("REGISTRY", &registry.to_string())
                .replace("FOLDER", &folder.display().to_string())
        };
        let file = folder.join("configuration");
        fs::write(&file, insert(program.configuration))?;
        let log = folder.join("log");
        let output = File::create(&log)?;
        let child = Command::new(program.tool.path())
            .args(program.arguments.iter().map(|argument| insert(argument)))
            .arg(&file)
            .env("HOME", folder)
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .with_context(|| format!("failed to start {}", program.name))?;
        let proxy = Self { child, address };
        proxy.wait(&log)?;
        Ok(proxy)
    }

    fn wait(&self, log: &Path) -> Result<()> {
        let start = Instant::now();
        while TcpStream::connect(self.address).is_err() {
            if start.elapsed() > START_LIMIT {
                let log = fs::read_to_string(log).unwrap_or_default();
                bail!(
                    "no proxy listens on {} after {START_LIMIT:?}:\n{log}",
                    self.address
                );
            }
            sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

impl Drop for Proxy {
    /// Sends TERM instead of KILL, because a killed nginx leaves its workers running.
    fn drop(&mut self) {
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process(pid, Signal::TERM);
        }
        let _ = self.child.wait();
    }
}
