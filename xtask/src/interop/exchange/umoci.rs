//! umoci, which does not support registries: it builds images in OCI layouts, and unpacks them.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use super::super::document::Kind;
use super::super::reference::TaggedReference;
use super::super::sandbox::{ClientFailure, Sandbox, path_argument, run};
use super::form::{DiskContent, DiskForm, DiskImage};
use super::holder::{Holder, ReadDestination};
use crate::tools::UMOCI;

const FORMS: &[DiskForm] = &[DiskForm::Oci];

/// The program, which only needs a home folder.
pub(crate) struct Umoci {
    sandbox: Sandbox,
}

impl Umoci {
    pub(crate) const NAME: &str = "umoci";

    /// Creates the tool. No process runs between its commands.
    pub(crate) fn new(sandbox: Sandbox) -> Self {
        Self { sandbox }
    }

    fn run(&self, arguments: &[&str], path: &Path) -> Result<String, ClientFailure> {
        run(self.sandbox.command(UMOCI).args(arguments).arg(path))
    }

    /// Unpacks the layers of a kind's image on top of each other.
    fn unpack_layers(&self, root: &Path, kind: &Kind) -> Result<(), ClientFailure> {
        let image = kind.reduce_to_image().context("the kind has no image")?;
        let manifest = image
            .document(&image.top)
            .context("the manifest of the image is missing")?;
        let file = self.sandbox.path("layer");
        for digest in manifest.children().iter().skip(1) {
            fs::write(
                &file,
                &image
                    .document(digest)
                    .context("a layer of the image is missing")?
                    .bytes,
            )
            .context("failed to write a layer")?;
            run(Command::new("tar")
                .arg("--extract")
                .arg("--file")
                .arg(&file)
                .arg("--directory")
                .arg(root))?;
        }
        Ok(())
    }
}

impl Holder for Umoci {
    fn writes(&self) -> &'static [DiskForm] {
        FORMS
    }

    fn reads(&self) -> &'static [DiskForm] {
        FORMS
    }

    /// Builds an image with the same files.
    fn write(
        &self,
        kind: &Kind,
        _from: &TaggedReference,
        saved: &DiskImage,
    ) -> Result<(), ClientFailure> {
        let (image, bundle) = (image_argument(saved), saved.path.with_extension("bundle"));
        self.run(&["init", "--layout"], &saved.path)?;
        self.run(&["new", "--image"], Path::new(&image))?;
        self.run(&["unpack", "--image", &image], &bundle)?;
        self.unpack_layers(&bundle.join("rootfs"), kind)?;
        self.run(&["repack", "--image", &image], &bundle).map(drop)
    }

    /// Unpacks an image. This verifies every layer, and the bundle names the manifest that was
    /// unpacked.
    fn read(
        &self,
        _kind: &Kind,
        saved: &DiskImage,
        _to: &TaggedReference,
    ) -> Result<ReadDestination, ClientFailure> {
        let bundle = saved.path.with_extension("bundle");
        self.run(&["unpack", "--image", &image_argument(saved)], &bundle)?;
        Ok(ReadDestination::Stored(DiskContent::Manifest(
            read_source_digest(&bundle)?,
        )))
    }
}

fn image_argument(saved: &DiskImage) -> String {
    format!("{}:sea", path_argument("", &saved.path))
}

fn read_source_digest(bundle: &Path) -> Result<String> {
    let file =
        fs::read(bundle.join("umoci.json")).context("failed to read umoci.json of the bundle")?;
    let state: Value = serde_json::from_slice(&file)?;
    let walk = state["from_descriptor_path"]["descriptor_walk"]
        .as_array()
        .context("umoci.json has no descriptor walk")?;
    let digest = walk
        .last()
        .and_then(|descriptor| descriptor["digest"].as_str());
    Ok(digest.context("umoci.json has no digest")?.to_owned())
}
