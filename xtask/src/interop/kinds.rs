//! The kinds that must work: everything that docs and bug reports show registries being asked to hold.

use anyhow::Result;
use serde_json::{Value, json};

use super::builder::{AMD64, ARM_V7, ARM64, Builder, Descriptor};
use super::document::{Algorithm, Kind};
use super::media::{self, DOCKER, Family, OCI};

type Recipe = fn(&mut Builder) -> Result<Descriptor>;

const OPEN: [(&str, Recipe); 27] = [
    ("oci-image", |kind| kind.image(OCI, AMD64)),
    ("docker-image", |kind| kind.image(DOCKER, AMD64)),
    ("oci-index", |kind| platforms(kind, OCI)),
    ("docker-list", |kind| platforms(kind, DOCKER)),
    ("nested-index", nested_index),
    ("empty-index", |kind| Ok(kind.index(OCI, []))),
    ("index-docker-child", index_docker_child),
    ("index-docker-list", index_docker_list),
    ("list-oci-children", list_oci_children),
    ("list-oci-index", list_oci_index),
    ("docker-oci-layers", |kind| {
        kind.image(
            Family {
                layer: OCI.layer,
                ..DOCKER
            },
            AMD64,
        )
    }),
    ("docker-oci-config", |kind| {
        kind.image(
            Family {
                config: OCI.config,
                ..DOCKER
            },
            AMD64,
        )
    }),
    ("oci-docker-layers", |kind| {
        kind.image(
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
        Ok(kind.image(OCI, AMD64)?.without_platform()).map(|child| kind.index(OCI, [child]))
    }),
    ("artifact", |kind| Ok(artifact(kind, None))),
    ("artifact-subject", artifact_subject),
    ("artifact-no-subject", |kind| {
        Ok(artifact(kind, Some(absent(media::OCI_MANIFEST, "subject"))))
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
        Ok(kind.image_of(OCI, AMD64, [], |_| ()))
    }),
    ("sha512", sha512),
];

/// All kinds, those of `sparse` repositories last.
pub(crate) fn all() -> Result<Vec<Kind>> {
    let mut kinds = Vec::new();
    for (name, recipe) in OPEN {
        kinds.push(build(name, recipe)?);
    }
    kinds.push(build("custom-type", |kind| {
        Ok(kind.manifest(media::UNKNOWN, json!({ "soundings": [3, 5, 8] })))
    })?);
    kinds.push(Kind {
        sparse: true,
        ..build("sparse-index", sparse_index)?
    });
    Ok(kinds)
}

/// The kind that a recipe makes.
pub(crate) fn build(name: &'static str, recipe: Recipe) -> Result<Kind> {
    let mut builder = Builder::new(name);
    let top = recipe(&mut builder)?;
    Ok(builder.kind(&top))
}

fn platforms(kind: &mut Builder, family: Family) -> Result<Descriptor> {
    let children = [
        kind.image(family, AMD64)?,
        kind.image(family, ARM64)?,
        kind.image(family, ARM_V7)?,
    ];
    Ok(kind.index(family, children))
}

fn nested_index(kind: &mut Builder) -> Result<Descriptor> {
    let image = kind.image(OCI, AMD64)?;
    let inner = kind.index(OCI, [image]).platform(AMD64);
    let middle = kind.index(OCI, [inner]).platform(AMD64);
    let beside = kind.image(OCI, ARM_V7)?;
    Ok(kind.index(OCI, [middle, beside]))
}

/// The order that started the project: two OCI images, then the old Docker one.
fn index_docker_child(kind: &mut Builder) -> Result<Descriptor> {
    let children = [
        kind.image(OCI, AMD64)?,
        kind.image(OCI, ARM64)?,
        kind.image(DOCKER, ARM_V7)?,
    ];
    Ok(kind.index(OCI, children))
}

fn index_docker_list(kind: &mut Builder) -> Result<Descriptor> {
    let direct = kind.image(OCI, AMD64)?;
    let listed = kind.image(DOCKER, ARM64)?;
    let list = kind.index(DOCKER, [listed]);
    Ok(kind.index(OCI, [direct, list]))
}

fn list_oci_children(kind: &mut Builder) -> Result<Descriptor> {
    let children = [kind.image(OCI, AMD64)?, kind.image(DOCKER, ARM64)?];
    Ok(kind.index(DOCKER, children))
}

fn list_oci_index(kind: &mut Builder) -> Result<Descriptor> {
    let direct = kind.image(DOCKER, AMD64)?;
    let indexed = kind.image(OCI, ARM64)?;
    let index = kind.index(OCI, [indexed]);
    Ok(kind.index(DOCKER, [direct, index.platform(ARM64)]))
}

/// As `buildctl --export-cache type=registry` writes it: an index whose children are layers and a configuration.
fn buildkit_cache(kind: &mut Builder) -> Result<Descriptor> {
    let (layer, diff_id) = kind.layer(media::OCI_LAYER)?;
    let layer = layer.with(
        "annotations",
        json!({ "containerd.io/uncompressed": diff_id }),
    );
    let records = json!({ "layers": [{ "blob": layer.digest(), "parent": -1 }], "records": [] });
    let config = kind.blob(media::BUILDKIT_CACHE_CONFIG, records.to_string());
    Ok(kind.index(OCI, [layer, config]))
}

fn unknown_as_manifest(kind: &mut Builder) -> Result<Descriptor> {
    let unknown = kind.manifest(media::UNKNOWN, json!({ "pushed": "to /manifests/" }));
    let image = kind.image(OCI, AMD64)?;
    Ok(kind.index(OCI, [image, unknown]))
}

fn unknown_as_blob(kind: &mut Builder) -> Result<Descriptor> {
    let unknown = kind.blob(
        media::UNKNOWN,
        json!({ "pushed": "to /blobs/" }).to_string(),
    );
    let image = kind.image(OCI, AMD64)?;
    Ok(kind.index(OCI, [image, unknown]))
}

fn attestation(kind: &mut Builder) -> Result<Descriptor> {
    let image = kind.image(OCI, AMD64)?;
    let statement = attest(kind, &image);
    Ok(kind.index(OCI, [image, statement]))
}

/// An attestation as BuildKit adds it to an index: an image for no platform, which names what it is about.
pub(crate) fn attest(kind: &mut Builder, image: &Descriptor) -> Descriptor {
    let attested = image.digest();
    let statement =
        json!({ "_type": "https://in-toto.io/Statement/v0.1", "subject": [{ "name": attested }] });
    let layer = kind.blob(media::IN_TOTO, statement.to_string());
    let diff_id = layer.digest().to_owned();
    let statement = kind.image_of(OCI, "unknown/unknown", [(layer, diff_id)], |_| ());
    let annotations = json!({ "vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": attested });
    statement.with("annotations", annotations)
}

fn artifact(kind: &mut Builder, subject: Option<Descriptor>) -> Descriptor {
    let empty = kind.blob(media::OCI_EMPTY, "{}");
    let text = kind.blob("text/plain", "here be dragons");
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
    kind.manifest(media::OCI_MANIFEST, manifest)
}

fn artifact_subject(kind: &mut Builder) -> Result<Descriptor> {
    let subject = kind.image(OCI, ARM64)?.without_platform();
    Ok(artifact(kind, Some(subject)))
}

fn index_subject(kind: &mut Builder) -> Result<Descriptor> {
    let subject = kind.image(OCI, ARM64)?.without_platform();
    let children = vec![Value::from(kind.image(OCI, AMD64)?)];
    let index =
        json!({ "schemaVersion": 2, "manifests": children, "subject": Value::from(subject) });
    Ok(kind.manifest(media::OCI_INDEX, index))
}

/// An image, and an artifact whose descriptors carry their content in base64.
fn embedded_data(kind: &mut Builder) -> Result<Descriptor> {
    let image = kind.image(OCI, AMD64)?;
    let empty = kind.blob(media::OCI_EMPTY, "{}").with("data", "e30=");
    let hello = kind.blob("text/plain", "hello").with("data", "aGVsbG8=");
    let artifact = artifact_of(kind, &empty, &hello, None);
    Ok(kind.index(OCI, [image, artifact.platform("unknown/unknown")]))
}

/// A layer that only its URL has, on top of one that is here.
fn foreign_layer(kind: &mut Builder, family: Family, media_type: &str) -> Result<Descriptor> {
    let here = kind.layer(family.layer)?;
    let elsewhere =
        absent(media_type, "foreign layer").with("urls", json!(["http://127.0.0.1:9/foreign"]));
    let diff_id = Algorithm::Sha256.digest(b"the foreign layer's tar");
    Ok(kind.image_of(family, AMD64, [(elsewhere, diff_id), here], |_| ()))
}

/// A sha256 index, so that every client can name it, of an image whose every digest is sha512.
fn sha512(kind: &mut Builder) -> Result<Descriptor> {
    kind.algorithm(Algorithm::Sha512);
    let image = kind.image(OCI, AMD64)?;
    kind.algorithm(Algorithm::Sha256);
    Ok(kind.index(OCI, [image]))
}

fn sparse_index(kind: &mut Builder) -> Result<Descriptor> {
    let here = kind.image(OCI, AMD64)?;
    Ok(kind.index(
        OCI,
        [
            here,
            absent(media::OCI_MANIFEST, "arm64 image").platform(ARM64),
        ],
    ))
}

/// A descriptor of content that is nowhere.
pub(crate) fn absent(media_type: &str, content: &str) -> Descriptor {
    Builder::new("absent").blob(media_type, content)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interop::document::matches;

    #[test]
    fn every_document_has_its_own_digest_and_every_top_is_there() {
        for kind in all().unwrap() {
            assert!(kind.document(&kind.top).is_some(), "{}", kind.name);
            for document in &kind.documents {
                assert!(matches(&document.digest, &document.bytes), "{}", kind.name);
            }
        }
    }

    #[test]
    fn no_two_kinds_share_a_layer() {
        let mut seen: Vec<String> = Vec::new();
        for kind in all().unwrap() {
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
    fn a_nested_image_is_part_of_the_whole_and_a_subject_is_not() {
        let kinds = all().unwrap();
        let find = |name: &str| kinds.iter().find(|kind| kind.name == name).unwrap();
        let nested = find("nested-index");
        let image = nested.image.as_ref().unwrap();
        assert!(
            nested
                .whole()
                .iter()
                .any(|document| document.digest == image.config)
        );
        let artifact = find("artifact-subject");
        assert_eq!(artifact.whole().len(), 3);
        assert!(artifact.documents.len() > 3);
    }

    #[test]
    fn the_docker_image_is_the_third_child() {
        let kinds = all().unwrap();
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
