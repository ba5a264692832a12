//! skopeo: copies whole trees between the registry and `dir:` folders.

use anyhow::Context;

use super::client::{Arrival, Client};
use super::document::Kind;
use super::exchange::Keeper;
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

    /// Copies from one of its references to another.
    pub(crate) fn copy(
        &self,
        options: &[&str],
        source: &str,
        destination: &str,
    ) -> Result<(), Failure> {
        let mut command = self.sandbox.containers_command(SKOPEO)?;
        command.args(["--insecure-policy", "copy", "--quiet"]);
        command.args(["--src-tls-verify=false", "--dest-tls-verify=false"]);
        run(command.args(options).args([source, destination])).map(drop)
    }

    fn inspect_raw(&self, place: &Place) -> Result<String, Failure> {
        let mut command = self.sandbox.containers_command(SKOPEO)?;
        run(command
            .args(["inspect", "--raw", "--tls-verify=false"])
            .arg(place.transport()))
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
        let destination = prefixed("dir:", &folder);
        if let Some(image) = kind.only_image().filter(|_| kind.sparse) {
            self.copy(&["--preserve-digests"], &from.transport(), &destination)?;
            layout::compare_dir(&folder, &image)?;
            return Ok(Arrival::OneImage);
        }
        self.copy(
            &["--all", "--preserve-digests"],
            &from.transport(),
            &destination,
        )?;
        layout::compare_dir(&folder, kind)?;
        Ok(Arrival::Whole)
    }

    fn push(&self, kind: &Kind, _from: &Place, to: &Place) -> Result<Arrival, Failure> {
        let folder = self.sandbox.path(&format!("push-{}", kind.name));
        layout::write_dir(&folder, kind)?;
        self.copy(
            &["--all", "--preserve-digests"],
            &prefixed("dir:", &folder),
            &to.transport(),
        )?;
        Ok(Arrival::Whole)
    }

    fn keeper(&self) -> Option<&dyn Keeper> {
        Some(self)
    }
}
