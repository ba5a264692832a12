//! containerd through `ctr`: a content store that keeps the exact bytes of every document.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use super::client::{Arrival, Client};
use super::daemon::Daemon;
use super::document::Kind;
use super::exchange::Holder;
use super::layout;
use super::reference::TaggedReference;
use super::sandbox::{ClientFailure, Sandbox, run};
use crate::tools::{CONTAINERD, CTR};

const CONTENT: &str = "root/io.containerd.content.v1.content";

/// Daemon and its command line.
pub(crate) struct Containerd {
    sandbox: Sandbox,
    _daemon: Daemon,
}

impl Containerd {
    /// Starts `containerd` and waits until it responds.
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
        let mut command = sandbox.daemon(&CONTAINERD.path());
        command.arg("--config").arg(file);
        let log = sandbox.path("containerd.log");
        let daemon = Daemon::start(command, &log, || client(&sandbox, &["version"]).output())?;
        Ok(Self {
            sandbox,
            _daemon: daemon,
        })
    }

    /// Returns a command for this daemon.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        client(&self.sandbox, arguments)
    }

    /// Returns the content store's folder, which names its files as an OCI layout does.
    pub(crate) fn content(&self) -> PathBuf {
        self.sandbox.path(CONTENT)
    }
}

impl Client for Containerd {
    fn name(&self) -> &'static str {
        "containerd"
    }

    fn pull(&self, kind: &Kind, from: &TaggedReference) -> Result<Arrival, ClientFailure> {
        let name = from.to_string();
        if let Some(image) = kind.reduce_to_image().filter(|_| kind.sparse) {
            run(&mut self.command(&[
                "content",
                "fetch",
                "--plain-http",
                "--platform",
                kind.platform,
                &name,
            ]))?;
            layout::compare_oci(&self.content(), &image.documents_of_top())?;
            return Ok(Arrival::OneImage);
        }
        run(&mut self.command(&["content", "fetch", "--plain-http", "--all-platforms", &name]))?;
        layout::compare_oci(&self.content(), &kind.documents_of_top())?;
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
        Ok(Arrival::Full)
    }

    fn push(
        &self,
        kind: &Kind,
        _from: &TaggedReference,
        to: &TaggedReference,
    ) -> Result<Arrival, ClientFailure> {
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
        Ok(Arrival::Full)
    }

    fn as_holder(&self) -> Option<&dyn Holder> {
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
