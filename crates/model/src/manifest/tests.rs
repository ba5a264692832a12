//! Tests of parsing manifests of every kind, and of the findings of the parser.

mod limits;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::fixtures::{IndexFixture, blob, descriptor_json, image};
use crate::{Rule, fixtures};

fn parse(document: &serde_json::Value, media_type: &str) -> Manifest {
    Manifest::parse(document.to_string().into(), Some(&media_type.into())).unwrap()
}

fn parse_error(bytes: &str, media_type: Option<&str>) -> ManifestError {
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
fn preserves_the_bytes() {
    let text = "{ \"schemaVersion\":2,\n \"mediaType\" : \"application/vnd.oci.image.index.v1+json\", \"manifests\":[] }\n";
    let manifest = Manifest::parse(text.into(), None).unwrap();
    assert_eq!(manifest.bytes(), text);
    assert_eq!(manifest.shape(), Shape::Index);
    assert!(manifest.children().is_empty() && manifest.findings().is_empty());
}

#[test]
fn reads_the_config_and_layers_of_an_image() {
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
fn foreign_layers_are_not_required() {
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
fn collects_digests_at_any_depth() {
    let (unknown, capital) = (
        descriptor_json("x/y", b"stranger"),
        descriptor_json("x/y", b"capital"),
    );
    let document = json!({
        "manifests": [{"mediaType": MediaType::OCI_MANIFEST, "Digest": Digest::sha256(b"a"), "size": 1, "more": {"deep": [unknown]}}],
        "subject": descriptor_json("x/y", b"subject"),
        "annotations": {"digest": Digest::sha256(b"b")},
        "Layers": [capital, capital],
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
fn collects_all_duplicate_digests_and_reads_the_last_value() {
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
fn reports_two_shapes_in_one_document() {
    let both = IndexFixture::oci().field("layers", json!([])).manifest();
    assert_eq!(rules(&both), [(Rule::TwoShapes, "/layers")]);
    let image = image("a").field("manifests", json!([])).manifest();
    assert_eq!(rules(&image), [(Rule::TwoShapes, "/manifests")]);
    let three = IndexFixture::oci()
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
fn reports_values_of_a_wrong_type_with_their_position() {
    let document = json!({
        "mediaType": 3,
        "config": "x",
        "layers": [{"mediaType": "a/b", "digest": "sha256:short", "size": 1}, {"size": 1}, descriptor_json("a/b", b"x"), 7],
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
fn reads_and_checks_the_subject_like_other_descriptors() {
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
fn treats_null_lists_as_empty() {
    let manifest = parse(&json!({"manifests": null}), MediaType::OCI_INDEX);
    assert!(manifest.findings().is_empty() && manifest.children().is_empty());
}

#[test]
fn derives_the_type_from_header_then_field_then_shape() {
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
    let docker = json!({"config": descriptor_json(MediaType::DOCKER_CONFIG, b"x")});
    assert_eq!(decide(docker, None), MediaType::DOCKER_MANIFEST);
}

#[test]
fn reports_a_media_type_that_differs_from_the_claimed_type() {
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
fn rejects_documents_that_are_not_manifests() {
    assert!(matches!(
        parse_error("{", Some(MediaType::OCI_MANIFEST)),
        ManifestError::Json(_)
    ));
    assert!(matches!(
        parse_error("[]", None),
        ManifestError::NotAnObject("an array")
    ));
    assert!(matches!(
        parse_error("{}", None),
        ManifestError::UnknownKind
    ));
    let schema1 = r#"{"schemaVersion":1,"fsLayers":[],"history":[]}"#;
    for media_type in [
        None,
        Some("application/json"),
        Some("application/vnd.docker.distribution.manifest.v1+prettyjws"),
    ] {
        assert!(matches!(
            parse_error(schema1, media_type),
            ManifestError::Schema1
        ));
    }
}

#[test]
fn accepts_any_content_under_an_unknown_type() {
    let opaque =
        Manifest::parse("not JSON".into(), Some(&"application/vnd.example".into())).unwrap();
    assert_eq!(
        (opaque.shape(), opaque.children().len()),
        (Shape::Opaque, 0)
    );
    let document = json!({"layers": [descriptor_json("a/b", b"x")], "manifests": "surprise"});
    let custom = parse(&document, "application/vnd.example+json");
    assert_eq!(children(&custom), [("/layers/0", ChildKind::Other, false)]);
    assert!(custom.findings().is_empty());
}

#[test]
fn an_index_has_no_derived_artifact_type() {
    assert_eq!(IndexFixture::oci().manifest().artifact_type(), None);
    let typed = IndexFixture::oci()
        .field("artifactType", json!("a/b"))
        .manifest();
    assert_eq!(typed.artifact_type(), Some("a/b".into()));
}

#[test]
fn supports_sha512_digests() {
    let manifest = image("a").manifest();
    assert_eq!(
        manifest.digest(&Algorithm::Sha512),
        Some(fixtures::sha512(manifest.bytes()))
    );
    let child = json!({"mediaType": "x/y", "digest": fixtures::sha512(&blob("x")), "size": 1});
    assert_eq!(
        IndexFixture::oci().child(child).manifest().children().len(),
        1
    );
}

/// Parses documents within the size limit that would take minutes if any step were quadratic.
#[test]
fn parses_hostile_documents_in_linear_time() {
    let digest = Digest::sha256(b"x");
    let key = "k".repeat(1 << 20);
    let members = (0..100_000)
        .map(|number| format!("\"{number}\":0"))
        .collect::<Vec<_>>()
        .join(",");
    let descriptors = vec![format!("{{\"digest\":\"{digest}\"}}"); 20_000].join(",");
    let digests = vec![format!("\"digest\":\"{digest}\""); 20_000].join(",");
    let annotation = "r".repeat(1 << 20);
    for document in [
        format!("{{\"{key}\":{{{members}}}}}"),
        format!("{{\"{key}\":[{descriptors}]}}"),
        format!("{{\"manifests\":[{{{digests},\"annotations\":{{\"a\":\"{annotation}\"}}}}]}}"),
        format!("{{\"layers\":[{}0]}}", "0,".repeat(400_000)),
    ] {
        let began = std::time::Instant::now();
        let manifest =
            Manifest::parse(document.into(), Some(&MediaType::OCI_INDEX.into())).unwrap();
        assert!(crate::lint::check_document(&manifest).len() <= 1000 + Rule::ALL.len());
        assert!(
            began.elapsed() < std::time::Duration::from_secs(10),
            "{:?}",
            began.elapsed()
        );
    }
}

proptest! {
    #[test]
    fn parses_or_rejects_any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..300), known in any::<bool>()) {
        let media_type = known.then(|| MediaType::new(MediaType::OCI_INDEX));
        if let Ok(manifest) = Manifest::parse(bytes.clone().into(), media_type.as_ref()) {
            prop_assert_eq!(manifest.bytes(), &bytes);
        }
    }

    #[test]
    fn finds_every_digest_of_a_document(names in proptest::collection::vec("[a-z]{1,4}", 0..20), depth in 0_usize..20) {
        let mut value = json!(names.iter().map(|name| descriptor_json("a/b", name.as_bytes())).collect::<Vec<_>>());
        for level in 0..depth {
            value = if level % 2 == 0 { json!({"x": value}) } else { json!([value]) };
        }
        let manifest = parse(&json!({"any": value}), "application/vnd.example+json");
        let distinct: std::collections::HashSet<_> = names.iter().collect();
        prop_assert_eq!(manifest.children().len(), distinct.len());
    }
}
