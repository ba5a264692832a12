//! Docker Engine, with its own daemon. It pulls for one platform and writes the manifests that it
//! pushes itself.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::client::{Arrival, Client};
use super::daemon::Daemon;
use super::document::{self, Document, Kind};
use super::exchange::Holder;
use super::reference::TaggedReference;
use super::sandbox::{ClientFailure, Sandbox, find_digest, path_argument, run};
use crate::tools::{DOCKER, DOCKERD};

/// Engine and its command line.
pub(crate) struct Docker {
    sandbox: Sandbox,
    _daemon: Daemon,
}

impl Docker {
    /// Starts `dockerd` and waits until it responds.
    pub(crate) fn start(sandbox: Sandbox) -> Result<Self> {
        let mut command = sandbox.daemon(&DOCKERD.path());
        command.arg("--data-root").arg(sandbox.path("data"));
        command.arg("--exec-root").arg(sandbox.path("exec"));
        command.arg("--pidfile").arg(sandbox.path("docker.pid"));
        command
            .arg("--host")
            .arg(path_argument("unix://", &sandbox.path("docker.sock")));
        command.args(["--iptables=false", "--bridge=none", "--storage-driver=vfs"]);
        let log = sandbox.path("dockerd.log");
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

    /// Pulls the image for the kind's platform.
    pub(crate) fn pull_image(
        &self,
        kind: &Kind,
        from: &TaggedReference,
    ) -> Result<(), ClientFailure> {
        run(&mut self.command(&[
            "pull",
            "--quiet",
            "--platform",
            kind.platform,
            &from.to_string(),
        ]))
        .map(drop)
    }

    /// Removes the image of an earlier pull from `from`, if it exists.
    pub(crate) fn remove_pulled(&self, from: &TaggedReference) -> Result<(), ClientFailure> {
        run(&mut self.command(&["image", "rm", "--force", &from.to_string()])).map(drop)
    }

    /// Checks that the pulled image is that of the kind.
    pub(crate) fn compare(&self, kind: &Kind, from: &TaggedReference) -> Result<()> {
        let image = kind
            .image
            .as_ref()
            .context("the client accepted content that is not an image")?;
        let (id, digests) = self.inspect(&from.to_string())?;
        // The id is always a sha256, even if the manifest refers to the config by another hash.
        let config = kind
            .document(&image.config)
            .context("the image has no config")?;
        let same = document::has_digest(&id, &config.bytes) && digests.contains(&kind.top);
        ensure!(
            same,
            "stored image is {id}, pulled as {digests}, instead of {image:?} of {}",
            kind.top
        );
        Ok(())
    }

    /// Returns the id of a local image, which is the digest of its config, and the digests by which
    /// it was pulled.
    fn inspect(&self, name: &str) -> Result<(String, String), ClientFailure> {
        let format = "--format={{.Id}} {{json .RepoDigests}}";
        let output = run(&mut self.command(&["image", "inspect", format, name]))?;
        let (id, digests) = output
            .trim()
            .split_once(' ')
            .context("expected an id and digests")?;
        Ok((id.to_owned(), digests.to_owned()))
    }

    /// Creates a list of manifests that the registry already has, with `docker manifest`, and
    /// pushes it.
    fn push_list(
        &self,
        kind: &Kind,
        from: &TaggedReference,
        to: &TaggedReference,
    ) -> Result<String, ClientFailure> {
        let to = to.to_string();
        let children = kind
            .document(&kind.top)
            .map(Document::children)
            .unwrap_or_default();
        let children: Vec<_> = children
            .iter()
            .map(|digest| from.digest_reference(digest))
            .collect();
        run(self
            .command(&["manifest", "create", "--insecure", &to])
            .args(&children))?;
        let output = run(&mut self.command(&["manifest", "push", "--insecure", &to]))?;
        Ok(find_digest(&output))
    }

    fn push_pulled(
        &self,
        from: &TaggedReference,
        to: &TaggedReference,
    ) -> Result<String, ClientFailure> {
        let from = from.to_string();
        run(&mut self.command(&["pull", "--quiet", &from]))?;
        run(&mut self.command(&["tag", &from, &to.to_string()]))?;
        self.push_local(to)
    }

    fn push_local(&self, to: &TaggedReference) -> Result<String, ClientFailure> {
        let output = run(&mut self.command(&["push", &to.to_string()]))?;
        Ok(find_digest(&output))
    }
}

impl Client for Docker {
    fn name(&self) -> &'static str {
        "docker"
    }

    fn pull(&self, kind: &Kind, from: &TaggedReference) -> Result<Arrival, ClientFailure> {
        self.pull_image(kind, from)?;
        self.compare(kind, from)?;
        Ok(if kind.is_single_image() {
            Arrival::Full
        } else {
            Arrival::OneImage
        })
    }

    fn push(
        &self,
        kind: &Kind,
        from: &TaggedReference,
        to: &TaggedReference,
    ) -> Result<Arrival, ClientFailure> {
        let digest = if kind.is_list() {
            self.push_list(kind, from, to)
        } else {
            self.push_pulled(from, to)
        }?;
        Ok(if digest == kind.top {
            Arrival::Full
        } else {
            Arrival::Rewritten(digest)
        })
    }

    fn push_own(
        &self,
        root_folder: &Path,
        to: &TaggedReference,
    ) -> Option<Result<String, ClientFailure>> {
        let imported = run(self
            .command(&["import"])
            .arg(root_folder)
            .arg(to.to_string()));
        Some(imported.and_then(|_| self.push_local(to)))
    }

    fn as_holder(&self) -> Option<&dyn Holder> {
        Some(self)
    }
}

fn client(sandbox: &Sandbox, arguments: &[&str]) -> Command {
    let mut command = sandbox.command(DOCKER);
    command
        .arg("--host")
        .arg(path_argument("unix://", &sandbox.path("docker.sock")))
        .args(arguments);
    command
}
