//! Docker Engine: a daemon of its own, which pulls for one platform and writes the manifests it pushes itself.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::client::{Arrival, Client};
use super::daemon::Daemon;
use super::document::{self, Document, Kind};
use super::exchange::Keeper;
use super::place::Place;
use super::sandbox::{Failure, Sandbox, digest_in, prefixed, run};
use crate::tools::{DOCKER, DOCKERD};

/// The engine and its command line.
pub(crate) struct Docker {
    sandbox: Sandbox,
    _daemon: Daemon,
}

impl Docker {
    /// Starts `dockerd` and waits until it answers.
    pub(crate) fn start(sandbox: Sandbox) -> Result<Self> {
        let mut command = sandbox.daemon(DOCKERD);
        command.arg("--data-root").arg(sandbox.path("data"));
        command.arg("--exec-root").arg(sandbox.path("exec"));
        command.arg("--pidfile").arg(sandbox.path("docker.pid"));
        command
            .arg("--host")
            .arg(prefixed("unix://", &sandbox.path("docker.sock")));
        command.args(["--iptables=false", "--bridge=none", "--storage-driver=vfs"]);
        let log = sandbox.path("dockerd.log");
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

    /// Pulls the image for the kind's platform.
    pub(crate) fn pull_image(&self, kind: &Kind, from: &Place) -> Result<(), Failure> {
        run(&mut self.command(&[
            "pull",
            "--quiet",
            "--platform",
            kind.platform,
            &from.to_string(),
        ]))
        .map(drop)
    }

    /// Removes what was pulled from there, if something was.
    pub(crate) fn forget(&self, from: &Place) -> Result<(), Failure> {
        run(&mut self.command(&["image", "rm", "--force", &from.to_string()])).map(drop)
    }

    /// Fails unless what was pulled is the kind's image.
    pub(crate) fn compare(&self, kind: &Kind, from: &Place) -> Result<()> {
        let image = kind
            .image
            .as_ref()
            .context("the client took what is no image")?;
        let (id, digests) = self.inspect(&from.to_string())?;
        // The id is always a sha256, also where the manifest names the config by another hash.
        let config = kind
            .document(&image.config)
            .context("an image without config")?;
        let same = document::matches(&id, &config.bytes) && digests.contains(&kind.top);
        ensure!(
            same,
            "stored is {id}, pulled as {digests}, not {image:?} of {}",
            kind.top
        );
        Ok(())
    }

    /// The id of a local image, which is the digest of its config, and the digests it was pulled by.
    fn inspect(&self, name: &str) -> Result<(String, String), Failure> {
        let format = "--format={{.Id}} {{json .RepoDigests}}";
        let said = run(&mut self.command(&["image", "inspect", format, name]))?;
        let (id, digests) = said.trim().split_once(' ').context("two words")?;
        Ok((id.to_owned(), digests.to_owned()))
    }

    /// `docker manifest`: a list made of manifests that the registry already has.
    fn push_list(&self, kind: &Kind, from: &Place, to: &Place) -> Result<String, Failure> {
        let to = to.to_string();
        let children = kind
            .document(&kind.top)
            .map(Document::children)
            .unwrap_or_default();
        let children: Vec<_> = children
            .iter()
            .map(|digest| from.by_digest(digest))
            .collect();
        run(self
            .command(&["manifest", "create", "--insecure", &to])
            .args(&children))?;
        let said = run(&mut self.command(&["manifest", "push", "--insecure", &to]))?;
        Ok(digest_in(&said))
    }

    fn push_pulled(&self, from: &Place, to: &Place) -> Result<String, Failure> {
        let from = from.to_string();
        run(&mut self.command(&["pull", "--quiet", &from]))?;
        run(&mut self.command(&["tag", &from, &to.to_string()]))?;
        self.push_local(to)
    }

    fn push_local(&self, to: &Place) -> Result<String, Failure> {
        let said = run(&mut self.command(&["push", &to.to_string()]))?;
        Ok(digest_in(&said))
    }
}

impl Client for Docker {
    fn name(&self) -> &'static str {
        "docker"
    }

    fn pull(&self, kind: &Kind, from: &Place) -> Result<Arrival, Failure> {
        self.pull_image(kind, from)?;
        self.compare(kind, from)?;
        Ok(if kind.is_single_image() {
            Arrival::Whole
        } else {
            Arrival::OneImage
        })
    }

    fn push(&self, kind: &Kind, from: &Place, to: &Place) -> Result<Arrival, Failure> {
        let digest = if kind.is_list() {
            self.push_list(kind, from, to)
        } else {
            self.push_pulled(from, to)
        }?;
        Ok(if digest == kind.top {
            Arrival::Whole
        } else {
            Arrival::Rewritten(digest)
        })
    }

    fn push_own(&self, root_folder: &Path, to: &Place) -> Option<Result<String, Failure>> {
        let imported = run(self
            .command(&["import"])
            .arg(root_folder)
            .arg(to.to_string()));
        Some(imported.and_then(|_| self.push_local(to)))
    }

    fn keeper(&self) -> Option<&dyn Keeper> {
        Some(self)
    }
}

fn client(sandbox: &Sandbox, arguments: &[&str]) -> Command {
    let mut command = sandbox.command(DOCKER);
    command
        .arg("--host")
        .arg(prefixed("unix://", &sandbox.path("docker.sock")))
        .args(arguments);
    command
}
