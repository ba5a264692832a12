//! The index that started the project: real images for eight platforms, built by buildah, one of them Docker's.
//!
//! Eleven children, the third of them a Docker v2s2 image for linux/arm/v7, years older than the others; three are
//! attestations, as build services add them.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::builder::{ARM_V7, Builder, Descriptor};
use super::document::{Document, Image, Kind, Role};
use super::kinds::attest;
use super::media::OCI;
use super::place::Place;
use super::podman::Podman;
use super::registry::Registry;
use super::sandbox::{Sandbox, run};
use crate::images::{self, Platform};

/// The names of the two kinds: of the first clients take the image for this machine, of the second the Docker image.
pub(crate) const NAMES: [&str; 2] = ["real-eleven", "real-eleven-third"];

/// One child of the index, or two where it is attested.
struct Child {
    platform: Platform,
    format: &'static str,
    attested: bool,
    /// Seconds since 1970.
    built: u32,
}

/// 2026-01-02, when all but one were built.
const BUILT: u32 = 1_767_322_800;

/// 2022-05-24: the build for one platform was kept when the others were renewed.
const BUILT_LONG_BEFORE: u32 = 1_653_357_600;

const fn child(
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

/// The platform whose image clients run.
pub(crate) const AMD64: Platform = Platform {
    name: "linux/amd64",
    debian: "amd64",
};

const CHILDREN: [Child; 8] = [
    child("linux/amd64", "amd64", "oci", true),
    Child {
        built: BUILT_LONG_BEFORE,
        ..child("linux/arm/v7", "armhf", "docker", false)
    },
    child("linux/arm64/v8", "arm64", "oci", true),
    child("linux/386", "i386", "oci", true),
    child("linux/arm/v5", "armel", "oci", false),
    child("linux/mips64le", "mips64el", "oci", false),
    child("linux/ppc64le", "ppc64el", "oci", false),
    child("linux/s390x", "s390x", "oci", false),
];

const CONTAINERFILE: &str =
    "FROM scratch\nADD root.tar /\nCOPY harbour /etc/harbour\nCMD [\"/bin/busybox\", \"sh\"]\n";

/// Builds the images, pushes each from buildah's storage and answers the whole as two kinds.
pub(crate) fn build(sandbox: &Sandbox, registry: &mut Registry, host: &str) -> Result<[Kind; 2]> {
    let buildah = Podman::buildah(sandbox.clone());
    let mut kind = Builder::new(NAMES[0]);
    let mut children = Vec::new();
    for child in &CHILDREN {
        let tag = child.platform.debian.to_owned();
        let place = Place {
            host: host.to_owned(),
            repository: format!("open/{}", NAMES[0]),
            tag,
        };
        build_one(
            &buildah,
            child,
            &sandbox.path(child.platform.debian),
            &place,
        )
        .with_context(|| format!("an image for {}", child.platform.name))?;
        let image = adopt(&mut kind, registry, &place)?.platform(child.platform.name);
        let attestation = child.attested.then(|| attest(&mut kind, &image));
        children.push(image);
        children.extend(attestation);
    }
    let top = kind.index(OCI, children);
    let kind = kind.kind(&top);
    let third = third(&kind)?;
    Ok([kind, third])
}

/// The kind with the platform of the Docker image that stands third.
fn third(kind: &Kind) -> Result<Kind> {
    let index = kind.document(&kind.top).context("a kind without its top")?;
    let manifest = index
        .children()
        .into_iter()
        .nth(2)
        .context("fewer than three children")?;
    let children = kind
        .document(&manifest)
        .context("a child that is not here")?
        .children();
    let config = children
        .into_iter()
        .next()
        .context("an image without config")?;
    let image = Some(Image { manifest, config });
    Ok(Kind {
        name: NAMES[1],
        image,
        platform: ARM_V7,
        ..kind.clone()
    })
}

fn build_one(buildah: &Podman, child: &Child, folder: &Path, place: &Place) -> Result<()> {
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
    buildah.push_from_storage(&["push", "--quiet"], &name, &place.transport())?;
    Ok(())
}

/// Takes an image that stands in the registry into the kind, byte by byte.
fn adopt(kind: &mut Builder, registry: &mut Registry, place: &Place) -> Result<Descriptor> {
    let manifest = registry.manifest(place, &place.tag)?;
    let digests = manifest.children();
    for digest in &digests {
        kind.adopt(registry.blob(place, digest)?);
    }
    let config = digests
        .into_iter()
        .next()
        .context("an image without config")?;
    kind.set_image(Image {
        manifest: manifest.digest.clone(),
        config,
    });
    Ok(kind.adopt(Document {
        role: Role::Manifest,
        ..manifest
    }))
}
