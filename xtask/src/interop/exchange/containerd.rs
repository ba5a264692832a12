//! containerd: archives that are OCI layouts and docker-archives at the same time, as newer Docker
//! Engines write them too.

use std::fs;

use anyhow::{Context, Result};
use serde_json::Value;

use super::super::containerd::Containerd;
use super::super::document::Kind;
use super::super::layout;
use super::super::reference::TaggedReference;
use super::super::sandbox::{ClientFailure, find_digest, run};
use super::form::{DiskContent, DiskForm, DiskImage};
use super::holder::{Holder, ReadDestination};

const FORMS: &[DiskForm] = &[DiskForm::OciArchive, DiskForm::DockerArchive];

impl Holder for Containerd {
    fn writes(&self) -> &'static [DiskForm] {
        FORMS
    }

    fn reads(&self) -> &'static [DiskForm] {
        FORMS
    }

    fn write(
        &self,
        kind: &Kind,
        from: &TaggedReference,
        saved: &DiskImage,
    ) -> Result<(), ClientFailure> {
        let name = from.to_string();
        run(&mut self.command(&["content", "fetch", "--plain-http", "--all-platforms", &name]))?;
        let which = if saved.form == DiskForm::OciArchive {
            "--all-platforms"
        } else {
            "--platform"
        };
        let platform = Some(kind.platform).filter(|_| saved.form == DiskForm::DockerArchive);
        let mut command = self.command(&["images", "export", which]);
        run(command.args(platform).arg(&saved.path).arg(name)).map(drop)
    }

    fn read(
        &self,
        kind: &Kind,
        saved: &DiskImage,
        _to: &TaggedReference,
    ) -> Result<ReadDestination, ClientFailure> {
        self.forget_images()?;
        run(self
            .command(&["images", "import", "--all-platforms", "--no-unpack"])
            .arg(&saved.path))?;
        let digest = find_digest(&run(&mut self.command(&["images", "ls"]))?);
        if saved.form == DiskForm::OciArchive {
            layout::compare_oci(&self.content(), &kind.documents_of_top())?;
            return Ok(ReadDestination::Stored(DiskContent::Manifest(digest)));
        }
        Ok(ReadDestination::Stored(DiskContent::Config(
            self.config_of(&digest)?,
        )))
    }
}

impl Containerd {
    /// Removes all images. containerd removes content together with the last image that refers to
    /// it, so that it must be read again.
    fn forget_images(&self) -> Result<(), ClientFailure> {
        let names = run(&mut self.command(&["images", "ls", "--quiet"]))?;
        run(self
            .command(&["images", "rm", "--sync"])
            .args(names.lines()))
        .map(drop)
    }

    fn config_of(&self, manifest: &str) -> Result<String> {
        let path = layout::oci_path(&self.content(), manifest);
        let manifest: Value =
            serde_json::from_slice(&fs::read(path).context("failed to read the stored manifest")?)?;
        Ok(manifest["config"]["digest"]
            .as_str()
            .context("the image has no config")?
            .to_owned())
    }
}
