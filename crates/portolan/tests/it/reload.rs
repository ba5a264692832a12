//! `portolan serve` reads its configuration again on SIGHUP.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use portolan_model::fixtures::{image, repository};
use portolan_registry::{Context, Kind, PutManifest, Result, Writer};
use portolan_testkit::HttpRegistry;

use super::binary;

/// Longest time that a line of the log may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// A server with a configuration file, ended when dropped.
struct Server {
    child: Child,
    registry: HttpRegistry,
    file: PathBuf,
    log: Receiver<String>,
}

impl Server {
    fn start(folder: &Path, configuration: &str) -> Self {
        let file = folder.join("portolan.toml");
        fs::write(&file, configuration).unwrap();
        let mut child = Command::new(binary())
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(folder.join("data"))
            .arg("--config")
            .arg(&file)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut first = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut first)
            .unwrap();
        let (_, address) = first.trim_end().split_once("http://").unwrap();
        let (lines, log) = channel();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        thread::spawn(move || {
            stderr
                .lines()
                .map_while(std::io::Result::ok)
                .for_each(|line| drop(lines.send(line)))
        });
        Self {
            child,
            registry: HttpRegistry::new(address.parse().unwrap()),
            file,
            log,
        }
    }

    /// Changes the file, tells the server, and waits for the line of its log with `told`.
    fn reload(&self, configuration: &str, told: &str) -> String {
        fs::write(&self.file, configuration).unwrap();
        assert!(
            Command::new("kill")
                .args(["-HUP", &self.child.id().to_string()])
                .status()
                .unwrap()
                .success()
        );
        self.line(told)
    }

    fn line(&self, told: &str) -> String {
        loop {
            let line = self.log.recv_timeout(PATIENCE).unwrap();
            if line.contains(told) {
                return line;
            }
        }
    }

    /// What becomes of an image whose content is not there.
    async fn push_hollow(&self, name: &str) -> Result<(), Kind> {
        let (context, name, options) = (
            Context::anonymous(),
            repository(name),
            PutManifest::default(),
        );
        let pushed = self
            .registry
            .put_manifest(&context, &name, image("x").bytes(), options)
            .await;
        pushed.map(drop).map_err(|error| error.kind().clone())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const SPARSE: &str = "[[policy]]\nrepositories = \"team/**\"\npreset = \"sparse\"\n";

#[tokio::test]
async fn policies_are_replaced_while_it_runs() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), SPARSE);
    assert_eq!(server.push_hollow("team/app").await, Ok(()));

    server.reload("", "its policies count from now on");
    assert_eq!(
        server.push_hollow("team/app").await,
        Err(Kind::ContentMissing)
    );
    server.reload(SPARSE, "its policies count from now on");
    assert_eq!(server.push_hollow("team/app").await, Ok(()));
}

#[tokio::test]
async fn a_wrong_configuration_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), SPARSE);
    let wrong = "[[policy]]\nrepositories = \"**\"\n[policy.rules]\nmissing-chld = \"reject\"\n";
    let line = server.reload(wrong, "what counted before still counts");
    assert!(
        line.contains("ERROR") && line.contains("did you mean") && line.contains("missing-child"),
        "{line}"
    );
    assert_eq!(server.push_hollow("team/app").await, Ok(()));
    assert_eq!(server.push_hollow("other").await, Err(Kind::ContentMissing));
}

#[tokio::test]
async fn keys_that_wait_for_a_restart_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), "");
    let line = server.reload(
        &format!("[storage.uploads]\nexpire = \"7h\"\n{SPARSE}"),
        "count after a restart",
    );
    assert!(
        line.contains("WARN") && line.contains("\"keys\":\"storage.uploads.expire\""),
        "{line}"
    );
    assert_eq!(server.push_hollow("team/app").await, Ok(()));
}
