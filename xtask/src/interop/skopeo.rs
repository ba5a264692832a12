//! skopeo, which copies full trees between the registry and `dir:` folders.

use anyhow::Context;

use super::client::{Arrival, Client};
use super::document::Kind;
use super::exchange::Holder;
use super::layout;
use super::reference::TaggedReference;
use super::sandbox::{ClientFailure, Sandbox, path_argument, run};
use crate::tools::SKOPEO;

/// The program, which only needs a home folder.
pub(crate) struct Skopeo {
    sandbox: Sandbox,
}

impl Skopeo {
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
        let mut command = self.sandbox.containers_command(SKOPEO)?;
        command.args(["--insecure-policy", "copy", "--quiet"]);
        command.args(["--src-tls-verify=false", "--dest-tls-verify=false"]);
        run(command.args(options).args([source, destination])).map(drop)
    }

    fn inspect_raw(&self, place: &TaggedReference) -> Result<String, ClientFailure> {
        let mut command = self.sandbox.containers_command(SKOPEO)?;
        run(command
            .args(["inspect", "--raw", "--tls-verify=false"])
            .arg(place.transport_reference()))
    }
}

impl Client for Skopeo {
    fn name(&self) -> &'static str {
        "skopeo"
    }

    fn pull(&self, kind: &Kind, from: &TaggedReference) -> Result<Arrival, ClientFailure> {
        let raw = self.inspect_raw(from)?;
        let top = kind
            .document(&kind.top)
            .context("the kind has no top document")?;
        if raw.as_bytes() != top.bytes {
            return Err(anyhow::anyhow!("`inspect --raw` printed different bytes: {raw}").into());
        }
        let folder = self.sandbox.path(&format!("pull-{}", kind.name));
        let destination = path_argument("dir:", &folder);
        if let Some(image) = kind.reduce_to_image().filter(|_| kind.sparse) {
            self.copy(
                &["--preserve-digests"],
                &from.transport_reference(),
                &destination,
            )?;
            layout::compare_dir(&folder, &image)?;
            return Ok(Arrival::OneImage);
        }
        self.copy(
            &["--all", "--preserve-digests"],
            &from.transport_reference(),
            &destination,
        )?;
        layout::compare_dir(&folder, kind)?;
        Ok(Arrival::Full)
    }

    fn push(
        &self,
        kind: &Kind,
        _from: &TaggedReference,
        to: &TaggedReference,
    ) -> Result<Arrival, ClientFailure> {
        let folder = self.sandbox.path(&format!("push-{}", kind.name));
        layout::write_dir(&folder, kind)?;
        self.copy(
            &["--all", "--preserve-digests"],
            &path_argument("dir:", &folder),
            &to.transport_reference(),
        )?;
        Ok(Arrival::Full)
    }

    fn as_holder(&self) -> Option<&dyn Holder> {
        Some(self)
    }
}
