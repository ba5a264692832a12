//! oras: copies between the registry and OCI layouts.

use std::path::Path;

use super::client::{Arrival, Client};
use super::document::Kind;
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

    fn copy(&self, arguments: &[&str]) -> Result<String, Failure> {
        run(self.sandbox.command(ORAS).args(["cp", "--no-tty"]).args(arguments))
    }
}

impl Client for Oras {
    fn name(&self) -> &'static str {
        "oras"
    }

    fn pull(&self, kind: &Kind, from: &Place) -> Result<Arrival, Failure> {
        let folder = self.sandbox.path(&format!("pull-{}", kind.name));
        let layout = format!("{}:{}", prefixed("", &folder), from.tag);
        self.copy(&["--from-plain-http", &from.to_string(), "--to-oci-layout", &layout])?;
        layout::compare_oci(&folder, &kind.whole())?;
        Ok(Arrival::Whole)
    }

    fn push(&self, kind: &Kind, _from: &Place, to: &Place) -> Result<Arrival, Failure> {
        let folder = self.sandbox.path(&format!("push-{}", kind.name));
        layout::write_oci(&folder, kind, &to.tag)?;
        let layout = format!("{}:{}", prefixed("", &folder), to.tag);
        self.copy(&["--from-oci-layout", &layout, "--to-plain-http", &to.to_string()])?;
        Ok(Arrival::Whole)
    }

    fn push_own(&self, root_folder: &Path, to: &Place) -> Option<Result<String, Failure>> {
        let mut command = self.sandbox.command(ORAS);
        command.args(["push", "--no-tty", "--plain-http", "--disable-path-validation"]);
        command.arg("--artifact-type=application/vnd.example.root.v1").arg(to.to_string()).arg(root_folder);
        Some(run(&mut command).map(|said| digest_in(&said)))
    }
}
