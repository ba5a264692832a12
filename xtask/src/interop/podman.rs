//! podman and buildah: storage of their own, out of which they push images and lists.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, anyhow, bail};

use super::client::{Arrival, Client};
use super::document::{self, Image, Kind};
use super::exchange::Keeper;
use super::layout;
use super::place::Place;
use super::sandbox::{Failure, Sandbox, prefixed, run, run_and_listen};
use crate::tools::{BUILDAH, PODMAN, Tool};

/// Either of the two: they share storage, push and list code, and differ in how they are asked.
pub(crate) struct Podman {
    sandbox: Sandbox,
    tool: Tool,
    name: &'static str,
}

impl Podman {
    /// podman itself.
    pub(crate) fn new(sandbox: Sandbox) -> Self {
        Self {
            sandbox,
            tool: PODMAN,
            name: "podman",
        }
    }

    /// buildah.
    pub(crate) fn buildah(sandbox: Sandbox) -> Self {
        Self {
            sandbox,
            tool: BUILDAH,
            name: "buildah",
        }
    }

    /// A command on the client's own storage.
    pub(crate) fn command(&self, arguments: &[&str]) -> Result<Command> {
        let mut command = self.sandbox.containers_command(self.tool)?;
        command
            .arg("--root")
            .arg(self.sandbox.path("root"))
            .arg("--runroot")
            .arg(self.sandbox.path("runroot"));
        command.arg("--storage-driver=vfs");
        if self.name == "podman" {
            command.args([
                "--cgroup-manager=cgroupfs",
                "--events-backend=none",
                "--tmpdir",
            ]);
            command.arg(self.sandbox.path("tmp"));
        }
        command.args(arguments);
        Ok(command)
    }

    /// Pushes an image or a list (`verb` says which) and answers the digest that the client wrote down.
    pub(crate) fn push_from_storage(
        &self,
        verb: &[&str],
        name: &str,
        to: &str,
    ) -> Result<String, Failure> {
        let file = self.sandbox.path("digest");
        let _ = fs::remove_file(&file);
        let mut command = self.command(verb)?;
        command
            .arg("--tls-verify=false")
            .arg(prefixed("--digestfile=", &file))
            .args([name, to]);
        let (_, errors) = run_and_listen(&mut command)?;
        let digest = fs::read_to_string(file)
            .unwrap_or_default()
            .trim()
            .to_owned();
        if digest.is_empty() {
            // buildah ends with 0 when it could not copy one of a list's images.
            return Err(anyhow!("it ended well and pushed nothing: {errors}").into());
        }
        Ok(digest)
    }

    /// Pulls one image into storage and answers its id.
    pub(crate) fn pull_image(&self, source: &str, platform: &str) -> Result<String, Failure> {
        let pull = [
            "pull",
            "--quiet",
            "--tls-verify=false",
            "--platform",
            platform,
            source,
        ];
        let output = run(&mut self.command(&pull)?)?;
        Ok(output.lines().last().unwrap_or_default().trim().to_owned())
    }

    /// The manifest of the image stored under `id`, as it came.
    pub(crate) fn manifest(&self, id: &str) -> Result<Vec<u8>> {
        let file = self
            .sandbox
            .path("root/vfs-images")
            .join(id)
            .join("manifest");
        fs::read(&file).with_context(|| format!("the stored manifest {}", file.display()))
    }

    /// Fails unless the image stored under `id` is `image`, its manifest byte for byte.
    pub(crate) fn compare(&self, id: &str, image: &Image) -> Result<()> {
        let manifest = self.manifest(id)?;
        let same = document::matches(&image.manifest, &manifest);
        if image.config != format!("sha256:{id}") || !same {
            let manifest = String::from_utf8_lossy(&manifest);
            bail!("stored is {id} with {manifest}, not {image:?}");
        }
        Ok(())
    }

    /// Makes a list of the children of the one at `source`, pushes it and answers its digest.
    pub(crate) fn push_list(&self, kind: &Kind, source: &str, to: &str) -> Result<String, Failure> {
        let name = format!("localhost/list/{}", kind.name);
        run(&mut self.command(&["manifest", "create", &name])?)?;
        let added = run(&mut self.command(&[
            "manifest",
            "add",
            "--all",
            "--tls-verify=false",
            &name,
            source,
        ])?);
        let digest =
            added.and_then(|_| self.push_from_storage(&["manifest", "push", "--all"], &name, to));
        // A list left in storage has no layers, and is taken for any other image without layers.
        run(&mut self.command(&["manifest", "rm", &name])?)?;
        digest
    }

    fn import(&self, root_folder: &Path) -> Result<String, Failure> {
        run(self.command(&["import", "--quiet"])?.arg(root_folder))
    }

    fn push_image(&self, kind: &Kind, source: &str, to: &str) -> Result<String, Failure> {
        let id = self.pull_image(source, kind.platform)?;
        self.push_from_storage(&["push", "--quiet"], &id, to)
    }
}

impl Client for Podman {
    fn name(&self) -> &'static str {
        self.name
    }

    fn pull(&self, kind: &Kind, from: &Place) -> Result<Arrival, Failure> {
        let id = self.pull_image(&from.transport(), kind.platform)?;
        let image = kind
            .image
            .as_ref()
            .context("the client took what is no image")?;
        self.compare(&id, image)?;
        Ok(if kind.is_single_image() {
            Arrival::Whole
        } else {
            Arrival::OneImage
        })
    }

    fn push(&self, kind: &Kind, _from: &Place, to: &Place) -> Result<Arrival, Failure> {
        let folder = self.sandbox.path(&format!("push-{}", kind.name));
        layout::write_dir(&folder, kind)?;
        let (source, target) = (prefixed("dir:", &folder), to.transport());
        let push = if kind.is_list() {
            Self::push_list
        } else {
            Self::push_image
        };
        let digest = push(self, kind, &source, &target)?;
        Ok(if digest == kind.top {
            Arrival::Whole
        } else {
            Arrival::Rewritten(digest)
        })
    }

    fn push_own(&self, root_folder: &Path, to: &Place) -> Option<Result<String, Failure>> {
        if self.name == "buildah" {
            return None;
        }
        let push =
            |id: String| self.push_from_storage(&["push", "--quiet"], id.trim(), &to.transport());
        Some(self.import(root_folder).and_then(push))
    }

    fn keeper(&self) -> Option<&dyn Keeper> {
        Some(self)
    }
}
