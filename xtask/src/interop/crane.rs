//! crane: pulls to OCI layouts and pushes from them.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::client::{Arrival, Client};
use super::document::Kind;
use super::exchange::Keeper;
use super::layout;
use super::place::Place;
use super::sandbox::{Failure, Sandbox, digest_in, run};
use crate::tools::CRANE;

/// The program needs a home only.
pub(crate) struct Crane {
    sandbox: Sandbox,
}

impl Crane {
    /// Nothing runs between its commands.
    pub(crate) fn new(sandbox: Sandbox) -> Self {
        Self { sandbox }
    }

    /// Pulls to a layout or a tarball, as `format` says.
    pub(crate) fn pull_command(&self, format: &str, from: &Place, path: &Path) -> Command {
        let mut command = self.sandbox.command(CRANE);
        command
            .args(["pull", "--insecure", "--format", format, &from.to_string()])
            .arg(path);
        command
    }

    /// Copies from one place to another.
    pub(crate) fn copy(&self, from: &Place, to: &Place) -> Result<(), Failure> {
        let mut command = self.sandbox.command(CRANE);
        run(command.args(["copy", "--insecure", &from.to_string(), &to.to_string()])).map(drop)
    }

    /// Where it puts something.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.sandbox.path(name)
    }

    /// Pushes a layout or a tarball.
    pub(crate) fn push_path(&self, path: &Path, to: &Place) -> Result<String, Failure> {
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

    fn pull(&self, kind: &Kind, from: &Place) -> Result<Arrival, Failure> {
        let folder = self.sandbox.path(&format!("pull-{}", kind.name));
        let mut command = self.pull_command("oci", from, &folder);
        if let Some(image) = kind.only_image().filter(|_| kind.sparse) {
            run(command.args(["--platform", kind.platform]))?;
            layout::compare_oci(&folder, &image.whole())?;
            return Ok(Arrival::OneImage);
        }
        run(&mut command)?;
        layout::compare_oci(&folder, &kind.whole())?;
        Ok(Arrival::Whole)
    }

    fn push(&self, kind: &Kind, _from: &Place, to: &Place) -> Result<Arrival, Failure> {
        let folder = self.sandbox.path(&format!("push-{}", kind.name));
        layout::write_oci(&folder, kind, &to.tag)?;
        self.push_path(&folder, to)?;
        Ok(Arrival::Whole)
    }

    fn push_own(&self, root_folder: &Path, to: &Place) -> Option<Result<String, Failure>> {
        let mut command = self.sandbox.command(CRANE);
        command
            .args(["append", "--insecure", "--new_layer"])
            .arg(root_folder)
            .arg("--new_tag")
            .arg(to.to_string());
        Some(run(&mut command).map(|said| digest_in(&said)))
    }

    fn keeper(&self) -> Option<&dyn Keeper> {
        Some(self)
    }
}
