//! The images that targets are asked about: those of `cargo xtask interop`, and more for each feature of the table.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::interop::builder::{AMD64, ARM64, Builder, Descriptor};
use crate::interop::document::{Algorithm, Kind};
use crate::interop::media::{self, DOCKER, Family, OCI};
use crate::interop::place::Place;
use crate::interop::registry::Registry;
use crate::interop::sandbox::Sandbox;
use crate::interop::{eleven, kinds};

const OCI_TAR_LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
const OCI_ZSTD_LAYER: &str = "application/vnd.oci.image.layer.v1.tar+zstd";
const DOCKER_ZSTD_LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar.zstd";
const HELM_CONFIG: &str = "application/vnd.cncf.helm.config.v1+json";

type Recipe = fn(&mut Builder) -> Result<Descriptor>;

/// For repositories that take everything that is whole.
const OPEN: [(&str, Recipe); 27] = [
    ("unknown-child-first", |kind| {
        with_unknown(kind, true, Stands::First)
    }),
    ("unknown-child-last", |kind| {
        with_unknown(kind, true, Stands::Last)
    }),
    ("unknown-child-no-platform", |kind| {
        with_unknown(kind, false, Stands::First)
    }),
    ("blob-child-first", |kind| with_layer(kind, Stands::First)),
    ("blob-child-last", |kind| with_layer(kind, Stands::Last)),
    ("attestation-first", attestation_first),
    ("nested-silent", |kind| nested(kind, OCI, None)),
    ("nested-matching", |kind| nested(kind, OCI, Some(AMD64))),
    ("nested-last", nested_last),
    ("nested-list", |kind| nested(kind, DOCKER, Some(AMD64))),
    ("list-no-platform", |kind| no_platform(kind, DOCKER)),
    ("list-no-platform-beside", |kind| {
        no_platform_beside(kind, DOCKER)
    }),
    ("no-platform-beside", |kind| no_platform_beside(kind, OCI)),
    ("duplicate-platform", duplicate_platform),
    ("sha512-layers", sha512_layers),
    ("oci-zstd-layers", |kind| {
        kind.image(
            Family {
                layer: OCI_ZSTD_LAYER,
                ..OCI
            },
            AMD64,
        )
    }),
    ("docker-zstd-layers", |kind| {
        kind.image(
            Family {
                layer: DOCKER_ZSTD_LAYER,
                ..DOCKER
            },
            AMD64,
        )
    }),
    ("tar-layers", |kind| {
        kind.image(
            Family {
                layer: OCI_TAR_LAYER,
                ..OCI
            },
            AMD64,
        )
    }),
    ("unknown-layers", |kind| {
        kind.image(
            Family {
                layer: media::UNKNOWN,
                ..OCI
            },
            AMD64,
        )
    }),
    ("oci-docker-config", |kind| {
        kind.image(
            Family {
                config: DOCKER.config,
                ..OCI
            },
            AMD64,
        )
    }),
    ("helm-chart", helm_chart),
    ("silent-image", |kind| {
        kind.image_with(OCI, AMD64, without_type)
    }),
    ("silent-index", |kind| silent_index(kind, OCI)),
    ("silent-list", |kind| silent_index(kind, DOCKER)),
    ("silent-docker-image", |kind| {
        kind.image_with(DOCKER, AMD64, without_type)
    }),
    ("wrong-type", wrong_type),
    ("docker-zero-layers", |kind| {
        Ok(kind.image_of(DOCKER, AMD64, [], |_| ()))
    }),
];

/// Whose first layer is elsewhere.
const FOREIGN: [(&str, Family, &str); 2] = [
    ("oci-foreign-layer", OCI, media::OCI_NON_DISTRIBUTABLE),
    ("docker-foreign-layer", DOCKER, media::DOCKER_FOREIGN),
];

/// For repositories in which something may be nowhere.
const SPARSE: [(&str, Recipe); 2] = [
    ("sparse-wanted", sparse_wanted),
    ("sparse-layer", sparse_layer),
];

/// What Portolan refuses, and CNCF distribution does not look at.
const UNCHECKED: [(&str, Recipe); 2] = [
    ("wrong-size-child", wrong_size_child),
    ("wrong-size-layer", wrong_size_layer),
];

/// Those that Portolan takes: what is built by buildah and what has layers elsewhere is pushed to `host` for it.
pub(super) fn all(sandbox: &Sandbox, host: &str) -> Result<Vec<Kind>> {
    let registry = &mut Registry::new(host)?;
    let [eleven, _] =
        eleven::build(sandbox, registry, host).context("building the index of eleven children")?;
    let mut kinds = vec![eleven];
    kinds.extend(
        small()?
            .into_iter()
            .filter(|kind| !kind.name.contains("-foreign-layer")),
    );
    for (name, family, media_type) in FOREIGN {
        kinds.push(foreign(name, family, media_type, registry, host)?);
    }
    Ok(kinds)
}

/// An image with a layer that a client finds under its URL alone. Those of `cargo xtask interop` lead nowhere.
fn foreign(
    name: &'static str,
    family: Family,
    media_type: &str,
    registry: &mut Registry,
    host: &str,
) -> Result<Kind> {
    let mut elsewhere = Builder::new("elsewhere");
    let (layer, diff_id) = elsewhere.layer(media_type)?;
    let image = elsewhere.image_of(OCI, AMD64, [(layer.clone(), diff_id.clone())], |_| ());
    let place = Place {
        host: host.to_owned(),
        repository: format!("open/elsewhere-{name}"),
        tag: "sea".to_owned(),
    };
    registry.seed(&elsewhere.kind(&image), &place)?;
    // By name: crane takes no address of this machine.
    let port = host.rsplit(':').next().unwrap_or_default();
    let url = format!(
        "http://localhost:{port}/v2/{}/blobs/{}",
        place.repository,
        layer.digest()
    );
    let mut kind = Builder::new(name);
    let here = kind.layer(family.layer)?;
    let top = kind.image_of(
        family,
        AMD64,
        [(layer.with("urls", json!([url])), diff_id), here],
        |_| (),
    );
    Ok(kind.kind(&top))
}

/// Those of them that take no time to make.
pub(super) fn small() -> Result<Vec<Kind>> {
    let sparse = build_all(&SPARSE)?.into_iter().map(|kind| Kind {
        sparse: true,
        ..kind
    });
    let all = [kinds::all()?, build_all(&OPEN)?].concat();
    Ok(all.into_iter().chain(sparse).collect())
}

/// Those that Portolan refuses.
pub(super) fn unchecked() -> Result<Vec<Kind>> {
    build_all(&UNCHECKED)
}

fn build_all(recipes: &[(&'static str, Recipe)]) -> Result<Vec<Kind>> {
    recipes
        .iter()
        .map(|(name, recipe)| kinds::build(name, *recipe))
        .collect()
}

/// Where something stands in an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stands {
    First,
    Last,
}

impl Stands {
    fn beside(self, image: Descriptor, other: Descriptor) -> [Descriptor; 2] {
        if self == Self::First {
            [other, image]
        } else {
            [image, other]
        }
    }
}

/// A child that nobody knows, perhaps for the platform that is wanted.
fn with_unknown(kind: &mut Builder, with_platform: bool, stands: Stands) -> Result<Descriptor> {
    let unknown = kind.blob(
        media::UNKNOWN,
        json!({ "pushed": "to /blobs/" }).to_string(),
    );
    let unknown = if with_platform {
        unknown.platform(AMD64)
    } else {
        unknown
    };
    let image = kind.image(OCI, AMD64)?;
    Ok(kind.index(OCI, stands.beside(image, unknown)))
}

/// A layer that an index names beside its image.
fn with_layer(kind: &mut Builder, stands: Stands) -> Result<Descriptor> {
    let image = kind.image(OCI, AMD64)?;
    let (layer, _) = kind.layer(media::OCI_LAYER)?;
    Ok(kind.index(OCI, stands.beside(image, layer)))
}

fn attestation_first(kind: &mut Builder) -> Result<Descriptor> {
    let image = kind.image(OCI, AMD64)?;
    let statement = kinds::attest(kind, &image);
    Ok(kind.index(OCI, [statement, image]))
}

/// An index or list whose only child is another one.
fn nested(kind: &mut Builder, family: Family, platform: Option<&str>) -> Result<Descriptor> {
    let image = kind.image(family, AMD64)?;
    let inner = kind.index(family, [image]);
    let inner = platform.into_iter().fold(inner, Descriptor::platform);
    Ok(kind.index(family, [inner]))
}

/// An index for a platform whose image stands before it.
fn nested_last(kind: &mut Builder) -> Result<Descriptor> {
    let direct = kind.image(OCI, AMD64)?;
    let image = kind.image(OCI, AMD64)?;
    let inner = kind.index(OCI, [image]).platform(AMD64);
    Ok(kind.index(OCI, [direct, inner]))
}

fn no_platform(kind: &mut Builder, family: Family) -> Result<Descriptor> {
    let child = kind.image(family, AMD64)?.without_platform();
    Ok(kind.index(family, [child]))
}

fn no_platform_beside(kind: &mut Builder, family: Family) -> Result<Descriptor> {
    let [first, second] = [
        kind.image(family, ARM64)?.without_platform(),
        kind.image(family, AMD64)?,
    ];
    Ok(kind.index(family, [first, second]))
}

fn duplicate_platform(kind: &mut Builder) -> Result<Descriptor> {
    let children = [kind.image(OCI, AMD64)?, kind.image(OCI, AMD64)?];
    Ok(kind.index(OCI, children))
}

/// An image whose blobs are named by sha512, itself named by sha256.
fn sha512_layers(kind: &mut Builder) -> Result<Descriptor> {
    kind.algorithm(Algorithm::Sha512);
    let layers = [kind.layer(OCI.layer)?, kind.layer(OCI.layer)?];
    kind.algorithm(Algorithm::Sha256);
    Ok(kind.image_of(OCI, AMD64, layers, |_| ()))
}

/// As Helm stores a chart: an artifact that is told by its config's type.
fn helm_chart(kind: &mut Builder) -> Result<Descriptor> {
    let config = kind.blob(
        HELM_CONFIG,
        json!({ "name": "harbour", "version": "1.0.0" }).to_string(),
    );
    let (layer, _) = kind.layer("application/vnd.cncf.helm.chart.content.v1.tar+gzip")?;
    let manifest = json!({ "schemaVersion": 2, "config": Value::from(config), "layers": [Value::from(layer)] });
    Ok(kind.manifest(media::OCI_MANIFEST, manifest))
}

fn without_type(document: &mut Value) {
    if let Some(fields) = document.as_object_mut() {
        fields.remove("mediaType");
    }
}

/// Only its `Content-Type` says what it is.
fn silent_index(kind: &mut Builder, family: Family) -> Result<Descriptor> {
    let child = Value::from(kind.image(family, AMD64)?);
    Ok(kind.document(
        family.index,
        &json!({ "schemaVersion": 2, "manifests": [child] }),
    ))
}

/// The image for the platform that is wanted is nowhere.
fn sparse_wanted(kind: &mut Builder) -> Result<Descriptor> {
    let children = [
        kinds::absent(media::OCI_MANIFEST, "amd64 image").platform(AMD64),
        kind.image(OCI, ARM64)?,
    ];
    Ok(kind.index(OCI, children))
}

fn sparse_layer(kind: &mut Builder) -> Result<Descriptor> {
    let here = kind.layer(OCI.layer)?;
    let absent = (
        kinds::absent(OCI.layer, "layer"),
        Algorithm::Sha256.digest(b"the absent layer's tar"),
    );
    Ok(kind.image_of(OCI, AMD64, [here, absent], |_| ()))
}

fn wrong_size_child(kind: &mut Builder) -> Result<Descriptor> {
    let child = kind.image(OCI, AMD64)?.with("size", 7);
    Ok(kind.index(OCI, [child]))
}

fn wrong_size_layer(kind: &mut Builder) -> Result<Descriptor> {
    let (layer, diff_id) = kind.layer(OCI.layer)?;
    Ok(kind.image_of(OCI, AMD64, [(layer.with("size", 7), diff_id)], |_| ()))
}

/// An OCI image that the index calls a Docker one.
fn wrong_type(kind: &mut Builder) -> Result<Descriptor> {
    let child = kind
        .image(OCI, AMD64)?
        .with("mediaType", media::DOCKER_MANIFEST);
    Ok(kind.index(OCI, [child]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_kinds_share_a_name_or_a_manifest() {
        let kinds = [small().unwrap(), unchecked().unwrap()].concat();
        for (position, kind) in kinds.iter().enumerate() {
            for other in &kinds[..position] {
                assert_ne!(kind.name, other.name);
                assert_ne!(kind.top, other.top, "{} is {}", kind.name, other.name);
            }
        }
    }

    #[test]
    fn what_is_silent_says_no_type() {
        for kind in small()
            .unwrap()
            .iter()
            .filter(|kind| kind.name.starts_with("silent-"))
        {
            let top = kind.document(&kind.top).unwrap();
            let document: Value = serde_json::from_slice(&top.bytes).unwrap();
            assert_eq!(document.get("mediaType"), None, "{}", kind.name);
        }
    }
}
