//! podman and buildah, which push images and lists from storage of their own.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, anyhow, bail};

use super::client::{Arrival, Client};
use super::document::{self, Image, Kind};
use super::exchange::Holder;
use super::layout;
use super::reference::TaggedReference;
use super::sandbox::{ClientFailure, Sandbox, path_argument, run, run_with_errors};
use crate::tools::{BUILDAH, PODMAN, Tool};

/// Either of the two programs. They share the code for storage, pushes and lists, and differ in
/// their command lines.
pub(crate) struct Podman {
    sandbox: Sandbox,
    tool: Tool,
    name: &'static str,
}

impl Podman {
    /// Creates podman.
    pub(crate) fn new(sandbox: Sandbox) -> Self {
        Self {
            sandbox,
            tool: PODMAN,
            name: "podman",
        }
    }

    /// Creates buildah.
    pub(crate) fn buildah(sandbox: Sandbox) -> Self {
        Self {
            sandbox,
            tool: BUILDAH,
            name: "buildah",
        }
    }

    /// Returns a command that uses the client's own storage.
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

    /// Pushes an image or a list, depending on `verb`, and returns the digest that the client wrote
    /// to a file.
    pub(crate) fn push_from_storage(
        &self,
        verb: &[&str],
        name: &str,
        to: &str,
    ) -> Result<String, ClientFailure> {
        let file = self.sandbox.path("digest");
        let _ = fs::remove_file(&file);
        let mut command = self.command(verb)?;
        command
            .arg("--tls-verify=false")
            .arg(path_argument("--digestfile=", &file))
            .args([name, to]);
        let (_, errors) = run_with_errors(&mut command)?;
        let digest = fs::read_to_string(file)
            .unwrap_or_default()
            .trim()
            .to_owned();
        if digest.is_empty() {
            // buildah exits with 0 if it failed to copy one of a list's images.
            return Err(anyhow!("exited with status 0 but pushed nothing: {errors}").into());
        }
        Ok(digest)
    }

    /// Pulls one image into storage and returns its id.
    pub(crate) fn pull_image(&self, source: &str, platform: &str) -> Result<String, ClientFailure> {
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

    /// Returns the exact bytes of the manifest of the image stored as `id`.
    pub(crate) fn manifest(&self, id: &str) -> Result<Vec<u8>> {
        let file = self
            .sandbox
            .path("root/vfs-images")
            .join(id)
            .join("manifest");
        fs::read(&file)
            .with_context(|| format!("failed to read the stored manifest {}", file.display()))
    }

    /// Checks that the image stored as `id` is `image`, with its exact manifest.
    pub(crate) fn compare(&self, id: &str, image: &Image) -> Result<()> {
        let manifest = self.manifest(id)?;
        let same = document::has_digest(&image.manifest, &manifest);
        if image.config != format!("sha256:{id}") || !same {
            let manifest = String::from_utf8_lossy(&manifest);
            bail!("stored image is {id} with {manifest} instead of {image:?}");
        }
        Ok(())
    }

    /// Creates a list of the children of the list at `source`, pushes it and returns its digest.
    pub(crate) fn push_list(
        &self,
        kind: &Kind,
        source: &str,
        to: &str,
    ) -> Result<String, ClientFailure> {
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
        // A list left in storage has no layers, and would be mistaken for any other image without
        // layers.
        run(&mut self.command(&["manifest", "rm", &name])?)?;
        digest
    }

    fn import(&self, root_folder: &Path) -> Result<String, ClientFailure> {
        run(self.command(&["import", "--quiet"])?.arg(root_folder))
    }

    fn push_image(&self, kind: &Kind, source: &str, to: &str) -> Result<String, ClientFailure> {
        let id = self.pull_image(source, kind.platform)?;
        self.push_from_storage(&["push", "--quiet"], &id, to)
    }
}

impl Client for Podman {
    fn name(&self) -> &'static str {
        self.name
    }

    fn pull(&self, kind: &Kind, from: &TaggedReference) -> Result<Arrival, ClientFailure> {
        let id = self.pull_image(&from.transport_reference(), kind.platform)?;
        let image = kind
            .image
            .as_ref()
            .context("the client accepted content that is not an image")?;
        self.compare(&id, image)?;
        Ok(if kind.is_single_image() {
            Arrival::Full
        } else {
            Arrival::OneImage
        })
    }

    fn push(
        &self,
        kind: &Kind,
        _from: &TaggedReference,
        to: &TaggedReference,
    ) -> Result<Arrival, ClientFailure> {
        let folder = self.sandbox.path(&format!("push-{}", kind.name));
        layout::write_dir(&folder, kind)?;
        let (source, target) = (path_argument("dir:", &folder), to.transport_reference());
        let push = if kind.is_list() {
            Self::push_list
        } else {
            Self::push_image
        };
        let digest = push(self, kind, &source, &target)?;
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
        if self.name == "buildah" {
            return None;
        }
        let push = |id: String| {
            self.push_from_storage(&["push", "--quiet"], id.trim(), &to.transport_reference())
        };
        Some(self.import(root_folder).and_then(push))
    }

    fn as_holder(&self) -> Option<&dyn Holder> {
        Some(self)
    }
}
