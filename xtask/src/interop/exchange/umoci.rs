//! umoci, which knows no registries: it makes images in OCI layouts, and unpacks them.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use super::super::document::Kind;
use super::super::place::Place;
use super::super::sandbox::{Failure, Sandbox, prefixed, run};
use super::form::{Content, Form, Saved};
use super::keeper::{Keeper, Taken};
use crate::tools::UMOCI;

const FORMS: &[Form] = &[Form::Oci];

/// The program needs a home only.
pub(crate) struct Umoci {
    sandbox: Sandbox,
}

impl Umoci {
    pub(crate) const NAME: &str = "umoci";

    /// Nothing runs between its commands.
    pub(crate) fn new(sandbox: Sandbox) -> Self {
        Self { sandbox }
    }

    fn run(&self, arguments: &[&str], path: &Path) -> Result<String, Failure> {
        run(self.sandbox.command(UMOCI).args(arguments).arg(path))
    }

    /// Unpacks the layers of a kind's image over each other.
    fn fill(&self, root: &Path, kind: &Kind) -> Result<(), Failure> {
        let image = kind.only_image().context("a kind without an image")?;
        let manifest = image
            .document(&image.top)
            .context("an image that is not here")?;
        let file = self.sandbox.path("layer");
        for digest in manifest.children().iter().skip(1) {
            fs::write(
                &file,
                &image
                    .document(digest)
                    .context("a layer that is not here")?
                    .bytes,
            )
            .context("a layer")?;
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

impl Keeper for Umoci {
    fn writes(&self) -> &'static [Form] {
        FORMS
    }

    fn reads(&self) -> &'static [Form] {
        FORMS
    }

    /// Makes an image of its own with the same files.
    fn write(&self, kind: &Kind, _from: &Place, saved: &Saved) -> Result<(), Failure> {
        let (image, bundle) = (image(saved), saved.path.with_extension("bundle"));
        self.run(&["init", "--layout"], &saved.path)?;
        self.run(&["new", "--image"], Path::new(&image))?;
        self.run(&["unpack", "--image", &image], &bundle)?;
        self.fill(&bundle.join("rootfs"), kind)?;
        self.run(&["repack", "--image", &image], &bundle).map(drop)
    }

    /// Unpacking verifies every layer; the bundle names the manifest that it was unpacked from.
    fn read(&self, _kind: &Kind, saved: &Saved, _to: &Place) -> Result<Taken, Failure> {
        let bundle = saved.path.with_extension("bundle");
        self.run(&["unpack", "--image", &image(saved)], &bundle)?;
        Ok(Taken::Stored(Content::Manifest(unpacked_from(&bundle)?)))
    }
}

fn image(saved: &Saved) -> String {
    format!("{}:sea", prefixed("", &saved.path))
}

fn unpacked_from(bundle: &Path) -> Result<String> {
    let file = fs::read(bundle.join("umoci.json")).context("what umoci wrote of the bundle")?;
    let state: Value = serde_json::from_slice(&file)?;
    let walk = state["from_descriptor_path"]["descriptor_walk"]
        .as_array()
        .context("no walk in umoci.json")?;
    let digest = walk
        .last()
        .and_then(|descriptor| descriptor["digest"].as_str());
    Ok(digest.context("no digest in umoci.json")?.to_owned())
}
