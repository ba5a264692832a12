//! crane, which pulls to OCI layouts and pushes from them.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::client::{Arrival, Client};
use super::document::Kind;
use super::exchange::Holder;
use super::layout;
use super::reference::TaggedReference;
use super::sandbox::{ClientFailure, Sandbox, find_digest, run};
use crate::tools::CRANE;

/// The program, which only needs a home folder.
pub(crate) struct Crane {
    sandbox: Sandbox,
}

impl Crane {
    /// Creates the client. No process runs between its commands.
    pub(crate) fn new(sandbox: Sandbox) -> Self {
        Self { sandbox }
    }

    /// Returns the command that pulls to a layout or a tarball, depending on `format`.
    pub(crate) fn pull_command(
        &self,
        format: &str,
        from: &TaggedReference,
        path: &Path,
    ) -> Command {
        let mut command = self.sandbox.command(CRANE);
        command
            .args(["pull", "--insecure", "--format", format, &from.to_string()])
            .arg(path);
        command
    }

    /// Copies from one reference to another.
    pub(crate) fn copy_reference(
        &self,
        from: &TaggedReference,
        to: &TaggedReference,
    ) -> Result<(), ClientFailure> {
        let mut command = self.sandbox.command(CRANE);
        run(command.args(["copy", "--insecure", &from.to_string(), &to.to_string()])).map(drop)
    }

    /// Returns the path of a file or folder of this client.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.sandbox.path(name)
    }

    /// Pushes a layout or a tarball.
    pub(crate) fn push_path(
        &self,
        path: &Path,
        to: &TaggedReference,
    ) -> Result<String, ClientFailure> {
        run(self
            .sandbox
            .command(CRANE)
            .args(["push", "--insecure"])
            .arg(path)
            .arg(to.to_string()))
    }
}

impl Client for Crane {
    fn name(&self) -> &'static str {
        "crane"
    }

    fn pull(&self, kind: &Kind, from: &TaggedReference) -> Result<Arrival, ClientFailure> {
        let folder = self.sandbox.path(&format!("pull-{}", kind.name));
        let mut command = self.pull_command("oci", from, &folder);
        if let Some(image) = kind.reduce_to_image().filter(|_| kind.sparse) {
            run(command.args(["--platform", kind.platform]))?;
            layout::compare_oci(&folder, &image.documents_of_top())?;
            return Ok(Arrival::OneImage);
        }
        run(&mut command)?;
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
        self.push_path(&folder, to)?;
        Ok(Arrival::Full)
    }

    fn push_own(
        &self,
        root_folder: &Path,
        to: &TaggedReference,
    ) -> Option<Result<String, ClientFailure>> {
        let mut command = self.sandbox.command(CRANE);
        command
            .args(["append", "--insecure", "--new_layer"])
            .arg(root_folder)
            .arg("--new_tag")
            .arg(to.to_string());
        Some(run(&mut command).map(|output| find_digest(&output)))
    }

    fn as_holder(&self) -> Option<&dyn Holder> {
        Some(self)
    }
}
