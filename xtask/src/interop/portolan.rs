//! Portolan itself, which copies full trees between the registry and OCI layouts.

use anyhow::Context;
use serde_json::Value;

use super::client::{Arrival, Client};
use super::document::Kind;
use super::layout;
use super::reference::TaggedReference;
use super::sandbox::{ClientFailure, Sandbox, path_argument, run};
use crate::tools::PORTOLAN;

/// The program, which only needs a home folder.
pub(crate) struct Portolan {
    sandbox: Sandbox,
}

impl Portolan {
    /// Creates the client. No process runs between its commands.
    pub(crate) fn new(sandbox: Sandbox) -> Self {
        Self { sandbox }
    }

    /// Copies from one reference to another.
    pub(crate) fn copy(
        &self,
        options: &[&str],
        source: &str,
        destination: &str,
    ) -> Result<(), ClientFailure> {
        let mut command = self.sandbox.command(PORTOLAN);
        run(command
            .args(["copy", "--quiet"])
            .args(options)
            .args([source, destination]))
        .map(drop)
    }

    /// Runs a command.
    pub(crate) fn run(&self, arguments: &[&str]) -> Result<(), ClientFailure> {
        run(self.sandbox.command(PORTOLAN).args(arguments)).map(drop)
    }

    /// Returns the JSON output of `portolan lint` for an image and some targets. A predicted
    /// failure is part of the output, not an error.
    pub(crate) fn lint(&self, place: &TaggedReference, targets: &str) -> anyhow::Result<Value> {
        let mut command = self.sandbox.command(PORTOLAN);
        let output = command
            .args(["lint", "--json", "--for", targets, &place.to_string()])
            .output()?;
        serde_json::from_slice(&output.stdout)
            .with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

impl Client for Portolan {
    fn name(&self) -> &'static str {
        "portolan"
    }

    fn pull(&self, kind: &Kind, from: &TaggedReference) -> Result<Arrival, ClientFailure> {
        let folder = self.sandbox.path(&format!("pull-{}", kind.name));
        self.copy(
            sparse_options(kind),
            &from.to_string(),
            &path_argument("oci:", &folder),
        )?;
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
        let layout = format!("{}:{}", path_argument("oci:", &folder), to.tag);
        self.copy(sparse_options(kind), &layout, &to.to_string())?;
        Ok(Arrival::Full)
    }
}

/// Returns the options that allow missing content.
fn sparse_options(kind: &Kind) -> &'static [&'static str] {
    if kind.sparse { &["--sparse"] } else { &[] }
}
