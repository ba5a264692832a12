//! What is read of documents of every kind, and what is found wrong with them.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::fixtures::{Index, blob, describe, image};
use crate::{Rule, fixtures};

fn parse(document: &serde_json::Value, media_type: &str) -> Manifest {
    Manifest::parse(document.to_string().into(), Some(&media_type.into())).unwrap()
}

fn refused(bytes: &str, media_type: Option<&str>) -> ManifestError {
    Manifest::parse(
        Bytes::from(bytes.to_owned()),
        media_type.map(MediaType::new).as_ref(),
    )
    .unwrap_err()
}

fn rules(manifest: &Manifest) -> Vec<(Rule, &str)> {
    manifest
        .findings()
        .iter()
        .map(|finding| (finding.rule, finding.pointer.as_str()))
        .collect()
}

fn children(manifest: &Manifest) -> Vec<(&str, ChildKind, bool)> {
    manifest
        .children()
        .iter()
        .map(|child| (child.pointer.as_str(), child.kind, child.required))
        .collect()
}

#[test]
fn bytes_are_kept_as_they_came() {
    let text = "{ \"schemaVersion\":2,\n \"mediaType\" : \"application/vnd.oci.image.index.v1+json\", \"manifests\":[] }\n";
    let manifest = Manifest::parse(text.into(), None).unwrap();
    assert_eq!(manifest.bytes(), text);
    assert_eq!(manifest.shape(), Shape::Index);
    assert!(manifest.children().is_empty() && manifest.findings().is_empty());
}

#[test]
fn an_image_names_its_config_and_layers() {
    let manifest = image("a").layers(["x", "y"]).manifest();
    assert_eq!(
        children(&manifest),
        [
            ("/config", ChildKind::Config, true),
            ("/layers/0", ChildKind::Layer, true),
            ("/layers/1", ChildKind::Layer, true)
        ]
    );
    assert_eq!(manifest.artifact_type(), Some(MediaType::OCI_CONFIG.into()));
}

#[test]
fn foreign_layers_may_be_absent() {
    let manifest = image("a")
        .layers([])
        .layer_of_type(
            "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
            "windows",
        )
        .layer_of_type(
            "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
            "x",
        )
        .manifest();
    assert_eq!(
        children(&manifest)[1..],
        [
            ("/layers/0", ChildKind::Layer, false),
            ("/layers/1", ChildKind::Layer, false)
        ]
    );
}

#[test]
fn every_digest_at_any_depth_is_an_edge() {
    let stranger = describe("x/y", b"stranger");
    let document = json!({
        "manifests": [{"mediaType": MediaType::OCI_MANIFEST, "Digest": Digest::sha256(b"a"), "size": 1, "more": {"deep": [stranger]}}],
        "subject": describe("x/y", b"subject"),
        "annotations": {"digest": Digest::sha256(b"b")},
        "Layers": [stranger],
    });
    let manifest = parse(&document, MediaType::OCI_INDEX);
    let mut found = children(&manifest);
    found.sort_unstable_by_key(|(pointer, ..)| *pointer);
    assert_eq!(
        found,
        [
            ("/Layers/0", ChildKind::Other, false),
            ("/manifests/0", ChildKind::Manifest, true),
            ("/manifests/0/more/deep/0", ChildKind::Other, false),
        ]
    );
    assert_eq!(
        manifest.subject().unwrap().digest,
        Digest::sha256(b"subject")
    );
}

#[test]
fn of_duplicate_keys_all_digests_count_and_the_last_is_read() {
    let (one, two) = (Digest::sha256(b"1"), Digest::sha256(b"2"));
    let text = format!(
        r#"{{"config":{{"mediaType":"c/c","digest":"{one}","size":1,"digest":"{two}"}},"layers":[],"artifactType":"a/a","artifactType":"b/b"}}"#
    );
    let manifest = Manifest::parse(text.into(), Some(&MediaType::OCI_MANIFEST.into())).unwrap();
    let digests: Vec<_> = manifest
        .children()
        .iter()
        .map(|child| &child.descriptor.digest)
        .collect();
    assert_eq!(digests, [&one, &two]);
    assert_eq!(
        rules(&manifest),
        [
            (Rule::DuplicateKey, "/config/digest"),
            (Rule::DuplicateKey, "/artifactType")
        ]
    );
    assert_eq!(manifest.artifact_type(), Some("b/b".into()));
}

#[test]
fn two_shapes_in_one_document() {
    let both = Index::oci().field("layers", json!([])).manifest();
    assert_eq!(rules(&both), [(Rule::TwoShapes, "/layers")]);
    let image = image("a").field("manifests", json!([])).manifest();
    assert_eq!(rules(&image), [(Rule::TwoShapes, "/manifests")]);
    let three = Index::oci()
        .field("fsLayers", json!([]))
        .field("config", json!(null))
        .manifest();
    assert_eq!(
        rules(&three),
        [
            (Rule::TwoShapes, "/config"),
            (Rule::TwoShapes, "/fsLayers"),
            (Rule::MalformedField, "/config")
        ]
    );
}

#[test]
fn wrong_types_are_found_where_they_stand() {
    let document = json!({
        "mediaType": 3,
        "config": "x",
        "layers": [{"mediaType": "a/b", "digest": "sha256:short", "size": 1}, {"size": 1}, describe("a/b", b"x"), 7],
        "blobs": {},
        "subject": [],
    });
    let manifest = parse(&document, MediaType::OCI_MANIFEST);
    let mut found = rules(&manifest);
    found.sort_unstable();
    let malformed = [
        "/blobs",
        "/config",
        "/layers/1",
        "/layers/3",
        "/mediaType",
        "/subject",
    ];
    let expected = malformed
        .map(|pointer| (Rule::MalformedField, pointer))
        .into_iter();
    assert_eq!(
        found,
        expected
            .chain([(Rule::MalformedDigest, "/layers/0")])
            .collect::<Vec<_>>()
    );
    assert_eq!(manifest.children().len(), 1);
}

#[test]
fn a_subject_is_read_as_any_descriptor() {
    let subject =
        |subject: serde_json::Value| parse(&json!({"subject": subject}), MediaType::OCI_MANIFEST);
    let short = subject(json!({"digest": "sha256:short"}));
    assert_eq!(rules(&short), [(Rule::MalformedDigest, "/subject")]);
    let incomplete = subject(json!({"digest": Digest::sha256(b"x"), "size": -1}));
    assert_eq!(
        rules(&incomplete),
        [
            (Rule::SizeOutOfRange, "/subject/size"),
            (Rule::DescriptorIncomplete, "/subject")
        ]
    );
    assert!(short.subject().is_none() && incomplete.subject().is_some());
}

#[test]
fn null_lists_are_empty_ones() {
    let manifest = parse(&json!({"manifests": null}), MediaType::OCI_INDEX);
    assert!(manifest.findings().is_empty() && manifest.children().is_empty());
}

#[test]
fn the_type_is_decided_by_header_then_field_then_shape() {
    let decide = |document: serde_json::Value, claimed: Option<&str>| {
        let claimed = claimed.map(MediaType::new);
        Manifest::parse(document.to_string().into(), claimed.as_ref())
            .unwrap()
            .media_type()
            .to_string()
    };
    assert_eq!(
        decide(json!({"mediaType": "a/b", "layers": []}), Some("c/d")),
        "c/d"
    );
    assert_eq!(
        decide(
            json!({"mediaType": "a/b", "layers": []}),
            Some("application/json")
        ),
        "a/b"
    );
    assert_eq!(
        decide(json!({"layers": []}), Some("text/plain; charset=utf-8")),
        MediaType::OCI_MANIFEST
    );
    assert_eq!(decide(json!({"manifests": []}), None), MediaType::OCI_INDEX);
    let docker = json!({"config": describe(MediaType::DOCKER_CONFIG, b"x")});
    assert_eq!(decide(docker, None), MediaType::DOCKER_MANIFEST);
}

#[test]
fn its_own_type_may_differ_and_that_is_found() {
    let manifest = parse(
        &json!({"mediaType": MediaType::DOCKER_LIST, "manifests": []}),
        MediaType::OCI_INDEX,
    );
    assert_eq!(rules(&manifest), [(Rule::MediaTypeMismatch, "/mediaType")]);
    assert_eq!(
        manifest.findings()[0].media_type,
        Some(MediaType::DOCKER_LIST.into())
    );
}

#[test]
fn what_cannot_be_a_manifest() {
    assert!(matches!(
        refused("{", Some(MediaType::OCI_MANIFEST)),
        ManifestError::Json(_)
    ));
    assert!(matches!(
        refused("[]", None),
        ManifestError::NoObject("an array")
    ));
    assert!(matches!(refused("{}", None), ManifestError::UnknownKind));
    let schema1 = r#"{"schemaVersion":1,"fsLayers":[],"history":[]}"#;
    for media_type in [
        None,
        Some("application/json"),
        Some("application/vnd.docker.distribution.manifest.v1+prettyjws"),
    ] {
        assert!(matches!(
            refused(schema1, media_type),
            ManifestError::Schema1
        ));
    }
}

#[test]
fn a_type_that_nobody_knows_may_hold_anything() {
    let opaque =
        Manifest::parse("not JSON".into(), Some(&"application/vnd.example".into())).unwrap();
    assert_eq!(
        (opaque.shape(), opaque.children().len()),
        (Shape::Opaque, 0)
    );
    let document = json!({"layers": [describe("a/b", b"x")], "manifests": "surprise"});
    let custom = parse(&document, "application/vnd.example+json");
    assert_eq!(children(&custom), [("/layers/0", ChildKind::Other, false)]);
    assert!(custom.findings().is_empty());
}

#[test]
fn an_index_has_no_derived_artifact_type() {
    assert_eq!(Index::oci().manifest().artifact_type(), None);
    let typed = Index::oci().field("artifactType", json!("a/b")).manifest();
    assert_eq!(typed.artifact_type(), Some("a/b".into()));
}

#[test]
fn sha512_is_a_digest_like_any_other() {
    let manifest = image("a").manifest();
    assert_eq!(
        manifest.digest(&Algorithm::Sha512),
        Some(fixtures::sha512(manifest.bytes()))
    );
    let child = json!({"mediaType": "x/y", "digest": fixtures::sha512(&blob("x")), "size": 1});
    assert_eq!(Index::oci().child(child).manifest().children().len(), 1);
}

/// Documents within the size limit whose reading would take minutes if any of it were quadratic.
#[test]
fn hostile_documents_are_read_in_linear_time() {
    let digest = Digest::sha256(b"x");
    let key = "k".repeat(1 << 20);
    let members = (0..100_000)
        .map(|number| format!("\"{number}\":0"))
        .collect::<Vec<_>>()
        .join(",");
    let descriptors = vec![format!("{{\"digest\":\"{digest}\"}}"); 20_000].join(",");
    let digests = vec![format!("\"digest\":\"{digest}\""); 20_000].join(",");
    let remark = "r".repeat(1 << 20);
    for document in [
        format!("{{\"{key}\":{{{members}}}}}"),
        format!("{{\"{key}\":[{descriptors}]}}"),
        format!("{{\"manifests\":[{{{digests},\"annotations\":{{\"a\":\"{remark}\"}}}}]}}"),
        format!("{{\"layers\":[{}0]}}", "0,".repeat(400_000)),
    ] {
        let began = std::time::Instant::now();
        let manifest =
            Manifest::parse(document.into(), Some(&MediaType::OCI_INDEX.into())).unwrap();
        assert!(crate::lint::document(&manifest).len() <= 1000 + Rule::ALL.len());
        assert!(
            began.elapsed() < std::time::Duration::from_secs(10),
            "{:?}",
            began.elapsed()
        );
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300), known in any::<bool>()) {
        let media_type = known.then(|| MediaType::new(MediaType::OCI_INDEX));
        if let Ok(manifest) = Manifest::parse(bytes.clone().into(), media_type.as_ref()) {
            prop_assert_eq!(manifest.bytes(), &bytes);
        }
    }

    #[test]
    fn no_digest_of_a_document_is_overlooked(names in proptest::collection::vec("[a-z]{1,4}", 0..20), depth in 0_usize..20) {
        let mut value = json!(names.iter().map(|name| describe("a/b", name.as_bytes())).collect::<Vec<_>>());
        for level in 0..depth {
            value = if level % 2 == 0 { json!({"x": value}) } else { json!([value]) };
        }
        let manifest = parse(&json!({"any": value}), "application/vnd.example+json");
        prop_assert_eq!(manifest.children().len(), names.len());
    }
}
