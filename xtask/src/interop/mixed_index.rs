//! Mixed index: real images for eight platforms, built by buildah, one of them a Docker image.
//!
//! This index motivated the project. It has eleven children. The third one is a Docker v2s2 image
//! for linux/arm/v7 that is years older than the others, and three are attestations, as build
//! services add them.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::builder::{ARM_V7, Builder, Descriptor};
use super::document::{Document, Image, Kind, Role};
use super::kinds::add_attestation;
use super::media::OCI;
use super::podman::Podman;
use super::reference::TaggedReference;
use super::registry::RegistryConnection;
use super::sandbox::{Sandbox, run};
use crate::images::{self, Platform};

/// Names of the two kinds. From the first, clients pull the image for this machine, and from the
/// second the Docker image.
pub(crate) const NAMES: [&str; 2] = ["real-eleven", "real-eleven-third"];

/// Child of the index, with a second child if it is attested.
struct Child {
    platform: Platform,
    format: &'static str,
    attested: bool,
    /// Time of the build, in seconds since 1970.
    built: u32,
}

/// 2026-01-02, the time of all builds but one.
const BUILT: u32 = 1_767_322_800;

/// 2022-05-24: one platform's image was not rebuilt when the others were.
const BUILT_LONG_BEFORE: u32 = 1_653_357_600;

const fn describe_child(
    name: &'static str,
    debian: &'static str,
    format: &'static str,
    attested: bool,
) -> Child {
    Child {
        platform: Platform { name, debian },
        format,
        attested,
        built: BUILT,
    }
}

/// Platform whose image clients run.
pub(crate) const AMD64: Platform = Platform {
    name: "linux/amd64",
    debian: "amd64",
};

const CHILDREN: [Child; 8] = [
    describe_child("linux/amd64", "amd64", "oci", true),
    Child {
        built: BUILT_LONG_BEFORE,
        ..describe_child("linux/arm/v7", "armhf", "docker", false)
    },
    describe_child("linux/arm64/v8", "arm64", "oci", true),
    describe_child("linux/386", "i386", "oci", true),
    describe_child("linux/arm/v5", "armel", "oci", false),
    describe_child("linux/mips64le", "mips64el", "oci", false),
    describe_child("linux/ppc64le", "ppc64el", "oci", false),
    describe_child("linux/s390x", "s390x", "oci", false),
];

const CONTAINERFILE: &str =
    "FROM scratch\nADD root.tar /\nCOPY harbour /etc/harbour\nCMD [\"/bin/busybox\", \"sh\"]\n";

/// Builds the images, pushes each from buildah's storage and returns the index as two kinds.
pub(crate) fn build(
    sandbox: &Sandbox,
    registry: &mut RegistryConnection,
    host: &str,
) -> Result<[Kind; 2]> {
    let buildah = Podman::buildah(sandbox.clone());
    let mut kind = Builder::new(NAMES[0]);
    let mut children = Vec::new();
    for child in &CHILDREN {
        let tag = child.platform.debian.to_owned();
        let place = TaggedReference {
            host: host.to_owned(),
            repository: format!("open/{}", NAMES[0]),
            tag,
        };
        build_image(
            &buildah,
            child,
            &sandbox.path(child.platform.debian),
            &place,
        )
        .with_context(|| format!("failed to build an image for {}", child.platform.name))?;
        let image =
            add_stored_image(&mut kind, registry, &place)?.with_platform(child.platform.name);
        let attestation = child.attested.then(|| add_attestation(&mut kind, &image));
        children.push(image);
        children.extend(attestation);
    }
    let top = kind.add_index(OCI, children);
    let kind = kind.build(&top);
    let third = with_third_child(&kind)?;
    Ok([kind, third])
}

/// Returns the kind with the platform of the Docker image, which is the third child.
fn with_third_child(kind: &Kind) -> Result<Kind> {
    let index = kind
        .document(&kind.top)
        .context("the kind has no top document")?;
    let manifest = index
        .children()
        .into_iter()
        .nth(2)
        .context("fewer than three children")?;
    let children = kind
        .document(&manifest)
        .context("a child of the index is missing")?
        .children();
    let config = children
        .into_iter()
        .next()
        .context("the image has no config")?;
    let image = Some(Image { manifest, config });
    Ok(Kind {
        name: NAMES[1],
        image,
        platform: ARM_V7,
        ..kind.clone()
    })
}

fn build_image(
    buildah: &Podman,
    child: &Child,
    folder: &Path,
    place: &TaggedReference,
) -> Result<()> {
    let Child {
        platform,
        format,
        built,
        ..
    } = child;
    fs::create_dir_all(folder)?;
    fs::copy(images::root_folder(*platform)?, folder.join("root.tar"))?;
    fs::write(folder.join("harbour"), platform.name)?;
    fs::write(folder.join("Containerfile"), CONTAINERFILE)?;
    let name = format!("localhost/harbour:{}", platform.debian);
    let timestamp = format!("--timestamp={built}");
    let mut build =
        buildah.command(&["build", "--quiet", "--layers", &timestamp, "--tag", &name])?;
    run(build
        .args(["--format", format, "--platform", platform.name])
        .arg(folder))?;
    buildah.push_from_storage(&["push", "--quiet"], &name, &place.transport_reference())?;
    Ok(())
}

/// Adds an image from the registry to the kind, byte for byte.
fn add_stored_image(
    kind: &mut Builder,
    registry: &mut RegistryConnection,
    place: &TaggedReference,
) -> Result<Descriptor> {
    let manifest = registry.manifest(place, &place.tag)?;
    let digests = manifest.children();
    for digest in &digests {
        kind.add_existing(registry.blob(place, digest)?);
    }
    let config = digests
        .into_iter()
        .next()
        .context("the image has no config")?;
    kind.set_image(Image {
        manifest: manifest.digest.clone(),
        config,
    });
    Ok(kind.add_existing(Document {
        role: Role::Manifest,
        ..manifest
    }))
}
