//! Cases for the rules that need only the document.

use serde_json::{Value, json};

use super::{Case, Scenario, case};
use crate::fixtures::{ImageFixture, IndexFixture, blob, descriptor_json, image, sha512};
use crate::lint::Rule;
use crate::{Digest, MediaType, Severity};

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

/// Creates an image whose layer descriptor has one field set to `value`.
fn layer(key: &str, value: Value) -> ImageFixture {
    let mut layer = descriptor_json(MediaType::OCI_LAYER_GZIP, &blob("a"));
    layer[key] = value;
    image("a").field("layers", json!([layer]))
}

fn without(key: &str, image: &ImageFixture) -> Scenario {
    let mut document: Value = serde_json::from_slice(&image.bytes()).unwrap();
    document.as_object_mut().unwrap().remove(key);
    Scenario::new(document.to_string(), image.media_type().as_str())
}

fn layer_without(key: &str) -> ImageFixture {
    let mut layer = descriptor_json(MediaType::OCI_LAYER_GZIP, &blob("a"));
    layer.as_object_mut().unwrap().remove(key);
    image("a").field("layers", json!([layer]))
}

fn index() -> IndexFixture {
    IndexFixture::oci().image(&image("a"), "linux/amd64")
}

fn child(media_type: &str) -> IndexFixture {
    IndexFixture::oci().child_of_type(media_type, b"child", Some("linux/amd64"))
}

fn platform(platform: Value) -> IndexFixture {
    let mut child = descriptor_json(MediaType::OCI_MANIFEST, b"child");
    child["platform"] = platform;
    IndexFixture::oci().child(child)
}

fn forms() -> Vec<Case> {
    let index_text = |text: &str| Scenario::new(text.to_owned(), MediaType::OCI_INDEX);
    vec![
        case(
            Rule::DuplicateKey,
            "/annotations/a",
            index_text(r#"{"manifests":[],"annotations":{"a":"1","a":"1"}}"#),
            index_text(r#"{"manifests":[],"annotations":{"a":"1","A":"1"}}"#),
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
            Scenario::new("any", UNKNOWN),
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
            IndexFixture::docker()
                .image(&docker, "linux/arm/v7")
                .child_of_type(UNKNOWN, b"x", None),
        ),
        case(
            Rule::IndexMixedFamilies,
            "/manifests/0",
            IndexFixture::docker().nested_index(&IndexFixture::oci(), None),
            IndexFixture::docker().nested_index(&IndexFixture::docker(), None),
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
        case(
            Rule::IndexEmpty,
            "/manifests",
            IndexFixture::oci(),
            child(UNKNOWN),
        ),
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
                .nested_index(&IndexFixture::oci(), Some("linux/amd64")),
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
            IndexFixture::oci().without_platform(&docker),
            IndexFixture::oci().child(artifact()),
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
            IndexFixture::oci().child_of_type(MediaType::OCI_MANIFEST, b"x", None),
            IndexFixture::oci().child_of_type(MediaType::OCI_ARTIFACT, b"x", None),
        ),
    ]
}

fn zstd_copy() -> Value {
    let mut child = descriptor_json(MediaType::OCI_MANIFEST, b"zstd");
    child["platform"] = json!({"os": "linux", "architecture": "amd64"});
    child["annotations"] = json!({"io.github.containers.compression.zstd": "true"});
    child
}

fn artifact() -> Value {
    let mut child = descriptor_json(MediaType::OCI_MANIFEST, b"artifact");
    child["artifactType"] = json!(UNKNOWN);
    child
}

fn images() -> Vec<Case> {
    let empty = || image("a").field("config", descriptor_json(MediaType::OCI_EMPTY, b"{}"));
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
                .field("config", descriptor_json(MediaType::OCI_CONFIG, b"{}")),
            image("a").field("config", descriptor_json(UNKNOWN, b"{}")),
        ),
        case(
            Rule::ManifestMixedFamilies,
            "/config",
            image("a").field("config", descriptor_json(MediaType::DOCKER_CONFIG, b"{}")),
            image("a").field(
                "config",
                descriptor_json("application/vnd.docker.ai.model.config.v0.1+json", b"{}"),
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

fn withdrawn_artifact() -> Scenario {
    let document =
        json!({"mediaType": MediaType::OCI_ARTIFACT, "artifactType": UNKNOWN, "blobs": []});
    Scenario::new(document.to_string(), MediaType::OCI_ARTIFACT)
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
fn messages_contain_the_actual_and_the_expected_value() {
    let mixed = Scenario::from(index().image(&image("b").docker(), "linux/arm/v7"));
    assert_eq!(
        mixed.message(Rule::IndexMixedFamilies),
        "the child for linux/arm/v7 is a Docker manifest in an OCI index"
    );
    let twice = Scenario::from(index().image(&image("b"), "linux/amd64"));
    assert_eq!(
        twice.message(Rule::DuplicatePlatform),
        "the child for linux/amd64 is never selected: /manifests/0 has the same platform and comes first"
    );
    let negative = Scenario::from(layer("size", json!(-5)));
    assert_eq!(
        negative.message(Rule::SizeOutOfRange),
        "size must be a number of bytes from 0 to 2^53-1, found -5"
    );
    let incomplete = Scenario::from(IndexFixture::oci().child(json!({"digest": "md:5"})));
    assert_eq!(
        incomplete.message(Rule::DescriptorIncomplete),
        "the descriptor of md:5 has no mediaType and no size"
    );
}

fn fixes(world: &Scenario, rule: Rule) -> Vec<String> {
    world
        .findings(rule)
        .iter()
        .map(|finding| finding.fix.to_string())
        .collect()
}

#[test]
fn a_duplicate_entry_is_not_fixed_by_removing_its_digest() {
    let twice = index()
        .image(&image("b"), "linux/amd64")
        .image(&image("a"), "linux/amd64");
    let fixes = fixes(&Scenario::from(twice), Rule::DuplicatePlatform);
    assert_eq!(
        fixes,
        [
            "portolan index remove REF DIGEST",
            "remove one of the two entries and push again"
        ]
    );
}

#[test]
fn a_nested_index_is_a_warning_if_no_child_has_a_platform() {
    let inner = index();
    let severity = |index: IndexFixture| {
        let findings = Scenario::from(index).findings(Rule::IndexNested);
        let severities = findings.iter().map(|finding| finding.severity);
        severities.collect::<Vec<_>>()
    };
    let hidden = IndexFixture::oci().nested_index(&inner, None);
    assert_eq!(severity(hidden.clone()), [Severity::Warning]);
    assert_eq!(
        severity(hidden.image(&image("b"), "linux/arm64")),
        [Severity::Info]
    );
}

#[test]
fn children_are_converted_to_the_family_of_their_index() {
    let mut attestation = descriptor_json(MediaType::OCI_MANIFEST, b"attestation");
    attestation["platform"] = json!({"os": "unknown", "architecture": "unknown"});
    let list = IndexFixture::docker()
        .image(&image("a"), "linux/amd64")
        .child(attestation);
    assert_eq!(
        fixes(&list.into(), Rule::IndexMixedFamilies),
        [
            "portolan convert REF DST --to docker",
            "portolan convert REF DST --to docker --drop-unknown"
        ]
    );
    let zstd = format!("{}+zstd", "application/vnd.oci.image.layer.v1.tar");
    let layers = image("a")
        .docker()
        .layer_of_type(MediaType::OCI_LAYER_GZIP, "x")
        .layer_of_type(&zstd, "y");
    assert_eq!(
        fixes(&layers.into(), Rule::ManifestMixedFamilies),
        [
            "portolan convert REF DST --to docker",
            "portolan convert REF DST --to oci"
        ]
    );
}

#[test]
fn annotations_of_docker_are_fields_of_docker() {
    let child = |key: &str| {
        let mut child = descriptor_json(MediaType::DOCKER_MANIFEST, b"child");
        child["annotations"] = json!({key: "x"});
        Scenario::from(IndexFixture::docker().child(child)).pointers(Rule::OciFieldInDocker)
    };
    assert_eq!(child("vnd.docker.reference.digest"), [""; 0]);
    assert_eq!(child("com.example"), ["/manifests/0/annotations"]);
}

#[test]
fn compares_media_types_without_regard_to_case() {
    let claimed = "Application/Vnd.OCI.Image.Manifest.v1+JSON";
    let world = Scenario::new(image("a").bytes(), claimed);
    assert!(world.findings(Rule::MediaTypeMismatch).is_empty());
    assert!(world.findings(Rule::UnknownMediaType).is_empty());
}

#[test]
fn an_unknown_root_has_another_fix_than_an_unknown_child() {
    let (root, child) = (
        Scenario::new("any", UNKNOWN),
        Scenario::from(child(UNKNOWN)),
    );
    let rule = Rule::UnknownMediaType;
    assert_eq!(
        fixes(&root, rule),
        ["push it as an OCI artifact, with its type as artifactType"]
    );
    assert_eq!(fixes(&child, rule), [rule.fix().to_string()]);
}

#[test]
fn compares_embedded_content_with_size_and_digest() {
    let message =
        |data: &str| Scenario::from(layer("data", json!(data))).message(Rule::EmbeddedDataMismatch);
    assert_eq!(
        message("e30="),
        "data contains 2 bytes, but the descriptor's size is 20"
    );
    assert!(message("e30").contains("not valid base64"));
    assert!(message("dGhlIGNvbnRlbnQgY2FsbGVkIGI=").contains("data has the digest"));
}

#[test]
fn reports_an_unknown_field_once_per_document() {
    let child = json!({"mediaType": UNKNOWN, "digest": Digest::sha256(b""), "size": 0, "x": 1});
    let world = Scenario::from(
        IndexFixture::oci()
            .child(child.clone())
            .child(child)
            .field("x", json!(1)),
    );
    assert_eq!(world.pointers(Rule::UnknownField), ["/x", "/manifests/0/x"]);
}

#[test]
fn valid_documents_have_no_findings() {
    let (one, two) = (image("one"), image("two").built_for("linux/arm64"));
    let index = IndexFixture::oci()
        .image(&one, "linux/amd64")
        .image(&two, "linux/arm64/v8");
    let docker = IndexFixture::docker().image(&one.clone().docker(), "linux/amd64");
    for world in [
        Scenario::from(index).with_image(&one).with_image(&two),
        Scenario::from(docker).with_image(&one.clone().docker()),
        Scenario::from(one),
    ] {
        assert_eq!(world.lint().findings().next(), None);
        assert_eq!(world.lint().max_severity(), None);
    }
}
