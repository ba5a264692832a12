//! Indexes and platforms.

mod conversions;
mod edits;
mod platforms;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::fault::Fault;
use super::scene::Scene;
use crate::interop::builder::Builder;
use crate::interop::document::{Image, Kind};
use crate::interop::kinds::add_attestation;
use crate::interop::media::OCI;
use crate::interop::reference::TaggedReference;

pub(crate) const FAULTS: &[&[Fault]] = &[edits::FAULTS, platforms::FAULTS, conversions::FAULTS];

/// Returns what BuildKit pushes for one platform: an index of an image and its attestation.
fn build_output(name: &'static str, platform: &str) -> Result<Kind> {
    let mut builder = Builder::new(name);
    let image = builder.add_image(OCI, platform)?;
    let attestation = add_attestation(&mut builder, &image);
    let manifest = image.digest().to_owned();
    builder.set_image(Image {
        manifest,
        config: String::new(),
    });
    let index = builder.add_index(OCI, [image, attestation]);
    Ok(builder.build(&index))
}

/// Returns an image for one platform.
fn image(name: &'static str, platform: &str) -> Result<Kind> {
    let mut builder = Builder::new(name);
    let image = builder.add_image(OCI, platform)?;
    Ok(builder.build(&image))
}

/// Returns the entries of the index at a reference.
fn entries(scene: &Scene, reference: &str) -> Result<Vec<Value>> {
    let run = scene.portolan(&["inspect", "--raw", reference])?;
    let mut index: Value = serde_json::from_str(&run.expect_status(0)?.stdout)?;
    let entries = index["manifests"].take();
    Ok(entries.as_array().context("not an index")?.clone())
}

pub(super) fn place(host: &str, repository: &str, tag: &str) -> TaggedReference {
    TaggedReference {
        host: host.to_owned(),
        repository: repository.to_owned(),
        tag: tag.to_owned(),
    }
}

fn digests(entries: &[Value]) -> Vec<&str> {
    entries
        .iter()
        .filter_map(|entry| entry["digest"].as_str())
        .collect()
}

/// Checks that the index at a reference lists exactly these digests.
fn expect_digests(scene: &Scene, reference: &str, expected: &[&str]) -> Result<()> {
    let entries = entries(scene, reference)?;
    let found = digests(&entries);
    ensure!(
        found == expected,
        "{reference} lists {found:?}, not {expected:?}"
    );
    Ok(())
}
