//! Images that the targets are tested with: those of `cargo xtask interop`, and more for each
//! feature of the table.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::interop::builder::{AMD64, ARM64, Builder, Descriptor};
use crate::interop::document::{Algorithm, Kind};
use crate::interop::media::{self, DOCKER, Family, OCI};
use crate::interop::reference::TaggedReference;
use crate::interop::registry::RegistryConnection;
use crate::interop::sandbox::Sandbox;
use crate::interop::{kinds, mixed_index};

const OCI_TAR_LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
const OCI_ZSTD_LAYER: &str = "application/vnd.oci.image.layer.v1.tar+zstd";
const DOCKER_ZSTD_LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar.zstd";
const HELM_CONFIG: &str = "application/vnd.cncf.helm.config.v1+json";

type Recipe = fn(&mut Builder) -> Result<Descriptor>;

/// Kinds for repositories that require complete content.
const COMPLETE: [(&str, Recipe); 27] = [
    ("unknown-child-first", |kind| {
        with_unknown(kind, true, ChildPosition::First)
    }),
    ("unknown-child-last", |kind| {
        with_unknown(kind, true, ChildPosition::Last)
    }),
    ("unknown-child-no-platform", |kind| {
        with_unknown(kind, false, ChildPosition::First)
    }),
    ("blob-child-first", |kind| {
        with_layer(kind, ChildPosition::First)
    }),
    ("blob-child-last", |kind| {
        with_layer(kind, ChildPosition::Last)
    }),
    ("attestation-first", attestation_first),
    ("nested-silent", |kind| nested_index(kind, OCI, None)),
    ("nested-matching", |kind| {
        nested_index(kind, OCI, Some(AMD64))
    }),
    ("nested-last", nested_last),
    ("nested-list", |kind| {
        nested_index(kind, DOCKER, Some(AMD64))
    }),
    ("list-no-platform", |kind| no_platform(kind, DOCKER)),
    ("list-no-platform-beside", |kind| {
        no_platform_beside(kind, DOCKER)
    }),
    ("no-platform-beside", |kind| no_platform_beside(kind, OCI)),
    ("duplicate-platform", duplicate_platform),
    ("sha512-layers", sha512_layers),
    ("oci-zstd-layers", |kind| {
        kind.add_image(
            Family {
                layer: OCI_ZSTD_LAYER,
                ..OCI
            },
            AMD64,
        )
    }),
    ("docker-zstd-layers", |kind| {
        kind.add_image(
            Family {
                layer: DOCKER_ZSTD_LAYER,
                ..DOCKER
            },
            AMD64,
        )
    }),
    ("tar-layers", |kind| {
        kind.add_image(
            Family {
                layer: OCI_TAR_LAYER,
                ..OCI
            },
            AMD64,
        )
    }),
    ("unknown-layers", |kind| {
        kind.add_image(
            Family {
                layer: media::UNKNOWN,
                ..OCI
            },
            AMD64,
        )
    }),
    ("oci-docker-config", |kind| {
        kind.add_image(
            Family {
                config: DOCKER.config,
                ..OCI
            },
            AMD64,
        )
    }),
    ("helm-chart", helm_chart),
    ("silent-image", |kind| {
        kind.add_edited_image(OCI, AMD64, without_type)
    }),
    ("silent-index", |kind| silent_index(kind, OCI)),
    ("silent-list", |kind| silent_index(kind, DOCKER)),
    ("silent-docker-image", |kind| {
        kind.add_edited_image(DOCKER, AMD64, without_type)
    }),
    ("wrong-type", wrong_type),
    ("docker-zero-layers", |kind| {
        Ok(kind.add_image_with_layers(DOCKER, AMD64, [], |_| ()))
    }),
];

/// Kinds whose first layer is stored elsewhere.
const FOREIGN: [(&str, Family, &str); 2] = [
    ("oci-foreign-layer", OCI, media::OCI_NON_DISTRIBUTABLE),
    ("docker-foreign-layer", DOCKER, media::DOCKER_FOREIGN),
];

/// Kinds for repositories that allow missing content.
const SPARSE: [(&str, Recipe); 2] = [
    ("sparse-wanted", sparse_wanted),
    ("sparse-layer", sparse_layer),
];

/// Kinds that Portolan rejects and CNCF distribution does not validate.
const REJECTED: [(&str, Recipe); 2] = [
    ("wrong-size-child", wrong_size_child),
    ("wrong-size-layer", wrong_size_layer),
];

/// Returns the kinds that Portolan accepts. Images built by buildah, and layers stored elsewhere,
/// are pushed to `host` for them.
pub(super) fn accepted_kinds(sandbox: &Sandbox, host: &str) -> Result<Vec<Kind>> {
    let registry = &mut RegistryConnection::new(host)?;
    let [eleven, _] = mixed_index::build(sandbox, registry, host)
        .context("failed to build the index of eleven children")?;
    let mut kinds = vec![eleven];
    kinds.extend(
        small_kinds()?
            .into_iter()
            .filter(|kind| !kind.name.contains("-foreign-layer")),
    );
    for (name, family, media_type) in FOREIGN {
        kinds.push(build_foreign(name, family, media_type, registry, host)?);
    }
    Ok(kinds)
}

/// Builds an image with a layer that is available only at its URL. The URLs of the kinds of `cargo
/// xtask interop` do not work.
fn build_foreign(
    name: &'static str,
    family: Family,
    media_type: &str,
    registry: &mut RegistryConnection,
    host: &str,
) -> Result<Kind> {
    let mut elsewhere = Builder::new("elsewhere");
    let (layer, diff_id) = elsewhere.add_layer(media_type)?;
    let image =
        elsewhere.add_image_with_layers(OCI, AMD64, [(layer.clone(), diff_id.clone())], |_| ());
    let place = TaggedReference {
        host: host.to_owned(),
        repository: format!("open/elsewhere-{name}"),
        tag: "sea".to_owned(),
    };
    registry.seed(&elsewhere.build(&image), &place)?;
    // The URL has a host name because crane rejects loopback addresses.
    let port = host.rsplit(':').next().unwrap_or_default();
    let url = format!(
        "http://localhost:{port}/v2/{}/blobs/{}",
        place.repository,
        layer.digest()
    );
    let mut kind = Builder::new(name);
    let here = kind.add_layer(family.layer)?;
    let top = kind.add_image_with_layers(
        family,
        AMD64,
        [(layer.with_field("urls", json!([url])), diff_id), here],
        |_| (),
    );
    Ok(kind.build(&top))
}

/// Returns the kinds that are quick to build.
pub(super) fn small_kinds() -> Result<Vec<Kind>> {
    let sparse = build_all(&SPARSE)?.into_iter().map(|kind| Kind {
        sparse: true,
        ..kind
    });
    let all = [kinds::all_kinds()?, build_all(&COMPLETE)?].concat();
    Ok(all.into_iter().chain(sparse).collect())
}

/// Returns the kinds that Portolan rejects.
pub(super) fn rejected_kinds() -> Result<Vec<Kind>> {
    build_all(&REJECTED)
}

fn build_all(recipes: &[(&'static str, Recipe)]) -> Result<Vec<Kind>> {
    recipes
        .iter()
        .map(|(name, recipe)| kinds::build(name, *recipe))
        .collect()
}

/// Position of a child in an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ChildPosition {
    First,
    Last,
}

impl ChildPosition {
    fn arrange(self, image: Descriptor, other: Descriptor) -> [Descriptor; 2] {
        if self == Self::First {
            [other, image]
        } else {
            [image, other]
        }
    }
}

/// Builds an index with a child of an unknown type, optionally for the requested platform.
fn with_unknown(
    kind: &mut Builder,
    with_platform: bool,
    stands: ChildPosition,
) -> Result<Descriptor> {
    let unknown = kind.add_blob(
        media::UNKNOWN,
        json!({ "pushed": "to /blobs/" }).to_string(),
    );
    let unknown = if with_platform {
        unknown.with_platform(AMD64)
    } else {
        unknown
    };
    let image = kind.add_image(OCI, AMD64)?;
    Ok(kind.add_index(OCI, stands.arrange(image, unknown)))
}

/// Builds an index that names a layer next to its image.
fn with_layer(kind: &mut Builder, stands: ChildPosition) -> Result<Descriptor> {
    let image = kind.add_image(OCI, AMD64)?;
    let (layer, _) = kind.add_layer(media::OCI_LAYER)?;
    Ok(kind.add_index(OCI, stands.arrange(image, layer)))
}

fn attestation_first(kind: &mut Builder) -> Result<Descriptor> {
    let image = kind.add_image(OCI, AMD64)?;
    let statement = kinds::add_attestation(kind, &image);
    Ok(kind.add_index(OCI, [statement, image]))
}

/// Builds an index or list whose only child is another one.
fn nested_index(kind: &mut Builder, family: Family, platform: Option<&str>) -> Result<Descriptor> {
    let image = kind.add_image(family, AMD64)?;
    let inner = kind.add_index(family, [image]);
    let inner = platform.into_iter().fold(inner, Descriptor::with_platform);
    Ok(kind.add_index(family, [inner]))
}

/// Builds an index with a nested index for a platform whose image is listed before it.
fn nested_last(kind: &mut Builder) -> Result<Descriptor> {
    let direct = kind.add_image(OCI, AMD64)?;
    let image = kind.add_image(OCI, AMD64)?;
    let inner = kind.add_index(OCI, [image]).with_platform(AMD64);
    Ok(kind.add_index(OCI, [direct, inner]))
}

fn no_platform(kind: &mut Builder, family: Family) -> Result<Descriptor> {
    let child = kind.add_image(family, AMD64)?.without_platform();
    Ok(kind.add_index(family, [child]))
}

fn no_platform_beside(kind: &mut Builder, family: Family) -> Result<Descriptor> {
    let [first, second] = [
        kind.add_image(family, ARM64)?.without_platform(),
        kind.add_image(family, AMD64)?,
    ];
    Ok(kind.add_index(family, [first, second]))
}

fn duplicate_platform(kind: &mut Builder) -> Result<Descriptor> {
    let children = [kind.add_image(OCI, AMD64)?, kind.add_image(OCI, AMD64)?];
    Ok(kind.add_index(OCI, children))
}

/// Builds an image named by sha256 whose blobs are named by sha512.
fn sha512_layers(kind: &mut Builder) -> Result<Descriptor> {
    kind.set_algorithm(Algorithm::Sha512);
    let layers = [kind.add_layer(OCI.layer)?, kind.add_layer(OCI.layer)?];
    kind.set_algorithm(Algorithm::Sha256);
    Ok(kind.add_image_with_layers(OCI, AMD64, layers, |_| ()))
}

/// Builds a Helm chart as Helm stores it: an artifact that is identified by its config's type.
fn helm_chart(kind: &mut Builder) -> Result<Descriptor> {
    let config = kind.add_blob(
        HELM_CONFIG,
        json!({ "name": "harbour", "version": "1.0.0" }).to_string(),
    );
    let (layer, _) = kind.add_layer("application/vnd.cncf.helm.chart.content.v1.tar+gzip")?;
    let manifest = json!({ "schemaVersion": 2, "config": Value::from(config), "layers": [Value::from(layer)] });
    Ok(kind.add_manifest(media::OCI_MANIFEST, manifest))
}

fn without_type(document: &mut Value) {
    if let Some(fields) = document.as_object_mut() {
        fields.remove("mediaType");
    }
}

/// Builds an index without `mediaType`, whose type is known only from its `Content-Type`.
fn silent_index(kind: &mut Builder, family: Family) -> Result<Descriptor> {
    let child = Value::from(kind.add_image(family, AMD64)?);
    Ok(kind.add_document(
        family.index,
        &json!({ "schemaVersion": 2, "manifests": [child] }),
    ))
}

/// Builds an index in which the image for the requested platform is missing.
fn sparse_wanted(kind: &mut Builder) -> Result<Descriptor> {
    let children = [
        kinds::absent_descriptor(media::OCI_MANIFEST, "amd64 image").with_platform(AMD64),
        kind.add_image(OCI, ARM64)?,
    ];
    Ok(kind.add_index(OCI, children))
}

fn sparse_layer(kind: &mut Builder) -> Result<Descriptor> {
    let here = kind.add_layer(OCI.layer)?;
    let absent = (
        kinds::absent_descriptor(OCI.layer, "layer"),
        Algorithm::Sha256.digest(b"the absent layer's tar"),
    );
    Ok(kind.add_image_with_layers(OCI, AMD64, [here, absent], |_| ()))
}

fn wrong_size_child(kind: &mut Builder) -> Result<Descriptor> {
    let child = kind.add_image(OCI, AMD64)?.with_field("size", 7);
    Ok(kind.add_index(OCI, [child]))
}

fn wrong_size_layer(kind: &mut Builder) -> Result<Descriptor> {
    let (layer, diff_id) = kind.add_layer(OCI.layer)?;
    Ok(kind.add_image_with_layers(OCI, AMD64, [(layer.with_field("size", 7), diff_id)], |_| ()))
}

/// Builds an index whose descriptor gives an OCI image the media type of a Docker image.
fn wrong_type(kind: &mut Builder) -> Result<Descriptor> {
    let child = kind
        .add_image(OCI, AMD64)?
        .with_field("mediaType", media::DOCKER_MANIFEST);
    Ok(kind.add_index(OCI, [child]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_have_distinct_names_and_manifests() {
        let kinds = [small_kinds().unwrap(), rejected_kinds().unwrap()].concat();
        for (position, kind) in kinds.iter().enumerate() {
            for other in &kinds[..position] {
                assert_ne!(kind.name, other.name);
                assert_ne!(kind.top, other.top, "{} is {}", kind.name, other.name);
            }
        }
    }

    #[test]
    fn silent_kinds_have_no_media_type() {
        for kind in small_kinds()
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
