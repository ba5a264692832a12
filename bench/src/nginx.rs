//! nginx serving the same content as files: the limit of this machine for reads.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use xtask::servers::free_address;
use xtask::tools;

use super::content::BenchContent;

const START_LIMIT: Duration = Duration::from_secs(10);

/// nginx master with two workers. Dropping it stops them.
pub(crate) struct Nginx {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Nginx {
    /// Serves `content` at the paths at which registries serve it.
    pub(crate) fn start(folder: &Path, content: &BenchContent) -> Result<Self> {
        let root = folder.join("root");
        let manifest = &content.image.manifest.bytes;
        write_content(&root, &BenchContent::tag_target(), manifest)?;
        write_content(&root, &content.manifest_target(), manifest)?;
        let blob = &content.image.layers[0].bytes;
        write_content(&root, &content.small_blob_target(), blob)?;
        content
            .layer
            .write(&create_path(&root, &content.layer_target())?)?;
        let address = free_address()?;
        let file = folder.join("nginx.conf");
        fs::write(&file, configuration(folder, &root, address))?;
        let child = Command::new(tools::NGINX.path())
            .arg("-p")
            .arg(folder)
            .arg("-c")
            .arg(&file)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("failed to start nginx")?;
        let nginx = Self { child, address };
        nginx.wait()?;
        Ok(nginx)
    }

    /// Returns the process id of the master.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    fn wait(&self) -> Result<()> {
        let begin = Instant::now();
        while TcpStream::connect(self.address).is_err() {
            if begin.elapsed() > START_LIMIT {
                bail!("nginx is not listening on {}", self.address);
            }
            sleep(Duration::from_millis(10));
        }
        Ok(())
    }
}

impl Drop for Nginx {
    /// Sends TERM instead of KILL, because a killed master leaves its workers running.
    fn drop(&mut self) {
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process(pid, Signal::TERM);
        }
        let _ = self.child.wait();
    }
}

fn write_content(root: &Path, target: &str, bytes: &[u8]) -> Result<()> {
    fs::write(create_path(root, target)?, bytes)?;
    Ok(())
}

/// Returns the file of a request's path, whose folder is created.
fn create_path(root: &Path, target: &str) -> Result<PathBuf> {
    let path = root.join(target.trim_start_matches('/'));
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    Ok(path)
}

fn configuration(folder: &Path, root: &Path, address: SocketAddr) -> String {
    let (folder, root) = (folder.display(), root.display());
    format!(
        "daemon off;
worker_processes 2;
user root;
pid {folder}/pid;
error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 1000000000;
    open_file_cache max=100;
    default_type application/octet-stream;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{ listen {address}; root {root}; }}
}}
"
    )
}
