//! Kinds that must work: all content that documentation and bug reports show in registries.

use anyhow::Result;
use serde_json::{Value, json};

use super::builder::{AMD64, ARM_V7, ARM64, Builder, Descriptor};
use super::document::{Algorithm, Kind};
use super::media::{self, DOCKER, Family, OCI};

type Recipe = fn(&mut Builder) -> Result<Descriptor>;

const OPEN: [(&str, Recipe); 27] = [
    ("oci-image", |kind| kind.add_image(OCI, AMD64)),
    ("docker-image", |kind| kind.add_image(DOCKER, AMD64)),
    ("oci-index", |kind| platforms(kind, OCI)),
    ("docker-list", |kind| platforms(kind, DOCKER)),
    ("nested-index", nested_index),
    ("empty-index", |kind| Ok(kind.add_index(OCI, []))),
    ("index-docker-child", index_docker_child),
    ("index-docker-list", index_docker_list),
    ("list-oci-children", list_oci_children),
    ("list-oci-index", list_oci_index),
    ("docker-oci-layers", |kind| {
        kind.add_image(
            Family {
                layer: OCI.layer,
                ..DOCKER
            },
            AMD64,
        )
    }),
    ("docker-oci-config", |kind| {
        kind.add_image(
            Family {
                config: OCI.config,
                ..DOCKER
            },
            AMD64,
        )
    }),
    ("oci-docker-layers", |kind| {
        kind.add_image(
            Family {
                layer: DOCKER.layer,
                ..OCI
            },
            AMD64,
        )
    }),
    ("buildkit-cache", buildkit_cache),
    ("unknown-as-manifest", unknown_as_manifest),
    ("unknown-as-blob", unknown_as_blob),
    ("attestation", attestation),
    ("no-platform", |kind| {
        Ok(kind.add_image(OCI, AMD64)?.without_platform()).map(|child| kind.add_index(OCI, [child]))
    }),
    ("artifact", |kind| Ok(artifact(kind, None))),
    ("artifact-subject", artifact_subject),
    ("artifact-no-subject", |kind| {
        Ok(artifact(
            kind,
            Some(absent_descriptor(media::OCI_MANIFEST, "subject")),
        ))
    }),
    ("index-subject", index_subject),
    ("embedded-data", embedded_data),
    ("oci-foreign-layer", |kind| {
        foreign_layer(kind, OCI, media::OCI_NON_DISTRIBUTABLE)
    }),
    ("docker-foreign-layer", |kind| {
        foreign_layer(kind, DOCKER, media::DOCKER_FOREIGN)
    }),
    ("zero-layers", |kind| {
        Ok(kind.add_image_with_layers(OCI, AMD64, [], |_| ()))
    }),
    ("sha512", sha512),
];

/// Returns all kinds, those for `sparse` repositories last.
pub(crate) fn all_kinds() -> Result<Vec<Kind>> {
    let mut kinds = Vec::new();
    for (name, recipe) in OPEN {
        kinds.push(build(name, recipe)?);
    }
    kinds.push(build("custom-type", |kind| {
        Ok(kind.add_manifest(media::UNKNOWN, json!({ "soundings": [3, 5, 8] })))
    })?);
    kinds.push(Kind {
        sparse: true,
        ..build("sparse-index", sparse_index)?
    });
    Ok(kinds)
}

/// Builds the kind of a recipe.
pub(crate) fn build(name: &'static str, recipe: Recipe) -> Result<Kind> {
    let mut builder = Builder::new(name);
    let top = recipe(&mut builder)?;
    Ok(builder.build(&top))
}

fn platforms(kind: &mut Builder, family: Family) -> Result<Descriptor> {
    let children = [
        kind.add_image(family, AMD64)?,
        kind.add_image(family, ARM64)?,
        kind.add_image(family, ARM_V7)?,
    ];
    Ok(kind.add_index(family, children))
}

fn nested_index(kind: &mut Builder) -> Result<Descriptor> {
    let image = kind.add_image(OCI, AMD64)?;
    let inner = kind.add_index(OCI, [image]).with_platform(AMD64);
    let middle = kind.add_index(OCI, [inner]).with_platform(AMD64);
    let beside = kind.add_image(OCI, ARM_V7)?;
    Ok(kind.add_index(OCI, [middle, beside]))
}

/// Builds the index that motivated the project: two OCI images, then the old Docker image.
fn index_docker_child(kind: &mut Builder) -> Result<Descriptor> {
    let children = [
        kind.add_image(OCI, AMD64)?,
        kind.add_image(OCI, ARM64)?,
        kind.add_image(DOCKER, ARM_V7)?,
    ];
    Ok(kind.add_index(OCI, children))
}

fn index_docker_list(kind: &mut Builder) -> Result<Descriptor> {
    let direct = kind.add_image(OCI, AMD64)?;
    let listed = kind.add_image(DOCKER, ARM64)?;
    let list = kind.add_index(DOCKER, [listed]);
    Ok(kind.add_index(OCI, [direct, list]))
}

fn list_oci_children(kind: &mut Builder) -> Result<Descriptor> {
    let children = [kind.add_image(OCI, AMD64)?, kind.add_image(DOCKER, ARM64)?];
    Ok(kind.add_index(DOCKER, children))
}

fn list_oci_index(kind: &mut Builder) -> Result<Descriptor> {
    let direct = kind.add_image(DOCKER, AMD64)?;
    let indexed = kind.add_image(OCI, ARM64)?;
    let index = kind.add_index(OCI, [indexed]);
    Ok(kind.add_index(DOCKER, [direct, index.with_platform(ARM64)]))
}

/// Builds a cache as `buildctl --export-cache type=registry` writes it: an index whose children are
/// layers and a configuration.
fn buildkit_cache(kind: &mut Builder) -> Result<Descriptor> {
    let (layer, diff_id) = kind.add_layer(media::OCI_LAYER)?;
    let layer = layer.with_field(
        "annotations",
        json!({ "containerd.io/uncompressed": diff_id }),
    );
    let records = json!({ "layers": [{ "blob": layer.digest(), "parent": -1 }], "records": [] });
    let config = kind.add_blob(media::BUILDKIT_CACHE_CONFIG, records.to_string());
    Ok(kind.add_index(OCI, [layer, config]))
}

fn unknown_as_manifest(kind: &mut Builder) -> Result<Descriptor> {
    let unknown = kind.add_manifest(media::UNKNOWN, json!({ "pushed": "to /manifests/" }));
    let image = kind.add_image(OCI, AMD64)?;
    Ok(kind.add_index(OCI, [image, unknown]))
}

fn unknown_as_blob(kind: &mut Builder) -> Result<Descriptor> {
    let unknown = kind.add_blob(
        media::UNKNOWN,
        json!({ "pushed": "to /blobs/" }).to_string(),
    );
    let image = kind.add_image(OCI, AMD64)?;
    Ok(kind.add_index(OCI, [image, unknown]))
}

fn attestation(kind: &mut Builder) -> Result<Descriptor> {
    let image = kind.add_image(OCI, AMD64)?;
    let statement = add_attestation(kind, &image);
    Ok(kind.add_index(OCI, [image, statement]))
}

/// Adds an attestation as BuildKit adds it to an index: an image for no platform, annotated with
/// the digest that it attests.
pub(crate) fn add_attestation(kind: &mut Builder, image: &Descriptor) -> Descriptor {
    let attested = image.digest();
    let statement =
        json!({ "_type": "https://in-toto.io/Statement/v0.1", "subject": [{ "name": attested }] });
    let layer = kind.add_blob(media::IN_TOTO, statement.to_string());
    let diff_id = layer.digest().to_owned();
    let statement = kind.add_image_with_layers(OCI, "unknown/unknown", [(layer, diff_id)], |_| ());
    let annotations = json!({ "vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": attested });
    statement.with_field("annotations", annotations)
}

fn artifact(kind: &mut Builder, subject: Option<Descriptor>) -> Descriptor {
    let empty = kind.add_blob(media::OCI_EMPTY, "{}");
    let text = kind.add_blob("text/plain", "here be dragons");
    artifact_of(kind, &empty, &text, subject)
}

fn artifact_of(
    kind: &mut Builder,
    config: &Descriptor,
    layer: &Descriptor,
    subject: Option<Descriptor>,
) -> Descriptor {
    let mut manifest = json!({
        "schemaVersion": 2,
        "artifactType": "application/vnd.example.harbour.log.v1",
        "config": Value::from(config.clone()),
        "layers": [Value::from(layer.clone())],
    });
    if let Some(subject) = subject {
        manifest["subject"] = subject.into();
    }
    kind.add_manifest(media::OCI_MANIFEST, manifest)
}

fn artifact_subject(kind: &mut Builder) -> Result<Descriptor> {
    let subject = kind.add_image(OCI, ARM64)?.without_platform();
    Ok(artifact(kind, Some(subject)))
}

fn index_subject(kind: &mut Builder) -> Result<Descriptor> {
    let subject = kind.add_image(OCI, ARM64)?.without_platform();
    let children = vec![Value::from(kind.add_image(OCI, AMD64)?)];
    let index =
        json!({ "schemaVersion": 2, "manifests": children, "subject": Value::from(subject) });
    Ok(kind.add_manifest(media::OCI_INDEX, index))
}

/// Builds an image, and an artifact whose descriptors contain their content in base64.
fn embedded_data(kind: &mut Builder) -> Result<Descriptor> {
    let image = kind.add_image(OCI, AMD64)?;
    let empty = kind
        .add_blob(media::OCI_EMPTY, "{}")
        .with_field("data", "e30=");
    let hello = kind
        .add_blob("text/plain", "hello")
        .with_field("data", "aGVsbG8=");
    let artifact = artifact_of(kind, &empty, &hello, None);
    Ok(kind.add_index(OCI, [image, artifact.with_platform("unknown/unknown")]))
}

/// Builds an image with a layer that is available only at its URL, on top of a stored one.
fn foreign_layer(kind: &mut Builder, family: Family, media_type: &str) -> Result<Descriptor> {
    let here = kind.add_layer(family.layer)?;
    let elsewhere = absent_descriptor(media_type, "foreign layer")
        .with_field("urls", json!(["http://127.0.0.1:9/foreign"]));
    let diff_id = Algorithm::Sha256.digest(b"the foreign layer's tar");
    Ok(kind.add_image_with_layers(family, AMD64, [(elsewhere, diff_id), here], |_| ()))
}

/// Builds a sha256 index, so that every client can refer to it, of an image whose digests are all
/// sha512.
fn sha512(kind: &mut Builder) -> Result<Descriptor> {
    kind.set_algorithm(Algorithm::Sha512);
    let image = kind.add_image(OCI, AMD64)?;
    kind.set_algorithm(Algorithm::Sha256);
    Ok(kind.add_index(OCI, [image]))
}

fn sparse_index(kind: &mut Builder) -> Result<Descriptor> {
    let here = kind.add_image(OCI, AMD64)?;
    Ok(kind.add_index(
        OCI,
        [
            here,
            absent_descriptor(media::OCI_MANIFEST, "arm64 image").with_platform(ARM64),
        ],
    ))
}

/// Returns a descriptor of missing content.
pub(crate) fn absent_descriptor(media_type: &str, content: &str) -> Descriptor {
    Builder::new("absent").add_blob(media_type, content)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interop::document::has_digest;

    #[test]
    fn documents_match_their_digests_and_every_top_is_present() {
        for kind in all_kinds().unwrap() {
            assert!(kind.document(&kind.top).is_some(), "{}", kind.name);
            for document in &kind.documents {
                assert!(
                    has_digest(&document.digest, &document.bytes),
                    "{}",
                    kind.name
                );
            }
        }
    }

    #[test]
    fn kinds_share_no_layers() {
        let mut seen: Vec<String> = Vec::new();
        for kind in all_kinds().unwrap() {
            let layers = kind
                .documents
                .iter()
                .filter(|document| document.media_type.contains("gzip"));
            for layer in layers {
                assert!(!seen.contains(&layer.digest), "{}", kind.name);
                seen.push(layer.digest.clone());
            }
        }
        assert!(seen.len() > 50);
    }

    #[test]
    fn tree_includes_nested_images_and_excludes_subjects() {
        let kinds = all_kinds().unwrap();
        let find = |name: &str| kinds.iter().find(|kind| kind.name == name).unwrap();
        let nested = find("nested-index");
        let image = nested.image.as_ref().unwrap();
        assert!(
            nested
                .documents_of_top()
                .iter()
                .any(|document| document.digest == image.config)
        );
        let artifact = find("artifact-subject");
        assert_eq!(artifact.documents_of_top().len(), 3);
        assert!(artifact.documents.len() > 3);
    }

    #[test]
    fn docker_image_is_the_third_child() {
        let kinds = all_kinds().unwrap();
        let mixed = kinds
            .iter()
            .find(|kind| kind.name == "index-docker-child")
            .unwrap();
        let children = mixed.document(&mixed.top).unwrap().children();
        assert_eq!(
            mixed.document(&children[2]).unwrap().media_type,
            media::DOCKER_MANIFEST
        );
    }
}
