//! `portolan serve` reloads its configuration on SIGHUP.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use portolan_model::fixtures::{image, repository};
use portolan_registry::contract::bare_kind;
use portolan_registry::{Context, Kind, PutManifest, Result, Writer};
use portolan_testkit::HttpRegistry;

use super::binary;

/// Time limit for a line of the log.
const TIME_LIMIT: Duration = Duration::from_mins(1);

/// Server with a configuration file. Dropping it kills the process.
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
                .for_each(|line| drop(lines.send(line)));
        });
        Self {
            child,
            registry: HttpRegistry::new(address.parse().unwrap()),
            file,
            log,
        }
    }

    /// Changes the file, sends SIGHUP, and waits for a log line that contains `message`.
    fn reload(&self, configuration: &str, message: &str) -> String {
        fs::write(&self.file, configuration).unwrap();
        assert!(
            Command::new("kill")
                .args(["-HUP", &self.child.id().to_string()])
                .status()
                .unwrap()
                .success()
        );
        self.line(message)
    }

    fn line(&self, message: &str) -> String {
        loop {
            let line = self.log.recv_timeout(TIME_LIMIT).unwrap();
            if line.contains(message) {
                return line;
            }
        }
    }

    /// Pushes an image without its blobs.
    async fn push_without_blobs(&self, name: &str) -> Result<(), Kind> {
        let (context, name, options) = (
            Context::anonymous(),
            repository(name),
            PutManifest::default(),
        );
        let pushed = self
            .registry
            .put_manifest(&context, &name, image("x").bytes(), options)
            .await;
        pushed.map(drop).map_err(|error| bare_kind(&error))
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
async fn replaces_policies_without_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), SPARSE);
    assert_eq!(server.push_without_blobs("team/app").await, Ok(()));

    server.reload("", "the new policies are in effect");
    assert_eq!(
        server.push_without_blobs("team/app").await,
        Err(Kind::CONTENT_MISSING)
    );
    server.reload(SPARSE, "the new policies are in effect");
    assert_eq!(server.push_without_blobs("team/app").await, Ok(()));
}

#[tokio::test]
async fn an_invalid_configuration_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), SPARSE);
    let wrong = "[[policy]]\nrepositories = \"**\"\n[policy.rules]\nmissing-chld = \"reject\"\n";
    let line = server.reload(wrong, "the previous policies stay in effect");
    assert!(
        line.contains("ERROR") && line.contains("did you mean") && line.contains("missing-child"),
        "{line}"
    );
    assert_eq!(server.push_without_blobs("team/app").await, Ok(()));
    assert_eq!(
        server.push_without_blobs("other").await,
        Err(Kind::CONTENT_MISSING)
    );
}

#[tokio::test]
async fn names_keys_that_require_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), "");
    let line = server.reload(
        &format!("[storage.uploads]\nexpire = \"7h\"\n{SPARSE}"),
        "take effect after a restart",
    );
    assert!(
        line.contains("WARN") && line.contains("\"keys\":\"storage.uploads.expire\""),
        "{line}"
    );
    assert_eq!(server.push_without_blobs("team/app").await, Ok(()));
}
