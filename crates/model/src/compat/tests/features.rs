//! For each feature a tree that has it, and one that just does not.

use serde_json::json;

use super::shelf::{Shelf, features};
use crate::compat::{Feature, Observed, Sighting};
use crate::fixtures::{Image, Index, blob, describe, image, sha512};
use crate::lint::Tree;
use crate::{MediaType, Platform};

const UNKNOWN: &str = "application/vnd.example.chart.v1+json";
const FOREIGN: &str = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
const NONDISTRIBUTABLE: &str = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip";
const LAYER: &str = MediaType::OCI_LAYER_GZIP;

fn docker() -> Image {
    image("d").docker()
}

fn shelf() -> Shelf {
    Shelf::default()
        .image(&image("a"))
        .image(&docker())
        .blob(&blob("x"))
}

/// The tree of an index whose children are those on the shelf.
fn tree(index: &Index) -> Tree {
    shelf()
        .index(&nested())
        .index(&Index::docker())
        .tree_of(index)
}

fn nested() -> Index {
    Index::oci().image(&image("a"), "linux/arm64")
}

fn has(tree: &Tree, feature: Feature) -> bool {
    features(tree).contains(&feature)
}

#[track_caller]
fn differ(feature: Feature, with: &Tree, without: &Tree) {
    assert!(has(with, feature), "{feature}: {:?}", features(with));
    assert!(!has(without, feature), "{feature} is not there");
}

#[test]
fn a_plain_index_has_nothing() {
    let index = Index::oci().image(&image("a"), "linux/amd64");
    assert_eq!(features(&tree(&index)), []);
    assert_eq!(features(&Shelf::default().tree_of_image(&image("a"))), []);
}

#[test]
fn families_in_indexes() {
    let (oci, list) = (Index::oci(), Index::docker());
    let with = tree(&oci.clone().image(&docker(), "linux/amd64"));
    differ(
        Feature::DockerImageInIndex,
        &with,
        &tree(&list.clone().image(&docker(), "linux/amd64")),
    );
    let with = tree(&oci.clone().nested(&Index::docker(), None));
    differ(
        Feature::DockerListInIndex,
        &with,
        &tree(&oci.clone().nested(&nested(), None)),
    );
    let with = tree(&list.clone().image(&image("a"), "linux/amd64"));
    differ(
        Feature::OciImageInList,
        &with,
        &tree(&oci.clone().image(&image("a"), "linux/amd64")),
    );
    differ(Feature::DockerType, &tree(&list), &tree(&oci));
}

#[test]
fn nested_indexes() {
    let (oci, list) = (
        Index::oci().nested(&nested(), None),
        Index::docker().nested(&nested(), None),
    );
    differ(Feature::NestedInIndex, &tree(&oci), &tree(&list));
    differ(Feature::NestedInList, &tree(&list), &tree(&oci));
    let first = Index::oci()
        .nested(&nested(), Some("linux/amd64"))
        .image(&image("a"), "linux/amd64");
    let second = Index::oci()
        .image(&image("a"), "linux/amd64")
        .nested(&nested(), Some("linux/amd64"));
    differ(Feature::NestedForPlatform, &tree(&first), &tree(&second));
    assert!(
        !has(&tree(&oci), Feature::NestedForPlatform),
        "nobody looks for a platform there"
    );
}

#[test]
fn images_that_some_do_not_find() {
    let (amd64, arm64) = ("linux/amd64", "linux/arm64");
    let of = |inner: &str, outer: Option<&str>, beside: &str| {
        let inner = Index::oci().image(&image("a"), inner);
        let index = Index::oci().nested(&inner, outer).image(&docker(), beside);
        shelf().index(&inner).tree_of(&index)
    };
    let silent = of(arm64, None, amd64);
    differ(
        Feature::BehindSilentIndex,
        &silent,
        &of(arm64, Some(arm64), amd64),
    );
    differ(Feature::BehindSilentIndex, &silent, &of(arm64, None, arm64));
    let cause = Observed::of(&silent)
        .sighting(Feature::BehindSilentIndex)
        .unwrap()
        .causes[0]
        .clone();
    assert_eq!(cause.platform, arm64.parse::<Platform>().ok());
    differ(
        Feature::OtherBehindSilentIndex,
        &silent,
        &of(amd64, None, arm64),
    );
    assert!(has(&of(amd64, None, arm64), Feature::BehindSilentIndex));
    differ(
        Feature::SilentBeforeAmd64,
        &silent,
        &of(arm64, Some(arm64), amd64),
    );
    assert!(!has(&of(arm64, None, arm64), Feature::SilentBeforeAmd64));
    let blobs = Index::oci().child_of_type(LAYER, &blob("x"), None);
    differ(Feature::NoImages, &tree(&blobs), &silent);
    assert!(!has(
        &tree(&blobs.nested(&nested(), None)),
        Feature::NoImages
    ));
}

#[test]
fn children_of_other_types() {
    let child = |media_type, platform| Index::oci().child_of_type(media_type, &blob("x"), platform);
    let (unknown, layer) = (tree(&child(UNKNOWN, None)), tree(&child(LAYER, None)));
    differ(Feature::UnknownChild, &unknown, &layer);
    differ(Feature::BlobChild, &layer, &unknown);
    differ(
        Feature::UnknownChild,
        &tree(&child(MediaType::OCI_ARTIFACT, None)),
        &layer,
    );
    let schema1 = "application/vnd.docker.distribution.manifest.v1+prettyjws";
    differ(
        Feature::Schema1Child,
        &tree(&child(schema1, None)),
        &unknown,
    );
    let first = child(UNKNOWN, Some("linux/amd64")).image(&image("a"), "linux/amd64");
    let second = Index::oci()
        .image(&image("a"), "linux/amd64")
        .child_of_type(UNKNOWN, &blob("x"), Some("linux/amd64"));
    differ(Feature::UnknownForPlatform, &tree(&first), &tree(&second));
}

#[test]
fn what_is_not_there() {
    let index = Index::oci().image(&image("a"), "linux/amd64");
    differ(
        Feature::MissingChild,
        &Shelf::default().tree_of(&index),
        &tree(&index),
    );
    let image = image("a");
    let bare = Shelf::default().manifest(image.bytes(), &image.media_type());
    differ(
        Feature::MissingContent,
        &bare.tree(&image.digest()),
        &Shelf::default().tree_of_image(&image),
    );
    let about = |subject: &Image| Index::oci().field("subject", json!(subject.descriptor()));
    let (gone, there) = (tree(&about(&self::image("gone"))), tree(&about(&docker())));
    differ(Feature::MissingSubject, &gone, &there);
    differ(Feature::Subject, &there, &tree(&Index::oci()));
}

#[test]
fn foreign_layers() {
    let of = |media_type: &str, there: bool| {
        let image = image("f").layer_of_type(media_type, "f");
        let shelf = Shelf::default().blob(&image.blobs()[0]).blob(&blob("f"));
        let elsewhere = image
            .clone()
            .layers([])
            .layer_of_type(media_type, "elsewhere");
        let image = if there { image } else { elsewhere };
        shelf
            .manifest(image.bytes(), &image.media_type())
            .tree(&image.digest())
    };
    differ(
        Feature::ForeignLayer,
        &of(FOREIGN, false),
        &of(FOREIGN, true),
    );
    differ(
        Feature::ForeignLayer,
        &of(NONDISTRIBUTABLE, false),
        &of(NONDISTRIBUTABLE, true),
    );
    differ(
        Feature::MissingContent,
        &of(LAYER, false),
        &of(NONDISTRIBUTABLE, false),
    );
}

#[test]
fn sizes_and_types_that_differ() {
    let with = |change: fn(&mut serde_json::Value)| {
        let mut child = json!(image("a").descriptor());
        change(&mut child);
        tree(&Index::oci().child(child))
    };
    let right = with(|_| ());
    differ(
        Feature::WrongChildSize,
        &with(|child| child["size"] = 1.into()),
        &right,
    );
    differ(
        Feature::WrongType,
        &with(|child| child["mediaType"] = MediaType::DOCKER_MANIFEST.into()),
        &right,
    );
    let mut layer = describe(LAYER, &blob("a"));
    layer["size"] = 1.into();
    let image = image("a");
    let wrong = image.clone().field("layers", json!([layer]));
    differ(
        Feature::WrongSize,
        &Shelf::default().tree_of_image(&wrong),
        &Shelf::default().tree_of_image(&image),
    );
    assert!(!has(&right, Feature::WrongSize));
}

#[test]
fn platforms() {
    let silent = |index: Index| tree(&index.without_platform(&image("a")));
    let (oci, list) = (silent(Index::oci()), silent(Index::docker()));
    differ(Feature::IndexChildWithoutPlatform, &oci, &list);
    differ(Feature::ListChildWithoutPlatform, &list, &oci);
    let said = tree(
        &Index::oci()
            .without_platform(&docker())
            .image(&image("a"), "linux/amd64"),
    );
    differ(Feature::NoPlatforms, &oci, &said);
    differ(Feature::ListWithoutPlatforms, &list, &oci);
    let said = tree(
        &Index::docker()
            .without_platform(&docker())
            .image(&docker(), "linux/amd64"),
    );
    assert!(!has(&said, Feature::ListWithoutPlatforms));
    let attested = Index::oci().image(&image("a"), "unknown/unknown");
    differ(Feature::Attestation, &tree(&attested), &said);
    assert!(
        has(&tree(&attested), Feature::NoPlatforms)
            && has(&tree(&Index::oci()), Feature::NoPlatforms)
    );
    differ(Feature::EmptyIndex, &tree(&Index::oci()), &said);
}

#[test]
fn an_artifact_says_no_platform_and_need_not() {
    let artifact = artifact();
    let index = Index::oci().without_platform(&artifact);
    let tree = Shelf::default().image(&artifact).tree_of(&index);
    assert!(!has(&tree, Feature::IndexChildWithoutPlatform));
    assert!(has(&tree, Feature::Artifact) && !has(&tree, Feature::ArtifactAlone));
}

fn artifact() -> Image {
    image("e").field(
        "config",
        describe(MediaType::OCI_EMPTY, &image("e").blobs()[0]),
    )
}

#[test]
fn documents_by_themselves() {
    let alone = |image: &Image| Shelf::default().tree_of_image(image);
    let plain = alone(&image("a"));
    differ(Feature::ArtifactAlone, &alone(&artifact()), &plain);
    differ(Feature::Artifact, &alone(&artifact()), &alone(&docker()));
    differ(
        Feature::TwoShapes,
        &alone(&image("a").field("manifests", json!([]))),
        &plain,
    );
    let silent = docker().field("mediaType", json!(null));
    differ(
        Feature::DockerWithoutMediaType,
        &alone(&silent),
        &alone(&docker()),
    );
    differ(
        Feature::DockerImageWithoutMediaType,
        &alone(&silent),
        &tree(&Index::docker().field("mediaType", json!(null))),
    );
    assert!(!has(
        &alone(&image("a").field("mediaType", json!(null))),
        Feature::DockerWithoutMediaType
    ));
    let custom = Shelf::default().manifest(blob("x"), &MediaType::new(UNKNOWN));
    differ(
        Feature::UnknownTop,
        &custom.tree(&crate::Digest::sha256(&blob("x"))),
        &plain,
    );
}

#[test]
fn a_docker_ai_model_is_an_artifact_like_any_other() {
    let config = describe(
        "application/vnd.docker.ai.model.config.v0.1+json",
        &image("a").blobs()[0],
    );
    let model = image("a")
        .field("config", config)
        .layer_of_type("application/vnd.docker.ai.gguf.v3", "m");
    let tree = Shelf::default().tree_of_image(&model);
    assert_eq!(features(&tree), [Feature::Artifact, Feature::ArtifactAlone]);
}

#[test]
fn layers_of_the_other_family() {
    let alone = |image: &Image| Shelf::default().tree_of_image(image);
    let zstd = docker().layer_of_type("application/vnd.docker.image.rootfs.diff.tar.zstd", "z");
    let mixed = docker().layer_of_type(LAYER, "o");
    differ(Feature::DockerWithZstd, &alone(&zstd), &alone(&mixed));
    differ(Feature::DockerWithOciLayers, &alone(&mixed), &alone(&zstd));
    let mixed = image("a").layer_of_type(MediaType::DOCKER_LAYER_GZIP, "o");
    differ(
        Feature::OciWithDockerLayers,
        &alone(&mixed),
        &alone(&image("a")),
    );
    let zstd = image("a").layer_of_type("application/vnd.oci.image.layer.v1.tar+zstd", "z");
    differ(Feature::OciWithZstd, &alone(&zstd), &alone(&mixed));
    let config = describe(MediaType::DOCKER_CONFIG, &image("a").blobs()[0]);
    differ(
        Feature::OciWithDockerConfig,
        &alone(&image("a").field("config", config)),
        &alone(&docker()),
    );
    let unknown = image("a").layer_of_type(UNKNOWN, "u");
    differ(Feature::UnknownLayers, &alone(&unknown), &alone(&zstd));
    let attestation = Shelf::default()
        .image(&unknown)
        .tree_of(&Index::oci().image(&unknown, "unknown/unknown"));
    assert!(
        !has(&attestation, Feature::UnknownLayers)
            && !has(&alone(&artifact()), Feature::UnknownLayers)
    );
}

#[test]
fn other_digests() {
    let image = image("a");
    let mut child = json!(image.descriptor());
    child["digest"] = json!(sha512(&image.bytes()));
    let shelf = shelf().put(
        sha512(&image.bytes()),
        image.bytes(),
        Some(image.media_type()),
    );
    let with = shelf.tree_of(&Index::oci().child(child));
    differ(Feature::OtherDigest, &with, &tree(&nested()));
    let mut layer = json!(describe(LAYER, &blob("x")));
    layer["digest"] = json!(sha512(&blob("x")));
    let below = Shelf::default().tree_of_image(&image.clone().field("layers", json!([layer])));
    differ(Feature::OtherManifestDigest, &with, &below);
    assert!(has(&below, Feature::OtherDigest));
}

#[test]
fn places_are_counted_and_the_first_are_told() {
    let mut inner = Index::oci();
    for _ in 0..8 {
        inner = inner.image(&docker(), "linux/arm/v7");
    }
    let index = Index::oci()
        .image(&image("a"), "linux/amd64")
        .nested(&inner, Some("linux/arm"));
    let observed = Observed::of(&shelf().index(&inner).tree_of(&index));
    let sighting = observed.sighting(Feature::DockerImageInIndex).unwrap();
    assert_eq!(
        (sighting.count, sighting.causes.len()),
        (8, Sighting::MOST_TOLD)
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
    let document = &observed.sighting(Feature::DockerType).unwrap().causes[0];
    assert_eq!(
        (document.pointer.as_str(), &document.platform),
        ("", &cause.platform),
        "as its index says"
    );
}
