//! oras, which copies between the registry and OCI layouts.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::client::{Arrival, Client};
use super::document::Kind;
use super::exchange::Holder;
use super::layout;
use super::reference::TaggedReference;
use super::sandbox::{ClientFailure, Sandbox, find_digest, path_argument, run};
use crate::tools::ORAS;

/// The program, which only needs a home folder.
pub(crate) struct Oras {
    sandbox: Sandbox,
}

impl Oras {
    /// Creates the client. No process runs between its commands.
    pub(crate) fn new(sandbox: Sandbox) -> Self {
        Self { sandbox }
    }

    /// Copies between a registry and a layout, depending on the options.
    pub(crate) fn copy(&self, arguments: &[&str]) -> Result<String, ClientFailure> {
        run(self
            .sandbox
            .command(ORAS)
            .args(["cp", "--no-tty"])
            .args(arguments))
    }

    /// Returns the path of a file or folder of this client.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.sandbox.path(name)
    }

    /// Copies the available image, then pushes the index around it separately.
    fn push_sparse(
        &self,
        folder: &Path,
        kind: &Kind,
        image: &Kind,
        to: &TaggedReference,
    ) -> Result<Arrival, ClientFailure> {
        layout::write_oci(folder, image, &to.tag)?;
        let layout = format!("{}@{}", path_argument("", folder), image.top);
        self.copy(&[
            "--from-oci-layout",
            &layout,
            "--to-plain-http",
            &to.digest_reference(&image.top),
        ])?;
        let index = kind
            .document(&kind.top)
            .context("the kind has no top document")?;
        let file = folder.join("sparse.json");
        fs::write(&file, &index.bytes).context("failed to write the index to a file")?;
        let mut command = self.sandbox.command(ORAS);
        command.args([
            "manifest",
            "push",
            "--plain-http",
            "--media-type",
            &index.media_type,
        ]);
        run(command.arg(to.to_string()).arg(file))?;
        Ok(Arrival::Full)
    }
}

impl Client for Oras {
    fn name(&self) -> &'static str {
        "oras"
    }

    fn pull(&self, kind: &Kind, from: &TaggedReference) -> Result<Arrival, ClientFailure> {
        let folder = self.sandbox.path(&format!("pull-{}", kind.name));
        let layout = format!("{}:{}", path_argument("", &folder), from.tag);
        let from = from.to_string();
        if let Some(image) = kind.reduce_to_image().filter(|_| kind.sparse) {
            self.copy(&[
                "--from-plain-http",
                &from,
                "--to-oci-layout",
                &layout,
                "--platform",
                kind.platform,
            ])?;
            layout::compare_oci(&folder, &image.documents_of_top())?;
            return Ok(Arrival::OneImage);
        }
        self.copy(&["--from-plain-http", &from, "--to-oci-layout", &layout])?;
        layout::compare_oci(&folder, &kind.documents_of_top())?;
        Ok(Arrival::Full)
    }

    fn push(
        &self,
        kind: &Kind,
        _from: &TaggedReference,
        to: &TaggedReference,
    ) -> Result<Arrival, ClientFailure> {
        let folder = self.sandbox.path(&format!("push-{}", kind.name));
        layout::write_oci(&folder, kind, &to.tag)?;
        if let Some(image) = kind.reduce_to_image().filter(|_| kind.sparse) {
            return self.push_sparse(&folder, kind, &image, to);
        }
        let layout = format!("{}:{}", path_argument("", &folder), to.tag);
        self.copy(&[
            "--from-oci-layout",
            &layout,
            "--to-plain-http",
            &to.to_string(),
        ])?;
        Ok(Arrival::Full)
    }

    fn push_own(
        &self,
        root_folder: &Path,
        to: &TaggedReference,
    ) -> Option<Result<String, ClientFailure>> {
        let mut command = self.sandbox.command(ORAS);
        command.args([
            "push",
            "--no-tty",
            "--plain-http",
            "--disable-path-validation",
        ]);
        command
            .arg("--artifact-type=application/vnd.example.root.v1")
            .arg(to.to_string())
            .arg(root_folder);
        Some(run(&mut command).map(|output| find_digest(&output)))
    }

    fn as_holder(&self) -> Option<&dyn Holder> {
        Some(self)
    }
}
