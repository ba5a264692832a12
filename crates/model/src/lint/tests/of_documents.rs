//! Rules that need no more than the document.

use serde_json::{Value, json};

use super::{Case, World, case};
use crate::fixtures::{Image, Index, blob, describe, image, sha512};
use crate::lint::Rule;
use crate::{Digest, MediaType};

const FOREIGN_LAYER: &str = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
const SCHEMA1: &str = "application/vnd.docker.distribution.manifest.v1+json";
const UNKNOWN: &str = "application/vnd.example.unknown";

pub(super) fn cases() -> Vec<Case> {
    let mut cases = forms();
    cases.extend(indexes());
    cases.extend(images());
    cases.extend(descriptors());
    cases
}

/// A descriptor of a layer with one field as given.
fn layer(key: &str, value: Value) -> Image {
    let mut layer = describe(MediaType::OCI_LAYER_GZIP, &blob("a"));
    layer[key] = value;
    image("a").field("layers", json!([layer]))
}

fn without(key: &str, image: &Image) -> World {
    let mut document: Value = serde_json::from_slice(&image.bytes()).unwrap();
    document.as_object_mut().unwrap().remove(key);
    World::of(document.to_string(), image.media_type().as_str())
}

fn layer_without(key: &str) -> Image {
    let mut layer = describe(MediaType::OCI_LAYER_GZIP, &blob("a"));
    layer.as_object_mut().unwrap().remove(key);
    image("a").field("layers", json!([layer]))
}

fn index() -> Index {
    Index::oci().image(&image("a"), "linux/amd64")
}

fn child(media_type: &str) -> Index {
    Index::oci().child_of_type(media_type, b"child", Some("linux/amd64"))
}

fn platform(platform: Value) -> Index {
    let mut child = describe(MediaType::OCI_MANIFEST, b"child");
    child["platform"] = platform;
    Index::oci().child(child)
}

fn forms() -> Vec<Case> {
    let repeated = |text: &str| World::of(text.to_owned(), MediaType::OCI_INDEX);
    vec![
        case(
            Rule::DuplicateKey,
            "/annotations/a",
            repeated(r#"{"manifests":[],"annotations":{"a":"1","a":"1"}}"#),
            repeated(r#"{"manifests":[],"annotations":{"a":"1","A":"1"}}"#),
        ),
        case(
            Rule::TwoShapes,
            "/layers",
            index().field("layers", json!([])),
            index().field("Layers", json!([])),
        ),
        case(
            Rule::MalformedField,
            "/layers/0/urls",
            layer("urls", json!("x")),
            layer("urls", json!(["x"])),
        ),
        case(
            Rule::MalformedDigest,
            "/layers/0",
            layer(
                "digest",
                json!(Digest::sha256(b"x").as_str().to_uppercase()),
            ),
            layer("digest", json!("blake3:abc")),
        ),
        case(
            Rule::SizeOutOfRange,
            "/layers/0/size",
            layer("size", json!(1_u64 << 53)),
            layer("size", json!((1_u64 << 53) - 1)),
        ),
        case(
            Rule::SchemaVersion,
            "/schemaVersion",
            index().field("schemaVersion", json!(1)),
            index(),
        ),
        case(
            Rule::SchemaVersion,
            "",
            without("schemaVersion", &image("a")),
            image("a"),
        ),
        case(
            Rule::MissingMediaType,
            "",
            without("mediaType", &image("a")),
            image("a"),
        ),
        case(
            Rule::MissingMediaType,
            "",
            without("mediaType", &image("a").docker()),
            image("a").docker(),
        ),
        case(
            Rule::DescriptorIncomplete,
            "/layers/0",
            layer_without("mediaType"),
            layer("mediaType", json!("x/y")),
        ),
        case(
            Rule::DescriptorIncomplete,
            "/layers/0",
            layer_without("size"),
            layer("size", json!(0)),
        ),
        case(
            Rule::MediaTypeMismatch,
            "/mediaType",
            index().field("mediaType", json!(MediaType::DOCKER_LIST)),
            index().field("mediaType", json!("")),
        ),
        case(
            Rule::UnknownField,
            "/manifests/0/platform/cpu",
            platform(json!({"os": "linux", "architecture": "amd64", "cpu": 1})),
            platform(json!({"os": "linux", "architecture": "amd64", "features": []})),
        ),
        case(
            Rule::UnknownField,
            "/layers/0/note",
            layer("note", json!(1)),
            layer("annotations", json!({})),
        ),
        case(
            Rule::OciFieldInDocker,
            "/annotations",
            image("a").docker().field("annotations", json!({})),
            image("a").field("annotations", json!({})),
        ),
    ]
}

fn indexes() -> Vec<Case> {
    let docker = image("a").docker();
    vec![
        case(
            Rule::UnknownMediaType,
            "",
            World::of("any", UNKNOWN),
            index(),
        ),
        case(
            Rule::UnknownMediaType,
            "/manifests/0",
            child(UNKNOWN),
            image("a").layer_of_type(UNKNOWN, "x"),
        ),
        case(
            Rule::DockerSchema1,
            "/manifests/0",
            child(SCHEMA1),
            child(MediaType::DOCKER_MANIFEST),
        ),
        case(
            Rule::IndexMixedFamilies,
            "/manifests/1",
            index().image(&docker, "linux/arm/v7"),
            Index::docker()
                .image(&docker, "linux/arm/v7")
                .child_of_type(UNKNOWN, b"x", None),
        ),
        case(
            Rule::IndexMixedFamilies,
            "/manifests/0",
            Index::docker().nested(&Index::oci(), None),
            Index::docker().nested(&Index::docker(), None),
        ),
        case(
            Rule::IndexNested,
            "/manifests/0",
            child(MediaType::DOCKER_LIST),
            child(MediaType::DOCKER_MANIFEST),
        ),
        case(
            Rule::IndexBlobChild,
            "/manifests/0",
            child(MediaType::OCI_LAYER_GZIP),
            child(UNKNOWN),
        ),
        case(Rule::IndexEmpty, "/manifests", Index::oci(), child(UNKNOWN)),
        case(
            Rule::DuplicatePlatform,
            "/manifests/2",
            index()
                .image(&image("b"), "linux/arm64")
                .image(&image("c"), "linux/arm64/v8"),
            index()
                .image(&image("b"), "linux/amd64/v2")
                .image(&image("c"), "unknown/unknown")
                .image(&image("d"), "unknown/unknown")
                .nested(&Index::oci(), Some("linux/amd64")),
        ),
        case(
            Rule::DuplicatePlatform,
            "/manifests/1",
            index().image(&image("b"), "linux/amd64"),
            index().child(zstd_copy()),
        ),
        case(
            Rule::PlatformMissing,
            "/manifests/0",
            Index::oci().without_platform(&docker),
            Index::oci().child(artifact()),
        ),
        case(
            Rule::PlatformMissing,
            "/manifests/0",
            platform(json!({"os": "", "architecture": ""})),
            platform(json!({"os": "linux"})),
        ),
        case(
            Rule::PlatformMissing,
            "/manifests/0",
            Index::oci().child_of_type(MediaType::OCI_MANIFEST, b"x", None),
            Index::oci().child_of_type(MediaType::OCI_ARTIFACT, b"x", None),
        ),
    ]
}

fn zstd_copy() -> Value {
    let mut child = describe(MediaType::OCI_MANIFEST, b"zstd");
    child["platform"] = json!({"os": "linux", "architecture": "amd64"});
    child["annotations"] = json!({"io.github.containers.compression.zstd": "true"});
    child
}

fn artifact() -> Value {
    let mut child = describe(MediaType::OCI_MANIFEST, b"artifact");
    child["artifactType"] = json!(UNKNOWN);
    child
}

fn images() -> Vec<Case> {
    let empty = || image("a").field("config", describe(MediaType::OCI_EMPTY, b"{}"));
    vec![
        case(
            Rule::ManifestMixedFamilies,
            "/layers/1",
            image("a").layer_of_type(MediaType::DOCKER_LAYER_GZIP, "x"),
            image("a").layer_of_type("application/vnd.docker.ai.gguf.v3", "x"),
        ),
        case(
            Rule::ManifestMixedFamilies,
            "/config",
            image("a")
                .docker()
                .field("config", describe(MediaType::OCI_CONFIG, b"{}")),
            image("a").field("config", describe(UNKNOWN, b"{}")),
        ),
        case(
            Rule::ManifestMixedFamilies,
            "/config",
            image("a").field("config", describe(MediaType::DOCKER_CONFIG, b"{}")),
            image("a").field(
                "config",
                describe("application/vnd.docker.ai.model.config.v0.1+json", b"{}"),
            ),
        ),
        case(
            Rule::ManifestMixedFamilies,
            "/layers/1",
            image("a").layer_of_type("application/vnd.docker.image.rootfs.diff.tar.zstd", "x"),
            image("a").layer_of_type("application/vnd.docker.image.rootfs.diff.tar.xz", "x"),
        ),
        case(
            Rule::NonDistributableLayer,
            "/layers/1",
            image("a").docker().layer_of_type(FOREIGN_LAYER, "x"),
            image("a")
                .docker()
                .layer_of_type(MediaType::DOCKER_LAYER_GZIP, "x"),
        ),
        case(
            Rule::ArtifactWithoutType,
            "/config",
            empty(),
            empty().field("artifactType", json!(UNKNOWN)),
        ),
        case(
            Rule::NoLayers,
            "/layers",
            image("a").layers([]),
            withdrawn_artifact(),
        ),
        case(
            Rule::NoLayers,
            "",
            without("layers", &image("a")),
            image("a"),
        ),
    ]
}

fn withdrawn_artifact() -> World {
    let document =
        json!({"mediaType": MediaType::OCI_ARTIFACT, "artifactType": UNKNOWN, "blobs": []});
    World::of(document.to_string(), MediaType::OCI_ARTIFACT)
}

fn descriptors() -> Vec<Case> {
    let data = |data: &str| layer("data", json!(data));
    let long = layer("digest", json!(sha512(&blob("a"))));
    vec![
        case(Rule::DigestNotSha256, "/layers/0", long, image("a")),
        case(
            Rule::EmbeddedDataMismatch,
            "/layers/0/data",
            data("dGhlIGNvbnRlbnQgY2FsbGVkIGI="),
            data("dGhlIGNvbnRlbnQgY2FsbGVkIGE="),
        ),
    ]
}

#[test]
fn messages_name_what_was_found_and_what_was_expected() {
    let mixed = World::from(index().image(&image("b").docker(), "linux/arm/v7"));
    assert_eq!(
        mixed.message(Rule::IndexMixedFamilies),
        "the child for linux/arm/v7 is a Docker manifest in an OCI index"
    );
    let twice = World::from(index().image(&image("b"), "linux/amd64"));
    assert_eq!(
        twice.message(Rule::DuplicatePlatform),
        "the child for linux/amd64 is never chosen: /manifests/0 is for the same platform and comes first"
    );
    let negative = World::from(layer("size", json!(-5)));
    assert_eq!(
        negative.message(Rule::SizeOutOfRange),
        "expected a number of bytes from 0 to 2^53-1, found -5"
    );
    let incomplete = World::from(Index::oci().child(json!({"digest": "md:5"})));
    assert_eq!(
        incomplete.message(Rule::DescriptorIncomplete),
        "the descriptor of md:5 has no mediaType and no size"
    );
}

fn mends(world: &World, rule: Rule) -> Vec<&'static str> {
    world
        .findings(rule)
        .iter()
        .map(|finding| finding.mend)
        .collect()
}

#[test]
fn what_stands_there_twice_is_not_taken_out_by_its_digest() {
    let twice = index()
        .image(&image("b"), "linux/amd64")
        .image(&image("a"), "linux/amd64");
    let mends = mends(&World::from(twice), Rule::DuplicatePlatform);
    assert_eq!(
        mends,
        [
            "portolan index remove REF DIGEST",
            "write the entry once and push again"
        ]
    );
}

#[test]
fn a_document_is_not_left_out_of_itself() {
    let (whole, child) = (World::of("any", UNKNOWN), World::from(child(UNKNOWN)));
    let rule = Rule::UnknownMediaType;
    assert_eq!(
        mends(&whole, rule),
        ["push it as an OCI artifact, with its type as artifactType"]
    );
    assert_eq!(mends(&child, rule), [rule.mend()]);
}

#[test]
fn embedded_content_is_held_against_size_and_digest() {
    let message =
        |data: &str| World::from(layer("data", json!(data))).message(Rule::EmbeddedDataMismatch);
    assert_eq!(
        message("e30="),
        "data holds 2 bytes, the descriptor says 20"
    );
    assert!(message("e30").contains("no base64"));
    assert!(message("dGhlIGNvbnRlbnQgY2FsbGVkIGI=").contains("data has the digest"));
}

#[test]
fn a_field_that_nobody_knows_is_told_once_in_a_document() {
    let child = json!({"mediaType": UNKNOWN, "digest": Digest::sha256(b""), "size": 0, "x": 1});
    let world = World::from(
        Index::oci()
            .child(child.clone())
            .child(child)
            .field("x", json!(1)),
    );
    assert_eq!(world.pointers(Rule::UnknownField), ["/x", "/manifests/0/x"]);
}

#[test]
fn what_is_as_it_should_be_has_no_findings() {
    let (one, two) = (image("one"), image("two").built_for("linux/arm64"));
    let index = Index::oci()
        .image(&one, "linux/amd64")
        .image(&two, "linux/arm64/v8");
    let docker = Index::docker().image(&one.clone().docker(), "linux/amd64");
    for world in [
        World::from(index).with_image(&one).with_image(&two),
        World::from(docker).with_image(&one.clone().docker()),
        World::from(one),
    ] {
        assert_eq!(world.lint().findings().next(), None);
        assert_eq!(world.lint().worst(), None);
    }
}
