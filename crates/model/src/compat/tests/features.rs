//! Tests of features: for each feature, a tree that has it and a similar tree that does not.

use serde_json::json;

use super::content_store::{ContentStore, features};
use crate::compat::{DetectedFeatures, Feature, Occurrences};
use crate::fixtures::{ImageFixture, IndexFixture, blob, descriptor_json, image, sha512};
use crate::lint::LintTree;
use crate::{MediaType, Platform};

const UNKNOWN: &str = "application/vnd.example.chart.v1+json";
const FOREIGN: &str = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
const NONDISTRIBUTABLE: &str = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip";
const LAYER: &str = MediaType::OCI_LAYER_GZIP;

fn docker() -> ImageFixture {
    image("d").docker()
}

fn content() -> ContentStore {
    ContentStore::default()
        .image(&image("a"))
        .image(&docker())
        .blob(&blob("x"))
}

/// Returns the tree of an index whose children are among the stored content.
fn tree(index: &IndexFixture) -> LintTree {
    content()
        .index(&nested())
        .index(&IndexFixture::docker())
        .index_tree(index)
}

fn nested() -> IndexFixture {
    IndexFixture::oci().image(&image("a"), "linux/arm64")
}

fn has_feature(tree: &LintTree, feature: Feature) -> bool {
    features(tree).contains(&feature)
}

#[track_caller]
fn assert_differs(feature: Feature, with: &LintTree, without: &LintTree) {
    assert!(
        has_feature(with, feature),
        "{feature}: {:?}",
        features(with)
    );
    assert!(!has_feature(without, feature), "unexpected {feature}");
}

#[test]
fn plain_index_has_no_features() {
    let index = IndexFixture::oci().image(&image("a"), "linux/amd64");
    assert_eq!(features(&tree(&index)), []);
    assert_eq!(
        features(&ContentStore::default().image_tree(&image("a"))),
        []
    );
}

#[test]
fn detects_mixed_families_in_indexes() {
    let (oci, list) = (IndexFixture::oci(), IndexFixture::docker());
    let with = tree(&oci.clone().image(&docker(), "linux/amd64"));
    assert_differs(
        Feature::DockerImageInIndex,
        &with,
        &tree(&list.clone().image(&docker(), "linux/amd64")),
    );
    let with = tree(&oci.clone().nested_index(&IndexFixture::docker(), None));
    assert_differs(
        Feature::DockerListInIndex,
        &with,
        &tree(&oci.clone().nested_index(&nested(), None)),
    );
    let with = tree(&list.clone().image(&image("a"), "linux/amd64"));
    assert_differs(
        Feature::OciImageInList,
        &with,
        &tree(&oci.clone().image(&image("a"), "linux/amd64")),
    );
    assert_differs(Feature::DockerType, &tree(&list), &tree(&oci));
}

#[test]
fn detects_nested_indexes() {
    let (oci, list) = (
        IndexFixture::oci().nested_index(&nested(), None),
        IndexFixture::docker().nested_index(&nested(), None),
    );
    assert_differs(Feature::NestedInIndex, &tree(&oci), &tree(&list));
    assert_differs(Feature::NestedInList, &tree(&list), &tree(&oci));
    let first = IndexFixture::oci()
        .nested_index(&nested(), Some("linux/amd64"))
        .image(&image("a"), "linux/amd64");
    let second = IndexFixture::oci()
        .image(&image("a"), "linux/amd64")
        .nested_index(&nested(), Some("linux/amd64"));
    assert_differs(Feature::NestedForPlatform, &tree(&first), &tree(&second));
    assert!(
        !has_feature(&tree(&oci), Feature::NestedForPlatform),
        "clients do not look for a platform there"
    );
}

#[test]
fn detects_images_that_some_clients_do_not_find() {
    let (amd64, arm64) = ("linux/amd64", "linux/arm64");
    let nested_with = |inner: &str, outer: Option<&str>, beside: &str| {
        let inner = IndexFixture::oci().image(&image("a"), inner);
        let index = IndexFixture::oci()
            .nested_index(&inner, outer)
            .image(&docker(), beside);
        content().index(&inner).index_tree(&index)
    };
    let silent = nested_with(arm64, None, amd64);
    assert_differs(
        Feature::BehindSilentIndex,
        &silent,
        &nested_with(arm64, Some(arm64), amd64),
    );
    assert_differs(
        Feature::BehindSilentIndex,
        &silent,
        &nested_with(arm64, None, arm64),
    );
    let cause = DetectedFeatures::detect(&silent)
        .occurrences(Feature::BehindSilentIndex)
        .unwrap()
        .causes[0]
        .clone();
    assert_eq!(cause.platform, arm64.parse::<Platform>().ok());
    assert_differs(
        Feature::OtherBehindSilentIndex,
        &silent,
        &nested_with(amd64, None, arm64),
    );
    assert!(has_feature(
        &nested_with(amd64, None, arm64),
        Feature::BehindSilentIndex
    ));
    assert_differs(
        Feature::SilentBeforeAmd64,
        &silent,
        &nested_with(arm64, Some(arm64), amd64),
    );
    assert!(!has_feature(
        &nested_with(arm64, None, arm64),
        Feature::SilentBeforeAmd64
    ));
    let blobs = IndexFixture::oci().child_of_type(LAYER, &blob("x"), None);
    assert_differs(Feature::NoImages, &tree(&blobs), &silent);
    assert!(!has_feature(
        &tree(&blobs.nested_index(&nested(), None)),
        Feature::NoImages
    ));
}

#[test]
fn detects_children_of_other_types() {
    let child =
        |media_type, platform| IndexFixture::oci().child_of_type(media_type, &blob("x"), platform);
    let (unknown, layer) = (tree(&child(UNKNOWN, None)), tree(&child(LAYER, None)));
    assert_differs(Feature::UnknownChild, &unknown, &layer);
    assert_differs(Feature::BlobChild, &layer, &unknown);
    assert_differs(
        Feature::UnknownChild,
        &tree(&child(MediaType::OCI_ARTIFACT, None)),
        &layer,
    );
    let schema1 = "application/vnd.docker.distribution.manifest.v1+prettyjws";
    assert_differs(
        Feature::Schema1Child,
        &tree(&child(schema1, None)),
        &unknown,
    );
    let first = child(UNKNOWN, Some("linux/amd64")).image(&image("a"), "linux/amd64");
    let second = IndexFixture::oci()
        .image(&image("a"), "linux/amd64")
        .child_of_type(UNKNOWN, &blob("x"), Some("linux/amd64"));
    assert_differs(Feature::UnknownForPlatform, &tree(&first), &tree(&second));
}

#[test]
fn detects_missing_content() {
    let index = IndexFixture::oci().image(&image("a"), "linux/amd64");
    assert_differs(
        Feature::MissingChild,
        &ContentStore::default().index_tree(&index),
        &tree(&index),
    );
    let image = image("a");
    let bare = ContentStore::default().manifest(image.bytes(), &image.media_type());
    assert_differs(
        Feature::MissingContent,
        &bare.tree(&image.digest()),
        &ContentStore::default().image_tree(&image),
    );
    let with_subject =
        |subject: &ImageFixture| IndexFixture::oci().field("subject", json!(subject.descriptor()));
    let gone = tree(&with_subject(&self::image("gone")));
    let present = tree(&with_subject(&docker()));
    assert_differs(Feature::MissingSubject, &gone, &present);
    assert_differs(Feature::Subject, &present, &tree(&IndexFixture::oci()));
}

#[test]
fn detects_foreign_layers() {
    let image_with = |media_type: &str, present: bool| {
        let image = image("f").layer_of_type(media_type, "f");
        let shelf = ContentStore::default()
            .blob(&image.blobs()[0])
            .blob(&blob("f"));
        let elsewhere = image
            .clone()
            .layers([])
            .layer_of_type(media_type, "elsewhere");
        let image = if present { image } else { elsewhere };
        shelf
            .manifest(image.bytes(), &image.media_type())
            .tree(&image.digest())
    };
    assert_differs(
        Feature::ForeignLayer,
        &image_with(FOREIGN, false),
        &image_with(FOREIGN, true),
    );
    assert_differs(
        Feature::ForeignLayer,
        &image_with(NONDISTRIBUTABLE, false),
        &image_with(NONDISTRIBUTABLE, true),
    );
    assert_differs(
        Feature::MissingContent,
        &image_with(LAYER, false),
        &image_with(NONDISTRIBUTABLE, false),
    );
}

#[test]
fn detects_wrong_sizes_and_types() {
    let with = |change: fn(&mut serde_json::Value)| {
        let mut child = json!(image("a").descriptor());
        change(&mut child);
        tree(&IndexFixture::oci().child(child))
    };
    let right = with(|_| ());
    assert_differs(
        Feature::WrongChildSize,
        &with(|child| child["size"] = 1.into()),
        &right,
    );
    assert_differs(
        Feature::WrongType,
        &with(|child| child["mediaType"] = MediaType::DOCKER_MANIFEST.into()),
        &right,
    );
    let mut layer = descriptor_json(LAYER, &blob("a"));
    layer["size"] = 1.into();
    let image = image("a");
    let wrong = image.clone().field("layers", json!([layer]));
    assert_differs(
        Feature::WrongSize,
        &ContentStore::default().image_tree(&wrong),
        &ContentStore::default().image_tree(&image),
    );
    assert!(!has_feature(&right, Feature::WrongSize));
}

#[test]
fn detects_missing_platforms() {
    let silent = |index: IndexFixture| tree(&index.without_platform(&image("a")));
    let (oci, list) = (silent(IndexFixture::oci()), silent(IndexFixture::docker()));
    assert_differs(Feature::IndexChildWithoutPlatform, &oci, &list);
    assert_differs(Feature::ListChildWithoutPlatform, &list, &oci);
    let partial = tree(
        &IndexFixture::oci()
            .without_platform(&docker())
            .image(&image("a"), "linux/amd64"),
    );
    assert_differs(Feature::NoPlatforms, &oci, &partial);
    assert_differs(Feature::ListWithoutPlatforms, &list, &oci);
    let partial = tree(
        &IndexFixture::docker()
            .without_platform(&docker())
            .image(&docker(), "linux/amd64"),
    );
    assert!(!has_feature(&partial, Feature::ListWithoutPlatforms));
    let attested = IndexFixture::oci().image(&image("a"), "unknown/unknown");
    assert_differs(Feature::Attestation, &tree(&attested), &partial);
    assert!(
        has_feature(&tree(&attested), Feature::NoPlatforms)
            && has_feature(&tree(&IndexFixture::oci()), Feature::NoPlatforms)
    );
    assert_differs(Feature::EmptyIndex, &tree(&IndexFixture::oci()), &partial);
}

#[test]
fn artifact_needs_no_platform() {
    let artifact = artifact();
    let index = IndexFixture::oci().without_platform(&artifact);
    let tree = ContentStore::default().image(&artifact).index_tree(&index);
    assert!(!has_feature(&tree, Feature::IndexChildWithoutPlatform));
    assert!(has_feature(&tree, Feature::Artifact) && !has_feature(&tree, Feature::ArtifactAlone));
}

fn artifact() -> ImageFixture {
    image("e").field(
        "config",
        descriptor_json(MediaType::OCI_EMPTY, &image("e").blobs()[0]),
    )
}

#[test]
fn detects_features_of_single_documents() {
    let alone = |image: &ImageFixture| ContentStore::default().image_tree(image);
    let plain = alone(&image("a"));
    assert_differs(Feature::ArtifactAlone, &alone(&artifact()), &plain);
    assert_differs(Feature::Artifact, &alone(&artifact()), &alone(&docker()));
    assert_differs(
        Feature::TwoShapes,
        &alone(&image("a").field("manifests", json!([]))),
        &plain,
    );
    let silent = docker().field("mediaType", json!(null));
    assert_differs(
        Feature::DockerWithoutMediaType,
        &alone(&silent),
        &alone(&docker()),
    );
    assert_differs(
        Feature::DockerImageWithoutMediaType,
        &alone(&silent),
        &tree(&IndexFixture::docker().field("mediaType", json!(null))),
    );
    assert!(!has_feature(
        &alone(&image("a").field("mediaType", json!(null))),
        Feature::DockerWithoutMediaType
    ));
    let custom = ContentStore::default().manifest(blob("x"), &MediaType::new(UNKNOWN));
    assert_differs(
        Feature::UnknownTop,
        &custom.tree(&crate::Digest::sha256(&blob("x"))),
        &plain,
    );
}

#[test]
fn docker_ai_model_is_an_artifact() {
    let config = descriptor_json(
        "application/vnd.docker.ai.model.config.v0.1+json",
        &image("a").blobs()[0],
    );
    let model = image("a")
        .field("config", config)
        .layer_of_type("application/vnd.docker.ai.gguf.v3", "m");
    let tree = ContentStore::default().image_tree(&model);
    assert_eq!(features(&tree), [Feature::Artifact, Feature::ArtifactAlone]);
}

#[test]
fn detects_layers_of_the_other_family() {
    let alone = |image: &ImageFixture| ContentStore::default().image_tree(image);
    let zstd = docker().layer_of_type("application/vnd.docker.image.rootfs.diff.tar.zstd", "z");
    let mixed = docker().layer_of_type(LAYER, "o");
    assert_differs(Feature::DockerWithZstd, &alone(&zstd), &alone(&mixed));
    assert_differs(Feature::DockerWithOciLayers, &alone(&mixed), &alone(&zstd));
    let mixed = image("a").layer_of_type(MediaType::DOCKER_LAYER_GZIP, "o");
    assert_differs(
        Feature::OciWithDockerLayers,
        &alone(&mixed),
        &alone(&image("a")),
    );
    let zstd = image("a").layer_of_type("application/vnd.oci.image.layer.v1.tar+zstd", "z");
    assert_differs(Feature::OciWithZstd, &alone(&zstd), &alone(&mixed));
    let config = descriptor_json(MediaType::DOCKER_CONFIG, &image("a").blobs()[0]);
    assert_differs(
        Feature::OciWithDockerConfig,
        &alone(&image("a").field("config", config)),
        &alone(&docker()),
    );
    let unknown = image("a").layer_of_type(UNKNOWN, "u");
    assert_differs(Feature::UnknownLayers, &alone(&unknown), &alone(&zstd));
    let attestation = ContentStore::default()
        .image(&unknown)
        .index_tree(&IndexFixture::oci().image(&unknown, "unknown/unknown"));
    assert!(
        !has_feature(&attestation, Feature::UnknownLayers)
            && !has_feature(&alone(&artifact()), Feature::UnknownLayers)
    );
}

#[test]
fn detects_other_digest_algorithms() {
    let image = image("a");
    let mut child = json!(image.descriptor());
    child["digest"] = json!(sha512(&image.bytes()));
    let shelf = content().put(
        sha512(&image.bytes()),
        image.bytes(),
        Some(image.media_type()),
    );
    let with = shelf.index_tree(&IndexFixture::oci().child(child));
    assert_differs(Feature::OtherDigest, &with, &tree(&nested()));
    let mut layer = json!(descriptor_json(LAYER, &blob("x")));
    layer["digest"] = json!(sha512(&blob("x")));
    let below = ContentStore::default().image_tree(&image.clone().field("layers", json!([layer])));
    assert_differs(Feature::OtherManifestDigest, &with, &below);
    assert!(has_feature(&below, Feature::OtherDigest));
}

#[test]
fn counts_all_causes_and_reports_the_first() {
    let mut inner = IndexFixture::oci();
    for _ in 0..8 {
        inner = inner.image(&docker(), "linux/arm/v7");
    }
    let index = IndexFixture::oci()
        .image(&image("a"), "linux/amd64")
        .nested_index(&inner, Some("linux/arm"));
    let observed = DetectedFeatures::detect(&content().index(&inner).index_tree(&index));
    let sighting = observed.occurrences(Feature::DockerImageInIndex).unwrap();
    assert_eq!(
        (sighting.count, sighting.causes.len()),
        (8, Occurrences::MAX_CAUSES)
    );
    let cause = &sighting.causes[1];
    assert_eq!(
        (&cause.document, cause.pointer.as_str()),
        (&inner.digest(), "/manifests/1")
    );
    assert_eq!(
        (&cause.digest, &cause.media_type),
        (&docker().digest(), &Some(docker().media_type()))
    );
    assert_eq!(cause.platform, "linux/arm/v7".parse::<Platform>().ok());
    let document = &observed.occurrences(Feature::DockerType).unwrap().causes[0];
    assert_eq!(
        (document.pointer.as_str(), &document.platform),
        ("", &cause.platform),
        "inherited from its index"
    );
}
