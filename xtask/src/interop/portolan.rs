//! Portolan itself: copies whole trees between the registry and OCI layouts.

use anyhow::Context;
use serde_json::Value;

use super::client::{Arrival, Client};
use super::document::Kind;
use super::layout;
use super::place::Place;
use super::sandbox::{Failure, Sandbox, prefixed, run};
use crate::tools::PORTOLAN;

/// The program needs a home only.
pub(crate) struct Portolan {
    sandbox: Sandbox,
}

impl Portolan {
    /// Nothing runs between its commands.
    pub(crate) fn new(sandbox: Sandbox) -> Self {
        Self { sandbox }
    }

    /// Copies from one reference to another.
    pub(crate) fn copy(
        &self,
        options: &[&str],
        source: &str,
        destination: &str,
    ) -> Result<(), Failure> {
        let mut command = self.sandbox.command(PORTOLAN);
        run(command
            .args(["copy", "--quiet"])
            .args(options)
            .args([source, destination]))
        .map(drop)
    }

    /// Runs one of its commands.
    pub(crate) fn run(&self, arguments: &[&str]) -> Result<(), Failure> {
        run(self.sandbox.command(PORTOLAN).args(arguments)).map(drop)
    }

    /// What it finds about an image, for some targets; that a target fails is a finding and no failure.
    pub(crate) fn lint(&self, place: &Place, targets: &str) -> anyhow::Result<Value> {
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

    fn pull(&self, kind: &Kind, from: &Place) -> Result<Arrival, Failure> {
        let folder = self.sandbox.path(&format!("pull-{}", kind.name));
        self.copy(sparse(kind), &from.to_string(), &prefixed("oci:", &folder))?;
        layout::compare_oci(&folder, &kind.whole())?;
        Ok(Arrival::Whole)
    }

    fn push(&self, kind: &Kind, _from: &Place, to: &Place) -> Result<Arrival, Failure> {
        let folder = self.sandbox.path(&format!("push-{}", kind.name));
        layout::write_oci(&folder, kind, &to.tag)?;
        let layout = format!("{}:{}", prefixed("oci:", &folder), to.tag);
        self.copy(sparse(kind), &layout, &to.to_string())?;
        Ok(Arrival::Whole)
    }
}

/// What says that a part may be nowhere.
fn sparse(kind: &Kind) -> &'static [&'static str] {
    if kind.sparse { &["--sparse"] } else { &[] }
}
