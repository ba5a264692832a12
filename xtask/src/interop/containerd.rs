//! containerd through `ctr`: a content store that keeps every document as it came.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use super::client::{Arrival, Client};
use super::daemon::Daemon;
use super::document::Kind;
use super::exchange::Keeper;
use super::layout;
use super::place::Place;
use super::sandbox::{Failure, Sandbox, run};
use crate::tools::{CONTAINERD, CTR};

const CONTENT: &str = "root/io.containerd.content.v1.content";

/// The daemon and its command line.
pub(crate) struct Containerd {
    sandbox: Sandbox,
    _daemon: Daemon,
}

impl Containerd {
    /// Starts `containerd` and waits until it answers.
    pub(crate) fn start(sandbox: Sandbox) -> Result<Self> {
        let [root, state, socket] =
            ["root", "state", "containerd.sock"].map(|name| sandbox.path(name));
        let configuration = format!(
            "version = 2\nroot = '{}'\nstate = '{}'\ndisabled_plugins = ['io.containerd.grpc.v1.cri']\n\
             [grpc]\naddress = '{}'\n",
            root.display(),
            state.display(),
            socket.display(),
        );
        let file = sandbox.path("containerd.toml");
        fs::write(&file, configuration)?;
        let mut command = sandbox.daemon(CONTAINERD);
        command.arg("--config").arg(file);
        let log = sandbox.path("containerd.log");
        let daemon = Daemon::start(command, &log, || client(&sandbox, &["version"]).output())?;
        Ok(Self {
            sandbox,
            _daemon: daemon,
        })
    }

    /// A command to this daemon.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        client(&self.sandbox, arguments)
    }

    /// The content store, which names its files as a layout does.
    pub(crate) fn content(&self) -> PathBuf {
        self.sandbox.path(CONTENT)
    }
}

impl Client for Containerd {
    fn name(&self) -> &'static str {
        "containerd"
    }

    fn pull(&self, kind: &Kind, from: &Place) -> Result<Arrival, Failure> {
        let name = from.to_string();
        if let Some(image) = kind.only_image().filter(|_| kind.sparse) {
            run(&mut self.command(&[
                "content",
                "fetch",
                "--plain-http",
                "--platform",
                kind.platform,
                &name,
            ]))?;
            layout::compare_oci(&self.content(), &image.whole())?;
            return Ok(Arrival::OneImage);
        }
        run(&mut self.command(&["content", "fetch", "--plain-http", "--all-platforms", &name]))?;
        layout::compare_oci(&self.content(), &kind.whole())?;
        if kind.image.is_some() {
            run(&mut self.command(&[
                "images",
                "pull",
                "--plain-http",
                "--snapshotter=native",
                "--platform",
                kind.platform,
                &name,
            ]))?;
        }
        Ok(Arrival::Whole)
    }

    fn push(&self, kind: &Kind, _from: &Place, to: &Place) -> Result<Arrival, Failure> {
        let name = to.to_string();
        let folder = self.sandbox.path(&format!("push-{}", kind.name));
        layout::write_oci(&folder, kind, &name)?;
        let archive = folder.with_extension("tar");
        let mut tar = Command::new("tar");
        tar.arg("--create")
            .arg("--file")
            .arg(&archive)
            .arg("--directory")
            .arg(&folder)
            .arg(".");
        run(&mut tar).context("packing the layout")?;
        run(self
            .command(&["images", "import", "--all-platforms", "--no-unpack"])
            .arg(&archive))?;
        run(&mut self.command(&["images", "push", "--plain-http", &name]))?;
        Ok(Arrival::Whole)
    }

    fn keeper(&self) -> Option<&dyn Keeper> {
        Some(self)
    }
}

fn client(sandbox: &Sandbox, arguments: &[&str]) -> Command {
    let mut command = sandbox.command(CTR);
    command
        .arg("--address")
        .arg(sandbox.path("containerd.sock"))
        .arg("--namespace=interop")
        .args(arguments);
    command
}
