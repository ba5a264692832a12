//! oras: copies between the registry and OCI layouts.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::client::{Arrival, Client};
use super::document::Kind;
use super::exchange::Keeper;
use super::layout;
use super::place::Place;
use super::sandbox::{Failure, Sandbox, digest_in, prefixed, run};
use crate::tools::ORAS;

/// The program needs a home only.
pub(crate) struct Oras {
    sandbox: Sandbox,
}

impl Oras {
    /// Nothing runs between its commands.
    pub(crate) fn new(sandbox: Sandbox) -> Self {
        Self { sandbox }
    }

    /// Copies between a registry and a layout, as the options say.
    pub(crate) fn copy(&self, arguments: &[&str]) -> Result<String, Failure> {
        run(self
            .sandbox
            .command(ORAS)
            .args(["cp", "--no-tty"])
            .args(arguments))
    }

    /// Where it puts something.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.sandbox.path(name)
    }

    /// Copies the image that there is, then pushes the index around it by itself.
    fn push_sparse(
        &self,
        folder: &Path,
        kind: &Kind,
        image: &Kind,
        to: &Place,
    ) -> Result<Arrival, Failure> {
        layout::write_oci(folder, image, &to.tag)?;
        let layout = format!("{}@{}", prefixed("", folder), image.top);
        self.copy(&[
            "--from-oci-layout",
            &layout,
            "--to-plain-http",
            &to.by_digest(&image.top),
        ])?;
        let index = kind.document(&kind.top).context("a kind without its top")?;
        let file = folder.join("sparse.json");
        fs::write(&file, &index.bytes).context("the index as a file")?;
        let mut command = self.sandbox.command(ORAS);
        command.args([
            "manifest",
            "push",
            "--plain-http",
            "--media-type",
            &index.media_type,
        ]);
        run(command.arg(to.to_string()).arg(file))?;
        Ok(Arrival::Whole)
    }
}

impl Client for Oras {
    fn name(&self) -> &'static str {
        "oras"
    }

    fn pull(&self, kind: &Kind, from: &Place) -> Result<Arrival, Failure> {
        let folder = self.sandbox.path(&format!("pull-{}", kind.name));
        let layout = format!("{}:{}", prefixed("", &folder), from.tag);
        let from = from.to_string();
        if let Some(image) = kind.only_image().filter(|_| kind.sparse) {
            self.copy(&[
                "--from-plain-http",
                &from,
                "--to-oci-layout",
                &layout,
                "--platform",
                kind.platform,
            ])?;
            layout::compare_oci(&folder, &image.whole())?;
            return Ok(Arrival::OneImage);
        }
        self.copy(&["--from-plain-http", &from, "--to-oci-layout", &layout])?;
        layout::compare_oci(&folder, &kind.whole())?;
        Ok(Arrival::Whole)
    }

    fn push(&self, kind: &Kind, _from: &Place, to: &Place) -> Result<Arrival, Failure> {
        let folder = self.sandbox.path(&format!("push-{}", kind.name));
        layout::write_oci(&folder, kind, &to.tag)?;
        if let Some(image) = kind.only_image().filter(|_| kind.sparse) {
            return self.push_sparse(&folder, kind, &image, to);
        }
        let layout = format!("{}:{}", prefixed("", &folder), to.tag);
        self.copy(&[
            "--from-oci-layout",
            &layout,
            "--to-plain-http",
            &to.to_string(),
        ])?;
        Ok(Arrival::Whole)
    }

    fn push_own(&self, root_folder: &Path, to: &Place) -> Option<Result<String, Failure>> {
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
        Some(run(&mut command).map(|said| digest_in(&said)))
    }

    fn keeper(&self) -> Option<&dyn Keeper> {
        Some(self)
    }
}
