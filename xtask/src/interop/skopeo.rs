//! skopeo: copies whole trees between the registry and `dir:` folders.

use anyhow::Context;

use super::client::{Arrival, Client};
use super::document::Kind;
use super::layout;
use super::place::Place;
use super::sandbox::{Failure, Sandbox, prefixed, run};
use crate::tools::SKOPEO;

/// The program needs a home only.
pub(crate) struct Skopeo {
    sandbox: Sandbox,
}

impl Skopeo {
    /// Nothing runs between its commands.
    pub(crate) fn new(sandbox: Sandbox) -> Self {
        Self { sandbox }
    }

    fn copy(&self, source: &str, destination: &str) -> Result<String, Failure> {
        let mut command = self.sandbox.containers_command(SKOPEO)?;
        command.args(["--insecure-policy", "copy", "--quiet", "--all", "--preserve-digests"]);
        command.args(["--src-tls-verify=false", "--dest-tls-verify=false"]);
        run(command.arg(source).arg(destination))
    }

    fn inspect_raw(&self, place: &Place) -> Result<String, Failure> {
        let mut command = self.sandbox.containers_command(SKOPEO)?;
        run(command.args(["inspect", "--raw", "--tls-verify=false"]).arg(place.transport()))
    }
}

impl Client for Skopeo {
    fn name(&self) -> &'static str {
        "skopeo"
    }

    fn pull(&self, kind: &Kind, from: &Place) -> Result<Arrival, Failure> {
        let raw = self.inspect_raw(from)?;
        let top = kind.document(&kind.top).context("a kind without its top")?;
        if raw.as_bytes() != top.bytes {
            return Err(anyhow::anyhow!("`inspect --raw` printed other bytes: {raw}").into());
        }
        let folder = self.sandbox.path(&format!("pull-{}", kind.name));
        self.copy(&from.transport(), &prefixed("dir:", &folder))?;
        layout::compare_dir(&folder, kind)?;
        Ok(Arrival::Whole)
    }

    fn push(&self, kind: &Kind, _from: &Place, to: &Place) -> Result<Arrival, Failure> {
        let folder = self.sandbox.path(&format!("push-{}", kind.name));
        layout::write_dir(&folder, kind)?;
        self.copy(&prefixed("dir:", &folder), &to.transport())?;
        Ok(Arrival::Whole)
    }
}
